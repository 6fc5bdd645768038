"""Trio as a guest of an asyncio loop: begun with the first crawl of the loop, and ended with the last."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, TypeVarTuple, cast, final

import outcome
import trio
from trio.lowlevel import enable_ki_protection

from .._errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_LOOK_SECONDS: Final = 0.25
"""How long the loop may sleep while a call is waited for."""

_GUESTS: Final[dict[asyncio.AbstractEventLoop, Guest]] = {}
"""By loop, while they last: trio refuses a second run in one thread, so all crawls of a loop share one."""


@final
class Guest:
    """A guest run of trio in the asyncio loop that runs in this thread.

    Raises:
        UsageError: trio runs in this thread already, in another way.
    """

    def __init__(self) -> None:
        if trio.lowlevel.in_trio_run():
            raise UsageError(
                "trio runs in this thread already, as somebody else's guest or around this loop; "
                "call trio_crawl.crawl there"
            )
        self.loop = asyncio.get_running_loop()
        self.users = 0
        self.calls: set[Call[Any]] = set()
        self.ended: asyncio.Future[None] = self.loop.create_future()
        self._last = trio.Event()
        trio.lowlevel.start_guest_run(
            self._main,
            run_sync_soon_threadsafe=self.loop.call_soon_threadsafe,
            run_sync_soon_not_threadsafe=self.loop.call_soon,
            done_callback=self._done,
            host_uses_signal_set_wakeup_fd=True,  # asyncio does, where it handles signals
        )

    @property
    def ending(self) -> bool:
        """Whether no call may begin any more."""
        return self._last.is_set() or self.ended.done()

    def end(self) -> None:
        """Let the run come to its end; `ended` tells when."""
        self._last.set()

    async def _main(self) -> None:
        while not self._last.is_set():
            try:
                await self._last.wait()
            except KeyboardInterrupt:
                # Trio's own handler brings it here, where nobody else handles the signal.
                for call in self.calls:
                    call.interrupt()

    def _done(self, result: outcome.Outcome[None]) -> None:
        """Tell all who wait, also where trio itself has failed, or was interrupted within."""
        del _GUESTS[self.loop]
        self.ended.set_result(None)
        if isinstance(result, outcome.Error):
            if not self.calls:
                raise result.error
            for call in self.calls:
                call.fail(result.error)


@final
class Call(Generic[T]):
    """An async function of trio's that was called from asyncio.

    It runs until it has ended, whoever waits: who cancels that cancels the function as well.

    Args:
        guest: where it runs.
        function: what is called.
        args: its arguments.
    """

    def __init__(self, guest: Guest, function: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> None:
        self._guest = guest
        self._scope = trio.CancelScope()
        self._done: asyncio.Future[outcome.Outcome[T]] = guest.loop.create_future()
        self._interrupted = False
        guest.calls.add(self)
        trio.lowlevel.spawn_system_task(
            self._run, function, args, context=copy_context(), name=f"{function!r} for asyncio"
        )

    @enable_ki_protection
    async def _run(self, function: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> None:
        @enable_ki_protection
        async def cancellable() -> T:
            with self._scope:
                return await function(*args)
            raise asyncio.CancelledError("the crawl was cancelled")

        result: outcome.Outcome[T] = await outcome.acapture(cancellable)
        self._guest.calls.discard(self)
        if not self._done.done():
            self._done.set_result(result)

    def interrupt(self) -> None:
        """Cancel it; who waits for it gets a `KeyboardInterrupt`."""
        self._interrupted = True
        self._scope.cancel(reason="interrupted")

    def fail(self, error: BaseException) -> None:
        """Tell who waits that it will never end."""
        if not self._done.done():
            self._done.set_result(outcome.Error(error))

    async def wait(self, first: asyncio.Future[Any] | None = None) -> T | None:
        """Wait for the end, and return what the function returned.

        Args:
            first: return None as soon as this is done.

        Raises:
            asyncio.CancelledError: this task was cancelled, and then the function.
            BaseException: what the function raised, even if this task was cancelled.
        """
        cancelled: asyncio.CancelledError | None = None
        while not self._done.done():
            if first is not None and first.done() and cancelled is None:
                return None
            try:
                waiting = {self._done, first} if first is not None and not first.done() else {self._done}
                # Now and then: a handler of signals that asks the loop to cancel this task, as a notebook's
                # kernel has, does not wake the loop, which may sleep until the crawl has news.
                await asyncio.wait(waiting, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError as error:  # noqa: ASYNC103 - raised below, after the end
                cancelled = cancelled or error
                self._scope.cancel(reason="the asyncio task was cancelled")
        result = self._done.result()
        if isinstance(result, outcome.Error) and not isinstance(result.error, asyncio.CancelledError):
            return result.unwrap()
        if cancelled is not None:
            try:
                raise cancelled
            finally:
                del cancelled  # and with it the cycle through this frame
        if self._interrupted:
            raise KeyboardInterrupt
        return result.unwrap()


async def call(guest: Guest, function: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
    """Call an async function of trio's, and wait for its end; see `Call.wait` for what is raised."""
    return cast("T", await Call(guest, function, *args).wait())


@asynccontextmanager
async def guest_run() -> AsyncIterator[Guest]:
    """Give the guest run of this loop, begun where there is none; the last one who leaves waits for its end.

    Raises:
        UsageError: no asyncio loop runs in this thread, or trio runs there in another way.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            "trio_crawl.aio is for asyncio programs, and no asyncio loop runs here: "
            "in trio it is trio_crawl.crawl, without either trio_crawl.run"
        ) from None
    while (guest := _GUESTS.get(loop)) is not None and guest.ending:
        await asyncio.wait([guest.ended])
    if guest is None:
        guest = _GUESTS[loop] = Guest()
    guest.users += 1
    try:
        yield guest
    finally:
        guest.users -= 1
        if not guest.users:
            guest.end()
            await _whatever(guest.ended)  # noqa: ASYNC102 - it ends within some steps of the loop


async def _whatever(future: asyncio.Future[None]) -> None:
    """Wait for *future*; a cancellation meanwhile is raised afterwards."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:  # noqa: ASYNC103 - raised below
            cancelled = error
    if cancelled is not None:
        try:
            raise cancelled
        finally:
            del cancelled
