"""The bytes of a WARC file, plain or in members of gzip or zstd, in pieces. It blocks."""

from __future__ import annotations

import re
import sys
import zlib
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

try:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
except ImportError:  # a Python that was built without it, or a platform without a wheel
    zstd = None  # type: ignore[assignment]

PIECE: Final = 64 * 1024
"""Bytes that are read, or unfolded, at once."""

_GZIP: Final = 31  # of zlib: a window of 32 KiB, in a header and trailer of gzip
_GZIP_MAGIC: Final = b"\x1f\x8b\x08"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)
_DICTIONARY: Final = b"\x5d\x2a\x4d\x18"  # the first frame of a file may hold the dictionary of all others
_LARGEST_DICTIONARY: Final = 32 * 1024 * 1024
# What a frame may ask a reader to hold: 64 MB, as a record that is one piece of that size asks for.
_WINDOW_LOG: Final = 26
_SCAN: Final = 1024 * 1024


class BrokenError(Exception):
    """The bytes can't be unfolded; the message says why."""


class Stream(Protocol):
    """Bytes that are read in order, from one place in a file on."""

    def read(self, size: int, /) -> bytes:
        """Return at least one byte, and at most *size*; none at the end.

        Raises:
            BrokenError: they can't be unfolded.
        """

    def peek(self, size: int, /) -> bytes:
        """Return the next *size* bytes without taking them, fewer only at the end; raises as `read` does."""

    def skip(self, unwanted: bytes, /) -> bool:
        """Drop some of the bytes that come next and are *unwanted*; return whether there may be more."""

    @property
    def complete(self) -> bool:
        """Whether what came to an end has all that it said it has."""


class _Buffered:
    """Lets what comes in pieces be read in any size."""

    def __init__(self) -> None:
        self._buffer = b""

    def _piece(self) -> bytes:
        raise NotImplementedError

    def read(self, size: int, /) -> bytes:
        if not self._buffer:
            self._buffer = self._piece()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def peek(self, size: int, /) -> bytes:
        while len(self._buffer) < size:
            piece = self._piece()
            if not piece:
                break
            self._buffer += piece
        return self._buffer[:size]

    def skip(self, unwanted: bytes, /) -> bool:
        self._buffer = (self._buffer or self._piece()).lstrip(unwanted)
        return not self._buffer and bool(self.peek(1))


class Plain(_Buffered):
    """A file as it is, from *offset* on."""

    complete = True

    def __init__(self, file: IO[bytes], offset: int) -> None:
        super().__init__()
        self._file = file
        file.seek(offset)
        self._at = offset

    def _piece(self) -> bytes:
        piece = self._file.read(PIECE)
        self._at += len(piece)
        return piece

    @property
    def offset(self) -> int:
        """Where in the file the next byte is."""
        return self._at - len(self._buffer)


class Member(_Buffered):
    """One member of a packed file, unfolded.

    Args:
        file: the file.
        offset: where the member begins.
        unfolder: takes its bytes.
        piece: how many of them are read at once.
    """

    def __init__(self, file: IO[bytes], offset: int, unfolder: _Unfolder, piece: int) -> None:
        super().__init__()
        self._size = piece
        self._file = file
        file.seek(offset)
        self._at = offset
        self._unfolder = unfolder

    def _piece(self) -> bytes:
        unfolder = self._unfolder
        while not unfolder.eof:
            data = b""
            if unfolder.hungry:
                data = self._file.read(self._size)
                self._at += len(data)
                if not data:
                    return b""
            piece = unfolder.unfold(data)
            if piece:
                return piece
        return b""

    @property
    def complete(self) -> bool:
        """Whether it ended as members end."""
        return self._unfolder.eof

    @property
    def end(self) -> int:
        """Where it ends in the file, if it is complete."""
        return self._at - len(self._unfolder.unused)


class _Unfolder(Protocol):
    """Takes one member of a packed file."""

    @property
    def eof(self) -> bool: ...
    @property
    def hungry(self) -> bool: ...
    @property
    def unused(self) -> bytes: ...
    def unfold(self, data: bytes, /) -> bytes: ...


