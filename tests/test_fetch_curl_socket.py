"""The sockets of libcurl's easy handles; how they open them is tested with the fetcher itself."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pycurl  # type: ignore[import-untyped]

from trio_crawl._fetch.addresses import AddressGuard
from trio_crawl._fetch.curl_errors import COULDNT_CONNECT
from trio_crawl._fetch.curl_head import target_of
from trio_crawl._fetch.curl_route import Route
from trio_crawl._fetch.curl_socket import Sockets

if TYPE_CHECKING:
    import pytest

PLACE = (socket.AF_INET, socket.SOCK_STREAM, 0, ("127.0.0.1", 80))


def sockets(*, private: bool = True) -> Sockets:
    """Return one whose transfer goes to http://a.test."""
    made = Sockets(Route(AddressGuard(private)), lambda _descriptor: None)
    made.target = target_of("http://a.test")
    return made


def test_a_socket_is_opened_once_it_may_be() -> None:
    """It is not, where the guard refuses; why is known afterwards, and forgotten with the transfer."""
    allowed, refused = sockets(), sockets(private=False)
    opened = allowed.on_open(0, PLACE)
    assert isinstance(opened, socket.socket)
    assert refused.on_open(0, PLACE) == pycurl.SOCKET_BAD
    failure = refused.failure(COULDNT_CONNECT, "http://a.test/")
    assert failure is not None
    assert failure.kind == "blocked_address"
    assert allowed.failure(COULDNT_CONNECT, "http://a.test/") is None
    assert refused.failure(pycurl.E_RECV_ERROR, "http://a.test/") is None
    allowed.clear()
    refused.clear()
    assert opened.fileno() == -1
    assert refused.failure(COULDNT_CONNECT, "http://a.test/") is None


def test_a_socket_that_the_system_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a failure to connect, in the system's words."""
    one = sockets()

    def refuse(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("socket.socket", refuse)
    assert one.on_open(0, PLACE) == pycurl.SOCKET_BAD
    failure = one.failure(COULDNT_CONNECT, "http://a.test/")
    assert failure is not None
    assert (failure.kind, "Too many open files" in failure.message) == ("connect", True)


def test_whether_the_server_has_hung_up() -> None:
    """It is known of the connection that goes out from a port, without taking what came before the end."""
    route = Route(AddressGuard(True))
    one = Sockets(route, lambda _descriptor: None)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as ours,
    ):
        theirs, place = listener.accept()
        gone = socket.socket()
        route.descriptors = {ours.fileno(), gone.fileno(), listener.fileno()}
        gone.close()
        with theirs:
            theirs.sendall(b"late")
            assert not one.hung_up(*place)
            assert not one.hung_up("127.0.0.2", place[1])
        assert one.hung_up(*place)
        assert ours.recv(4) == b"late"


def test_a_request_is_made_once() -> None:
    """The second time libcurl asks, it is refused."""
    one = sockets()
    answers = [one.on_request("127.0.0.1", "127.0.0.1", 80, 1) for _ in range(2)]
    assert answers == [pycurl.PREREQFUNC_OK, pycurl.PREREQFUNC_ABORT]
