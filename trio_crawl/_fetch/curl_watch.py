"""Who looks after libcurl's sockets: libcurl says what it waits for, trio says when it is there.

`EpollWatch` gathers them in one epoll object, whose own descriptor is the one
thing that trio waits on (Linux). `TaskWatch` has a small task for each socket
and direction, wherever trio runs.
"""

from __future__ import annotations

import errno
import os
import select
import sys
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, final
from weakref import WeakSet

import pycurl  # type: ignore[import-untyped]
import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Ready: TypeAlias = "Callable[[Iterable[tuple[int, int]]], None]"
"""Is given descriptors that are ready, each with libcurl's ``CSELECT_`` flags."""

_REMOVE: Final = pycurl.POLL_REMOVE
_BATCH: Final = 256  # events taken from the kernel at once


class Watch(Protocol):
    """Waits for what libcurl's socket callback asks for."""

    raised: BaseException | None
    """What `update` met."""

    def update(self, what: int, descriptor: int, _multi: object = None, _data: object = None, /) -> None:
        """Take note of what is waited for at *descriptor*: one of libcurl's ``POLL_`` values.

        This is libcurl's callback: it cancels nothing and calls nothing back, and
        what goes wrong in it is kept in `raised`.
        """

    def opened(self, descriptor: int) -> None:
        """Take note that *descriptor* is a new socket, whatever it was before."""

    def poll(self) -> None:
        """Report what is ready at this moment."""

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Report what is ready, until cancelled."""

    def stop(self) -> None:
        """Wait for nothing any more."""

    async def ended(self) -> None:
        """Return when no task of this watch is left, after `stop`."""

    def close(self) -> None:
        """Give back what it holds, after everything ended."""


if sys.platform == "linux":

    @final
    class EpollWatch:
        """All sockets in one epoll object.

        libcurl takes its socket out and puts it in again around every transfer,
        at a system call each. Here a socket stays in the epoll object, and is
        taken out only if it becomes ready while libcurl does not want it. The
        kernel takes out what is closed; that a number stands for a new socket is
        learnt from `opened`.

        Args:
            ready: called with what is ready.
        """

        def __init__(self, ready: Ready) -> None:
            self._ready = ready
            self._epoll = select.epoll()
            self._wanted: set[int] = set()
            self._registered: dict[int, int] = {}
            self._shared = False
            _watches.add(self)
            self.raised: BaseException | None = None

        def update(self, what: int, descriptor: int, _multi: object = None, _data: object = None, /) -> None:
            """Register *descriptor*, or note that it is not wanted at the moment."""
            try:
                if what == _REMOVE:
                    self._wanted.discard(descriptor)
                    if self._shared:
                        self._unregister(descriptor)
                    return
                self._wanted.add(descriptor)
                if self._registered.get(descriptor) != what:
                    self._register(descriptor, what)
            except BaseException as error:  # noqa: ASYNC103, BLE001 - reported by the engine
                self.raised = error

        def _register(self, descriptor: int, what: int) -> None:
            mask = _EPOLL_MASKS[what]
            if descriptor in self._registered:
                self._epoll.modify(descriptor, mask)
            else:
                self._epoll.register(descriptor, mask)
            self._registered[descriptor] = what

        def opened(self, descriptor: int) -> None:
            """Forget what was registered under this number: the kernel has forgotten it too."""
            self._registered.pop(descriptor, None)

        def share(self) -> None:
            """Take out what is not wanted, now and from now on as soon as it is not.

            A child has been forked: what it has a copy of is not taken out by the kernel when it is closed
            here, and by nobody any more then.
            """
            self._shared = True
            for descriptor in [each for each in self._registered if each not in self._wanted]:
                self._unregister(descriptor)

        def poll(self) -> None:
            """Report every socket that is ready."""
            found = self._epoll.poll(0, _BATCH)
            if found:
                self._ready(self._wanted_of(found))

        def _wanted_of(self, found: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
            # One by one: what libcurl does for the first may change what it wants of the next.
            wanted = self._wanted
            for descriptor, events in found:
                if descriptor in wanted:
                    yield descriptor, _CSELECT[events & _ANY]
                else:
                    self._unregister(descriptor)

        def _unregister(self, descriptor: int) -> None:
            self._registered.pop(descriptor, None)
            try:
                self._epoll.unregister(descriptor)
            except OSError as error:
                # Closed since the kernel told of it, by what was reported just before.
                if error.errno not in {errno.ENOENT, errno.EBADF}:
                    raise

        async def run(self) -> None:
            """Report what is ready, until cancelled."""
            descriptor = self._epoll.fileno()
            while True:
                await trio.lowlevel.wait_readable(descriptor)
                self.poll()

        def stop(self) -> None:
            """Do nothing: there is no task but the one in `run`."""

        async def ended(self) -> None:
            """Return at once."""
            await trio.lowlevel.checkpoint()

        def close(self) -> None:
            """Close the epoll object."""
            _watches.discard(self)
            self._epoll.close()

    # A fork is the whole process's.
    _watches: Final[WeakSet[EpollWatch]] = WeakSet()

    def _share_all() -> None:
        for watch in [*_watches]:
            watch.share()

    os.register_at_fork(after_in_parent=_share_all)

    _EPOLL_MASKS: Final = {
        pycurl.POLL_NONE: 0,
        pycurl.POLL_IN: select.EPOLLIN,
        pycurl.POLL_OUT: select.EPOLLOUT,
        pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
    }
    _BROKEN: Final = select.EPOLLERR | select.EPOLLHUP
    _ANY: Final = select.EPOLLIN | select.EPOLLOUT | _BROKEN

    def _cselect(events: int) -> int:
        flags = pycurl.CSELECT_IN if events & (select.EPOLLIN | select.EPOLLHUP) else 0
        flags |= pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0
        flags |= pycurl.CSELECT_ERR if events & _BROKEN else 0
        return int(flags)

    _CSELECT: Final = {events: _cselect(events) for events in range(_ANY + 1) if events & _ANY == events}


@final
class _Watched:
    """One socket, for as long as libcurl watches it: what is wanted, and which directions have a task."""

    __slots__ = ("tasks", "wanted")

    def __init__(self) -> None:
        self.wanted = 0
        self.tasks = 0


@final
class TaskWatch:
    """A task for each socket and direction.

    A task whose direction is not wanted any more stays until its socket is
    taken out: one wait in a direction is all that trio allows, so it is there
    for the next time. It ends by `trio.lowlevel.notify_closing`, which cancels
    nothing and so may be called from inside libcurl.

    Args:
        ready: called with what is ready.
        nursery: where the tasks run.
    """

    def __init__(self, ready: Ready, nursery: trio.Nursery) -> None:
        self._ready = ready
        self._nursery = nursery
        self._sockets: dict[int, _Watched] = {}
        self._running = 0
        self._stopped = False
        self._idle = trio.Event()
        self.raised: BaseException | None = None

    def update(self, what: int, descriptor: int, _multi: object = None, _data: object = None, /) -> None:
        """Begin to wait at *descriptor*, or end it."""
        try:
            if what == _REMOVE:
                self._remove(descriptor)
            else:
                self._register(descriptor, what)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - reported by the engine
            self.raised = error

    def _register(self, descriptor: int, what: int) -> None:
        watched = self._sockets.get(descriptor)
        if watched is None:
            watched = self._sockets[descriptor] = _Watched()
        watched.wanted = _CSELECT_OF[what]
        for direction in (pycurl.CSELECT_IN, pycurl.CSELECT_OUT):
            if watched.wanted & direction and not watched.tasks & direction and not self._stopped:
                self._nursery.start_soon(self._wait, descriptor, watched, direction)
                watched.tasks |= direction
                self._running += 1

    def _remove(self, descriptor: int) -> None:
        watched = self._sockets.pop(descriptor, None)
        if watched is not None:
            watched.wanted = 0
            trio.lowlevel.notify_closing(descriptor)

    def opened(self, descriptor: int) -> None:
        """Do nothing: a socket that is not wanted is not waited for."""

    def poll(self) -> None:
        """Do nothing: the tasks report by themselves."""

    @trio.lowlevel.enable_ki_protection
    async def _wait(self, descriptor: int, watched: _Watched, direction: int) -> None:
        wait = trio.lowlevel.wait_readable if direction == pycurl.CSELECT_IN else trio.lowlevel.wait_writable
        try:
            # By the time this runs, the number may stand for another socket.
            while self._sockets.get(descriptor) is watched and watched.wanted & direction:
                await wait(descriptor)
                if self._sockets.get(descriptor) is watched and watched.wanted & direction:
                    self._ready(((descriptor, direction),))
        except trio.ClosedResourceError:
            pass  # by notify_closing: libcurl has taken the socket out
        finally:
            watched.tasks &= ~direction
            self._running -= 1
            if self._stopped and not self._running:
                self._idle.set()

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Sleep until cancelled: the tasks report by themselves."""
        await trio.sleep_forever()

    def stop(self) -> None:
        """End every task."""
        self._stopped = True
        for descriptor in [*self._sockets]:
            self._remove(descriptor)
        if not self._running:
            self._idle.set()

    async def ended(self) -> None:
        """Return when every task has ended."""
        await self._idle.wait()

    def close(self) -> None:
        """Do nothing: no descriptor is held."""


_CSELECT_OF: Final = {
    pycurl.POLL_NONE: 0,
    pycurl.POLL_IN: pycurl.CSELECT_IN,
    pycurl.POLL_OUT: pycurl.CSELECT_OUT,
    pycurl.POLL_INOUT: pycurl.CSELECT_IN | pycurl.CSELECT_OUT,
}
