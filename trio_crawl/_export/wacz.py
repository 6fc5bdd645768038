"""A WACZ package: archives with their index and a list of pages, in one ZIP file (WACZ 1.1.1)."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from contextlib import contextmanager
from hashlib import sha256
from itertools import chain, count
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Final, final
from urllib.parse import quote_from_bytes

from .._errors import FetchError
from .._fetch.archive_record import opened_head
from .._fetch.decode import decode_body
from .._model import Headers
from .._parse.html import HtmlDocument
from .._parse.links import LinkCache
from .cdxj import captures, in_order, unique_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from .cdxj import Capture

_VERSION: Final = "1.1.1"
_BLOCK: Final = 300
"""Lines of the index that are compressed together, as a reader fetches them."""

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f\\]")
_NO_NAME: Final = re.compile(r"[^-a-z0-9._]", re.ASCII)
_SPOOL: Final = 4 * 1024 * 1024
_PIECE: Final = 1024 * 1024
_LARGEST_PAGE: Final = 10 * 1024 * 1024
_PAGES: Final = {"format": "json-pages-1.0", "id": "pages", "title": "All pages"}
_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})


def write_wacz(archives: Sequence[Path], target: Path, now: datetime) -> int:
    """Write the package of *archives* to *target*; return the number of captures.

    Args:
        archives: the files.
        target: where to; what is there is replaced.
        now: the present moment, aware.

    Raises:
        UsageError: an archive can't be read, or two have one name.
    """
    unique_names(archives)
    with _spool() as pages, zipfile.ZipFile(target, "w", allowZip64=True) as file:
        package = _Package(file, now)
        lines = _Lines(pages)
        found = (
            capture._replace(filename=_member_name(path)).line()
            for path in archives
            for capture in captures(path, lines.see)
        )
        with in_order(found) as ordered:
            number = package.add_index(ordered)
        for path in archives:
            with package.member(f"archive/{_member_name(path)}") as member, path.open("rb") as source:
                while piece := source.read(_PIECE):
                    member.write(piece)
        pages.seek(0)
        with package.member("pages/pages.jsonl") as member:
            while piece := pages.read(_PIECE):
                member.write(piece)
        package.finish()
    return number


def _member_name(path: Path) -> str:
    """Return what the archive at *path* is called in a package, where a name is UTF-8 of one line."""
    raw = path.name.encode("utf-8", "surrogateescape")
    try:
        return _CONTROLS.sub(lambda found: f"%{ord(found[0]):02X}", raw.decode())
    except UnicodeDecodeError:
        return quote_from_bytes(raw)


@final
class _Lines:
    """Writes the list of pages while the archives are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._write(_PAGES)

    def _write(self, told: dict[str, str]) -> None:
        self._file.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")

    def see(self, capture: Capture, head: bytes, read: Callable[[int], bytes]) -> None:
        """Take down *capture*, if it is a page."""
        if capture.status != "200" or capture.mime.lower() not in _HTML:
            return
        title = _title(capture, head + read(_LARGEST_PAGE))
        id_ = sha256(f"{capture.url} {capture.timestamp}".encode()).hexdigest()[:20]
        told = {"id": id_, "url": capture.url, "ts": _rfc3339(capture.timestamp)}
        self._write({**told, "title": title} if title else told)


def _title(capture: Capture, block: bytes) -> str | None:
    """Return the title of the page in a record's block; None if it has none, or can't be decoded."""
    fields, body = opened_head(block)
    headers = Headers(tuple(fields))
    try:
        content = decode_body(body, headers.get("content-encoding"), _LARGEST_PAGE)
    except FetchError:
        return None
    kind = headers.get("content-type")
    return HtmlDocument(content, content_type=kind, url=capture.url, cache=LinkCache()).title


def _rfc3339(timestamp: str) -> str:
    year, month, day = timestamp[:4], timestamp[4:6], timestamp[6:8]
    return f"{year}-{month}-{day}T{timestamp[8:10]}:{timestamp[10:12]}:{timestamp[12:14]}Z"


@final
class _Package:
    """The members of a package, and what describes them.

    Nothing is compressed by the ZIP: readers fetch parts of the members by their offset.
    """

    def __init__(self, file: zipfile.ZipFile, now: datetime) -> None:
        self._file = file
        self._now = now
        self._resources: list[dict[str, object]] = []
        self._names: set[str] = set()

    @contextmanager
    def member(self, path: str) -> Iterator[_Hashed]:
        """Give something to write a member to."""
        with self._file.open(self._info(path), "w", force_zip64=True) as raw:
            hashed = _Hashed(raw)
            yield hashed
        described = {
            "name": self._name(path.rpartition("/")[2]),
            "path": path,
            "hash": hashed.hash,
            "bytes": hashed.bytes,
        }
        self._resources.append(described)

    def _name(self, name: str) -> str:
        """Return *name* as the schema of packages has names: in lower case, of few characters, each once."""
        plain = _NO_NAME.sub("-", name.lower())
        names = chain([plain], (f"{number}-{plain}" for number in count(2)))
        unused = next(one for one in names if one not in self._names)
        self._names.add(unused)
        return unused

    def _info(self, path: str) -> zipfile.ZipInfo:
        return zipfile.ZipInfo(path, self._now.timetuple()[:6])

    def add_index(self, lines: Iterator[str]) -> int:
        """Write the index in compressed blocks, and an index of these; return the number of lines."""
        number = 0
        head = {"format": "cdxj-gzip-1.0", "filename": "index.cdx.gz"}
        blocks = [f"!meta 0 {json.dumps(head)}\n"]
        with self.member("indexes/index.cdx.gz") as member:
            while block := [line for _, line in zip(range(_BLOCK), lines, strict=False)]:
                number += len(block)
                data = gzip.compress("".join(block).encode(), mtime=0)
                key = " ".join(block[0].split(" ", 2)[:2])
                told = {
                    "offset": member.bytes,
                    "length": len(data),
                    "digest": f"sha256:{sha256(data).hexdigest()}",
                }
                blocks.append(f"{key} {json.dumps(told)}\n")
                member.write(data)
        with self.member("indexes/index.idx") as member:
            member.write("".join(blocks).encode())
        return number

    def finish(self) -> None:
        """Write what describes the package."""
        described = {
            "profile": "data-package",
            "resources": self._resources,
            "created": self._now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "wacz_version": _VERSION,
            "software": "trio-crawl",
        }
        data = json.dumps(described, indent=2).encode()
        self._file.writestr(self._info("datapackage.json"), data)
        digest = {"path": "datapackage.json", "hash": f"sha256:{sha256(data).hexdigest()}"}
        self._file.writestr(self._info("datapackage-digest.json"), json.dumps(digest).encode())


@final
class _Hashed:
    """A file that counts and hashes what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sum = sha256()
        self.bytes = 0

    def write(self, data: bytes) -> None:
        """Write *data*."""
        self._file.write(data)
        self._sum.update(data)
        self.bytes += len(data)

    @property
    def hash(self) -> str:
        """The hash of all that was written."""
        return f"sha256:{self._sum.hexdigest()}"


def _spool() -> SpooledTemporaryFile[bytes]:
    return SpooledTemporaryFile(max_size=_SPOOL)
