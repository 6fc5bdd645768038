"""libcurl's multi handle, driven by trio.

Three things call into libcurl: a fetch that starts, a socket that is ready, a
deadline that has come. Each ends in `Engine._drive`, after which the tasks whose
transfers have finished are rescheduled. Cancelling a fetch is one synchronous
call, `remove_handle`, in its abort function.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

import pycurl  # type: ignore[import-untyped]
import trio
from trio.lowlevel import Abort

from .curl_easy import Easy
from .curl_watch import TaskWatch, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._model import Hop, Response
    from ..abc import Environment

How: TypeAlias = Literal["epoll", "tasks"]

# Kept connections for each hop that may be in flight: libcurl's own rule, which counts the
# handles of the moment instead.
_KEPT: Final = 4


@final
class Engine:
    """One multi handle, for the length of one crawl.

    Args:
        environment: of the crawl.
        how: how the sockets are watched.
    """

    def __init__(self, environment: Environment, how: How) -> None:
        self._guard = environment.guard
        self._max_idle = environment.concurrency
        self._idle: list[Easy] = []
        self._active: dict[pycurl.Curl, Easy] = {}
        self._timers: list[int] = []  # milliseconds, -1 for none
        self._deadline = math.inf
        self._alarm: trio.CancelScope | None = None
        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        self._closed = False
        self._raised: BaseException | None = None  # by a callback of the multi handle
        self._broken: BaseException | None = None
        self._watch = _watch(how, self._drive, environment.nursery)
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, _KEPT * environment.concurrency)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        # libcurl's timer changes several times a transfer; only the last word counts.
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._timers.append)

    async def fetch(self, hop: Hop) -> Response:
        """Make *hop*.

        Raises:
            FetchError: there is no response.
            trio.ClosedResourceError: the fetcher was closed meanwhile.
            trio.BrokenResourceError: the engine has failed before, or its nursery
                was cancelled.
        """
        if self._broken is not None:
            await trio.lowlevel.checkpoint()  # a fetch that is cancelled as well says so
            raise trio.BrokenResourceError("libcurl's driver has ended") from self._broken
        plain = hop.method == "GET" and hop.body is None
        easy = self._idle.pop() if plain and self._idle else Easy(self._guard, self._watch.opened)
        try:
            easy.prepare(hop)
            self._start(easy)
            if easy.result is None:
                easy.task = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(partial(self._abort, easy))
            else:
                await trio.lowlevel.checkpoint()
            return easy.conclude()
        finally:
            self._release(easy, again=plain)

    @trio.lowlevel.enable_ki_protection
    def _start(self, easy: Easy) -> None:
        self._active[easy.curl] = easy
        try:
            self._multi.add_handle(easy.curl)
        except Exception as error:  # noqa: BLE001 - every fetch gets it
            self._fail(error)
            return
        # libcurl asks for this by a timer of 0 ms; at once, it costs no turn of the loop.
        self._drive(pycurl.SOCKET_TIMEOUT, 0)

    def _abort(self, easy: Easy, _raise_cancel: object) -> Abort:
        self._drop(easy)
        return Abort.SUCCEEDED

    @trio.lowlevel.enable_ki_protection
    def _release(self, easy: Easy, *, again: bool) -> None:
        self._drop(easy)
        # Options once set for another method or a body can't all be taken back.
        if again and not self._closed and self._broken is None and len(self._idle) < self._max_idle:
            easy.clear()
            self._idle.append(easy)
        else:
            easy.close()

    @trio.lowlevel.enable_ki_protection
    def _drop(self, easy: Easy) -> None:
        """Take *easy* out of the multi handle; never raises, since abort functions call it."""
        if self._active.pop(easy.curl, None) is None:
            return
        try:
            self._multi.remove_handle(easy.curl)
        except Exception as error:  # noqa: BLE001 - every fetch gets it
            self._fail(error)
        self._settle()

    @trio.lowlevel.enable_ki_protection
    def _drive(self, descriptor: int, flags: int) -> None:
        """Let libcurl do what there is to do; never raises: `_fail` tells every fetch."""
        if self._closed:
            return
        try:
            _, running = self._multi.socket_action(descriptor, flags)
            if running < len(self._active):
                self._collect()
        except Exception as error:  # noqa: BLE001 - every fetch gets it
            self._fail(error)
        self._settle()

    def _collect(self) -> None:
        queued = 1
        while queued:
            queued, succeeded, failed = self._multi.info_read()
            for curl in succeeded:
                self._finish(curl, 0, "")
            for curl, code, text in failed:
                self._finish(curl, code, text)

    def _finish(self, curl: pycurl.Curl, code: int, text: str) -> None:
        easy = self._active.pop(curl)
        easy.result = (code, text)
        if easy.task is not None:
            trio.lowlevel.reschedule(easy.task)
        self._multi.remove_handle(curl)

    def _settle(self) -> None:
        """Do what callbacks have put off: report what they raised, and set the alarm.

        It is set only for an earlier deadline; one that comes too early does no harm.
        """
        if self._raised is not None:
            raised, self._raised = self._raised, None
            self._fail(raised)
        if self._timers:
            milliseconds = self._timers[-1]
            self._timers.clear()
            self._deadline = math.inf if milliseconds < 0 else trio.current_time() + milliseconds / 1000
            if self._alarm is not None and self._deadline < self._alarm.deadline:
                self._alarm.deadline = self._deadline

    def _fail(self, error: BaseException) -> None:
        """End every transfer with *error*; what libcurl knows and what we know may differ now."""
        if self._broken is None:
            self._broken = error
        self._end_all(error)

    def _end_all(self, error: BaseException) -> None:
        while self._active:
            curl, easy = self._active.popitem()
            easy.raised = error
            easy.result = (0, "")
            if easy.task is not None:
                trio.lowlevel.reschedule(easy.task)
            try:
                self._multi.remove_handle(curl)
            except pycurl.error as problem:
                error.add_note(f"and libcurl did not let go of a transfer: {problem}")

    def _on_socket(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        try:
            self._watch.update(what, descriptor)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - reported by _settle()
            self._raised = error

    async def run(self) -> None:
        """Wait for sockets and deadlines, until `stop`; the crawl's service nursery runs it."""
        try:
            with self._scope:
                while True:
                    with trio.CancelScope(deadline=self._deadline) as self._alarm:
                        await self._watch.run()
                    self._alarm = None
                    if trio.current_time() >= self._deadline:
                        self._drive(pycurl.SOCKET_TIMEOUT, 0)
                    # A transfer with data left over asks for a timer of 0 ms again and again:
                    # the others' sockets must have their turn in between.
                    self._watch.poll()
        except Exception as error:  # noqa: BLE001 - every fetch gets it
            self._fail(error)
        finally:
            self._alarm = None
            self._fail(trio.ClosedResourceError("the fetcher was closed"))
            self._ended.set()

    def stop(self) -> None:
        """End the transfers in flight, and begin to end the tasks."""
        self._closed = True
        self._end_all(trio.ClosedResourceError("the fetcher was closed"))
        self._watch.stop()
        self._scope.cancel(reason="the fetcher is closed")

    async def ended(self) -> None:
        """Return when the tasks have ended, after `stop`."""
        await self._ended.wait()
        await self._watch.ended()

    def close(self) -> None:
        """Close every handle and connection, after the tasks have ended."""
        while self._idle:
            self._idle.pop().close()
        self._multi.close()
        self._watch.close()


def _watch(how: How, ready: Callable[[int, int], None], nursery: trio.Nursery) -> Watch:
    if how == "tasks":
        return TaskWatch(ready, nursery)
    from .curl_watch import EpollWatch  # noqa: PLC0415 - Linux has it alone

    return EpollWatch(ready)
