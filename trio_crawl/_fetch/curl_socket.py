"""The sockets of one of libcurl's easy handles: each is judged before it is opened.

A callback stores what it raises, since libcurl would only print it.
"""

from __future__ import annotations

import os
import select
import socket
from typing import TYPE_CHECKING, final

import pycurl  # type: ignore[import-untyped]

from .._errors import FetchError
from .curl_errors import COULDNT_CONNECT
from .descriptors import NoDescriptorError, is_lack

if TYPE_CHECKING:
    from collections.abc import Callable

    from .curl_head import Target
    from .curl_route import Route


@final
class Sockets:
    """Opens what a transfer asks for, if it may.

    Args:
        route: says which addresses may be connected to.
        opened: called with the descriptor of each socket that is opened.
    """

    __slots__ = (
        "_lacking",
        "_opened",
        "_permitted",
        "_refusal",
        "_route",
        "_socket",
        "_socket_opened",
        "_unopened",
        "raised",
        "requests",
        "target",
        "through",
    )

    def __init__(self, route: Route, opened: Callable[[int], None]) -> None:
        self._route = route
        self._opened = opened
        self._permitted = False
        self._lacking = False
        self._socket_opened = False
        self._refusal: str | None = None
        self._unopened: str | None = None
        self._socket: socket.socket | None = None
        self.raised: BaseException | None = None
        self.requests = 0  # that libcurl has asked for, where it has to
        self.target: Target  # where the transfer goes
        self.through: tuple[str, ...] = ()  # the addresses of the proxy when it began

    def clear(self) -> None:
        """Forget the last transfer."""
        self.raised = self._refusal = self._unopened = None
        self._permitted = self._lacking = self._socket_opened = False
        if self._socket is not None:
            self._close_duplicate()

    def failure(self, code: int, url: str) -> FetchError | None:
        """Return why there was no connection, where libcurl does not know it; None if it does.

        Args:
            code: libcurl's error code.
            url: what was asked for.
        """
        if code != COULDNT_CONNECT:
            return None
        if self._lacking and not self._socket_opened:
            return NoDescriptorError(f"{url}: no socket could be opened: {self._unopened}")
        if self._refusal is not None and not self._permitted:
            # A refused address looks to libcurl like one that doesn't answer.
            return FetchError("blocked_address", self._refusal)
        if self._unopened is not None:
            return FetchError("connect", f"{url}: no socket could be opened: {self._unopened}")
        return None

    def on_open(self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> object:
        """Open a socket for *address*, as ``CURLOPT_OPENSOCKETFUNCTION``."""
        try:
            family, kind, protocol, place = address
            refusal = self._route.refusal(self.target, place[0], self.through)
            if refusal is not None:
                self._refusal = refusal
                return pycurl.SOCKET_BAD
            self._permitted = True
            return self._open(family, kind, protocol)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - raised by the fetch
            self.raised = error
        return pycurl.SOCKET_BAD

    def _open(self, family: int, kind: int, protocol: int) -> object:
        self._close_duplicate()
        try:
            self._socket = socket.socket(family, kind, protocol)
        except OSError as error:  # no descriptor is left, or no such family on this machine
            self._unopened = str(error)
            self._lacking |= is_lack(error)
            return pycurl.SOCKET_BAD
        return self._socket

    def _close_duplicate(self) -> None:
        """Close what pycurl has made a duplicate of, for libcurl to own."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def on_opened(self, descriptor: int, _purpose: int) -> int:
        """Take note of a socket that is libcurl's now, as ``CURLOPT_SOCKOPTFUNCTION``."""
        try:
            self._close_duplicate()
            self._socket_opened = True
            if os.name == "posix":
                os.set_inheritable(descriptor, False)  # noqa: FBT003 - the duplicate is no more than a number
            self._opened(descriptor)
            self._route.descriptors.add(descriptor)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - raised by the fetch
            self.raised = error
        return int(pycurl.SOCKOPT_OK if self.raised is None else pycurl.SOCKOPT_ERROR)

    def on_request(self, _server: str, address: str, _port: int, port: int) -> int:
        """Say whether a request may be sent that must not be sent twice, as ``CURLOPT_PREREQFUNCTION``.

        libcurl sends it again when a kept connection turns out to be closed. It may
        have had its effect by then, unless the connection was closed before.
        """
        try:
            self.requests += 1
            if self.requests == 1 and not self.hung_up(address, port):
                return int(pycurl.PREREQFUNC_OK)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - raised by the fetch
            self.raised = error
        return int(pycurl.PREREQFUNC_ABORT)

    def hung_up(self, address: str, port: int) -> bool:
        """Return whether the server has ended the connection that goes out from here.

        Args:
            address: of this side of the connection.
            port: likewise.
        """
        for descriptor in tuple(self._route.descriptors):
            try:
                found = socket.socket(fileno=descriptor)
            except OSError:  # libcurl has closed it
                self._route.descriptors.discard(descriptor)
                continue
            try:
                if found.type == socket.SOCK_STREAM and found.getsockname()[:2] == (address, port):
                    return _has_ended(found)
            finally:
                found.detach()
        return False


def _has_ended(found: socket.socket) -> bool:
    if hasattr(select, "POLLRDHUP"):
        poll = select.poll()
        poll.register(found, select.POLLRDHUP)
        return bool(poll.poll(0))
    try:
        return not found.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
