"""Where in an archive the answer to each request is. It blocks, and knows nothing of trio.

The index is a database in a temporary file that has no name, so that memory does not grow
with the archive and nothing is left behind.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from .. import _urls
from .._callbacks import log
from .._errors import UsageError
from .._write.warc_records import FAILURE, digest

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

_SCHEMA: Final = """
CREATE TABLE answers (
    key BLOB PRIMARY KEY,   -- of the request
    file INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    elapsed REAL NOT NULL,  -- seconds
    failure TEXT            -- why there is no response
) WITHOUT ROWID;
CREATE TABLE bodies (
    digest TEXT PRIMARY KEY,
    file INTEGER NOT NULL,
    offset INTEGER NOT NULL
) WITHOUT ROWID;
"""

_MOST_FORMS: Final = 1000  # requests that are not GET and whose response has not come yet
_REQUEST_LINE: Final = 16 * 1024
_STATUS_LINE: Final = 64
_NOT_MODIFIED: Final = re.compile(rb"HTTP/[0-9.]+ +304")


class Answer(NamedTuple):
    """Where the answer to a request is.

    Args:
        file: the number of the file, from 0 on.
        offset: of the record in it.
        elapsed: seconds that the exchange took, 0 where the archive does not say.
        failure: why there is none, kind and message; None if there is.
    """

    file: int
    offset: int
    elapsed: float
    failure: str | None


@dataclass(slots=True, kw_only=True)
class _Pending:
    """A response whose request, and what else is known of it, may be in the records that follow."""

    id: str
    url: str
    place: tuple[int, int]
    key: bytes
    payload: str | None
    not_modified: bool
    elapsed: float = 0.0


@final
class Index:
    """Finds responses by request, and bodies by digest.

    Where an archive has several answers to one request, the last one counts.

    Args:
        paths: the files, in order.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        # One thread at a time, which the one who calls sees to.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(_SCHEMA)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._forms: dict[str, bytes] = {}
        self._pending: _Pending | None = None

    def close(self) -> None:
        """Remove it."""
        self._db.close()

    def answer(self, key: bytes) -> Answer | None:
        """Return where the answer to the request *key* is, None if there is none."""
        row = self._db.execute(
            "SELECT file, offset, elapsed, failure FROM answers WHERE key = ?", (key,)
        ).fetchone()
        return None if row is None else Answer(*row)

    def body(self, payload: str) -> tuple[int, int] | None:
        """Return the file and the offset of a response whose body has this digest; None if there is none."""
        place: tuple[int, int] | None = self._db.execute(
            "SELECT file, offset FROM bodies WHERE digest = ?", (payload,)
        ).fetchone()
        return place

    def build(self) -> Generator[None, None, None]:
        """Read the archive, and yield after each record, so that it can be given up in between.

        Raises:
            UsageError: a file can't be read, or is no archive.
        """
        self._db.execute("BEGIN")
        for number, path in enumerate(self._paths):
            with closing(read(path)) as records:
                for record, offset in records:
                    self._take(record, (number, offset))
                    if not drained(record):
                        self._pending = None
                        warn_of_cut(path, offset)
                        break
                    yield
            self._settle()
        self._db.execute("COMMIT")

    def _take(self, record: Any, place: tuple[int, int]) -> None:  # noqa: ANN401 - warcio has no types
        headers = record.rec_headers
        url = headers.get_header("WARC-Target-URI") or ""
        if not url.lower().startswith(("http:", "https:")):
            return
        match record.rec_type:
            case "request":
                self._take_request(record, url)
            case "response" | "revisit":
                self._settle()
                id_ = headers.get_header("WARC-Record-ID") or ""
                head = record.raw_stream.read(_STATUS_LINE)
                asked = self._forms.pop(headers.get_header("WARC-Concurrent-To") or id_, None)
                self._pending = _Pending(
                    id=id_,
                    url=url,
                    place=place,
                    key=asked or key_of("GET", url, None),
                    not_modified=_NOT_MODIFIED.match(head) is not None,
                    payload=headers.get_header("WARC-Payload-Digest")
                    if record.rec_type == "response"
                    else None,
                )
            case "metadata":
                self._take_metadata(record, url, place)

    def _take_request(self, record: Any, url: str) -> None:  # noqa: ANN401 - likewise
        """Note the key of a request that is no simple GET, before or after its response."""
        head = record.raw_stream.read(_REQUEST_LINE)
        method = head.split(b" ", 1)[0].decode("latin-1")
        if method == "GET":
            return
        _, _, body = (head + record.raw_stream.read()).partition(b"\r\n\r\n")
        key = key_of(method, url, body)
        id_ = record.rec_headers.get_header("WARC-Record-ID") or ""
        concurrent = record.rec_headers.get_header("WARC-Concurrent-To")
        if self._pending is not None and self._pending.id == concurrent:
            self._pending.key = key
            return
        self._forms[id_] = key
        if len(self._forms) > _MOST_FORMS:
            del self._forms[next(iter(self._forms))]

    def _take_metadata(self, record: Any, url: str, place: tuple[int, int]) -> None:  # noqa: ANN401 - likewise
        fields = _fields(record.raw_stream.read())
        pending = self._pending
        if pending is not None and pending.id == record.rec_headers.get_header("WARC-Concurrent-To"):
            try:
                pending.elapsed = float(fields.get("fetchTimeMs", "0")) / 1000
            except ValueError:
                log.warning("the time that %s took is no number", url)
            return
        self._settle()
        if FAILURE in fields:
            # Which body was sent is not known of a request without a response.
            self._put(key_of(fields.get("method", "GET"), url, None), (*place, 0.0, fields[FAILURE]))

    def _settle(self) -> None:
        """Enter the response of which all is known now."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        if pending.not_modified and self.answer(pending.key) is not None:
            return  # it says that an earlier answer, which the archive has, is good still
        self._put(pending.key, (*pending.place, pending.elapsed, None))
        if pending.payload:
            self._db.execute(
                "INSERT OR IGNORE INTO bodies VALUES (?, ?, ?)", (pending.payload, *pending.place)
            )

    def _put(self, key: bytes, answer: tuple[int, int, float, str | None]) -> None:
        self._db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", (key, *answer))


def key_of(method: str, url: str, body: bytes | None) -> bytes:
    """Return what stands for a request, the same for each way to write its URL."""
    normal = (_urls.parse(url) or url).partition("#")[0]
    sent = digest(body) if body else ""
    return blake2b(f"{method} {normal} {sent}".encode(), digest_size=16).digest()


def read(path: Path, offset: int = 0) -> Generator[tuple[Any, int], None, None]:
    """Yield the records of a file from *offset* on, each with its own offset.

    Raises:
        UsageError: the file can't be read, or is no archive.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            records = ArchiveIterator(file, no_record_parse=True)
            for record in records:
                yield record, records.offset
            begin, length = records.member_info or (0, 0)
            # Of a gzip member that is cut short nothing may come out at all.
            if (
                records.reader is None
                and path.suffix.lower() == ".gz"
                and begin + length < path.stat().st_size
            ):
                warn_of_cut(path, begin + length)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    except ArchiveLoadFailed as error:
        said = " ".join(str(error).split())
        raise UsageError(f"{path} is no archive, or damaged: {said}") from error


def warn_of_cut(path: Path, offset: int) -> None:
    """Log that the archive at *path* ends in the middle of a record, as where a crawl was killed."""
    log.warning("%s is cut short: its last record, at %d, is left out", path, offset)


def drained(record: Any) -> bool:  # noqa: ANN401 - warcio has no types
    """Read the rest of *record*; return whether it is as long as it says."""
    while record.raw_stream.read(1024 * 1024):
        pass
    return record.length is not None and not record.raw_stream.limit


def _fields(block: bytes) -> dict[str, str]:
    lines = block.decode("utf-8", "replace").splitlines()
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
