"""One run of the code under test, which is cancelled on the way and watched until it ended."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import outcome
import trio
import trio.testing

from ._leaks import Snapshot, describe_task, each_task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

Make: TypeAlias = Callable[[], Awaitable[object]]

_AGAIN: Final = 0.1
"""Seconds that a task may clean up after it was thrown out of its wait."""


class Trigger(Protocol):
    """When to cancel."""

    def opened(self) -> AbstractContextManager[object]:
        """Open the scope that will be cancelled."""

    async def cancelled(self) -> None:
        """Return when the scope has been cancelled."""


class _OverdueError(BaseException):
    """Thrown into what does not end, so that the run does; nobody may take it for an error of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one run: how *make* ended, what it left, and what had not ended in time."""

    ended: outcome.Outcome[object]
    left: list[str]
    overdue: list[str]


def run(
    make: Make, trigger: Trigger, bound: float, temp: Path | None, clock: trio.abc.Clock | None = None
) -> Attempt:
    """Run *make* in a trio run of its own, inside the scope of *trigger*.

    Args:
        make: the code under test.
        trigger: when to cancel; if it is an instrument too, it sees every step.
        bound: seconds of the run's clock that the scope may take to end, once cancelled.
        temp: a folder in which no file may be left.
        clock: the clock of the run; None for trio's own.
    """
    overdue: list[str] = []

    async def main() -> Attempt:
        async with trio.open_nursery() as nursery:
            watching = trio.Event()
            nursery.start_soon(_watch, trigger, bound, trio.lowlevel.current_task(), watching, overdue)
            await watching.wait()
            before = Snapshot.take(temp)
            ended = await outcome.acapture(_inside, trigger, make)
            left = Snapshot.take(temp).left_since(before)
            nursery.cancel_scope.cancel(reason="the run is over")
        return Attempt(ended=ended, left=left, overdue=overdue)

    instruments = [trigger] if isinstance(trigger, trio.abc.Instrument) else []
    with _collector_off():
        ran = outcome.capture(partial(trio.run, main, clock=clock, instruments=instruments))
    if isinstance(ran, outcome.Error) and (overdue or isinstance(ran.error, trio.TrioInternalError)):
        # The code under test, or throwing it out of its wait, has broken trio's own state.
        return Attempt(ended=ran, left=[], overdue=overdue)
    return ran.unwrap()


async def _inside(trigger: Trigger, make: Make) -> object:
    with trigger.opened():
        return await make()
    return None


async def _watch(
    trigger: Trigger,
    bound: float,
    main: trio.lowlevel.Task,
    watching: trio.Event,
    overdue: list[str],
) -> None:
    """Throw out what has not ended *bound* seconds after the cancellation: a hang would say nothing."""
    watch = trio.lowlevel.current_task()
    watching.set()
    await trigger.cancelled()
    await trio.sleep(bound)
    while True:
        await trio.testing.wait_all_tasks_blocked()
        stuck = [task for task in each_task(main) if task is not watch and not _has_children(task, watch)]
        if not overdue:
            overdue += [describe_task(task) for task in stuck]
        for task in stuck:
            trio.lowlevel.reschedule(task, outcome.Error(_OverdueError()))
        await trio.sleep(_AGAIN)


def _has_children(task: trio.lowlevel.Task, but: trio.lowlevel.Task) -> bool:
    return any(nursery.child_tasks - {but} for nursery in task.child_nurseries)


@contextmanager
def _collector_off() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
