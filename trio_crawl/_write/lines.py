r"""Lines of text, to files or to standard output: TSV, CSV and JSON lines.

What a line says is decided in `rows`; here it is written. All is UTF-8; half of a
surrogate pair, which UTF-8 can't say, reads ``\ud800``, which is how JSON says it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, final

import trio

from .._errors import OutputError, UsageError
from .._model import Parsed
from .._policy.kinds import chosen
from .audit import audit_parts
from .errors import ErrorLines
from .formats import FORMATS, count_lines, encoder_of, link_header
from .packing import SUFFIXES, packing_of
from .parts import PART_SIZE, Parts
from .place import Place
from .sink import Sink
from .standard import Standard
from .target import checked_path, holds_only

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from .._model import Json, Kinds, Link, LinkKind, Outcome
    from ..abc import Environment
    from .formats import Encoder, Format
    from .packing import Compression


@final
class Lines:
    """Writes rows as lines of text, to files in batches or to standard output at once.

    Where a batch can't be written whole (the disk is full), the file is cut back
    to the batches before it.

    Args:
        path: the file; ``"-"`` is standard output. ``"pages-{n}.jsonl"`` is a template:
            of files that are numbered from 1 on; ``{n:05}`` gives a number five digits.
        format: ``"tsv"``, ``"csv"`` or ``"jsonl"``; None takes it from the file's
            suffix, and TSV for standard output.
        overwrite: replace what the file holds; of a template, all files that it names.
            Without it, a file that is not empty is an `OutputError`.
        compression: ``"gzip"`` or ``"zstd"``; None takes it from a last suffix ``.gz`` or
            ``.zst``, and leaves other files as they are. Each batch is a member or a frame
            of its own, so that the file is valid after each.
        rotate: bytes in the file (compressed, if it is) from which on a file of a template is
            full: the next batch begins another, with a header of its own. None is 1 GiB.
        safe_cells: put ``'`` before a text in a table that begins with ``=``, ``+``, ``-``, ``@``,
            a tab or a line's end, since spreadsheets take such a cell for a formula (OWASP,
            "CSV Injection"). Off by default, since it changes the data. Numbers stay as they are.
        sync: wait until each batch is on the disk, so that it survives a loss of power, too,
            and not the process's end alone; a few milliseconds for each batch.
        only: ``"errors"`` writes pages of status 4xx and 5xx and failures alone, with a parser
            of yours, too; of a table the columns are ``url``, ``status``, ``error``, ``message``,
            ``referrer`` and ``attempts``. None: everything.
        kinds: of links that count as a page's: one, several, or ``"all"``; each URL is there
            once a page. None: ``a`` and ``area``. What a parser yields is written as it is.

    Raises:
        UsageError: *path* is no path, there is no such format, compression or kind, or an argument
            does not go with the others.
        MissingExtraError: zstd, and this Python has none.
    """

    def __init__(  # noqa: PLR0913 - each says what only this format understands
        self,
        path: str | os.PathLike[str],
        *,
        format: Format | None = None,
        overwrite: bool = False,
        compression: Compression | None = None,
        rotate: int | None = None,
        safe_cells: bool = False,
        sync: bool = False,
        kinds: Kinds | None = None,
        only: Literal["errors"] | None = None,
    ) -> None:
        self._name = checked_path(path)
        self._format: Format = _format_of(self._name) if format is None else format
        if self._format not in FORMATS:
            raise UsageError(f"there is no format {format!r}; the formats are {', '.join(FORMATS)}")
        self._parts = None if self._name == "-" else Parts(self._name)
        self._compression = compression or SUFFIXES.get(Path(self._name).suffix.lower())
        self._packing = packing_of(self._compression)
        self._rotate = PART_SIZE if rotate is None else rotate
        self._safe_cells = safe_cells
        self._sync = sync
        _check_together(self._name, self._format, self._parts, rotate, compression, safe_cells=safe_cells)
        self._overwrite = overwrite
        self._kinds = None if kinds is None else chosen(kinds)
        if only not in (None, "errors"):
            raise UsageError(f"only= is {only!r}; it takes 'errors' or None")
        self._only = only
        self._encoder = self._new_encoder(own_rows=False)
        self._rows = 0
        self._environment: Environment | None = None

    def __repr__(self) -> str:
        return f"Lines({self._name!r}, format={self._format!r}, overwrite={self._overwrite!r})"

    def _new_encoder(self, *, own_rows: bool) -> Encoder:
        if self._only == "errors":
            # Those of a table are rows of their own, and never links.
            own = self._format != "jsonl"
            return ErrorLines(encoder_of(self._format, own_rows=own, safe_cells=self._safe_cells))
        return encoder_of(self._format, own_rows=own_rows, safe_cells=self._safe_cells)

    @property
    def name(self) -> str:
        """The path as it was given; ``"-"`` is standard output."""
        return self._name

    @property
    def kinds(self) -> frozenset[LinkKind] | None:
        """The kinds of links that it wants; None for ``a`` and ``area``."""
        return self._kinds

    @property
    def parts(self) -> Parts | None:
        """The files; None for standard output."""
        return self._parts

    @property
    def path(self) -> Path | None:
        """The file, or the template of files; None for standard output."""
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
        if self._parts is None:
            Standard()
            return
        self._parts.check(Place.of(position), overwrite=self._replaces())

    def _open(self, sink: Sink, place: Place | None) -> None:
        sink.open(self._replaces(), place)

    def _replaces(self) -> bool:
        """Return whether a file that is not empty is replaced: a header of links alone counts as empty."""
        if self._overwrite or self._parts is None or self._parts.numbered:
            return self._overwrite
        header = link_header(self._format)
        unpack = None if self._packing is None else self._packing.unpack
        return bool(header) and holds_only(self._parts.path(0), header.encode(), unpack)

    @asynccontextmanager
    async def open(self, environment: Environment, position: Json = None, /) -> AsyncIterator[None]:
        """Hold the output open for the length of one crawl; the file is closed however it is left.

        Args:
            environment: what the crawl lends.
            position: what the last `write` that counts returned, where a crawl goes on:
                the file is cut back to there, and those that were begun after it are removed.

        Raises:
            OutputError: the output can't be opened.
            trio.BusyResourceError: another crawl has it open.
            OSError: the file can't be closed.
        """
        if self._environment is not None:
            raise trio.BusyResourceError(f"{self!r} serves a crawl already; make one for each crawl")
        self._environment = environment
        self._encoder = self._new_encoder(own_rows=environment.own_rows)
        place = None if self._parts is None else Place.of(position)
        if place is not None:
            self._encoder.resume(place.columns)
        self._rows = 0
        self._sink = sink = Sink(self._parts, rotate=self._rotate, packing=self._packing, sync=self._sync)
        self._limiter = trio.CapacityLimiter(1)
        try:
            await environment.run_in_thread(self._open, sink, place, limiter=self._limiter)
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

    @trio.lowlevel.enable_ki_protection
    async def write(self, items: Sequence[str], /) -> Json:
        """Append *items*, in one hop to a thread, and return the place after them (see `Place`).

        Once begun, a batch is written to its end, even if the scope is cancelled.

        Raises:
            OSError: they could not be written. A note says what the file holds now.
            OutputError: the next file of a template was made by somebody else.
            trio.ClosedResourceError: the output is not open.
        """
        if self._environment is None:
            raise trio.ClosedResourceError(f"{self!r} is not open")
        run_in_thread = self._environment.run_in_thread
        columns = self._encoder.columns if items else ()
        header = self._encoder.header()
        place = await run_in_thread(self._sink.append, items, columns, header, limiter=self._limiter)
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
        if self._parts is None:
            raise OutputError("what went to standard output can't be read again")
        return audit_parts(self._parts, self._count, positions, rows, total, finished=finished)

    def _count(self, batch: bytes) -> int:
        return count_lines(batch if self._packing is None else self._packing.unpack(batch), self._format)


_SUFFIXES: Mapping[str, Format] = {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl"}


def _of_kinds(links: Iterable[Link], kinds: frozenset[LinkKind]) -> tuple[Link, ...]:
    """Return those of *links* that are of *kinds*, each URL once."""
    found: dict[str, Link] = {}
    for link in links:
        if link.kind in kinds:
            found.setdefault(link.url, link)
    return tuple(found.values())


def _format_of(name: str) -> Format:
    if name == "-":
        return "tsv"
    path = Path(name)
    suffix = path.suffix
    if suffix.lower() in SUFFIXES:
        suffix = path.with_suffix("").suffix
    if (known := _SUFFIXES.get(suffix.lower())) is not None:
        return known
    if suffix:
        what = f"the suffix {suffix!r} names no format"
    elif path.suffix:
        what = f"{path.suffix!r} says how it is compressed, and names no format"
    else:
        what = "without a suffix it names no format"
    raise UsageError(
        f"{name}: {what}; the suffixes are {', '.join(_SUFFIXES)} (each also with .gz or .zst behind it), "
        f".sqlite, .parquet, .warc.gz and .warc; a slash at the end is a folder of the pages as files; and "
        f"writers.Lines({name!r}, format=...) takes any file"
    )


def _check_together(  # noqa: PLR0913 - all that was said
    name: str,
    format: Format,
    parts: Parts | None,
    rotate: int | None,
    compression: Compression | None,
    *,
    safe_cells: bool,
) -> None:
    """Look whether the arguments go together.

    Raises:
        UsageError: they don't.
    """
    if rotate is not None and rotate < 1:
        raise UsageError(f"rotate= is {rotate!r}; it takes a number of bytes, 1 or more")
    if rotate is not None and (parts is None or not parts.numbered):
        raise UsageError(f"{name}: rotate= needs a name for each file, such as 'pages-{{n}}.jsonl'")
    if compression is not None and parts is None:
        raise UsageError("standard output is not compressed; pipe it through gzip or zstd")
    if safe_cells and format == "jsonl":
        raise UsageError("safe_cells= is for tables (.tsv, .csv): JSON has no cells")
