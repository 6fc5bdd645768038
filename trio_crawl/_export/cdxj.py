"""A CDXJ index of archives: where the capture of each URL at each time is, in order."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from base64 import b32encode
from contextlib import closing, contextmanager
from hashlib import sha1
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, final

from .._errors import UsageError
from .._write.warc_fields import moment_of
from .._write.warc_reader import CUT_SHORT, Reader
from .surt import surt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from .._write.warc_reader import Record

    See: TypeAlias = Callable[["Capture", bytes, Callable[[int], bytes]], None]

log = logging.getLogger("trio_crawl")

_HEAD: Final = 64 * 1024
_PIECE: Final = 1024 * 1024
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_STATUS: Final = re.compile(rb"HTTP/[0-9.]+ +([0-9]{3})")
_TYPE: Final = re.compile(rb"^content-type:[ \t]*([^\s;]+)", re.IGNORECASE | re.MULTILINE)


class Capture(NamedTuple):
    """One response in an archive, or a resource.

    Args:
        url: what was asked for.
        timestamp: when, fourteen digits, UTC.
        status: of the response; empty where none can be read.
        mime: the media type; ``warc/revisit`` where the body is that of another capture.
        digest: of the body.
        filename: of the archive.
        offset: of the record, in bytes.
        length: of the record, in bytes.
    """

    url: str
    timestamp: str
    status: str
    mime: str
    digest: str
    filename: str
    offset: int
    length: int

    def line(self) -> str:
        """Return it as a line of an index."""
        told = {
            "url": self.url,
            "mime": self.mime,
            "status": self.status,
            "digest": self.digest,
            "length": str(self.length),
            "offset": str(self.offset),
            "filename": self.filename,
        }
        known = {name: value for name, value in told.items() if value}
        return f"{surt(self.url)} {self.timestamp} {json.dumps(known)}\n"


def captures(path: Path, see: See | None = None) -> Iterator[Capture]:
    """Yield the captures in the archive at *path*, in its own order.

    Args:
        path: of the archive.
        see: called with each, the block as far as it is read, and a function that reads on.

    Raises:
        UsageError: it can't be read, or is no archive.
    """
    capture: Capture | None = None
    with closing(Reader(path, _left_out).records()) as records:
        for record in records:
            if record is None:
                continue
            if not record.judged:
                capture = _seen(record, path.name, see) if _is_capture(record) else None
            elif capture is not None and record.problem is None:
                yield capture._replace(length=record.end - record.offset)


def _left_out(path: Path, offset: int, problem: str) -> None:
    if problem == CUT_SHORT:
        log.warning("%s is cut short: its last record, at %d, is left out", path, offset)
    else:
        log.warning("the record of %s at %d is left out: %s", path, offset, problem)


def _is_capture(record: Record) -> bool:
    if not record.url:
        return False
    if record.kind in {"response", "revisit"}:
        return True
    fields = (record.get("content-type") or "").lower() == "application/warc-fields"
    return record.kind in {"resource", "metadata"} and not fields


def _seen(record: Record, filename: str, see: See | None) -> Capture:
    block = _Block(record)
    capture = _capture(record, block.head, filename)
    if see is not None:
        see(capture, block.head, block.read)
    return capture if capture.digest else capture._replace(digest=block.digest())


@final
class _Block:
    """A block that is read, and summed up without the head of HTTP."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self.head = record.read(_HEAD)
        of_http = record.kind in {"response", "revisit"} and record.of_web
        end = _END_OF_HEAD.search(self.head) if of_http else None
        behind = self.head if not of_http else b"" if end is None else self.head[end.end() :]
        self._sum = sha1(behind, usedforsecurity=False)

    def read(self, size: int) -> bytes:
        data = self._record.read(size)
        self._sum.update(data)
        return data

    def digest(self) -> str:
        while self.read(_PIECE):
            pass
        return "sha1:" + b32encode(self._sum.digest()).decode()


def _capture(record: Record, head: bytes, filename: str) -> Capture:
    status = mime = None
    if record.kind in {"response", "revisit"} and record.of_web:
        fields = _END_OF_HEAD.split(head, maxsplit=1)[0]
        status, found = _STATUS.match(fields), _TYPE.search(fields)
        mime = found and found[1].decode("latin-1")
    elif record.kind in {"resource", "metadata"}:
        mime = re.split(r"[;\s]", record.get("content-type") or "", maxsplit=1)[0]
    moment = moment_of(record.get("warc-date"))
    return Capture(
        url=record.url,
        timestamp="0" * 14 if moment is None else f"{moment:%Y%m%d%H%M%S}",
        status=status[1].decode() if status else "",
        mime="warc/revisit" if record.kind == "revisit" else mime or "",
        digest=record.get("warc-payload-digest") or "",
        filename=filename,
        offset=record.offset,
        length=0,
    )


@contextmanager
def in_order(lines: Iterable[str]) -> Iterator[Iterator[str]]:
    """Give *lines* in the order of their bytes, which may be more of them than memory holds."""
    # A temporary file without a name: sorted by the database, and gone when it is closed.
    with closing(sqlite3.connect("", isolation_level=None)) as db:
        db.execute("CREATE TABLE lines (line BLOB)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO lines VALUES (?)", ((line.encode(),) for line in lines))
        yield (line.decode() for (line,) in db.execute("SELECT line FROM lines ORDER BY line"))


def write_cdxj(archives: Sequence[Path], target: Path) -> int:
    """Write the index of *archives* to *target*; return the number of captures.

    Raises:
        UsageError: an archive can't be read, or two have one name.
    """
    unique_names(archives)
    number = 0
    found = (capture.line() for path in archives for capture in captures(path))
    with in_order(found) as lines, target.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(line)
            number += 1
    return number


def unique_names(archives: Sequence[Path]) -> None:
    """Do nothing if no two of *archives* have one name, by which an index knows them.

    Raises:
        UsageError: two have.
    """
    names = [path.name for path in archives]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"two archives are called {min(twice)}; an index could not tell them apart")
