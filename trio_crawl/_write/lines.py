r"""Lines of text, to a file or to standard output: TSV, CSV and JSON lines.

What a line says is decided in `rows`; here it is written. All is UTF-8; half of a
surrogate pair, which UTF-8 can't say, reads ``\ud800``, which is how JSON says it.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, final

import trio

from .._errors import OutputError, UsageError
from .._model import Parsed
from .._policy.kinds import chosen
from .audit import audit_file
from .formats import ENCODERS
from .place import Place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from .._model import Json, Kinds, Link, LinkKind, Outcome
    from ..abc import Environment
    from .formats import Format


@final
class Lines:
    """Writes rows as lines of text, to a file in batches or to standard output at once.

    Where a batch can't be written whole (the disk is full), the file is cut back
    to the batches before it.

    Args:
        path: the file; ``"-"`` is standard output.
        format: ``"tsv"``, ``"csv"`` or ``"jsonl"``; None takes it from the file's
            suffix, and TSV for standard output.
        overwrite: replace what the file holds. Without it, a file that is not
            empty is an `OutputError`.
        kinds: of links that count as a page's: one, several, or ``"all"``; each URL is there
            once a page. None: ``a`` and ``area``. What a parser yields is written as it is.

    Raises:
        UsageError: *path* is no path, or there is no such format or kind.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        format: Format | None = None,
        overwrite: bool = False,
        kinds: Kinds | None = None,
    ) -> None:
        self._name = _checked_name(path)
        self._format: Format = _format_of(self._name) if format is None else format
        if self._format not in ENCODERS:
            raise UsageError(f"there is no format {format!r}; the formats are {', '.join(ENCODERS)}")
        self._overwrite = overwrite
        self._kinds = None if kinds is None else chosen(kinds)
        self._encoder = ENCODERS[self._format](own_rows=False)
        self._rows = 0
        self._environment: Environment | None = None

    def __repr__(self) -> str:
        return f"Lines({self._name!r}, format={self._format!r}, overwrite={self._overwrite!r})"

    @property
    def name(self) -> str:
        """The path as it was given; ``"-"`` is standard output."""
        return self._name

    @property
    def kinds(self) -> frozenset[LinkKind] | None:
        """The kinds of links that it wants; None for ``a`` and ``area``."""
        return self._kinds

    @property
    def path(self) -> Path | None:
        """The file; None for standard output."""
        return None if self._name == "-" else Path(self._name)

    @property
    def prompt(self) -> bool:
        """Whether each row is wanted at once: standard output's are."""
        return self._name == "-"

    @property
    def rows(self) -> int:
        """Rows encoded since the output was opened, a header not counted."""
        return self._rows

    def check(self, position: Json = None, /) -> None:
        """Look whether the output can be opened, changing nothing.

        Args:
            position: what the last `write` that counts returned, where a crawl goes on.

        Raises:
            OutputError: the file is not empty (and is not to be overwritten), is a
                folder, or can't be written; or there is no standard output. Where a
                crawl goes on: the file is gone, or not as it was written.
        """
        if self._name == "-":
            _Standard()
            return
        place = Place.of(position)
        _check_file(Path(self._name), overwrite=self._overwrite or place is not None)
        if place is not None:
            place.check(Path(self._name))

    @asynccontextmanager
    async def open(self, environment: Environment, position: Json = None, /) -> AsyncIterator[None]:
        """Hold the output open for the length of one crawl; the file is closed however it is left.

        Args:
            environment: what the crawl lends.
            position: what the last `write` that counts returned, where a crawl goes on:
                the file is cut back to there.

        Raises:
            OutputError: the output can't be opened.
            trio.BusyResourceError: another crawl has it open.
            OSError: the file can't be closed.
        """
        if self._environment is not None:
            raise trio.BusyResourceError(f"{self!r} serves a crawl already; make one for each crawl")
        self._environment = environment
        self._encoder = ENCODERS[self._format](own_rows=environment.own_rows)
        place = None if self._name == "-" else Place.of(position)
        if place is not None:
            self._encoder.resume(place.columns)
        self._rows = 0
        self._sink = sink = _Sink(self._name)
        self._limiter = trio.CapacityLimiter(1)
        try:
            await environment.run_in_thread(sink.open, self._overwrite, place, limiter=self._limiter)
            yield
            await environment.run_in_thread(sink.close, limiter=self._limiter)
        finally:
            # What a hop opened is closed even where its answer was lost to a cancellation.
            sink.close()
            self._environment = None

    def encode(self, outcome: Outcome, /) -> str | None:
        """Return the lines of *outcome*, after the header where they are the first; None for none.

        Raises:
            RowError: a row that the format can't hold. Nothing of its page is kept.
        """
        if self._kinds is not None and isinstance(outcome, Parsed):
            outcome = replace(outcome, links=_of_kinds(outcome.chosen, self._kinds))
        text, rows = self._encoder.encode(outcome)
        self._rows += rows
        return text or None

    def ending(self) -> str | None:
        """Return the header of a table of links that has no row."""
        return self._encoder.ending() or None

    async def write(self, items: Sequence[str], /) -> Json:
        """Append *items*, in one hop to a thread, and return the place after them (see `Place`).

        Once begun, a batch is written to its end, even if the scope is cancelled.

        Raises:
            OSError: they could not be written. A note says what the file holds now.
            trio.ClosedResourceError: the output is not open.
        """
        if self._environment is None:
            raise trio.ClosedResourceError(f"{self!r} is not open")
        run_in_thread = self._environment.run_in_thread
        columns = self._encoder.columns if items else ()
        place = await run_in_thread(self._sink.append, items, columns, limiter=self._limiter)
        return place.to_json()

    def audit(
        self, positions: Mapping[int, Json], rows: Mapping[int, int], total: int, /, *, finished: bool
    ) -> list[str]:
        """Return how the file differs from what was written, in words; nothing is changed. Blocks.

        Args:
            positions: what `write` returned, by the number of the batch.
            rows: by that number, the rows that the file should have of it; empty if that is not known.
            total: the rows that it should have in all.
            finished: whether nothing may stand behind the last batch.

        Raises:
            OutputError: the file can't be read, or it is standard output.
        """
        if self._name == "-":
            raise OutputError("what went to standard output can't be read again")
        return audit_file(Path(self._name), self._format, positions, rows, total, finished=finished)


