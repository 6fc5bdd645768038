"""A connection as HTTP is spoken over it."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import trio
import trustme

from trio_crawl._fetch.connect import start_tls
from trio_crawl._fetch.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give two sockets that are connected to each other."""
    pair = socket.socketpair()
    yield pair
    for end in pair:
        end.close()


def wire_of(end: socket.socket) -> Wire:
    """Return *end* as a wire."""
    ours = trio.socket.from_stdlib_socket(end)
    return Wire(trio.SocketStream(ours), ours, "192.0.2.1")


async def test_bytes_go_both_ways(ends: tuple[socket.socket, socket.socket]) -> None:
    """What comes in is bounded, noted, and nothing at the end."""
    wire, other = wire_of(ends[0]), ends[1]
    await wire.send(b"there")
    assert other.recv(10) == b"there"
    assert not wire.answered
    other.sendall(b"back")
    assert await wire.receive(3) == b"bac"
    assert wire.answered
    wire.answered = False
    assert await wire.receive() == b"k"
    other.shutdown(socket.SHUT_WR)
    wire.answered = False
    assert await wire.receive() == b""
    assert not wire.answered
    assert wire.address == "192.0.2.1"


async def test_it_is_fresh_while_nothing_comes(ends: tuple[socket.socket, socket.socket]) -> None:
    """Neither bytes that nobody asked for, nor the end."""
    wire, other = wire_of(ends[0]), ends[1]
    assert wire.is_fresh()
    other.sendall(b"x")
    assert not wire.is_fresh()
    await wire.receive()
    assert wire.is_fresh()
    other.close()
    assert not wire.is_fresh()


async def test_closing_closes_the_socket(ends: tuple[socket.socket, socket.socket]) -> None:
    """At once, as often as it is called, and who waits for bytes is told."""
    wire, other = wire_of(ends[0]), ends[1]

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await wire.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        wire.close()
        wire.close()
        assert other.recv(1) == b""


async def test_closing_says_no_farewell_in_tls(ends: tuple[socket.socket, socket.socket]) -> None:
    """It would take a turn of waiting, and nothing is lost without it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("site.test").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    ours, theirs = (trio.socket.from_stdlib_socket(end) for end in ends)
    server = trio.SSLStream(trio.SocketStream(theirs), context, server_side=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        secured = await start_tls(trio.SocketStream(ours), trusting, "site.test")
    wire = Wire(secured, ours, "")
    await wire.send(b"hello")
    assert await server.receive_some() == b"hello"
    wire.close()
    assert ours.fileno() == -1
    with pytest.raises(trio.BrokenResourceError):  # no close_notify came before the end
        await server.receive_some()
