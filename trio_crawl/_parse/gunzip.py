"""Files that are gzipped by themselves, whatever their content coding, in pieces."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from .._errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CHUNK: Final = 16 * 1024
_GZIP: Final = zlib.MAX_WBITS + 16
_GZIP_MAGIC: Final = b"\x1f\x8b"
_MAX_MEMBERS: Final = 1_000
"""A member of nothing takes 20 bytes, and as long to begin as a small page."""


def pieces(body: bytes) -> Iterator[bytes]:
    """Yield *body* in pieces that take little time to read."""
    for start in range(0, len(body), _CHUNK):
        yield body[start : start + _CHUNK]


def gunzipped(data: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what is gzipped in *data*, or *data* itself if nothing is, in small pieces, some of them empty.

    Raises:
        FetchError: of kind ``decode``: it is damaged, or cut short.
    """
    small = (part for piece in data for part in pieces(piece))
    head = b""
    for piece in small:
        head += piece
        if len(head) >= len(_GZIP_MAGIC):
            break
    if head.startswith(_GZIP_MAGIC):
        yield from _gunzip(head, small)
    else:
        yield head
        yield from small


def _gunzip(head: bytes, data: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what is gzipped, member after member (RFC 1952, section 2.2)."""
    inflater = zlib.decompressobj(_GZIP)
    members = 1
    pending = head
    while True:
        try:
            chunk = inflater.decompress(pending, _CHUNK)
        except zlib.error as error:
            raise FetchError("decode", f"it can't be read as gzip: {error}") from error
        yield chunk
        if inflater.eof:
            pending = inflater.unused_data or next(data, b"")
            if not pending.startswith(_GZIP_MAGIC[:1]):
                return  # the end, or what some servers pad it with
            members += 1
            if members > _MAX_MEMBERS:
                raise FetchError("decode", f"it has more than {_MAX_MEMBERS:,} members of gzip")
            inflater = zlib.decompressobj(_GZIP)
            continue
        pending = inflater.unconsumed_tail
        # Behind a full piece there may be more, even without more of the file.
        if not pending and len(chunk) < _CHUNK:
            pending = next(data, b"")
            if not pending:
                raise FetchError("decode", "it can't be read as gzip: it ends too early")
