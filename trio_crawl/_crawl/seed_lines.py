"""Lines of text from a file, a pipe or a descriptor, whichever of these it is: one way to read them all."""

from __future__ import annotations

import codecs
import os
import re
import stat
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import trio

from .._errors import SeedError
from .._parse.encoding import sniff

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_LINE: Final = 64 * 1024
"""Bytes of a line, in UTF-8: eight times the longest URL that is asked for."""

_PIECE: Final = 64 * 1024
# Those of four bytes first, since they begin as those of two.
_UTF_32: Final = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF_16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_ENDS: Final = re.compile(r"\r\n|\r|\n")
_SHOWN: Final = {"utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}


@final
class LineDecoder:
    """Divides bytes, which come in pieces, into lines, which end with CR, LF or both.

    They are UTF-8, with or without a byte order mark, or UTF-16 with one.

    Args:
        name: what is read, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._encoding = ""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._rest = ""
        self._lines = 0

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that are whole now; no *data* is the end.

        Raises:
            SeedError: a line is too long, or in another encoding.
        """
        final = not data
        if self._decoder is None:
            data = self._head = self._head + data
            if len(data) < 4 and not final:  # noqa: PLR2004 - of the longest mark
                return []
            self._decoder = self._decoder_of(data)
        return self._divided(self._decoded(data, final=final), final=final)

    def _decoder_of(self, head: bytes) -> codecs.IncrementalDecoder:
        if head.startswith(_UTF_32):
            raise self._in_another("UTF-32", 1)
        self._encoding = next((name for mark, name in _UTF_16.items() if head.startswith(mark)), "utf-8")
        if self._encoding == "utf-8" and b"\0" in head[:4]:
            raise self._in_another("UTF-16LE" if head[1:2] == b"\0" else "UTF-16BE", 1)
        return codecs.getincrementaldecoder(self._encoding)("strict")

    def _decoded(self, data: bytes, *, final: bool) -> str:
        assert self._decoder is not None  # noqa: S101 - the caller looked
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            before = self._rest + error.object[: error.start].decode(self._encoding, "replace")
            line = self._lines + 1 + len(_ENDS.findall(before))
            if self._encoding == "utf-8":
                guessed = sniff(error.object[error.start : error.start + 1024], None).encoding
                raise self._in_another(guessed, line) from error
            raise SeedError(f"{self._name} is not the UTF-16 that it says, in line {line}") from error
        return text.removeprefix("\ufeff") if not self._lines and not self._rest else text

    def _in_another(self, encoding: str, line: int) -> SeedError:
        return SeedError(
            f"{self._name} is not UTF-8 in line {line}, but {encoding}, as it seems; convert it first: "
            f"iconv -f {encoding} -t UTF-8"
        )

    def _divided(self, text: str, *, final: bool) -> list[str]:
        text = self._rest + text
        # What follows a CR may be the LF of the same end.
        held = "" if final or not text.endswith("\r") else "\r"
        *lines, self._rest = _ENDS.split(text[: len(text) - len(held)])
        self._rest += held
        if final and self._rest:
            lines.append(self._rest)
            self._rest = ""
        for number, line in enumerate((*lines, self._rest), self._lines + 1):
            # A character has four bytes at most, and most lines are short.
            if len(line) > LONGEST_LINE // 4 and len(line.encode("utf-8", "replace")) > LONGEST_LINE:
                raise SeedError(
                    f"{self._name}: a line has more than {LONGEST_LINE:,} bytes: line {number}; "
                    "one URL a line is expected"
                )
        self._lines += len(lines)
        return lines


@final
class SeedLines:
    """The lines of a file or a pipe, whose writer, or whose disk, may take its time.

    It is read in a thread that a cancelled crawl abandons, and below Python's
    own buffers: a thread that holds the lock of one would stop the interpreter
    from ending.

    Args:
        source: a path, opened now so that a wrong one is told at once; or a
            descriptor, which stays open.
        first: lines that come before those.
        name: what is read, for messages.
        inline: whether it is read without a thread, as where time is virtual.

    Raises:
        SeedError: the path can't be read.
    """

    def __init__(
        self, source: Path | int, *, first: Sequence[str] = (), name: str = "--seeds -", inline: bool = False
    ) -> None:
        self._name = name
        self._file = _File(source, name)
        self._lines = deque(first)
        self._decoder = LineDecoder(name)
        self._inline = inline
        self._ended = False
        self._limiter = trio.CapacityLimiter(1)

    def __aiter__(self) -> SeedLines:
        return self

    async def __anext__(self) -> str:
        """Return the next line, without its end; a checkpoint where it has to be read.

        Raises:
            SeedError: it can't be read, is too long, or in another encoding.
        """
        while not self._lines:
            if self._ended:
                self.close()
                raise StopAsyncIteration
            await self._read()
        return self._lines.popleft()

    async def _read(self) -> None:
        try:
            if self._inline:
                await trio.lowlevel.checkpoint()
                data = self._file.read()
            else:
                data = await trio.to_thread.run_sync(
                    self._file.read, abandon_on_cancel=True, limiter=self._limiter
                )
        except OSError as error:
            raise SeedError(f"{self._name} can't be read on: {error.strerror or error}") from error
        self._ended = not data
        self._lines.extend(self._decoder.feed(data))

    @property
    def finite(self) -> bool:
        """Whether it is a file of the disk, which comes to an end."""
        return self._file.finite

    def close(self) -> None:
        """Close what was opened; at once, or when a thread that reads from it comes back."""
        self._file.close()


@final
class _File:
    """A descriptor that is read in a thread, and closed by whoever is the last to have it."""

    def __init__(self, source: Path | int, name: str) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._path = source if isinstance(source, Path) else None
        self._descriptor: int | None = None if isinstance(source, Path) else source
        self.finite = False
        if self._path is not None:
            try:
                # The open call of a pipe waits for its writer: that is a thread's.
                mode = self._path.stat().st_mode
                self.finite = stat.S_ISREG(mode)
                if not stat.S_ISFIFO(mode):
                    self._descriptor = self._opened(self._path)
            except OSError as error:
                raise SeedError(f"{name} can't be read: {error.strerror or error}") from error

    @staticmethod
    def _opened(path: Path) -> int:
        if path.is_dir():
            raise IsADirectoryError(None, "Is a directory")
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> bytes:
        """Return the next bytes, none at the end. It blocks."""
        with self._lock:
            try:
                if self._closed:
                    return b""
                if self._descriptor is None:
                    assert self._path is not None  # noqa: S101 - one of the two is there
                    self._descriptor = self._opened(self._path)
                    if self._closed:  # while its writer was waited for
                        return b""
                return os.read(self._descriptor, _PIECE)
            finally:
                if self._closed:
                    self._close()

    def close(self) -> None:
        """Close it, unless somebody else opened it."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()

    def _close(self) -> None:
        if self._path is not None and self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
