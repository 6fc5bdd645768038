"""A mirror made into a site that opens from a folder: its links lead to its files."""

from __future__ import annotations

import codecs
import posixpath
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import quote

from .._errors import UsageError
from .._parse.decoding import decode_bytes
from .._write.mirror import read_map
from .places import read_beneath, write_beneath
from .rewrite import rewrite_css, rewrite_html

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_MOST_REDIRECTS: Final = 20
_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What was made.

    Args:
        files: how many.
        first: the page to open, a path in the folder; None if there is none.
    """

    files: int
    first: str | None


def write_site(mirror: Path, target: Path) -> Site:
    """Copy *mirror* to the folder *target*, with the references in HTML and CSS rewritten.

    What is in the mirror is referred to by a relative path, and everything else by its absolute URL.

    Raises:
        UsageError: the map of the mirror names a file that is not there, or is damaged.
        OutputError: there is no map.
    """
    with closing(_Map()) as found:
        found.read(read_map(mirror))
        files, first = 0, None
        for name, url, kind, encoding in found.files():
            _check_name(name)
            data = read_beneath(mirror, name)
            if kind in _HTML:
                page = rewrite_html(decode_bytes(data, encoding), url, _References(found, name).replace)
                # A mark at the beginning counts more than any declaration (HTML, section 13.2.3.2).
                data = codecs.BOM_UTF8 + page.encode("utf-8", "surrogatepass")
                first = first or name
            elif kind == "text/css":
                # Only ASCII is replaced; what else there is keeps its bytes.
                css = data.decode("utf-8", "surrogateescape")
                css = rewrite_css(css, url, _References(found, name).replace)
                data = css.encode("utf-8", "surrogateescape")
            write_beneath(target, name, data)
            files += 1
    return Site(files=files, first=first)


def _check_name(name: str) -> None:
    """Do nothing if *name* stays in its folder, which a map that somebody changed may lead out of."""
    parts = name.split("/")
    if any(part in {"", ".", ".."} or "\\" in part or ":" in part for part in parts):
        raise UsageError(f"the map of the mirror is damaged: {name!r} is no name of a file")


@final
class _Map:
    """Where each URL is; in a temporary file without a name, since there may be many."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "CREATE TABLE files (name TEXT PRIMARY KEY, url TEXT, kind TEXT, encoding TEXT, number INTEGER);"
            "CREATE TABLE redirects (url TEXT PRIMARY KEY, target TEXT) WITHOUT ROWID;"
            "CREATE TABLE urls (url TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID;"
        )
        self._db.execute("BEGIN")

    def close(self) -> None:
        """Remove it."""
        self._db.close()

    def read(self, lines: Iterable[dict[str, Any]]) -> None:
        """Take the lines of a map."""
        for number, told in enumerate(lines):
            if "redirect" in told:
                self._db.execute(
                    "INSERT OR REPLACE INTO redirects VALUES (?, ?)",
                    (str(told["url"]), str(told["redirect"])),
                )
                continue
            name, final_url = str(told["file"]), str(told["final_url"])
            encoding = str(told.get("encoding") or "utf-8")
            file = (name, final_url, told.get("content_type"), encoding, number)
            self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", file)
            if not told.get("variant"):
                urls = (told.get("url", final_url), *told.get("redirects", ()), final_url)
                rows = [(str(url), name) for url in urls]
                self._db.executemany("INSERT OR REPLACE INTO urls VALUES (?, ?)", rows)

    def files(self) -> list[tuple[str, str, str | None, str]]:
        """Return name, URL, media type and encoding of each, in the order of the map."""
        return self._db.execute("SELECT name, url, kind, encoding FROM files ORDER BY number").fetchall()

    def name_of(self, url: str) -> str | None:
        """Return the file of *url*, None if it is not in the mirror."""
        for _ in range(_MOST_REDIRECTS):
            row = self._db.execute("SELECT name FROM urls WHERE url = ?", (url,)).fetchone()
            if row is not None:
                return str(row[0])
            row = self._db.execute("SELECT target FROM redirects WHERE url = ?", (url,)).fetchone()
            if row is None:
                return None
            url = str(row[0])
        return None


@final
class _References:
    """What stands for a URL in one file of the site."""

    def __init__(self, found: _Map, name: str) -> None:
        self._map = found
        self._folder = posixpath.dirname(name)

    def replace(self, url: str) -> tuple[str, bool]:
        """Return the relative path of *url*, or the URL itself where the mirror does not have it."""
        plain, mark, fragment = url.partition("#")
        name = self._map.name_of(plain)
        if name is None:
            return url, False
        return quote(posixpath.relpath(name, self._folder)) + mark + fragment, True
