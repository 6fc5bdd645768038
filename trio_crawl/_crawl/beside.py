"""A trio run in a thread of its own, and who waits for it in another, open to interrupts."""

from __future__ import annotations

import asyncio
import atexit
import signal
import threading
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar, cast, final

import outcome
import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import TracebackType

T = TypeVar("T")

_LOOK_SECONDS: Final = 0.1
"""How long each wait lasts: on Windows an interrupt ends none that has no end."""


@final
class Beside(Generic[T]):
    """Runs an async function by trio in a thread; a context manager, which waits for its end.

    Leaving the block by an exception cancels it first; but leaving a generator is no error, and
    is told to the function by *leave*. A program that ends without leaving the block leaves it then.

    Args:
        function: what is run.
        leave: called in its thread when the block is left by `GeneratorExit`; None cancels then, too.
    """

    def __init__(
        self, function: Callable[[], Awaitable[T]], *, leave: Callable[[], object] | None = None
    ) -> None:
        self._function = function
        self._leave = leave
        self._scope = trio.CancelScope()
        self._token: trio.lowlevel.TrioToken | None = None
        self._begun = threading.Event()
        self._outcome: outcome.Outcome[T | None] | None = None
        self._given: SimpleQueue[outcome.Outcome[Any] | None] = SimpleQueue()
        # A daemon: others are waited for before anything that is registered by `atexit` is called.
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name="trio_crawl", daemon=True
        )

    def __enter__(self) -> Self:
        atexit.register(self._end, cancel=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, GeneratorExit) and self._leave is not None:
                self.call_soon(self._leave)
                self._end(cancel=False)
            else:
                self._end(cancel=error is not None)
        finally:
            atexit.unregister(self._end)

    def _end(self, *, cancel: bool) -> None:
        self._until_ended(cancel=cancel)

    def _run(self) -> None:
        try:
            self._outcome = outcome.capture(trio.run, self._cancellable)
        finally:
            self._begun.set()
            self._given.put(None)

    async def _cancellable(self) -> T | None:
        self._token = trio.lowlevel.current_trio_token()
        self._begun.set()
        with self._scope:
            return await self._function()
        return None  # who would have it was interrupted

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call *function* in the thread, unless that has ended."""
        self._begun.wait()
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(function)

    def give(self, item: outcome.Outcome[Any]) -> None:
        """Hand *item* to who waits: for the function, in its thread."""
        self._given.put(item)

    def take(self) -> outcome.Outcome[Any] | None:
        """Wait for what the function gives, and return it; None when it has ended."""
        with interruptible():
            while True:
                with suppress(Empty):
                    return self._given.get(timeout=_LOOK_SECONDS)

    def result(self) -> T:
        """Wait for the end, and return what the function returned, or raise what it raised.

        None, if it was cancelled: that is only seen after an interrupt, and at the end of the program.
        """
        self._until_ended(cancel=False)
        return cast("outcome.Outcome[T]", self._outcome).unwrap()

    def _until_ended(self, *, cancel: bool) -> None:
        """Wait for the end; interrupted, however often, cancel it, and raise that in the end."""
        interrupt: KeyboardInterrupt | None = None
        # Not by joining alone: where that sees an interrupt, Python 3.11 takes the thread for ended.
        with interruptible():
            while self._outcome is None:
                try:
                    if cancel:
                        self.call_soon(partial(self._scope.cancel, reason="interrupted"))
                        cancel = False
                    with suppress(Empty):
                        self._given.get(timeout=_LOOK_SECONDS)
                except KeyboardInterrupt as error:
                    interrupt, cancel = interrupt or error, True
        self._thread.join()
        if interrupt is not None:
            raise interrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Let an interrupt be raised here, where the loop of this thread would be told of it, and is blocked."""
    handler = signal.getsignal(signal.SIGINT)
    if (
        not is_asyncio_running()
        or threading.current_thread() is not threading.main_thread()
        or not callable(handler)
        or handler is signal.default_int_handler
    ):
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def is_asyncio_running() -> bool:
    """Return whether an asyncio loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
