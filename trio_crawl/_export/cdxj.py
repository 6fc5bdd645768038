"""A CDXJ index of archives: where the capture of each URL at each time is, in order."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .._errors import UsageError
from .._fetch.archive_index import drained, read, warn_of_cut
from .surt import surt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_HEAD: Final = 64 * 1024
_STATUS: Final = re.compile(rb"HTTP/[0-9.]+ +([0-9]{3})")
_TYPE: Final = re.compile(rb"^content-type:[ \t]*([^\s;]+)", re.IGNORECASE | re.MULTILINE)


class Capture(NamedTuple):
    """One response in an archive.

    Args:
        url: what was asked for.
        timestamp: when, fourteen digits, UTC.
        status: of the response; empty where none can be read.
        mime: the media type; ``warc/revisit`` where the body is that of another capture.
        digest: of the body; empty where the archive does not say.
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
        return f"{surt(self.url)} {self.timestamp} {json.dumps(known, ensure_ascii=False)}\n"


def captures(path: Path, see: Callable[[Capture, Any, bytes], None] | None = None) -> Iterator[Capture]:
    """Yield the captures in the archive at *path*, in its own order.

    Args:
        path: of the archive.
        see: called with each, its record, and the block as far as it is read; it may read on.

    Raises:
        UsageError: it can't be read, or is no archive.
    """
    previous: tuple[Capture, Any] | None = None
    end = 0
    for record, offset in read(path):
        if previous is not None:
            yield previous[0]._replace(length=offset - previous[0].offset)
        previous = None
        url = record.rec_headers.get_header("WARC-Target-URI") or ""
        if record.rec_type in {"response", "revisit"} and url.lower().startswith(("http:", "https:")):
            head = record.raw_stream.read(_HEAD)
            capture = _capture(record, url, head, path.name, offset)
            if see is not None:
                see(capture, record, head)
            previous = capture, record
        if not drained(record):
            warn_of_cut(path, offset)
            return
        end = path.stat().st_size
    if previous is not None:
        yield previous[0]._replace(length=end - previous[0].offset)


def _capture(record: Any, url: str, head: bytes, filename: str, offset: int) -> Capture:  # noqa: ANN401 - warcio has no types
    told = record.rec_headers.get_header
    fields = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    status, mime = _STATUS.match(fields), _TYPE.search(fields)
    kind = "warc/revisit" if record.rec_type == "revisit" else mime[1].decode("latin-1") if mime else ""
    return Capture(
        url=url,
        timestamp=re.sub(r"[^0-9]", "", told("WARC-Date") or "")[:14].ljust(14, "0"),
        status=status[1].decode() if status else "",
        mime=kind,
        digest=told("WARC-Payload-Digest") or "",
        filename=filename,
        offset=offset,
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
