"""Content codings removed, within a bound (RFC 9110, section 8.4).

Fetchers hand over what came over the wire; this is the one place that
decompresses it. A megabyte can unfold to a gigabyte, so output is taken in
pieces and counted, and decoding ends at the first piece over the bound.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from io import BytesIO
from typing import Final, TypeAlias, final

from .._errors import FetchError

try:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
except ImportError:  # a Python that was built without it, or a platform without a wheel
    zstd = None  # type: ignore[assignment]

try:
    import brotli  # type: ignore[import-untyped]
except ImportError:
    brotli = None
else:
    # Before 1.2 the output of one call could not be bounded: no use against a bomb.
    if not hasattr(brotli.Decompressor, "can_accept_more_data"):
        brotli = None

_CHUNK: Final = 64 * 1024
# Servers apply one coding, and two by accident. RFC 9110 sets no limit, but a response in a
# hundred layers is an attack (CVE-2022-32206; curl stops at five).
_MAX_CODINGS: Final = 5
# A gzip member of nothing takes 20 bytes, and as long to begin as a small page: half a million of
# them fit into 10 MiB. Blocked gzip, the use there is for members, has one for 64 KiB. The same is
# true of zstd's frames, the least of which takes 9 bytes.
_MAX_MEMBERS: Final = 10_000
# RFC 9659, section 3: a window of more than 8 MB, which a decoder has to hold, is not for HTTP.
_ZSTD_WINDOW_LOG: Final = 23

# What a chunk takes by itself, in bytes that could be undone meanwhile: there may be nothing in it.
_CHUNK_COSTS: Final = 1024
# Bytes that are undone at once.
_AT_ONCE: Final = 1024 * 1024

_ZLIB: Final = zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
_GZIP: Final = zlib.MAX_WBITS + 16
_DEFLATED: Final = 8  # the compression method in zlib's header: RFC 1950, section 2.2
_GZIP_MAGIC: Final = b"\x1f\x8b"

_Decoder: TypeAlias = Callable[[bytes], Iterator[bytes]]


class _BrokenError(Exception):
    """The bytes are not what their coding says; the message tells in which way."""


def _inflate(body: bytes, window: int, start: int = 0) -> Generator[bytes, None, int]:
    """Yield the stream that begins at *start*, decompressed, in chunks; return where it ends.

    Args:
        body: what holds the stream.
        window: zlib's ``wbits``, which says how the stream is wrapped.
        start: an offset in bytes.
    """
    inflater = zlib.decompressobj(window)
    at = start
    # zlib copies the input that one call did not get to. So it is given slices: of a large body as
    # a whole it would copy the rest anew for every chunk of output.
    pending: bytes | memoryview = b""
    full = False
    while not inflater.eof:
        if not pending and not full:
            pending = memoryview(body)[at : at + _CHUNK]
            at += len(pending)
            if not pending:
                raise _BrokenError("it ends too early")
        try:
            chunk = inflater.decompress(pending, _CHUNK)
        except zlib.error as error:
            raise _BrokenError(str(error)) from error
        yield chunk
        pending = inflater.unconsumed_tail
        full = len(chunk) == _CHUNK  # there may be more output behind it, even without more input
    return at - len(inflater.unused_data)


def _gunzip(body: bytes) -> Iterator[bytes]:
    """Yield *body* decompressed, member after member (RFC 1952, section 2.2).

    What follows the last member is ignored, as gzip and browsers do: some servers pad.
    """
    end = 0
    for _ in range(_MAX_MEMBERS):
        end = yield from _inflate(body, _GZIP, end)
        if not body.startswith(_GZIP_MAGIC, end):
            return
    raise _BrokenError(f"it has more than {_MAX_MEMBERS:,} members")


def _deflate(body: bytes) -> Iterator[bytes]:
    """Yield *body* decompressed, in zlib's wrapping (RFC 9110, section 8.4.1.2) or without.

    Some servers send the bare stream. It can't be mistaken: a low half-byte of 8
    would begin a stored block whose padding is set, which no encoder writes.
    """
    wrapped = len(body) > 1 and body[0] & 0x0F == _DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    return _inflate(body, _ZLIB if wrapped else _RAW)


def _unbrotli(body: bytes) -> Iterator[bytes]:
    """Yield *body* decompressed (RFC 7932)."""
    decompressor = brotli.Decompressor()
    try:
        for start in range(0, len(body), _CHUNK):
            yield decompressor.process(body[start : start + _CHUNK], output_buffer_limit=_CHUNK)
            while not decompressor.can_accept_more_data():
                yield decompressor.process(b"", output_buffer_limit=_CHUNK)
        while not decompressor.is_finished():
            # It takes more data, and yet may hold output back, which an empty call brings out.
            if not (chunk := decompressor.process(b"", output_buffer_limit=_CHUNK)):
                raise _BrokenError("it ends too early")
            yield chunk
    except brotli.error as error:
        raise _BrokenError("it is damaged") from error


def _unzstd(body: bytes) -> Iterator[bytes]:
    """Yield *body* decompressed, frame after frame (RFC 8878, section 3).

    Unlike after gzip, whatever follows a frame has to be another one, as clients agree.
    """
    end = 0
    for _ in range(_MAX_MEMBERS):
        end = yield from _unframe(body, end)
        if end == len(body):
            return
    raise _BrokenError(f"it has more than {_MAX_MEMBERS:,} frames")


def _unframe(body: bytes, start: int) -> Generator[bytes, None, int]:
    """Yield the frame that begins at *start*, decompressed, in chunks; return where it ends."""
    decompressor = zstd.ZstdDecompressor(
        options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    )
    at = start
    while not decompressor.eof:
        pending: bytes | memoryview = b""
        if decompressor.needs_input:
            pending = memoryview(body)[at : at + _CHUNK]
            at += len(pending)
            if not pending:
                raise _BrokenError("it ends too early")
        try:
            yield decompressor.decompress(pending, max_length=_CHUNK)
        except zstd.ZstdError as error:
            raise _BrokenError(str(error)) from error
    return at - len(decompressor.unused_data)


_DECODERS: Final[dict[str, _Decoder]] = {
    "gzip": _gunzip,
    "deflate": _deflate,
    **({} if brotli is None else {"br": _unbrotli}),
    **({} if zstd is None else {"zstd": _unzstd}),
}
# What a body begins with that is in a coding; those of zstd's frames that hold no data are left aside.
_MAGIC: Final = {"gzip": _GZIP_MAGIC, "zstd": b"\x28\xb5\x2f\xfd"}
_ALIASES: Final = {"x-gzip": "gzip"}  # RFC 9110, section 8.4.1.3

ACCEPT_ENCODING: Final = ", ".join(_DECODERS)
"""The value of the ``Accept-Encoding`` field that matches what `decode_body` can undo."""


def _bounded(chunks: Iterator[bytes], max_bytes: int) -> Generator[int, None, bytes]:
    """Gather *chunks*, of *max_bytes* at most; take no chunk after the one that is too much.

    Yields:
        How much was done since the last time, in bytes.
    """
    # Grown in place, and handed out without a copy: joining a list would hold everything twice.
    gathered = BytesIO()
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        gathered.write(chunk)
        yield len(chunk) + _CHUNK_COSTS
    return gathered.getvalue()


def _too_large(max_bytes: int) -> FetchError:
    message = f"the content is larger than {max_bytes:,} bytes, decoded; a larger max_bytes lets it pass"
    return FetchError("too_large", message)


def decode_body(body: bytes, content_encoding: str | None, max_bytes: int) -> bytes:
    """Return *body* without its content codings.

    Undone are gzip, x-gzip, deflate (with and without zlib's wrapping), br and zstd
    (with windows of up to 8 MB), up to five in a row, from the last applied to the
    first. From a coding that is not known on, the body stays as it is: what servers
    put there besides (``none``, ``utf-8``) is mostly no coding at all, so clients
    ignore it.

    At no time more than *max_bytes* and a chunk are held of what one coding
    unfolds to. An empty body stays empty, whatever is declared (RFC 9110,
    section 9.3.2: HEAD declares the codings of what it doesn't send).

    Args:
        body: the content as it came over the wire, transfer codings removed.
        content_encoding: the value of the field, None if there is none. Several
            fields are joined by commas.
        max_bytes: the greatest size of the result, and of each step towards it.

    Raises:
        FetchError: of kind ``decode``, the body is cut short, damaged, or in more
            codings than five; of kind ``too_large``, it unfolds to more than *max_bytes*.
    """
    decoding = Decoding(body, content_encoding, max_bytes)
    while not decoding.go_on():
        pass
    return decoding.content


@final
class Decoding:
    """Does the work of `decode_body`, whose arguments it has, a part at a time.

    Of a body that is known to be *truncated* it undoes what is there.
    """

    def __init__(
        self, body: bytes, content_encoding: str | None, max_bytes: int, *, truncated: bool = False
    ) -> None:
        self._steps = _undo(body, content_encoding, max_bytes, truncated=truncated)
        self.content: bytes = b""
        """The content, once `go_on` has said that it is there."""

    def go_on(self) -> bool:
        """Do some milliseconds of it; return whether that was the last; raises as `decode_body` does."""
        left = _AT_ONCE
        while left > 0:
            try:
                left -= next(self._steps)
            except StopIteration as end:
                self.content = end.value
                return True
        return False


def _undo(
    body: bytes, content_encoding: str | None, max_bytes: int, *, truncated: bool
) -> Generator[int, None, bytes]:
    for coding in _codings(content_encoding) if content_encoding and body else ():
        decoder = _DECODERS.get(_ALIASES.get(coding, coding))
        if decoder is None:
            break
        try:
            chunks = decoder(body)
            body = yield from _bounded(_until_broken(chunks) if truncated else chunks, max_bytes)
        except _BrokenError as error:
            raise FetchError("decode", f"the body can't be read as {coding}: {error}") from error
        if not body:
            break
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


def _until_broken(chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    except _BrokenError:
        return


def is_coded(body: bytes, content_encoding: str) -> bool:
    """Return whether *body* begins as what is in the content coding that was applied last."""
    codings = _codings(content_encoding)
    coding = _ALIASES.get(codings[0], codings[0]) if codings else ""
    decoder = _DECODERS.get(coding)
    if coding in _MAGIC:
        return body.startswith(_MAGIC[coding])
    if decoder is None:
        return True
    try:
        return any(decoder(body))
    except _BrokenError:
        return False


def decode_start(body: bytes, content_encoding: str | None, most: int) -> bytes:
    """Return the first *most* bytes of *body* without its content coding; see `decode_pieces`."""
    start = b""
    for piece in decode_pieces(body, content_encoding, most + _CHUNK):
        start += piece
        if len(start) >= most:
            break
    return start[:most]


def decode_pieces(body: bytes, content_encoding: str | None, max_bytes: int) -> Iterator[bytes]:
    """Yield *body* without its content coding, in pieces, as quickly as each can be had.

    Unlike `decode_body` it undoes one coding and no more.

    Raises:
        FetchError: as `decode_body` does, when it comes to that.
    """
    codings = _codings(content_encoding) if content_encoding and body else []
    if len(codings) > 1:
        raise FetchError(
            "decode", f"the body is in {len(codings)} content codings; of a sitemap one is undone"
        )
    decoder = _DECODERS.get(_ALIASES.get(codings[0], codings[0])) if codings else None
    if decoder is None:
        yield body
        return
    size = 0
    try:
        for chunk in decoder(body):
            size += len(chunk)
            if size > max_bytes:
                raise _too_large(max_bytes)
            yield chunk
    except _BrokenError as error:
        raise FetchError("decode", f"the body can't be read as {codings[0]}: {error}") from error


def _codings(content_encoding: str) -> list[str]:
    """Return the codings in the order of undoing them, without those that do nothing."""
    named = [coding.strip(" \t").lower() for coding in content_encoding.split(",")]
    codings = [coding for coding in named if coding not in {"", "identity"}]
    if len(codings) > _MAX_CODINGS:
        raise FetchError(
            "decode", f"the body is in {len(codings)} content codings; up to {_MAX_CODINGS} are undone"
        )
    return codings[::-1]
