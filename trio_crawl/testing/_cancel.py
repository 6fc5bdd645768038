"""Cancel a piece of trio code at every moment there is, and see that it leaves nothing.

A task can be cancelled only between its steps, so the moments can be counted:
an instrument of trio's counts the steps of all tasks and cancels before the
k-th. With real sockets the steps depend on the network, and cancelling at
seeded times is what remains.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Final, TypeAlias

import outcome
import trio
import trio.testing

from .._errors import UsageError
from ._attempt import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ._attempt import Attempt, Make

ClockFactory: TypeAlias = Callable[[], "trio.abc.Clock | None"]

DEFAULT_BOUND: Final = 10.0
"""Seconds that a cancelled scope may take to end; a crawl promises its grace of 5 and one more."""


def cancel_everywhere(  # noqa: PLR0913 - one function is the whole interface
    make: Make,
    *,
    clock: ClockFactory | None = None,
    first: int = 1,
    stride: int = 1,
    bound: float = DEFAULT_BOUND,
    check: Callable[[int, object], object] | None = None,
    temp: Path | None = None,
) -> int:
    """Run *make* again and again, cancelled one step later each time, until it ends uncancelled.

    Each time it is awaited inside one cancel scope in a ``trio.run`` of its
    own. The scope is cancelled before the k-th step that any task takes after
    it opened, k being *first*, *first* + *stride* and so on. As soon as the
    scope has ended, what the process holds is compared with before, as
    `asserts_no_leaks` does. The garbage collector is off while *make* runs, so
    that it hides no leak by chance.

    Trio shuffles its tasks, so the k-th step is not the same in each run, and
    two calls may differ in the number of steps by a few.

    Args:
        make: an async function without arguments, the code under test. It is
            called once a run, and must start from the same state each time.
        clock: makes the clock of one run; by default one that jumps ahead when
            every task waits. Such a clock does not wait for threads: code that
            needs them should run on ``lambda: None``, which is trio's own clock.
        first: the first k, at least 1.
        stride: how many steps lie between two values of k, at least 1.
        bound: seconds of the run's clock within which the cancelled scope must
            end; what has not by then is thrown out of its wait. Code that hangs
            before it is cancelled is not noticed.
        check: called after each run with k and what *make* returned (None
            where it was cancelled), for assertions of the caller's own.
        temp: a folder in which no file may be left.

    Returns:
        The number of steps of the run that was not cancelled.

    Raises:
        AssertionError: something was left behind, the scope did not end in
            time, or an exception came out of *make*; says before which step
            the run was cancelled. What *check* raises comes out with a note
            that says so.
        UsageError: *first* or *stride* is less than 1.
    """
    if first < 1 or stride < 1:
        msg = f"first={first} and stride={stride} must both be at least 1: steps are counted from 1"
        raise UsageError(msg)
    for step in count(first, stride):
        trigger = _BeforeStep(step)
        attempt = run(make, trigger, bound, temp, (clock or _jumping)())
        name = f"cancelled before step {step}" if trigger.fired else f"not cancelled (steps: {trigger.steps})"
        if trigger.broken is not None:
            msg = f"{name}: a task's abort function raised {trigger.broken!r}"
            raise AssertionError(msg) from trigger.broken
        judge(attempt, name=name, number=step, bound=bound, check=check)
        if not trigger.fired:
            return trigger.steps
    raise AssertionError  # pragma: no cover - the numbers above have no end


def cancel_at(
    make: Make,
    seconds: Iterable[float],
    *,
    bound: float = DEFAULT_BOUND,
    check: Callable[[int, object], object] | None = None,
    temp: Path | None = None,
) -> int:
    """Run *make* once for each of *seconds*, cancelled that long after it began.

    For code that talks to real sockets, threads and processes: each run is on
    trio's own clock. Otherwise as `cancel_everywhere`. Take the times from a
    seeded generator, so that a failure can be had again.

    Args:
        make: an async function without arguments, the code under test.
        seconds: when to cancel, in seconds after the start of a run.
        bound: seconds within which the cancelled scope must end.
        check: called after each run with its number, counted from 1, and what
            *make* returned (None where it was cancelled).
        temp: a folder in which no file may be left.

    Returns:
        How many of the runs were cancelled before they ended by themselves.

    Raises:
        AssertionError: as `cancel_everywhere` does; says after how many seconds.
    """
    cancelled = 0
    for number, delay in enumerate(seconds, start=1):
        trigger = _AfterTime(delay)
        attempt = run(make, trigger, bound, temp)
        verb = "cancelled" if trigger.scope.cancel_called else "not cancelled, which was due"
        judge(attempt, name=f"run {number}, {verb} after {delay} s", number=number, bound=bound, check=check)
        cancelled += trigger.scope.cancelled_caught
    return cancelled


class _BeforeStep(trio.abc.Instrument):
    """Cancels its scope before the *step*-th step that is taken while it is open."""

    def __init__(self, step: int) -> None:
        self.steps = 0
        self.fired = False
        self.broken: BaseException | None = None
        self._step = step
        self._scope = trio.CancelScope()
        self._armed = False
        self._watch: trio.lowlevel.Task | None = None
        self._event = trio.Event()

    @contextmanager
    def opened(self) -> Iterator[None]:
        self._armed = True
        try:
            with self._scope:
                yield
        finally:
            self._armed = False

    async def cancelled(self) -> None:
        self._watch = trio.lowlevel.current_task()
        await self._event.wait()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if not self._armed or self.fired or task is self._watch:
            return
        self.steps += 1
        if self.steps < self._step:
            return
        self.fired = True
        self._event.set()
        # Trio only logs what an instrument raises, and calls it no more: what a
        # task's abort function raises has to be kept, or it would be lost.
        done = outcome.capture(self._scope.cancel, reason=f"cancelled before step {self._step}")
        if isinstance(done, outcome.Error):
            self.broken = done.error


class _AfterTime:
    """Cancels its scope *delay* seconds after the run began."""

    def __init__(self, delay: float) -> None:
        self.scope = trio.CancelScope()
        self._delay = delay

    def opened(self) -> AbstractContextManager[object]:
        return self.scope

    async def cancelled(self) -> None:
        await trio.sleep(self._delay)
        self.scope.cancel(reason=f"cancelled after {self._delay} s")


def judge(
    attempt: Attempt,
    *,
    name: str,
    number: int,
    bound: float,
    check: Callable[[int, object], object] | None,
) -> None:
    if attempt.overdue:
        msg = f"{name}: had not ended {bound} s later: {'; '.join(attempt.overdue)}"
        raise AssertionError(msg)
    error = attempt.ended.error if isinstance(attempt.ended, outcome.Error) else None
    if isinstance(error, KeyboardInterrupt | SystemExit):
        raise error
    if error is not None:
        msg = f"{name}: {error!r} came out"
        raise AssertionError(msg) from error
    if attempt.left:
        msg = f"{name}: left behind: {'; '.join(attempt.left)}"
        raise AssertionError(msg)
    if check is None:
        return
    try:
        check(number, attempt.ended.unwrap())
    except Exception as failed:
        failed.add_note(name)
        raise


def _jumping() -> trio.abc.Clock:
    return trio.testing.MockClock(autojump_threshold=0)
