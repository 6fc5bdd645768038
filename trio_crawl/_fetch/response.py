"""From what h11, httpx and httpx2 hand over to a `Response`, or to the `FetchError` in its place."""

from __future__ import annotations

import ssl
from io import BytesIO
from typing import TYPE_CHECKING, Final

import trio

from .._errors import FetchError
from .._model import Headers, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Sequence

    import h11

    from .._model import FailureKind, Hop

# Bytes over the limit that are still taken from a stream, to end it in order: more than httpcore
# has in its buffers, and an end for a stream that never comes to a checkpoint.
_SLACK: Final = 1024 * 1024

CHUNKS: Final = 256
"""Chunks of a body after which others get their turn of the event loop: each may be a byte long."""

_MAX_TRAILERS: Final = 16 * 1024  # bytes

# Beyond 599 they mean nothing, but there are servers that send them.
_FINAL: Final = range(200, 1000)
_TOO_LONG: Final = 431  # the status by which h11 would have a server say so
_SHOWN: Final = 200  # characters: a line that is no header field may have as many as a header
_NO_CONTENT: Final = frozenset({204, 304})
_VERSIONS: Final = frozenset({"1.0", "1.1", "2", "3"})

# The exceptions of httpx and httpx2 bear the same names. The most specific one decides.
_KINDS: Final[dict[str, FailureKind]] = {
    "TimeoutException": "timeout",
    "ConnectError": "connect",
    "ProxyError": "connect",
    "NetworkError": "protocol",
    "ProtocolError": "protocol",
}


def failure(error: Exception, url: str) -> FetchError:
    """Return the `FetchError` that *error*, of httpx or httpx2, comes to for a request of *url*."""
    names = (cls.__name__ for cls in type(error).__mro__)
    kind: FailureKind = next((_KINDS[name] for name in names if name in _KINDS), "protocol")
    if kind == "connect" and _caused_by_tls(error):
        kind = "tls"
    return FetchError(kind, f"{url}: {str(error) or type(error).__name__}")


def in_words(error: h11.ProtocolError) -> str:
    """Return what h11 says, in bounded length, and in words for who reads of a failed page."""
    text = str(error)
    if error.error_status_hint == _TOO_LONG:
        return "the header, or a line between chunks, is longer than it may be"
    if text == "illegal request line":  # h11 says it as a server would
        return "what came is not HTTP"
    text = text.replace("bytearray(b", "(b")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _caused_by_tls(error: BaseException) -> bool:
    cause = error.__cause__ or error.__context__
    return cause is not None and (isinstance(cause, ssl.SSLError) or _caused_by_tls(cause))


def check_head(
    status: int, headers: Iterable[tuple[bytes, bytes]], hop: Hop, *, http_version: str = "1.1"
) -> None:
    """Look whether the content of a response is worth being read at all.

    Args:
        status: its status code.
        headers: its header fields.
        hop: what it answers.
        http_version: ``"1.1"``, or as the libraries have it, ``"HTTP/1.1"``.

    Raises:
        FetchError: of kind ``protocol``, *status* is no final one, or the version
            one that has no status line; of kind ``too_large``, more is announced
            than *hop* takes.
    """
    version = http_version.removeprefix("HTTP/")
    if version.startswith("0"):
        raise FetchError("protocol", f"{hop.url}: HTTP/{version[:_SHOWN]} has no status line")
    if status not in _FINAL:
        raise FetchError("protocol", f"{hop.url}: {status} is no final status of HTTP (200 to 999)")
    if hop.method == "HEAD" or status in _NO_CONTENT:
        return  # these tell the length of what they don't send: RFC 9110, section 8.6
    for name, value in headers:
        if name.lower() == b"content-length" and _exceeds(value, hop.max_bytes):
            raise too_large(hop)


def _exceeds(length: bytes, limit: int) -> bool:
    # Python refuses to read a number of thousands of digits; here it is their count that tells.
    digits = length.strip().lstrip(b"0")
    return digits.isdigit() and (len(digits) > len(str(limit)) or int(digits) > limit)


def too_large(hop: Hop) -> FetchError:
    """Return the error for a response with a longer body than *hop* takes."""
    message = f"{hop.url}: the body is larger than {hop.max_bytes:,} bytes; a larger max_bytes lets it pass"
    return FetchError("too_large", message)


def limit_incomplete(connection: h11.Connection, most: int = _MAX_TRAILERS) -> None:
    """Let *connection* hold no more than *most* bytes of what is not complete: by default, of trailers."""
    connection._max_incomplete_event_size = most  # noqa: SLF001 - h11 has no other way, and one limit for all


async def gather(stream: AsyncIterable[bytes], hop: Hop) -> bytes:
    """Return the whole content of *stream*.

    Raises:
        FetchError: of kind ``too_large``, there is more of it than *hop* takes.
    """
    gathered = BytesIO()
    size = 0
    # An asynchronous generator that is left half-way is closed by the garbage collector, at some
    # later time, and so are those it reads from. Cancelled, they all end here and now.
    with trio.CancelScope() as reading:
        number = 0
        async for chunk in stream:
            number += 1
            if number % CHUNKS == 0:
                await trio.lowlevel.checkpoint()  # which not every stream has
            size += len(chunk)
            if size <= hop.max_bytes:
                gathered.write(chunk)
            elif not reading.cancel_called:
                reading.cancel(reason="the body is too large")
            elif size > hop.max_bytes + _SLACK:
                break
    if size > hop.max_bytes:
        raise too_large(hop)
    return gathered.getvalue()


def make_response(  # noqa: PLR0913
    hop: Hop,
    *,
    status: int,
    headers: Sequence[tuple[bytes, bytes]],
    body: bytes,
    http_version: str,
    address: str,
    started: float,
) -> Response:
    """Return the response to *hop*.

    Args:
        hop: what was asked for.
        status: the status code.
        headers: the header fields.
        body: the content, transfer codings removed.
        http_version: ``"1.1"``, or as the libraries have it, ``"HTTP/1.1"``. One that
            is unknown, as 1.2 or 2.0 in a status line, was read as 1.1, and is
            called so (RFC 9110, section 2.5).
        address: the IP address that answered.
        started: the beginning of the hop, by trio's clock.
    """
    version = http_version.removeprefix("HTTP/")
    return Response(
        url=hop.url,
        status=status,
        headers=Headers(tuple(headers)),
        body=body,
        http_version=version if version in _VERSIONS else "1.1",
        address=address,
        elapsed=trio.current_time() - started,
    )