def _of_kinds(links: Iterable[Link], kinds: frozenset[LinkKind]) -> tuple[Link, ...]:
    """Return those of *links* that are of *kinds*, each URL once."""
    found: dict[str, Link] = {}
    for link in links:
        if link.kind in kinds:
            found.setdefault(link.url, link)
    return tuple(found.values())


_FORMATS: Mapping[str, Format] = {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl"}


def _checked_name(path: object) -> str:
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"{path!r} is no path; give a str or a path object")
    name = os.fspath(path)
    if not isinstance(name, str) or not name or "\0" in name:
        raise UsageError(f"{name!r} is no path; give a str that is not empty and holds no NUL")
    return name


def _format_of(name: str) -> Format:
    if name == "-":
        return "tsv"
    suffix = Path(name).suffix
    if (known := _FORMATS.get(suffix.lower())) is not None:
        return known
    what = f"the suffix {suffix!r} names no format" if suffix else "without a suffix it names no format"
    raise UsageError(
        f"{name}: {what}; the suffixes are {', '.join(_FORMATS)}, "
        f"and writers.Lines({name!r}, format=...) takes any file"
    )


class _Standard:
    """Standard output: what `sys.stdout` is when the crawl begins, never closed.

    Nothing is left in a buffer, so a pipe that broke does not raise a second
    time when the interpreter ends.
    """

    def __init__(self) -> None:
        stream: TextIO | None = sys.stdout
        if stream is None or stream.closed:
            raise OutputError("there is no standard output to write to (it is closed); name a file")
        self._stream = stream

    def write(self, data: memoryview, /) -> int | None:
        self._stream.flush()
        buffer = getattr(self._stream, "buffer", None)
        if buffer is None:
            # A notebook's or a test's replacement takes text only.
            self._stream.write(str(data, "utf-8"))
            self._stream.flush()
            return len(data)
        count: int | None = getattr(buffer, "raw", buffer).write(data)
        buffer.flush()
        return count

    def close(self) -> None:
        """Leave it open: it is not ours."""


