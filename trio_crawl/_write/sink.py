"""Whole batches to a file, to numbered files, or to standard output; all of it blocks."""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import TYPE_CHECKING, final

import trio

from .._errors import OutputError
from .place import Place
from .standard import Standard
from .target import hold_open, occupied, require_free, sync_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .._holds import Hold
    from .packing import Packing
    from .parts import Parts


@final
class Sink:
    """Appends batches to one output.

    Args:
        parts: the files; None is standard output.
        rotate: bytes from which on a part is full.
        packing: how a batch is made smaller; None leaves it as it is.
        sync: whether a batch survives a loss of power once it is written.
    """

    def __init__(self, parts: Parts | None, *, rotate: int, packing: Packing | None, sync: bool) -> None:
        self._parts = parts
        self._rotate = rotate
        self._packing = packing
        self._sync = sync
        self._raw: io.FileIO | Standard | None = None
        self._hold: Hold | None = None
        # The first of several parts stays held as long as others are written: who has it has them all.
        self._first: tuple[io.FileIO, Hold] | None = None
        self._place = Place()

    def open(self, overwrite: bool, place: Place | None) -> None:  # noqa: FBT001 - a thread's function takes no keywords
        """Open it at *place*, and cut off what is behind; or at its beginning, if there is no place."""
        if self._parts is None:
            self._raw = Standard()
            return
        self._place = place or Place(part=self._parts.first)
        path = self._parts.path(self._place.part)
        # All is held, or seen to be free, before anything of it is changed.
        if self._place.part > self._parts.first:
            first = self._parts.path(self._parts.first)
            self._first = _held(_opened(first, "r"), first)
        raw, self._hold = _held(_opened(path, "r+" if self._place.bytes else "a"), path)
        self._raw = raw
        stale = list(self._parts.stale(place)) if place is not None or overwrite else []
        stale = [other for other in stale if other != path]
        require_free(stale)
        _cut(raw, path, place, overwrite=overwrite)
        _remove(stale)
        if self._sync:
            sync_folder(path.parent)

    def append(self, items: Sequence[str], columns: tuple[str, ...], header: str) -> Place:
        """Write *items*, and return the place after them.

        Args:
            items: lines of text, the header of a table before the first of them.
            columns: of a table whose header is written by then.
            header: what a further part of a table begins with.

        Raises:
            OSError: they could not be written. A note says what the output holds now.
        """
        if not items:
            return self._place
        if self._raw is None:
            raise trio.ClosedResourceError("the output is not open")
        if self._hold is not None:
            self._hold.require()
        self._turn_over()
        text = "".join(items)
        if self._place.columns and not self._place.bytes:
            text = header + text
        data = text.encode("utf-8", "backslashreplace")
        if self._packing is not None:
            data = self._packing.pack(data)
        self._write(data)
        self._place = self._place.after(data, columns)
        return self._place

    def _turn_over(self) -> None:
        """Begin the next part, if this one is full."""
        if self._parts is None or not self._parts.numbered or self._place.bytes < self._rotate:
            return
        if self._place.part == self._parts.first and isinstance(self._raw, io.FileIO) and self._hold:
            self._first = self._raw, self._hold
            self._raw = self._hold = None
        self._close_part()
        after = self._place.in_next_part()
        path = self._parts.path(after.part)
        raw, self._hold = _held(_opened(path, "a"), path)
        self._raw = raw
        _cut(raw, path, None, overwrite=False)
        if self._sync:
            sync_folder(path.parent)
        self._place = after

    def _write(self, data: bytes) -> None:
        raw = self._raw
        assert raw is not None  # noqa: S101 - opened, or turned over
        rest = memoryview(data)
        try:
            while rest:
                count = raw.write(rest)
                if count is None:
                    raise BlockingIOError(errno.EAGAIN, "it was set not to block, and takes no more now")
                rest = rest[count:]
            if self._sync and isinstance(raw, io.FileIO) and raw.seekable():
                os.fsync(raw.fileno())
        except OSError as error:
            error.add_note(f"while writing {self._name}: {self._cut_back(raw)}")
            raise

    @property
    def _name(self) -> str:
        return "-" if self._parts is None else str(self._parts.path(self._place.part))

    def close(self) -> None:
        """Close the output if it is open; where that fails, its descriptor is gone all the same."""
        first, self._first = self._first, None
        try:
            self._close_part()
        finally:
            if first is not None:
                first[1].release()
                first[0].close()

    def _close_part(self) -> None:
        raw, self._raw = self._raw, None
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.release()
        if raw is not None:
            try:
                raw.close()
            except OSError as error:
                error.add_note(f"while closing {self._name}")
                raise

    def _cut_back(self, raw: io.FileIO | Standard) -> str:
        """Remove what a failed batch left, and return what the output holds now, in words."""
        if not isinstance(raw, io.FileIO) or not raw.seekable():
            return "a part of the last batch may have been written"
        try:
            raw.truncate(self._place.bytes)
            raw.seek(self._place.bytes)
        except OSError as error:
            return f"a part of a batch may stand after its first {self._place.bytes} bytes ({error.strerror})"
        return f"it was cut back to {self._place.bytes} bytes, which end with a whole row"


def _opened(path: Path, mode: str) -> io.FileIO:
    try:
        return io.FileIO(path, mode, opener=_descriptor)
    except OSError as error:
        raise OutputError(f"{path} can't be opened: {error.strerror}") from error


def _held(file: io.FileIO, path: Path) -> tuple[io.FileIO, Hold]:
    """Hold *file*; it is closed where somebody else does."""
    try:
        return file, hold_open(file.fileno(), path)
    except BaseException:
        file.close()
        raise


def _remove(paths: Sequence[Path]) -> None:
    # The last one first: a gap, if this is cut short, would hide those behind it.
    for path in reversed(paths):
        try:
            path.unlink()
        except OSError as error:
            raise OutputError(f"{path} can't be removed: {error.strerror}") from error


def _cut(raw: io.FileIO, path: Path, place: Place | None, *, overwrite: bool) -> None:
    """Cut a file back to *place*, or to nothing where it is to be written over.

    Raises:
        OutputError: it is not as it was written; or it holds something that nobody wants replaced.
    """
    if place is not None:
        place.check(path)
        raw.truncate(place.bytes)
        raw.seek(place.bytes)
        return
    found = os.fstat(raw.fileno())
    if not stat.S_ISREG(found.st_mode):
        return
    if found.st_size and not overwrite:
        # It appeared, or was written to, after the check.
        raise OutputError(occupied(path))
    raw.truncate(0)


_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)


def _descriptor(name: str, flags: int) -> int:
    # A named pipe that nobody reads is an error, rather than a thread that waits for good.
    descriptor = os.open(name, flags | _NONBLOCK, 0o666)
    if _NONBLOCK:
        os.set_blocking(descriptor, True)
    return descriptor
