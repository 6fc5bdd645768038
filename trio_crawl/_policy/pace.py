"""How fast a host is asked, by how it bears it: at the crawl's own pace, or slower."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

from .._errors import FetchError
from .retry import RETRIED_STATUSES

if TYPE_CHECKING:
    from .._model import Response

LONGEST_PACE: Final = 60.0
"""Seconds between two starts beyond which a host in trouble is not slowed further."""

SHORTEST_PACE: Final = 0.25
"""Seconds between two starts from which the slowing begins where the delay is shorter, or 0."""

STEPS: Final = 8
"""Good responses that it takes at most to get from a standstill back to the crawl's own pace."""

SLOW: Final = 3.0
"""How many times its usual time a response has to take to say that the host slows down."""

SLOW_AT_LEAST: Final = 1.0
"""Seconds that a response has to take to say so; less is the weather of the network."""

# How much of what is usual a response changes; one that is slow has to be one of many to be usual.
_WEIGHT: Final = 1 / 8
_WEIGHT_OF_SLOW: Final = 1 / 32

_WORDS: Final = 200
"""Characters of what a server said that are kept with its host."""

# The host could not be reached, or did not answer as a server does.
_TROUBLES: Final = frozenset[str]({"timeout", "connect", "protocol"})


def is_trouble(result: Response | FetchError) -> bool:
    """Return whether *result* says that its host has trouble, or has too much to do."""
    if isinstance(result, FetchError):
        return result.kind in _TROUBLES and not result.ours
    return result.status in RETRIED_STATUSES


def in_words(result: Response | FetchError) -> str:
    """Return what was the matter with *result*, shortly, as others get to read it of its host."""
    if isinstance(result, FetchError):
        return f"{result.kind}: {result.message}"[:_WORDS]
    again = result.headers.get("retry-after")
    asked = f" with Retry-After: {again}"[:_WORDS] if again is not None else ""
    return f"it answered {result.status}{asked}"


@final
@dataclass(slots=True, eq=False)
class Pace:
    """The rate of requests to one host: additive increase, multiplicative decrease.

    Trouble halves the rate (see `is_trouble`), and so does a response that takes
    `SLOW` times as long as usual; each good response gives back an eighth of the
    crawl's own rate, which is never exceeded. What was asked for before the last
    halving says nothing new, and does not halve the rate again.
    """

    # Requests a second; infinite at the crawl's own pace.
    _rate: float = field(default=math.inf, init=False)
    _usual: float | None = field(default=None, init=False)
    _halved: float = field(default=-math.inf, init=False)

    def delay(self, own: float) -> float:
        """Return the seconds to keep between two starts, where the crawl itself keeps *own*; never less."""
        return own if self._rate == math.inf else max(own, 1 / self._rate)

    def learn(self, own: float, *, latency: float | None, trouble: bool, started: float, now: float) -> None:
        """Take the end of a request.

        Args:
            own: seconds that the crawl itself keeps between two starts.
            latency: seconds that the request took; None if that says nothing of others.
            trouble: what `is_trouble` says of it.
            started: when it began, and
            now: when it ended, of one clock.
        """
        top = 1 / max(own, SHORTEST_PACE)
        if trouble or (latency is not None and self._is_slow(latency)):
            if started >= self._halved:
                slowest = 1 / max(own, LONGEST_PACE)
                self._rate = max(min(self._rate, top) / 2, slowest)
                self._halved = now
        elif self._rate < top:
            self._rate += top / STEPS
            if self._rate >= top:
                self._rate = math.inf

    def known(self) -> tuple[float | None, float | None]:
        """Return what `resume` takes: requests a second, None at the crawl's own pace; and usual seconds."""
        return (None if self._rate == math.inf else self._rate), self._usual

    def resume(self, rate: float | None, usual: float | None) -> None:
        """Go on at the pace of an earlier crawl."""
        self._rate = math.inf if rate is None else max(rate, 1 / LONGEST_PACE)
        self._usual = usual

    def _is_slow(self, latency: float) -> bool:
        """Return whether a response took much longer than usual, and learn from it what is usual."""
        usual = self._usual
        if usual is None:
            self._usual = latency
            return False
        slow = latency > max(SLOW * usual, SLOW_AT_LEAST)
        self._usual = usual + (latency - usual) * (_WEIGHT_OF_SLOW if slow else _WEIGHT)
        return slow
