"""What becomes of the responses and exceptions of httpx and httpcore."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpcore
import httpx
import pytest
import trio

from trio_crawl._errors import FetchError
from trio_crawl._fetch.response import check_head, failure, gather, make_response
from trio_crawl._model import FailureKind, Hop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOP = Hop(url="https://site.test/", max_bytes=10)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpcore.ConnectError("x"), "connect"),
        (httpcore.ConnectTimeout("x"), "timeout"),
        (httpcore.ReadTimeout("x"), "timeout"),
        (httpcore.ReadError("x"), "protocol"),
        (httpcore.WriteError("x"), "protocol"),
        (httpcore.RemoteProtocolError("x"), "protocol"),
        (httpcore.ProxyError("x"), "connect"),
        (httpx.ConnectError("x"), "connect"),
        (httpx.PoolTimeout("x"), "timeout"),
        (httpx.ReadError("x"), "protocol"),
        (httpx.LocalProtocolError("x"), "protocol"),
        (httpx.UnsupportedProtocol("x"), "protocol"),
        (httpx.ProxyError("x"), "connect"),
        (httpx.InvalidURL("x"), "protocol"),
    ],
)
def test_an_exception_is_of_the_kind_that_its_class_says(error: Exception, kind: FailureKind) -> None:
    """The most specific class decides; the message has the URL."""
    translated = failure(error, "https://site.test/")
    assert translated.kind == kind
    assert translated.message == "https://site.test/: x"


def test_a_connection_that_tls_prevented_is_told_apart() -> None:
    """There is one exception for both; what caused it tells which."""
    error = httpx.ConnectError("no")
    error.__cause__ = httpcore.ConnectError("no")
    error.__cause__.__context__ = ssl.SSLCertVerificationError("self-signed")
    assert failure(error, "https://site.test/").kind == "tls"
    error.__cause__.__context__ = OSError("refused")
    assert failure(error, "https://site.test/").kind == "connect"


def test_an_exception_without_words_is_named() -> None:
    """A message is never empty."""
    assert failure(httpcore.ReadError(), "u").message == "u: ReadError"


@pytest.mark.parametrize("status", [100, 101, 199, 1000, 0])
def test_a_status_that_is_not_final_is_a_failure(status: int) -> None:
    """Those have three digits and begin with 2 (RFC 9110, section 15), or with more, as servers do."""
    with pytest.raises(FetchError, match=f"{status} is no final status") as caught:
        check_head(status, (), HOP)
    assert caught.value.kind == "protocol"


@pytest.mark.parametrize("length", [b"0", b"10", b"", b"-11", b"x", b"1e3"])
def test_a_length_within_the_limit_or_unreadable_passes(length: bytes) -> None:
    """What a length that can't be read comes to is for the protocol to say."""
    check_head(200, [(b"Content-Length", length)], HOP)


@pytest.mark.parametrize("name", [b"Content-Length", b"content-length"])
def test_a_length_over_the_limit_is_a_failure(name: bytes) -> None:
    """It is known before a byte is read."""
    with pytest.raises(FetchError) as caught:
        check_head(200, [(b"x", b"y"), (name, b"11")], HOP)
    assert caught.value.kind == "too_large"
    check_head(304, [(name, b"11")], HOP)


async def test_a_stream_that_is_stopped_is_brought_to_its_end() -> None:
    """The generator behind it runs its clean-up there and then, not when it is collected."""
    ended = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"12345678"
            yield b"12345678"
            await trio.sleep_forever()
        finally:
            ended.append(True)

    with pytest.raises(FetchError, match="larger than 10 bytes"):
        await gather(chunks(), HOP)
    assert ended == [True]


async def test_a_stream_that_never_ends_is_stopped() -> None:
    """Even one that doesn't notice being cancelled, since it waits for nothing."""

    class Endless:
        def __aiter__(self) -> Endless:
            return self

        async def __anext__(self) -> bytes:
            return bytes(100_000)

    with pytest.raises(FetchError, match="larger than 10 bytes"):
        await gather(Endless(), HOP)


async def test_a_stream_within_the_limit_comes_whole() -> None:
    """Its chunks are put together."""

    async def chunks() -> AsyncIterator[bytes]:
        for part in (b"12345", b"", b"67890"):
            await trio.lowlevel.checkpoint()
            yield part

    assert await gather(chunks(), HOP) == b"1234567890"


async def test_a_cancellation_from_outside_goes_through() -> None:
    """It is not taken for the limit."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"
        await trio.sleep_forever()

    with trio.move_on_after(0.01) as scope:
        await gather(chunks(), HOP)
    assert scope.cancelled_caught


@pytest.mark.parametrize("version", ["0.9", "HTTP/0.9"])
def test_a_version_without_status_lines(version: str) -> None:
    """What says to be HTTP/0.9 can't be, since there was none before HTTP/1.0."""
    with pytest.raises(FetchError, match=r" http\S+: HTTP/0\.9 has no status line$"):
        check_head(200, (), HOP, http_version=version)


@pytest.mark.parametrize(
    ("version", "ours"),
    [
        ("HTTP/1.0", "1.0"),
        ("HTTP/1.1", "1.1"),
        ("HTTP/2", "2"),
        ("3", "3"),
        ("2.0", "1.1"),
        ("1.9", "1.1"),
        ("HTTP/4", "1.1"),
    ],
)
async def test_a_response_is_made_of_its_parts(version: str, ours: str) -> None:
    """The version loses its prefix and is one of four, the time is taken by trio's clock."""
    started = trio.current_time() - 5.0
    await trio.lowlevel.checkpoint()
    response = make_response(
        HOP,
        status=200,
        headers=[(b"A", b"b")],
        body=b"x",
        http_version=version,
        address="192.0.2.1",
        started=started,
    )
    assert (response.url, response.status, response.body) == (HOP.url, 200, b"x")
    assert (response.http_version, response.address) == (ours, "192.0.2.1")
    assert response.headers.get("a") == "b"
    assert 5.0 <= response.elapsed < 30.0
