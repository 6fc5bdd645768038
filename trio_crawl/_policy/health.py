"""When a host that keeps failing is left alone, and when it is given up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

from .._errors import FetchError

if TYPE_CHECKING:
    from .._model import Response

FAILURES_TO_REST: Final = 5
"""Failures in a row after which a host rests."""

FIRST_REST: Final = 10.0
"""Seconds of its first rest; with each further failure in a row it is twice as long."""

LONGEST_REST: Final = 600.0
"""Seconds at which the doubling ends."""

FAILURES_TO_GIVE_UP: Final = 12
"""Failures in a row after which a host is given up: after rests of 20 minutes, all together."""

_FAILURES: Final = frozenset[str]({"timeout", "connect", "protocol"})
_SERVER_ERROR: Final = 500


def is_failure(result: Response | FetchError) -> bool:
    """Return whether *result* says that its host fails: no connection, no answer in time, or a 5xx."""
    if isinstance(result, FetchError):
        return result.kind in _FAILURES
    return result.status >= _SERVER_ERROR


@final
@dataclass(slots=True, eq=False)
class Health:
    """Counts the failures of one host in a row; any other answer ends the row.

    Args:
        counting: whether it does; a host of a fixed pace neither rests nor is given up.
    """

    counting: bool = True
    failures: int = field(default=0, init=False)
    _counted: float = field(default=-math.inf, init=False)

    @property
    def given_up(self) -> bool:
        """Whether nothing more is asked of the host; for good."""
        return self.failures >= FAILURES_TO_GIVE_UP

    def learn(self, *, failed: bool, started: float, now: float) -> float:
        """Take the end of a request, and return for how many seconds the host should rest.

        What began before the last failure that counted had ended says nothing new.

        Args:
            failed: what `is_failure` says of it.
            started: when it began, and
            now: when it ended, of one clock.
        """
        if self.given_up or not self.counting:
            return 0.0
        if not failed:
            self.failures = 0
            return 0.0
        if started < self._counted:
            return 0.0
        self.failures += 1
        self._counted = now
        if self.failures < FAILURES_TO_REST:
            return 0.0
        return min(FIRST_REST * 2.0 ** (self.failures - FAILURES_TO_REST), LONGEST_REST)
