"""Work in a process of its own: the signals that end it, and the progress beside it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeAlias, TypeVar, final

import trio

from .._errors import CrawlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._crawl import Control
    from .._model import Report

T = TypeVar("T")

Say: TypeAlias = Callable[[str], None]
"""Tells the person at the terminal something."""

Show: TypeAlias = "Callable[[Control], Awaitable[None]]"
"""Shows a crawl's progress until it is cancelled."""

# On Windows no other process can send a SIGTERM.
SIGNALS: Final[Sequence[signal.Signals]] = (
    (signal.SIGINT,) if sys.platform == "win32" else (signal.SIGINT, signal.SIGTERM)
)

_KEYS: Final = {signal.SIGINT: "press Ctrl-C", signal.SIGTERM: "send SIGTERM"}


class Crawl(Protocol):
    """A crawl that is ready to run."""

    def __call__(self, *, task_status: trio.TaskStatus[Control]) -> Awaitable[Report]:
        """Run it; *task_status* is given its control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(Generic[T]):
    """How a piece of work ended.

    Args:
        result: what it returned; None where it was dropped or raised.
        caught: the signal that was received first, if any.
        error: what it raised.
    """

    result: T | None = None
    caught: signal.Signals | None = None
    error: CrawlError | OSError | None = None


async def supervise_crawl(crawl: Crawl, *, show: Show, say: Say) -> Ending[Report]:
    """Run *crawl*, with *show* beside it, and let signals end it.

    The first SIGINT or SIGTERM stops it: what is in flight is finished. The
    second one drops that; rows that are parsed are still written. A third one
    ends the process where it stands.

    Errors of the library's tree, and the operating system's, are in what is
    returned. Any other is a bug, and is raised, in a group.
    """
    reins = _Reins(say)

    async def run() -> Report:
        return await crawl(task_status=reins)

    async def show_it() -> None:
        await reins.ready.wait()
        if reins.control is not None:
            await show(reins.control)

    ending = await _supervise(run, reins, beside=show_it)
    if ending.caught and not ending.result and reins.control is not None:
        counts = reins.control.statistics()
        say(f"dropped what was in flight: {counts.pages} pages are done")
        say(f"{counts.pending} URLs are not")
    return ending


async def supervise(work: Callable[[], Awaitable[T]], *, say: Say) -> Ending[T]:
    """Run *work*; the first SIGINT or SIGTERM drops it. Errors are as for `supervise_crawl`."""
    return await _supervise(work, _Reins(say))


async def _supervise(
    work: Callable[[], Awaitable[T]], reins: _Reins, *, beside: Callable[[], Awaitable[None]] | None = None
) -> Ending[T]:
    result: T | None = None
    failed: CrawlError | OSError | None = None
    async with trio.open_nursery() as nursery:
        await nursery.start(reins.watch)
        if beside is not None:
            nursery.start_soon(beside)
        try:
            with reins.scope:
                result = await work()
        except (CrawlError, OSError) as error:
            failed = error
        nursery.cancel_scope.cancel(reason="the work beside which it ran is over")
    return Ending(result=result, caught=reins.caught, error=failed)


@final
class _Reins:
    """What a signal pulls: the crawl's control once there is one, and its scope."""

    def __init__(self, say: Say) -> None:
        self.scope = trio.CancelScope()
        self.ready = trio.Event()
        self.control: Control | None = None
        self.caught: signal.Signals | None = None
        self._say = say

    def started(self, value: Control | None = None) -> None:
        """Take the control of a crawl that began; this is a `trio.TaskStatus`."""
        self.control = value
        self.ready.set()

    async def watch(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take signals until there is nothing left that one could end softly."""
        with trio.open_signal_receiver(*SIGNALS) as received:
            task_status.started()
            async for number in received:
                if self._pull(signal.Signals(number)):
                    break
        # What is still written may hang (a pipe that nobody reads), and no exception reaches a thread.
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            await trio.sleep_forever()
        finally:
            signal.signal(signal.SIGINT, before)

    def _pull(self, caught: signal.Signals) -> bool:
        """End the work, softly if it can be; return whether this was the end of it."""
        first = self.caught is None
        self.caught = self.caught or caught
        if first and self.control is not None:
            self.control.stop()
            self._say("stopping: finishing what is in flight")
            self._say(f"{_KEYS[caught]} again to drop it")
            return False
        if self.control is not None:
            self._say("dropping that, writing what is parsed")
            self._say(f"{_KEYS[caught]} again to end at once")
        self.scope.cancel(reason=f"{caught.name} was received")
        return True
