"""libcurl's multi handle, driven by trio.

Three things call into libcurl: a fetch that starts, a socket that is ready, a
deadline that has come. Each ends in `Engine._drive`, after which the tasks whose
transfers have finished are rescheduled. Cancelling a fetch is one synchronous
call, `remove_handle`, in its abort function.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

import pycurl  # type: ignore[import-untyped]
import trio
from trio.lowlevel import Abort

from .curl_easy import Easy
from .curl_errors import StaleError, UnreachableError
from .curl_route import Route
from .curl_watch import TaskWatch, Watch
from .descriptors import WAITS, NoDescriptorError, room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._model import Hop, Response
    from ..abc import Environment
    from .curl_options import Settings
    from .proxy import Proxy

How: TypeAlias = Literal["epoll", "tasks"]

# Kept connections for each hop that may be in flight: libcurl's own rule, which counts the
# handles of the moment instead.
_KEPT: Final = 4

# Streams at once on a connection of HTTP/2, as far as the server allows: libcurl's own number.
_STREAMS: Final = 100

_DONE: Final = (0, "")
_TIMEOUT: Final = ((pycurl.SOCKET_TIMEOUT, 0),)


@final
class Engine:
    """One multi handle, for the length of one crawl.

    Args:
        environment: of the crawl.
        how: how the sockets are watched.
        settings: what holds for every hop.
    """

    def __init__(self, environment: Environment, how: How, settings: Settings) -> None:
        self._settings = settings
        self._route = Route(environment.guard, settings.proxy)
        self._max_idle = environment.concurrency
        self._idle: list[Easy] = []
        self._active: dict[pycurl.Curl, Easy] = {}
        self._timers: list[int] = []  # milliseconds, -1 for none
        self._deadline = math.inf
        self._alarm: trio.CancelScope | None = None
        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        self._closed = False
        self._broken: BaseException | None = None
        self._watch = _watch(how, self._drive, environment.nursery)
        self._multi = pycurl.CurlMulti()
        # No more than there may be, in which libcurl sees to it that idle ones make room for new ones.
        self._most = room() or 0
        kept = _KEPT * environment.concurrency
        self._multi.setopt(pycurl.M_MAXCONNECTS, min(kept, self._most) if self._most else kept)
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, self._most)
        self._crowded = False
        self._multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, max(_STREAMS, environment.concurrency))
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch.update)
        # libcurl's timer changes several times a transfer; only the last word counts.
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._timers.append)

    @trio.lowlevel.enable_ki_protection
    async def fetch(self, hop: Hop, *, again: bool = False, lacks: int = 0) -> Response:
        """Make *hop*; a second time if the first finds a kept connection closed (RFC 9112, section 9.3.1).

        Args:
            hop: what to ask for.
            again: whether this is the second time.
            lacks: how often no descriptor was left for it.

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
        easy = self._idle.pop() if plain and self._idle else self._new()
        try:
            easy.prepare(hop, again=again)
            self._start(easy)
            if easy.result is None:
                easy.task = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(easy.abort)
            else:
                await trio.lowlevel.checkpoint()
            return easy.conclude()
        except StaleError:
            if again:
                raise
            again = True
        except NoDescriptorError:
            if lacks == len(WAITS):
                raise
            lacks += 1
        finally:
            self._release(easy, again=plain)
        if lacks:
            self._crowded = True
            await trio.sleep(WAITS[lacks - 1])
        return await self.fetch(hop, again=again, lacks=lacks)

    @trio.lowlevel.enable_ki_protection
    async def fetch_through(self, proxy: Proxy, hop: Hop) -> Response:
        """Make *hop* by *proxy*; raises what `fetch` does.

        One that is given addresses is asked for one after the other, since libcurl
        itself would leave it at the first.
        """
        await self._route.look_up(hop, proxy)
        first, *others = [replace(hop, addresses=addresses) for addresses in self._route.attempts(hop, proxy)]
        try:
            return await self.fetch(first)
        except UnreachableError as error:
            problem = error
        for other in others:
            try:
                return await self.fetch(other)
            except UnreachableError as error:
                problem = error
        raise problem

    def _new(self) -> Easy:
        easy = Easy(self._settings, self._route, self._watch.opened)
        easy.abort = partial(self._abort, easy)
        return easy

    @trio.lowlevel.enable_ki_protection
    def _start(self, easy: Easy) -> None:
        self._active[easy.curl] = easy
        easy.began = perf_counter()
        try:
            if self._crowded:
                # The next connection closes all that are idle, which libcurl does for no other asking.
                self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, 1)
            self._multi.add_handle(easy.curl)
            # libcurl asks for this by a timer of 0 ms; at once, it costs no turn of the loop.
            _, running = self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            if self._crowded:
                self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, self._most)
                self._crowded = False
            if running < len(self._active):
                self._collect()
        except Exception as error:  # noqa: BLE001 - every fetch gets it
            self._fail(error)
        if self._timers or self._watch.raised is not None:
            self._settle()

    def _abort(self, easy: Easy, _raise_cancel: object) -> Abort:
        self._drop(easy)
        easy.result = _DONE  # there is nothing left to drop
        return Abort.SUCCEEDED

    @trio.lowlevel.enable_ki_protection
    def _release(self, easy: Easy, *, again: bool) -> None:
        if easy.result is None:
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
    def _drive(self, ready: Iterable[tuple[int, int]]) -> None:
        """Let libcurl do what there is to do; never raises: `_fail` tells every fetch.

        Args:
            ready: descriptors, each with libcurl's ``CSELECT_`` flags. What is done
                for one may close another, so it is asked for one after the other.
        """
        if self._closed:
            return
        action = self._multi.socket_action
        try:
            for descriptor, flags in ready:
                action(descriptor, flags)
            # Once for all: that is cheaper, and the tasks begin anew together as well.
            self._collect()
        except Exception as error:  # noqa: BLE001 - every fetch gets it
            self._fail(error)
        if self._timers or self._watch.raised is not None:
            self._settle()

    def _collect(self) -> None:
        """Wake the tasks whose transfers have ended."""
        multi, active = self._multi, self._active
        queued = 1
        while queued:
            queued, succeeded, failed = multi.info_read()
            now = perf_counter()
            ended = [(curl, _DONE) for curl in succeeded]
            if failed:
                ended += [(curl, (code, text)) for curl, code, text in failed]
            for curl, result in ended:
                easy = active.pop(curl)
                easy.result = result
                easy.ended = now
                if easy.task is not None:
                    trio.lowlevel.reschedule(easy.task)
                multi.remove_handle(curl)

    def _settle(self) -> None:
        """Do what callbacks have put off: report what they raised, and set the alarm.

        It is set only for an earlier deadline; one that comes too early does no harm.
        """
        if self._watch.raised is not None:
            raised, self._watch.raised = self._watch.raised, None
            # A socket is not watched, and may be any transfer's: they end, but not the engine.
            self._end_all(raised)
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
            easy.result = _DONE
            if easy.task is not None:
                trio.lowlevel.reschedule(easy.task)
            try:
                self._multi.remove_handle(curl)
            except pycurl.error as problem:
                error.add_note(f"and libcurl did not let go of a transfer: {problem}")

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Wait for sockets and deadlines, until `stop`; the crawl's service nursery runs it."""
        try:
            with self._scope:
                while True:
                    with trio.CancelScope(deadline=self._deadline) as self._alarm:
                        await self._watch.run()
                    self._alarm = None
                    if trio.current_time() >= self._deadline:
                        self._drive(_TIMEOUT)
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


def _watch(how: How, ready: Callable[[Iterable[tuple[int, int]]], None], nursery: trio.Nursery) -> Watch:
    if how == "tasks":
        return TaskWatch(ready, nursery)
    from .curl_watch import EpollWatch  # noqa: PLC0415 - Linux has it alone

    return EpollWatch(ready)
