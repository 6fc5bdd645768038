"""SOCKS5, against a proxy that says what a test tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from trio_crawl._errors import FetchError
from trio_crawl._fetch.proxy import parse_proxy
from trio_crawl._fetch.socks import ask
from trio_crawl._fetch.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMELESS = parse_proxy("socks5h://proxy.test:1080")
USER = parse_proxy("socks5h://us%C3%A9r:pw@proxy.test:1080")
GRANTED = b"\5\0\0\1\x7f\0\0\1\x1f\x90"

EXCHANGED = b"\x05\x01\x00" + b"\x05\x01\x00\x03\x09site.test\x01\xbb"
"""What a client says that wants to go to port 443 of site.test, and says nobody's name."""


class Said:
    """What came of asking a proxy."""

    def __init__(self) -> None:
        self.heard = b""
        self.rest = b""
        self.refusal: str | None = None


async def asked(
    answers: Sequence[bytes], *, proxy: object = NAMELESS, host: str = "site.test", drip: bool = False
) -> Said:
    """Ask a proxy that answers each thing it hears with the next of *answers*, then hangs up."""
    ours, theirs = trio.testing.memory_stream_pair()
    said = Said()

    async def answer() -> None:
        for text in answers:
            said.heard += await theirs.receive_some()
            for piece in [bytes([byte]) for byte in text] if drip else [text]:
                await theirs.send_all(piece)
        await theirs.send_eof()

    wire = Wire(ours, None, "")  # type: ignore[arg-type] # its socket is never looked at
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            said.refusal = await ask(wire, proxy, host, 443)  # type: ignore[arg-type]
            said.rest = await wire.receive()
    return said


@pytest.mark.parametrize("drip", [False, True])
async def test_a_connection_is_asked_for(drip: bool) -> None:
    """By name; what comes after the proxy's answers is left for the next to read."""
    said = await asked([b"\5\0", GRANTED + b"first words"], drip=drip)
    assert said.heard == EXCHANGED
    assert said.refusal is None
    assert b"first words".startswith(said.rest)
    assert said.rest


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        ("192.0.2.1", b"\x01\xc0\x00\x02\x01"),
        ("2001:db8::1", b"\x04\x20\x01\x0d\xb8" + b"\0" * 11 + b"\x01"),
        ("site.test", b"\x03\x09site.test"),
        ("x" * 63 + ".test", b"\x03\x44" + b"x" * 63 + b".test"),
    ],
)
async def test_a_target_is_sent_as_what_it_is(host: str, sent: bytes) -> None:
    """An address as an address, so that nothing has to be resolved; a name as a name."""
    said = await asked([b"\5\0", GRANTED], host=host)
    assert said.heard == b"\5\1\0\5\1\0" + sent + b"\x01\xbb"


@pytest.mark.parametrize("bound", [b"\1\0\0\0\0\0\0", b"\4" + b"\0" * 18, b"\3\4name\0\0", b"\3\0\0\0"])
async def test_the_address_that_it_connects_from_is_passed_over(bound: bytes) -> None:
    """Of whatever type it is."""
    said = await asked([b"\5\0", b"\5\0\0" + bound + b"rest"])
    assert said.rest == b"rest"


@pytest.mark.parametrize("drip", [False, True])
async def test_user_and_password_are_told_who_asks_for_them(drip: bool) -> None:
    """In UTF-8 (RFC 1929)."""
    said = await asked([b"\5\2", b"\1\0", GRANTED], proxy=USER, drip=drip)
    assert said.heard == b"\5\2\0\2" + b"\1\5us\xc3\xa9r\2pw" + EXCHANGED[3:]


async def test_they_are_not_told_who_does_not_ask() -> None:
    """It may choose to do without."""
    said = await asked([b"\5\0", GRANTED], proxy=USER)
    assert b"pw" not in said.heard


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "general failure"),
        (2, "not allowed by its rules"),
        (4, "host unreachable"),
        (5, "connection refused"),
        (8, "it knows no addresses of this type"),
        (99, "reply 99"),
    ],
)
async def test_a_target_that_is_not_reached_is_told_in_words(code: int, words: str) -> None:
    """The caller may have another address."""
    assert (await asked([b"\5\0", bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0])])).refusal == words


@pytest.mark.parametrize(
    ("proxy", "answers", "why"),
    [
        (NAMELESS, [b"\5\xff"], r"it wants credentials \(USER:PASSWORD@\)"),
        (USER, [b"\5\xff"], "it wants another way to authenticate"),
        (USER, [b"\5\2", b"\1\1"], "it refuses the user and password given"),
        (NAMELESS, [b"\5\2"], "what it answers is not SOCKS5"),
        (NAMELESS, [b"HTTP/1.1 400 Bad Request\r\n\r\n"], "what it answers is not SOCKS5"),
        (NAMELESS, [b"\4\0"], "what it answers is not SOCKS5"),
        (NAMELESS, [b"\5\0", b"\4\0\0\1\0\0\0\0\0\0"], "what it answers is not SOCKS5"),
        (NAMELESS, [b"\5\0", b"\5\0\0\7\0\0\0\0\0\0"], "what it answers is not SOCKS5"),
        (NAMELESS, [b""], "it closed the connection without an answer"),
        (NAMELESS, [b"\5"], "it closed the connection without an answer"),
        (NAMELESS, [b"\5\0", b"\5\0\0\1\0\0"], "it closed the connection without an answer"),
    ],
)
async def test_a_proxy_that_does_not_serve_is_a_failure(
    proxy: object, answers: list[bytes], why: str
) -> None:
    """It says which proxy, and what it answered, and nothing secret."""
    with pytest.RaisesGroup(pytest.RaisesExc(FetchError, match=why)) as caught:
        await asked(answers, proxy=proxy)
    (failure,) = caught.value.exceptions
    assert isinstance(failure, FetchError)
    assert failure.kind == "connect"
    assert failure.message.startswith("proxy proxy.test:1080: ")
    assert "pw" not in failure.message


async def test_a_name_that_is_too_long_is_a_failure() -> None:
    """Its length has to be told in one byte."""
    ours, _ = trio.testing.memory_stream_pair()
    wire = Wire(ours, None, "")  # type: ignore[arg-type]
    with pytest.raises(FetchError, match="can't take a name of 256 bytes"):
        await ask(wire, NAMELESS, "x." * 128, 80)
