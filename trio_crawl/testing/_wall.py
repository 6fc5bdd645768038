"""The wall clock of a web in memory: it goes with trio's clock, and can be set forward."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, final

import trio
from trio.testing import MockClock

from .._errors import UsageError

if TYPE_CHECKING:
    from trio.abc import Clock

START: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""When virtual time begins, so that the same crawl writes the same moments in two runs."""


@final
class WallClock:
    """Tells a time that passes as trio's does.

    Args:
        start: what it is at the zero of a `trio.testing.MockClock`, with which each run of trio on
            one begins anew; in a run on another clock, when it is first asked there.

    Raises:
        UsageError: *start* is no aware moment.
    """

    def __init__(self, start: datetime = START) -> None:
        if not isinstance(start, datetime) or start.tzinfo is None:
            raise UsageError(f"now= is {start!r}; it takes an aware datetime, such as datetime.now(UTC)")
        self._start = start.astimezone(UTC)
        self._zero = 0.0
        self._clock: Clock | None = None

    @property
    def now(self) -> datetime:
        """The present moment; where trio does not run, when its next run will begin."""
        if not trio.lowlevel.in_trio_run():
            return self._start
        clock, present = trio.lowlevel.current_clock(), trio.current_time()
        if clock is not self._clock:
            self._clock = clock
            self._zero = 0.0 if isinstance(clock, MockClock) else present
        return self._start + timedelta(seconds=present - self._zero)

    def pass_time(self, seconds: float) -> None:
        """Set it forward.

        Raises:
            UsageError: *seconds* is no number, or would set it back.
        """
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
            raise UsageError(f"pass_time() takes a number of seconds, 0 or more, and not {seconds!r}")
        self._start += timedelta(seconds=seconds)
