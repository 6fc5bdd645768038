"""A fetcher that answers from an archive: a crawl is made again, offline."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, cast, final, get_args

import trio

from .._errors import FetchError, UsageError
from .._model import FailureKind
from .._write.same import Thing
from .._write.slices import in_slices
from .._write.warc_file import archive_files
from .archive_index import Index, key_of
from .archive_record import Shelf, response_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .._model import Hop, Response
    from .._write.warc_stream import Packing
    from ..abc import Environment


class NotArchivedError(FetchError):
    """The archive has no answer; asking again changes nothing."""

    temporary: Final = False


@final
class Archive:
    """Answers requests with what is in WARC files, by URL, method and body; nothing is connected to.

    The fields of a request make no difference. Of several answers to one request the last
    one counts. Failures that are recorded come again. A page that is not in the archive is a
    skip with the reason ``not_archived``, and a robots.txt that is not there forbids nothing.

    No host minds how fast it is asked, so ``delay``, ``Crawl-delay``, back-off and rests
    are not kept, and none is given up. Each crawl reads all of the archive once, before its
    first request. A record that can't be read costs itself: `Report.bad_records` counts it.

    Args:
        *paths: ``.warc.gz``, ``.warc`` or ``.warc.zst`` files, as `trio_crawl.writers.Warc` or
            any other tool writes them. With ``{n}`` in its name a path stands for all files that
            are numbered so.

    Raises:
        UsageError: there is no such file, or its name has another suffix.

    Attributes:
        bad_records: records that were left out, since they can't be read; of the last crawl.
        bad_places: where the first ten of them are, and what is wrong with each.
    """

    opens_connections: Final = False
    virtual: Final = False
    recorded: Final = True

    def __init__(self, *paths: str | os.PathLike[str]) -> None:
        if not paths:
            raise UsageError("Archive() takes the path of at least one .warc.gz, .warc or .warc.zst file")
        self._names = [os.fspath(path) for path in paths]
        self._paths = [found for name in self._names for found in archive_files(name)]
        self._index: Index | None = None
        self._packings: dict[int, Packing] = {}
        self._environment: Environment | None = None
        self.bad_records: int = 0
        self.bad_places: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Archive({', '.join(map(repr, self._names))})"

    def files(self) -> list[Thing]:
        """Return the files that it reads."""
        return [
            Thing(what=f"the archive {str(path)!r} that is read", path=path, read=True)
            for path in self._paths
        ]

    @asynccontextmanager
    async def open(self, environment: Environment, /) -> AsyncIterator[None]:
        """Hold the archive open for the length of one crawl; finds first what is where in it.

        Raises:
            UsageError: a file can't be read, or is no archive.
            trio.BusyResourceError: another crawl has it open.
        """
        if self._environment is not None:
            raise trio.BusyResourceError(f"{self!r} serves a crawl already; make one for each crawl")
        self._environment = environment
        self._limiter = trio.CapacityLimiter(1)
        try:
            self._index = await environment.run_in_thread(Index, self._paths, limiter=self._limiter)
            await in_slices(self._index.build(), environment.run_in_thread, self._limiter)
            self.bad_records = self._index.bad
            self.bad_places = tuple(self._index.bad_places)
            yield
        finally:
            index, self._index, self._environment = self._index, None, None
            if index is not None:
                index.close()

    @trio.lowlevel.enable_ki_protection
    async def fetch(self, hop: Hop, /) -> Response:
        """Return what the archive has for *hop*.

        Raises:
            FetchError: it has nothing, or a failure; the record is damaged, or too large.
            trio.ClosedResourceError: the archive is not open.
        """
        if self._environment is None:
            await trio.lowlevel.checkpoint()
            raise trio.ClosedResourceError(f"{self!r} is not open; a crawl enters open(environment) first")
        return await self._environment.run_in_thread(self._answer, hop, limiter=self._limiter)

    def _answer(self, hop: Hop) -> Response:
        assert self._index is not None  # noqa: S101 - it is open
        # A failure is entered without the body that was sent, which nobody knows.
        keys = [key_of(hop.method, hop.url, hop.body)] + [key_of(hop.method, hop.url, None)] * bool(hop.body)
        answer = next((found for key in keys if (found := self._index.answer(key)) is not None), None)
        if answer is None:
            asked = "it" if hop.method == "GET" else f"this {hop.method}"
            raise NotArchivedError("connect", f"{hop.url}: {asked} is not in {', '.join(self._names)}")
        if answer.failure is not None:
            raise _failure(answer.failure)
        return response_of(hop, Shelf(self._index, self._paths, self._packings), answer)


def _failure(told: str) -> FetchError:
    kind, _, message = told.partition(": ")
    known = kind if kind in get_args(FailureKind) else "protocol"
    return FetchError(cast("FailureKind", known), message)
