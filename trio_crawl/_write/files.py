"""Bodies in a folder: a mirror of what was crawled, with the map from URL to file."""

from __future__ import annotations

import inspect
import json
import os
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Final, final

import trio

from .. import _urls
from .._errors import OutputError, UsageError
from .._model import Failure
from .audit import audit_file
from .counting import miscounted
from .file_names import MAP, file_name
from .mirror import Item, Mirror, changed
from .place import Place
from .target import absolute

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from .._model import Exchange, Json, Outcome, Page
    from ..abc import Environment


@final
class Files:
    """Writes the content of each page with a 2xx status to a file of its own, decoded.

    Each has a name that every system takes: nothing leads out of the folder, no two differ
    by case alone, none is a device's, long ones are shortened. ``files.jsonl`` has a
    line for each page: ``url``, ``redirects``, ``final_url``, ``file``, ``content_type``,
    ``encoding``, ``bytes``, ``sha256``, and ``variant`` where it is the answer to a form.
    (A line with ``url`` and ``redirect`` is of a redirect to a page that is there anyway.)
    A file is whole, or not there; it counts when it is in the map.

    Args:
        path: the folder; it is made if there is none in a folder that exists.
        overwrite: write to a folder that is not empty: the map is begun anew, files of the
            same names are replaced, and others stay. Without it, such a folder is an `OutputError`.

        where: says of a `Page` whether its content is kept; None: all are. What it raises ends
            the crawl.

    Raises:
        UsageError: *path* is no path, or *where* no function.
    """

    prompt: Final = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        where: Callable[[Page], object] | None = None,
    ) -> None:
        if where is not None and (not callable(where) or inspect.iscoroutinefunction(where)):
            raise UsageError(f"where= is {where!r}; it takes a plain function of a Page, or None")
        self._where = where
        name = os.fspath(path)
        if not isinstance(name, str) or not name or "\0" in name:
            raise UsageError(f"{name!r} is no path; give a str that is not empty and holds no NUL")
        self._name = name
        self._path = absolute(name)
        self._overwrite = overwrite
        self._rows = 0
        self._environment: Environment | None = None

    def __repr__(self) -> str:
        return f"Files({self._name!r}, overwrite={self._overwrite!r})"

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._name

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    @property
    def rows(self) -> int:
        """Files since the output was opened."""
        return self._rows

    def check(self, position: Json = None, /) -> None:
        """Look whether the folder can be written to, changing nothing.

        Args:
            position: what the last `write` that counts returned, where a crawl goes on.

        Raises:
            OutputError: it is not empty (and is not to be overwritten), is no folder, or
                can't be written. Where a crawl goes on: its map is gone, or not as it was written.
        """
        place = Place.of(position)
        if place is not None:
            place.check(self.path / MAP)
            return
        folder = self.path
        try:
            if folder.is_dir():
                if not self._overwrite and any(
                    path.name != MAP or path.stat().st_size for path in folder.iterdir()
                ):
                    raise OutputError(
                        f"{folder} is not empty; overwrite=True writes to it all the same; or name another"
                    )
            elif folder.exists():
                raise OutputError(f"{folder} is no folder; name one that is, or a new one")
            elif not folder.parent.is_dir():
                raise OutputError(f"{folder} can't be created: there is no folder {folder.parent}")
        except OSError as error:
            raise OutputError(f"{folder} can't be looked at: {error.strerror}") from error
        if not os.access(folder if folder.is_dir() else folder.parent, os.W_OK | os.X_OK):
            raise OutputError(f"{folder} can't be written: its permissions, or its file system's, forbid it")

    @asynccontextmanager
    async def open(self, environment: Environment, position: Json = None, /) -> AsyncIterator[None]:
        """Hold the folder open for the length of one crawl.

        Args:
            environment: what the crawl lends.
            position: what the last `write` that counts returned, where a crawl goes on:
                the map is cut back to there. Files behind it are written again.

        Raises:
            OutputError: it can't be opened.
            trio.BusyResourceError: another crawl has it open.
        """
        if self._environment is not None:
            raise trio.BusyResourceError(f"{self!r} serves a crawl already; make one for each crawl")
        self._environment = environment
        self._rows = 0
        self._limiter = trio.CapacityLimiter(1)
        self._mirror = mirror = Mirror(self.path)
        run_in_thread = environment.run_in_thread
        try:
            await run_in_thread(mirror.open, Place.of(position), self._overwrite, limiter=self._limiter)
            yield
            await run_in_thread(mirror.close, limiter=self._limiter)
        finally:
            # What a hop opened is closed even where its answer was lost to a cancellation.
            mirror.close()
            self._environment = None

    def encode(self, outcome: Outcome, /) -> Item | None:
        """Return the file of *outcome*; None if it is no page with a 2xx status, or not to be kept."""
        if isinstance(outcome, Failure) or not 200 <= outcome.page.status <= 299:  # noqa: PLR2004 - success
            return None
        page = outcome.page
        if self._where is not None and not self._where(page):
            return None
        self._rows += 1
        variant = _variant(page)
        name = file_name(page.final_url, page.content_type, variant=variant)
        told: dict[str, object] = {
            "url": page.url,
            "redirects": page.redirects,
            "final_url": page.final_url,
            "file": name,
            "content_type": page.content_type,
            "encoding": page.encoding,
            "bytes": len(page.content),
            "sha256": sha256(page.content).hexdigest(),
        }
        if variant is not None:
            told["variant"] = variant
        return Item(name, page.content, json.dumps(told, ensure_ascii=False) + "\n")

    def encode_aside(self, exchanges: Sequence[Exchange], /) -> Item | None:
        """Return the lines of redirects to pages that the crawl has by another way."""
        lines = []
        for exchange in exchanges:
            response = exchange.response
            if response is not None and 300 <= response.status <= 399:  # noqa: PLR2004 - redirects
                target = _urls.join(exchange.hop.url, response.headers.get("location") or "")
                if target is not None and exchange.hop.method == "GET":
                    lines.append(json.dumps({"url": exchange.hop.url, "redirect": target}) + "\n")
        return Item("", b"", "".join(lines)) if lines else None

    def ending(self) -> None:
        """Return None: a mirror ends with its last file."""

    @trio.lowlevel.enable_ki_protection
    async def write(self, items: Sequence[Item], /) -> Json:
        """Write the files of *items*, then their lines of the map, and return the place after these.

        Once begun, a batch is written to its end, even if the scope is cancelled.

        Raises:
            OSError: they could not be written. The map has nothing of this batch then.
            trio.ClosedResourceError: the folder is not open.
        """
        if self._environment is None:
            raise trio.ClosedResourceError(f"{self!r} is not open")
        run_in_thread = self._environment.run_in_thread
        place = await run_in_thread(self._mirror.append, items, limiter=self._limiter)
        return place.to_json()

    def audit(
        self, positions: Mapping[int, Json], rows: Mapping[int, int], total: int, /, *, finished: bool
    ) -> list[str]:
        """Return how map and files differ from what was written, in words; nothing is changed. Blocks.

        Args:
            positions: what `write` returned, by the number of the batch.
            rows: by that number, the files that there should be of it; empty if that is not known.
            total: the files that there should be in all.
            finished: whether nothing may stand behind the last batch.

        Raises:
            OutputError: the map can't be read.
        """
        path = self.path / MAP
        places = {number: Place.of(position) or Place() for number, position in positions.items()}
        problems = audit_file(path, positions, rows, total, finished=finished)
        ends = {number: (path, place) for number, place in places.items()}
        problems = problems or miscounted(ends, rows, total, _files_in, "files")
        if problems or not path.exists():
            return problems
        return [*changed(self.path, max([place.bytes for place in places.values()], default=0))]


def _files_in(batch: bytes) -> int:
    """Return how many lines of a map are of a file."""
    return sum("file" in json.loads(line) for line in batch.splitlines())


def _variant(page: Page) -> str | None:
    request = page.request
    plain = request.method == "GET" and request.body is None and request.key is None
    return None if plain else page.id
