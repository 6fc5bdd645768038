"""The wall clock of a crawl: which moment a time of trio's clock is."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Final, final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..abc import TimedFetcher

# The zero of a virtual clock, so that the same crawl writes the same moments in two runs.
_VIRTUAL_START: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

_PARTED: Final = dt.timedelta(seconds=2)
"""How far the wall clock and trio's may part: more than a clock is slewed by, or a task is held up for."""


@final
class WallClock:
    """Counts from the crawl's start, so that virtual time shows; and anew where the wall clock is set.

    Args:
        virtual: whether the fetcher knows no time but trio's.
        timed: a fetcher that says what time it is, whose time trio's clock is.
        begin: called with the wall clock's time, in seconds since 1970, when trio's clock showed 0, and
            with the time of trio's clock from which on that counts.
    """

    def __init__(
        self, *, virtual: bool, begin: Callable[[float, float], None], timed: TimedFetcher | None = None
    ) -> None:
        self._virtual = virtual
        self._timed = timed
        self._tell = begin

    def begin(self) -> dt.datetime:
        """Begin to count, in a run of trio; return the present moment."""
        self._anchor = trio.current_time()
        mocked = _is_mocked()
        self._follows = not self._virtual and not mocked
        if self._timed is not None:
            self._wall = self._timed.now
        elif self._virtual:
            # Time passes between two crawls on one clock that jumps; other clocks have no zero to count from.
            self._wall = _VIRTUAL_START + dt.timedelta(seconds=self._anchor if mocked else 0)
        else:
            self._wall = dt.datetime.now(dt.UTC)
        self._tell(self._wall.timestamp() - self._anchor, -float("inf"))
        return self._wall

    def __call__(self, now: float) -> dt.datetime:
        """Return the moment that *now*, a time of trio's clock, is.

        Where the wall clock has parted from that (the machine slept, or somebody set it), from there.
        """
        if self._timed is not None:
            return self._timed.now + dt.timedelta(seconds=now - trio.current_time())
        if self._follows:
            wall, present = dt.datetime.now(dt.UTC), trio.current_time()
            parted = wall - self._wall - dt.timedelta(seconds=present - self._anchor)
            if abs(parted) > _PARTED:
                self._wall, self._anchor = wall, present
                self._tell(wall.timestamp() - present, present)
        return self._wall + dt.timedelta(seconds=now - self._anchor)


def _is_mocked() -> bool:
    testing = sys.modules.get("trio.testing")  # 0.15 s that real crawls need not pay
    return testing is not None and isinstance(trio.lowlevel.current_clock(), testing.MockClock)
