"""Archives of what went over the wire, as WARC 1.1 (ISO 28500:2017)."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import trio

from .._errors import UsageError
from .originals import Originals
from .slices import in_slices
from .warc_audit import audit
from .warc_file import SUFFIXES, ArchiveFile, Template, check
from .warc_records import Original, Record, began, digest, metadata, request, response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from .._model import Exchange, Json, Outcome
    from ..abc import Environment

ROTATE: Final = 1024 * 1024 * 1024
"""Bytes from which on a numbered file is full: a gigabyte, which WARC's own guidelines (annex D.1) advise."""


@final
@dataclass(frozen=True, slots=True)
class Records:
    """What an archive keeps of one outcome: records, in the order of writing."""

    records: tuple[bytes, ...]
    date: str

    def __len__(self) -> int:
        return sum(map(len, self.records))


@final
class Warc:
    """Writes every exchange of a crawl to an archive, with redirects, retries and robots.txt.

    Of each exchange there are a ``request``, a ``response`` and a ``metadata`` record;
    of a response whose body was there before, a ``revisit`` in its place. One that failed
    has a ``metadata`` record, which says why. Bodies are as they came, in their content
    coding; the transfer coding is removed, and HTTP/2 and HTTP/3 read as HTTP/1.1.

    Args:
        path: the file, ``.warc.gz`` (each record is a gzip member of its own) or
            ``.warc``. With ``{n}`` in its name (``crawl-{n}.warc.gz``) it stands for files that
            are numbered from 1 on.
        rotate: bytes from which on a numbered file is full, and the next batch begins another;
            at least 1.
        secrets: whether the fields ``Authorization``, ``Proxy-Authorization`` and ``Cookie`` of
            requests are written. Without them, an archive may be given away; what else may
            be secret, such as keys in URLs or fields of your own, is there all the same.
        overwrite: replace what the file holds. Without it, a file that is not
            empty is an `OutputError`.

    Raises:
        UsageError: *path* or *rotate* can't be right.
    """

    prompt: Final = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        rotate: int = ROTATE,
        secrets: bool = False,
        overwrite: bool = False,
    ) -> None:
        name = os.fspath(path)
        if not isinstance(name, str) or "\0" in name or not name.lower().endswith(SUFFIXES):
            raise UsageError(f"{name!r} is no path of an archive; its suffix is {' or '.join(SUFFIXES)}")
        if rotate < 1:
            raise UsageError(f"rotate is {rotate!r}; it takes a number of bytes, at least 1")
        self._template = Template(name)
        self._rotate = rotate
        self._secrets = secrets
        self._overwrite = overwrite
        self._rows = 0
        self._originals = Originals()
        self._environment: Environment | None = None

    def __repr__(self) -> str:
        return f"Warc({self.name!r}, rotate={self._rotate!r}, secrets={self._secrets!r})"

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._template.name

    @property
    def template(self) -> Template:
        """The names of the files."""
        return self._template

    @property
    def path(self) -> Path:
        """The same as a path."""
        return Path(self.name)

    @property
    def rows(self) -> int:
        """Pages, and URLs that failed, since the archive was opened: those whose exchanges are in it."""
        return self._rows

    def check(self, position: Json = None, /) -> None:
        """Look whether the archive can be opened, changing nothing.

        Args:
            position: what the last `write` that counts returned, where a crawl goes on.

        Raises:
            OutputError: a file is not empty (and is not to be overwritten), is a folder, or
                can't be written. Where a crawl goes on: it is gone, or not as it was written.
        """
        check(self._template, position, overwrite=self._overwrite)

    @asynccontextmanager
    async def open(self, environment: Environment, position: Json = None, /) -> AsyncIterator[None]:
        """Hold the archive open for the length of one crawl.

        Where a crawl goes on, all of it is read once, for the bodies that it has.

        Args:
            environment: what the crawl lends.
            position: what the last `write` that counts returned, where a crawl goes on:
                the archive is cut back to there.

        Raises:
            OutputError: it can't be opened.
            trio.BusyResourceError: another crawl has it open.
        """
        if self._environment is not None:
            raise trio.BusyResourceError(f"{self!r} serves a crawl already; make one for each crawl")
        self._environment = environment
        self._rows = 0
        self._originals = Originals()
        self._limiter = trio.CapacityLimiter(1)
        self._file = file = ArchiveFile(
            self._template, rotate=self._rotate, compress=self.name.lower().endswith(".gz")
        )
        run_in_thread = environment.run_in_thread
        try:
            await run_in_thread(file.open, self._overwrite, position, limiter=self._limiter)
            if position is not None:
                await in_slices(self._originals.read(file.paths()), run_in_thread, self._limiter)
            yield
            await run_in_thread(file.close, limiter=self._limiter)
        finally:
            # What a hop opened is closed even where its answer was lost to a cancellation.
            file.close()
            self._environment = None

    def encode(self, outcome: Outcome, /) -> Records | None:
        """Return the records of the exchanges that led to *outcome*; None if there were none."""
        if not outcome.exchanges:
            return None
        self._rows += 1
        return self._records(outcome.exchanges, outcome)

    def encode_aside(self, exchanges: Sequence[Exchange], /) -> Records | None:
        """Return the records of exchanges that no page came of."""
        return self._records(exchanges, None) if exchanges else None

    def ending(self) -> None:
        """Return None: an archive ends with its last record."""

    def _records(self, exchanges: Sequence[Exchange], outcome: Outcome | None) -> Records:
        records: list[Record] = []
        for exchange in exchanges:
            date = began(exchange)
            about = None
            if exchange.response is not None:
                records += self._answered(exchange, date)
                about = records[-1].id
            last = outcome if exchange is exchanges[-1] else None
            records.append(metadata(exchange, date, about, last))
        return Records(tuple([record.data for record in records]), began(exchanges[0]))

    def _answered(self, exchange: Exchange, date: str) -> list[Record]:
        """Return the records of an exchange that has a response."""
        answer = exchange.response
        assert answer is not None  # noqa: S101 - the caller has looked
        payload = digest(answer.body)
        original = self._originals.get(payload) if answer.body else None
        asked = request(exchange.hop, date, answer.address, secrets=self._secrets)
        answered = response(answer, date, payload, asked=asked.id, original=original)
        if original is None and answer.body:
            self._originals.add(payload, Original(id=answered.id, url=answer.url, date=date))
        return [asked, answered]

    @trio.lowlevel.enable_ki_protection
    async def write(self, items: Sequence[Records], /) -> Json:
        """Append *items*, in one hop to a thread, and return the place after them.

        Once begun, a batch is written to its end, even if the scope is cancelled. A batch
        is not divided between two files.

        Raises:
            OSError: they could not be written. A note says what the file holds now.
            trio.ClosedResourceError: the archive is not open.
        """
        if self._environment is None:
            raise trio.ClosedResourceError(f"{self!r} is not open")
        records = [record for item in items for record in item.records]
        date = items[0].date if items else ""
        run_in_thread = self._environment.run_in_thread
        return await run_in_thread(self._file.append, records, date, limiter=self._limiter)

    def audit(
        self, positions: Mapping[int, Json], rows: Mapping[int, int], total: int, /, *, finished: bool
    ) -> list[str]:
        """Return how the archive differs from what was written, in words; nothing is changed. Blocks.

        Args:
            positions: what `write` returned, by the number of the batch.
            rows: by that number, the pages that the archive should have of it; empty if that is not known.
            total: the pages that it should have in all.
            finished: whether nothing may stand behind the last batch.

        Raises:
            OutputError: a file can't be read.
        """
        return audit(self._template, positions, rows, total, finished=finished)
