"""Batches of bytes made smaller: each is a gzip member or a zstd frame of its own.

Members and frames may follow one another (RFC 1952, section 2.2; RFC 8878, section
3.1), so a file that is cut at the end of one is as valid as before. Each has a
checksum of its content.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from .._errors import MissingExtraError, OutputError, UsageError

try:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
except ImportError:  # a Python that was built without it, or a platform without a wheel
    zstd = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Compression: TypeAlias = Literal["gzip", "zstd"]
"""How a file's batches are made smaller."""

SUFFIXES: Mapping[str, Compression] = {".gz": "gzip", ".zst": "zstd"}


class Packing(NamedTuple):
    """A batch's bytes to those of the file, and back."""

    pack: Callable[[bytes], bytes]
    unpack: Callable[[bytes], bytes]


def packing_of(compression: Compression | None) -> Packing | None:
    """Return how *compression* is done; None for None.

    Raises:
        UsageError: there is no such compression.
        MissingExtraError: this Python has no zstd.
    """
    if compression is None:
        return None
    if compression == "gzip":
        # Without a time, so that the same rows make the same bytes.
        return Packing(partial(gzip.compress, compresslevel=6, mtime=0), _gunzip)
    if compression == "zstd":
        return _zstd()
    raise UsageError(f"there is no compression {compression!r}; they are {', '.join(SUFFIXES.values())}")


def _gunzip(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (zlib.error, OSError, EOFError, ValueError) as error:
        raise OutputError(f"it is no gzip ({error})") from error


def _zstd() -> Packing:
    if zstd is None:
        raise MissingExtraError("this Python has no zstd: pip install backports.zstd, or write .gz")
    compress, decompress, broken = zstd.compress, zstd.decompress, zstd.ZstdError
    options: dict[int, int] = {zstd.CompressionParameter.checksum_flag: 1}

    def unpack(data: bytes) -> bytes:
        try:
            return decompress(data)
        except (broken, EOFError, ValueError) as error:
            raise OutputError(f"it is no zstd ({error})") from error

    return Packing(lambda data: compress(data, options=options), unpack)
