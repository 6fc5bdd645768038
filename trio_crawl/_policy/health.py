"""When a host that keeps failing is left alone, and when it is given up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

from .._errors import FetchError

if TYPE_CHECKING:
    from .._model import Response

FAILURES_TO_REST: Final = 5
"""Failures in a row after which a host rests that answers, or does so slowly; one that can't be reached
rests after the first."""

FIRST_REST: Final = 10.0
"""Seconds of the rest after the fifth failure in a row; with each further one it is twice as long, and with
each before half as long."""

MOST_REST: Final = 900.0
"""Seconds of rests, and of requests that failed, after which the next failure in a row is the last."""

FAILURES_TO_GIVE_UP: Final = 12
"""Failures in a row after which a host is given up."""

_FAILURES: Final = frozenset[str]({"timeout", "connect", "protocol"})
_UNREACHABLE: Final = frozenset[str]({"timeout", "connect"})
_SERVER_ERROR: Final = 500


def is_failure(result: Response | FetchError) -> bool:
    """Return whether *result* says that its host fails: no connection, no answer in time, or a 5xx."""
    if isinstance(result, FetchError):
        return not result.ours and (result.kind in _FAILURES or is_unreachable(result))
    return result.status >= _SERVER_ERROR


def is_unreachable(result: Response | FetchError) -> bool:
    """Return whether *result* says that its host can't be reached for now, whatever it is asked for.

    It has no address for now, takes no connection, or nothing came in time; a name that does not
    exist is no name for good.
    """
    if not isinstance(result, FetchError) or result.ours:
        return False
    return result.kind in _UNREACHABLE or (result.kind == "dns" and getattr(result, "temporary", True))


@final
@dataclass(slots=True, eq=False)
class Health:
    """Counts the failures of one host in a row; any other answer ends the row.

    Args:
        counting: whether all of them count. A host of a fixed pace neither rests nor is given up, unless
            its robots.txt can't be had, without which nothing of it may be asked for.
    """

    counting: bool = True
    failures: int = field(default=0, init=False)
    _counted: float = field(default=-math.inf, init=False)
    # Seconds that the row has taken so far, those of its rests included.
    _spent: float = field(default=0.0, init=False)

    @property
    def given_up(self) -> bool:
        """Whether nothing more is asked of the host; for good."""
        return self.failures >= FAILURES_TO_GIVE_UP

    def is_news(self, started: float, *, unreachable: bool) -> bool:
        """Return whether a failure of what began then says anything that was not known.

        At the very moment of the last failure nothing is begun any more where the host rests.
        """
        return started > self._counted if unreachable else started >= self._counted

    def learn(
        self,
        *,
        failed: bool,
        started: float,
        now: float,
        unreachable: bool = False,
        of_robots: bool = False,
    ) -> float:
        """Take the end of a request, and return for how many seconds the host should rest.

        What began before the last failure that counted had ended says nothing new. A host that is
        given up before its time, because of `MOST_REST`, counts as one that failed as often.

        Args:
            failed: what `is_failure` says of it.
            started: when it began, and
            now: when it ended, of one clock.
            unreachable: whether it says that nothing can be had of the host for now.
            of_robots: whether its robots.txt was asked for.
        """
        if self.given_up:
            return 0.0
        if not failed:
            self.failures, self._spent = 0, 0.0
            return 0.0
        if not (self.counting or of_robots) or not self.is_news(started, unreachable=unreachable):
            return 0.0
        self._spent += now - started
        self._counted = now
        self.failures = self.failures + 1 if self._spent < MOST_REST else FAILURES_TO_GIVE_UP
        if self.given_up or (self.failures < FAILURES_TO_REST and not unreachable):
            return 0.0
        rest = min(FIRST_REST * 2.0 ** (self.failures - FAILURES_TO_REST), MOST_REST - self._spent)
        self._spent += rest
        return rest

    def resume(self, failures: int) -> None:
        """Go on with so many failures in a row, which an earlier run has seen."""
        self.failures = failures
        self._spent = min(FIRST_REST * 2.0 ** (failures - FAILURES_TO_REST), MOST_REST) if failures else 0.0
