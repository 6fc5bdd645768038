"""The fetcher that is a cache around another: what the rest of the library sees of it."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import trio

from .._errors import MissingExtraError, UsageError
from .._write.same import SQLITE_BESIDE, Thing
from ..abc import TimedFetcher
from .choose import choose, files_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .._model import Hop, Response
    from ..abc import Environment
    from .cache_shelf import Shelf

DEFAULT_MAX_BYTES: Final = 1024 * 1024 * 1024
"""Bytes of a cache: some 50,000 pages of 20 KB."""

_CLOSING: Final = 1.0  # seconds to wait for the turn to close the file


@final
class Cache:
    """Answers from a file what may be answered from it, and fetches the rest: an `abc.Fetcher`.

    ::

        await trio_crawl.crawl(seeds, fetch=Cache("curl", path="cache.db"), write="pages.jsonl")

    It is a private cache by RFC 9111, on the rules of hishel. A response to GET or
    HEAD that is fresh (by ``Cache-Control`` or ``Expires``; else for a tenth of the
    time since its ``Last-Modified``, a week at most) answers without a request,
    and bears its ``Age``. One that is stale is validated by ``If-None-Match`` and
    ``If-Modified-Since``, and used if the server answers 304. What may be stored,
    and could be used again, is: content-coded as it came, by URL, method and
    ``Vary``. ``Cache-Control`` in a request's ``headers`` is obeyed as well:
    ``no-cache`` validates, ``no-store`` keeps nothing, ``only-if-cached`` gives
    504 where a request would be needed. A successful POST, PUT, DELETE or the like
    takes what is stored for its URL out of the cache.

    Beyond what the RFC asks, an answer to a request with ``Authorization`` is for
    that ``Authorization`` only, and a robots.txt is used for a day at most.

    The file outlives the crawl, and may be used by several at once. It holds what
    servers sent, answers to your credentials and cookies included, so it is made
    for its owner's eyes only; what was sent to them is not in it. If it can't be
    read or written any more (the disk is full), that is logged once, and the crawl
    goes on without. It is consistent at any moment, whatever is cancelled or killed.

    A page from the cache waits for its host's turn as any other: fetchers don't
    decide about the pace.

    Args:
        fetch: what fetches the rest: anything that ``fetch=`` of a crawl takes.
        path: the file; made if it is not there.
        max_bytes: bytes of all that is stored together. Beyond it the least
            recently used goes. A file does not shrink; its free space is used again.

    Raises:
        UsageError: *fetch* is nothing that fetches, or *path* or *max_bytes* can't be right.
        MissingExtraError: hishel, or what *fetch* needs, is not installed.
    """

    def __init__(
        self, fetch: object = "curl", *, path: str | os.PathLike[str], max_bytes: int = DEFAULT_MAX_BYTES
    ) -> None:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise UsageError(f"path names the cache's file, as in path='cache.db'; got {path!r}")
        if not isinstance(max_bytes, int) or max_bytes < 1:
            raise UsageError(f"max_bytes is the size of the cache in bytes, at least 1; got {max_bytes!r}")
        _require_hishel()
        self._inner = choose(fetch)
        if os.fspath(path) == ":memory:":
            raise UsageError("a cache in memory would be gone with the crawl; path names a file")
        self._name = str(os.fspath(path))
        self._path = Path(path).absolute()
        self._max_bytes = max_bytes
        self._shelf: Shelf | None = None
        self._counts = {"used": 0, "validated": 0, "asked": 0}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self._counts.items())
        return f"<Cache({self._inner!r}, path={self._name!r}): {counts}>"

    def files(self) -> list[Thing]:
        """Return the file that it keeps, and those of the fetcher in it."""
        what = f"the cache {self._name!r}"
        return [Thing(what=what, path=self._path, beside=SQLITE_BESIDE), *files_of(self._inner)]

    @property
    def opens_connections(self) -> bool:
        """Whether the fetcher in it does. If so, hosts of stored pages are resolved and judged as well."""
        return self._inner.opens_connections

    @property
    def virtual(self) -> bool:
        """Whether the fetcher in it is."""
        return self._inner.virtual

    @property
    def now(self) -> datetime:
        """The present moment, by the fetcher in it if that has a time of its own."""
        return self._inner.now if isinstance(self._inner, TimedFetcher) else datetime.now(UTC)

    @property
    def used(self) -> int:
        """Hops so far that were answered from the file alone."""
        return self._counts["used"]

    @property
    def validated(self) -> int:
        """Hops so far that were answered from the file, after the server's 304."""
        return self._counts["validated"]

    @property
    def asked(self) -> int:
        """Hops so far that were the server's to answer, whatever came of them."""
        return self._counts["asked"]

    @asynccontextmanager
    async def open(self, environment: Environment, /) -> AsyncIterator[None]:
        """Serve one crawl, with the file open.

        Raises:
            trio.BusyResourceError: another crawl has this fetcher, or the one in it, open.
            UsageError: the file can't be opened, is damaged, or is no cache.
        """
        if self._shelf is not None:
            raise trio.BusyResourceError("this Cache serves another crawl; make one for each crawl")
        from .cache_shelf import Shelf  # noqa: PLC0415 - it needs hishel

        shelf = Shelf(self._inner, self._path, self._max_bytes, environment, self._counts)
        self._shelf = shelf
        try:
            await shelf.open()
            async with self._inner.open(environment):
                yield
        finally:
            self._shelf = None
            with trio.move_on_after(_CLOSING, shield=True):
                await shelf.close()

    @trio.lowlevel.enable_ki_protection
    async def fetch(self, hop: Hop, /) -> Response:
        """Answer one request, from the file or by the fetcher in it.

        Raises:
            FetchError: there is no response; its kind and message say why.
            trio.ClosedResourceError: the fetcher is not open.
        """
        if self._shelf is None:
            await trio.lowlevel.checkpoint()
            raise trio.ClosedResourceError("this Cache is not open; a crawl enters open(environment) first")
        return await self._shelf.fetch(hop)


def _require_hishel() -> None:
    try:
        # A name of it, since any folder called hishel can be imported as a package.
        from hishel import IdleClient  # noqa: F401, PLC0415 - we can be imported without it
    except ImportError as error:
        raise MissingExtraError(
            f"hishel, whose rules the cache goes by, is not installed, or can't be loaded ({error}): "
            "pip install 'trio-crawl[cache]'"
        ) from error
