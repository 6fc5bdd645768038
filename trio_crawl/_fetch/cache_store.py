"""The file of a cache: SQLite, bounded; what was not used for longest goes first.

It blocks, and is for one thread at a time.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, final
from zlib import crc32

from .._callbacks import log
from .._errors import UsageError
from .._holds import HeldError, Share
from .._model import Headers
from .cache_entry import Stored, variant_of
from .cache_file import open_file, trouble

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_ROW_OVERHEAD: Final = 256  # bytes that a row costs beyond its content, indices included
_KEPT_OF_FULL: Final = 0.9  # so that not each response that is stored has to make room

_SUM: Final = "SELECT coalesce(sum(size), 0) FROM responses"

# A row that another crawl over the same file has stored meanwhile is replaced, too.
_INSERT: Final = """
INSERT OR REPLACE INTO responses
    (url, method, vary, variant, status, http_version, headers, requested, received,
     checksum, size, used, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


@final
class Store:
    """Responses in one file of SQLite.

    After a kill it is as the last change left it. Other processes may use the
    file at the same time. Every method raises `sqlite3.Error` where the file
    can't be read or written; what it was to change is as before then.

    Args:
        path: the file; made, for its owner's eyes only, if it is not there.
        max_bytes: bytes of all responses together.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._opened: sqlite3.Connection | None = None
        self._share: Share | None = None
        self._bytes = 0
        self._clock = 0
        # Rows that were read, and when: written with the next change, so that reading writes nothing.
        self._touched: dict[int, int] = {}

    def open(self) -> None:
        """Open the file, or make it.

        Raises:
            UsageError: it can't be opened, is damaged, or is no cache.
        """
        self._opened = open_file(self._path)
        try:
            self._share = Share(self._path, f"the cache {self._path}")
        except (HeldError, OSError) as error:
            self.close()
            raise UsageError(f"cache {self._path}: it is in use by {error}; name another file") from None
        try:
            self._bytes = self._number(_SUM)
            self._clock = self._number("SELECT coalesce(max(used), 0) FROM responses")
        except sqlite3.Error as error:
            self.close()
            raise UsageError(trouble(self._path, error)) from error

    @property
    def _file(self) -> sqlite3.Connection:
        assert self._opened is not None, "the store is open"  # noqa: S101 - who opens it, closes it last
        return self._opened

    def _number(self, query: str) -> int:
        [value] = self._file.execute(query).fetchone()
        return int(value)

    def close(self) -> None:
        """Close the file; again, if it is closed already, without effect."""
        if self._opened is None:
            return
        try:
            if self._touched:
                with self._change():
                    pass
        finally:
            self._opened.close()
            self._opened = None
            # Not before: to close any descriptor of the file ends SQLite's own locks on it.
            if self._share is not None:
                self._share.close()
                self._share = None

    def find(self, url: str, method: str, request: Headers, most: int) -> list[Stored]:
        """Return what is stored for a URL, a method and the fields of a request.

        Args:
            url: the URL.
            method: the method.
            request: the fields, of which those count that a response depends on.
            most: bytes above which a body is not read.
        """
        rows = self._file.execute(
            "SELECT id, vary, variant FROM responses WHERE url = ? AND method = ?", (url, method)
        ).fetchall()
        matching = [
            (row, vary, variant) for row, vary, variant in rows if variant == variant_of(vary, request)
        ]
        found = [self._read(row, url, method, vary, variant, most) for row, vary, variant in matching]
        return [stored for stored in found if stored is not None]

    def _read(  # noqa: PLR0913, PLR0917 - the key of a row, as it was found
        self, row: int, url: str, method: str, vary: str, variant: bytes, most: int
    ) -> Stored | None:
        columns = self._file.execute(
            "SELECT status, http_version, headers, requested, received, checksum,"
            " CASE WHEN length(body) <= ? THEN body END FROM responses WHERE id = ?",
            (most, row),
        ).fetchone()
        if columns is None:  # another process deleted it meanwhile
            return None
        status, version, headers, requested, received, checksum, body = columns
        if body is not None and _checksum(headers, body) != checksum:
            log.warning("cache %s: what is stored of %s is damaged, and not used", self._path, url)
            self.change((row,), None)
            return None
        self._clock += 1
        self._touched[row] = self._clock
        return Stored(
            id=row,
            url=url,
            method=method,
            vary=vary,
            variant=variant,
            status=status,
            http_version=version,
            headers=_headers(headers),
            body=body,
            requested=requested,
            received=received,
        )

    def change(self, forget: Sequence[int], keep: Stored | None) -> None:
        """Delete the rows numbered *forget*, and store *keep*, both or neither.

        A response that alone exceeds the bound is not stored.
        """
        with self._change():
            self._delete("id", forget)
            if keep is not None and keep.body is not None:
                self._insert(keep, keep.body)
            self._bytes = self._bound()

    def forget(self, urls: Sequence[str]) -> None:
        """Delete all that is stored for *urls*, whatever the method."""
        with self._change():
            self._delete("url", urls)

    def _insert(self, stored: Stored, body: bytes) -> None:
        headers = json.dumps([[name, value] for name, value in stored.headers], separators=(",", ":"))
        size = len(stored.url) + len(headers) + len(body) + _ROW_OVERHEAD
        if size > self._max_bytes:
            return
        self._clock += 1
        self._bytes += size
        self._file.execute(
            _INSERT,
            (
                *(stored.url, stored.method, stored.vary, stored.variant, stored.status),
                *(stored.http_version, headers, stored.requested, stored.received),
                *(_checksum(headers, body), size, self._clock, body),
            ),
        )

    def _delete(self, column: str, values: Sequence[object]) -> None:
        self._file.executemany(f"DELETE FROM responses WHERE {column} = ?", [(value,) for value in values])  # noqa: S608 - the name is ours

    def _bound(self) -> int:
        """Delete what was not used for longest, if there is too much; return the bytes that are there."""
        if self._bytes <= self._max_bytes:
            return self._bytes
        # Counted anew: rows were replaced and deleted, and there may be other processes.
        there = self._number(_SUM)
        if there <= self._max_bytes:
            return there
        oldest = self._file.execute("SELECT id, size FROM responses ORDER BY used").fetchall()
        gone: list[int] = []
        for row, size in oldest:
            if there <= self._max_bytes * _KEPT_OF_FULL:
                break
            gone.append(row)
            there -= size
        self._delete("id", gone)
        return there

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Make one transaction of the block, and note in it what was used since the last."""
        before = self._bytes
        self._file.execute("BEGIN IMMEDIATE")
        try:
            self._file.executemany(
                "UPDATE responses SET used = ? WHERE id = ?",
                [(used, row) for row, used in self._touched.items()],
            )
            yield
            self._file.execute("COMMIT")
        except BaseException:
            self._bytes = before
            if self._file.in_transaction:  # a full disk may have ended it already
                self._file.execute("ROLLBACK")
            raise
        self._touched.clear()


def _checksum(headers: str, body: bytes) -> int:
    return crc32(body, crc32(headers.encode("ascii")))


def _headers(text: str) -> Headers:
    return Headers(
        tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in json.loads(text))
    )