class _Gunzip:
    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(_GZIP)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def hungry(self) -> bool:
        return not self._inflater.unconsumed_tail and not self._full

    @property
    def unused(self) -> bytes:
        return self._inflater.unused_data

    def unfold(self, data: bytes) -> bytes:
        try:
            piece = self._inflater.decompress(data or self._inflater.unconsumed_tail, PIECE)
        except zlib.error as error:
            raise BrokenError("its compressed bytes are damaged") from error
        self._full = len(piece) == PIECE
        return piece


class _Unzstd:
    def __init__(self, dictionary: Any) -> None:  # noqa: ANN401 - the two modules have a class each
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
        self._decompressor = zstd.ZstdDecompressor(zstd_dict=dictionary, options=options)

    @property
    def eof(self) -> bool:
        return self._decompressor.eof

    @property
    def hungry(self) -> bool:
        return self._decompressor.needs_input

    @property
    def unused(self) -> bytes:
        return self._decompressor.unused_data

    def unfold(self, data: bytes) -> bytes:
        try:
            return self._decompressor.decompress(data, PIECE)
        except zstd.ZstdError as error:
            raise BrokenError(
                f"its compressed bytes are damaged, or ask for more than {1 << _WINDOW_LOG >> 20} MB"
            ) from error


class Packing:
    """How a file is packed, told by its first bytes.

    Args:
        file: the file.

    Attributes:
        magic: what each member begins with; empty where nothing is packed.

    Raises:
        BrokenError: nothing is installed that unfolds it, or its dictionary is damaged.
    """

    def __init__(self, file: IO[bytes]) -> None:
        file.seek(0)
        head = file.read(len(_ZSTD_MAGIC))
        self.magic = b""
        self._unfolder: Callable[[], _Unfolder] = _Gunzip
        if head.startswith(_GZIP_MAGIC):
            self.magic = _GZIP_MAGIC
        elif head == _ZSTD_MAGIC or _SKIPPABLE.fullmatch(head):
            if zstd is None:
                raise BrokenError("it is compressed with zstd, which this Python has not")
            self.magic = _ZSTD_MAGIC
            dictionary = _dictionary(file) if head == _DICTIONARY else None
            self._unfolder = lambda: _Unzstd(dictionary)

    def member(self, file: IO[bytes], offset: int, piece: int = PIECE) -> Member:
        """Return the member that begins at *offset*, of which so many bytes are read at once."""
        return Member(file, offset, self._unfolder(), piece)

    @staticmethod
    def skipped(file: IO[bytes], offset: int) -> int:
        """Return where the frame ends that begins at *offset* and holds no data; *offset* if it is none."""
        file.seek(offset)
        head = file.read(8)
        if _SKIPPABLE.match(head) is None:
            return offset
        return offset + 8 + int.from_bytes(head[4:8], "little")


def _dictionary(file: IO[bytes]) -> Any:  # noqa: ANN401 - likewise
    file.seek(4)
    size = int.from_bytes(file.read(4), "little")
    data = file.read(min(size, _LARGEST_DICTIONARY))
    try:
        if data.startswith(_ZSTD_MAGIC):
            data = zstd.ZstdDecompressor().decompress(data, _LARGEST_DICTIONARY)
        return zstd.ZstdDict(data)
    except (zstd.ZstdError, ValueError) as error:
        raise BrokenError("the dictionary that it begins with is damaged") from error


def search(file: IO[bytes], offset: int, pattern: re.Pattern[bytes]) -> Generator[None, None, int | None]:
    """Return where *pattern*, of at most 64 bytes, comes next from *offset* on; yield again and again."""
    while True:
        file.seek(offset)
        data = file.read(_SCAN)
        found = pattern.search(data)
        if found is not None:
            return offset + found.start()
        if len(data) < _SCAN:
            return None
        offset += _SCAN - 64
        yield