class _Sink:
    """Whole batches to one output; its methods block."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._raw: io.FileIO | _Standard | None = None
        self._place = Place()

    def open(self, overwrite: bool, place: Place | None) -> None:  # noqa: FBT001 - a thread's function takes no keywords
        if self._name == "-":
            self._raw = _Standard()
        elif place is None:
            self._raw = _open_file(self._name, overwrite=overwrite)
        else:
            self._raw = _reopen_file(self._name, place)
            self._place = place

    def append(self, items: Sequence[str], columns: tuple[str, ...]) -> Place:
        """Write *items*, and return the place after them."""
        if not items:
            return self._place
        if self._raw is None:
            raise trio.ClosedResourceError(f"{self._name} is not open")
        data = "".join(items).encode("utf-8", "backslashreplace")
        rest = memoryview(data)
        try:
            while rest:
                count = self._raw.write(rest)
                if count is None:
                    raise BlockingIOError(errno.EAGAIN, "it was set not to block, and takes no more now")
                rest = rest[count:]
        except OSError as error:
            error.add_note(f"while writing {self._name}: {self._cut_back(self._raw)}")
            raise
        self._place = self._place.after(data, columns)
        return self._place

    def close(self) -> None:
        """Close the output if it is open; where that fails, its descriptor is gone all the same."""
        raw, self._raw = self._raw, None
        if raw is not None:
            try:
                raw.close()
            except OSError as error:
                error.add_note(f"while closing {self._name}")
                raise

    def _cut_back(self, raw: io.FileIO | _Standard) -> str:
        """Remove what a failed batch left, and return what the output holds now, in words."""
        if not isinstance(raw, io.FileIO) or not raw.seekable():
            return "a part of the last batch may have been written"
        try:
            raw.truncate(self._place.bytes)
            raw.seek(self._place.bytes)
        except OSError as error:
            return f"a part of a batch may stand after its first {self._place.bytes} bytes ({error.strerror})"
        return f"it was cut back to {self._place.bytes} bytes, which end with a whole row"


def _check_file(path: Path, *, overwrite: bool) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        _check_folder(path)
        return
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}") from error
    if stat.S_ISDIR(found.st_mode):
        raise OutputError(f"{path} is a folder; name a file in it")
    if found.st_size and not overwrite:
        raise OutputError(_occupied(path))
    if not os.access(path, os.W_OK):
        raise OutputError(f"{path} can't be written: its permissions, or its file system's, forbid it")


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise OutputError(f"{path} can't be created: there is no folder {path.parent}; create it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path} can't be created: the folder {path.parent} is not writable")


def _occupied(path: Path) -> str:
    return f"{path} exists and is not empty; pass overwrite=True to replace it, or name another file"


def _open_file(name: str, *, overwrite: bool) -> io.FileIO:
    try:
        file = io.FileIO(name, "w" if overwrite else "a", opener=_descriptor)
    except OSError as error:
        raise OutputError(f"{name} can't be opened: {error.strerror}") from error
    if not overwrite and os.fstat(file.fileno()).st_size:
        # It appeared, or was written to, after the check.
        file.close()
        raise OutputError(_occupied(Path(name)))
    return file


def _reopen_file(name: str, place: Place) -> io.FileIO:
    """Open a file that a crawl goes on with, and cut it back to *place*."""
    place.check(Path(name))
    # Without a byte that counts there may be no file: it was made, and nothing committed.
    mode = "r+" if place.bytes else "a"
    try:
        file = io.FileIO(name, mode, opener=_descriptor)
    except OSError as error:
        raise OutputError(f"{name} can't be opened: {error.strerror}") from error
    try:
        file.truncate(place.bytes)
        file.seek(place.bytes)
    except BaseException:
        file.close()
        raise
    return file


_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)


def _descriptor(name: str, flags: int) -> int:
    # A named pipe that nobody reads is an error, rather than a thread that waits for good.
    descriptor = os.open(name, flags | _NONBLOCK, 0o666)
    if _NONBLOCK:
        os.set_blocking(descriptor, True)
    return descriptor
