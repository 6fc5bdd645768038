"""Connections to addresses that were judged."""

from __future__ import annotations

import socket
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from trio_crawl._errors import FetchError
from trio_crawl._fetch.addresses import AddressGuard
from trio_crawl._fetch.connect import connect, start_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

ANYWHERE = AddressGuard(allow_private=True)


@pytest.fixture
def listening() -> Iterator[int]:
    """Yield a port of 127.0.0.1 that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """Yield an address that answers no attempt to connect, since its queue is full."""
    if sys.platform != "linux":
        pytest.skip("what a full queue does depends on the system; this is Linux's way")
    with socket.socket() as listener:
        listener.bind(("127.0.0.2", 0))
        listener.listen(0)
        queued = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
            queued.append(one)
        yield listener.getsockname()
        for one in queued:
            one.close()


def descriptors() -> int:
    """Return how many descriptors are open, as far as this system tells."""
    table = Path("/proc/self/fd")
    return len(list(table.iterdir())) if table.is_dir() else 0


async def failing(port: int, *addresses: str, guard: AddressGuard = ANYWHERE) -> FetchError:
    """Return the failure that connecting to *addresses* comes to."""
    with pytest.raises(FetchError) as caught:
        await connect("site.test", port, addresses, guard)
    return caught.value


async def test_the_first_address_that_answers_is_connected_to(listening: int) -> None:
    """The stream leads to the address that is returned with it."""
    stream, address = await connect("site.test", listening, ["127.0.0.1", "127.0.0.2"], ANYWHERE)
    with stream.socket:
        assert address == "127.0.0.1"
        assert stream.socket.getpeername() == ("127.0.0.1", listening)


async def test_every_address_that_failed_is_named(listening: int) -> None:
    """The message tells what was tried, and how each attempt ended."""
    before = descriptors()
    failure = await failing(listening, "127.0.0.2", "127.0.0.3")
    assert failure.kind == "connect"
    assert failure.message == (
        f"site.test can't be connected to: 127.0.0.2 port {listening}: connection refused; "
        f"127.0.0.3 port {listening}: connection refused"
    )
    assert descriptors() == before


async def test_a_silent_address_does_not_use_up_the_time(
    silent: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while the next one is tried, and nothing of the attempt is left."""
    monkeypatch.setattr("trio_crawl._fetch.connect.ATTEMPT", 0.05)
    address, port = silent
    before = descriptors()
    failure = await failing(port, address, "127.0.0.3")
    assert f"{address} port {port}: no answer in 0.05 seconds; 127.0.0.3" in failure.message
    assert descriptors() == before


async def test_the_last_address_gets_all_the_time_there_is(
    silent: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long is for the caller to say, and cancelling leaves nothing."""
    monkeypatch.setattr("trio_crawl._fetch.connect.ATTEMPT", 0.01)
    address, port = silent
    before = descriptors()
    with trio.move_on_after(0.2) as scope:
        await connect("site.test", port, [address], ANYWHERE)
    assert scope.cancelled_caught
    assert descriptors() == before


async def test_refused_addresses_are_passed_over(listening: int) -> None:
    """One private address among a host's addresses does not make it unreachable."""
    guard = AddressGuard(["127.0.0.0/8"])
    stream, address = await connect("site.test", listening, ["10.0.0.1", "127.0.0.1"], guard)
    stream.socket.close()
    assert address == "127.0.0.1"


async def test_where_all_are_refused_the_first_says_why(listening: int) -> None:
    """The failure has the guard's own words, and no connection is attempted."""
    failure = await failing(listening, "127.0.0.1", "10.0.0.1", guard=AddressGuard())
    assert failure.kind == "blocked_address"
    assert failure.message == AddressGuard().refusal("site.test", listening, "127.0.0.1")


async def test_without_addresses_there_is_nothing_to_connect_to() -> None:
    """That is a failure of the name."""
    assert (await failing(80)).kind == "dns"


async def test_an_address_of_a_family_that_is_missing_is_a_failure() -> None:
    """An address that the system has no route or no socket for is one more that can't be reached."""
    assert (await failing(80, "fe80::1%no-such-interface")).kind == "connect"


@pytest.mark.parametrize("host", ["", ".", ".test"])
async def test_a_name_that_no_certificate_can_have_is_a_failure(listening: int, host: str) -> None:
    """No other exception comes out, and the connection is closed."""
    before = descriptors()
    stream, _ = await connect("site.test", listening, ["127.0.0.1"], ANYWHERE)
    with pytest.raises(FetchError, match="can't be the name of a certificate") as caught:
        await start_tls(stream, ssl.create_default_context(), host)
    assert caught.value.kind == "tls"
    assert descriptors() == before
