"""The file of a cache, from a path to a connection: made, or known to be one and whole. Blocking."""

from __future__ import annotations

import os
import sqlite3
from errno import EACCES, EISDIR
from typing import TYPE_CHECKING, Final

from .._errors import UsageError
from .._frontier.private import claimed, exposed, planted

if TYPE_CHECKING:
    from pathlib import Path

_APPLICATION_ID: Final = 0x74726330  # "trc0": what file(1) and we know such a file by
_VERSION: Final = 1
_BUSY: Final = 2.0  # seconds to wait for another process; below the grace of a crawl

_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS responses (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    method TEXT NOT NULL,
    vary TEXT NOT NULL,         -- names of request fields, in lower case, separated by commas
    variant BLOB NOT NULL,      -- a digest of their values
    status INTEGER NOT NULL,
    http_version TEXT NOT NULL,
    headers TEXT NOT NULL,      -- a JSON list of [name, value], read as Latin-1
    requested REAL NOT NULL,    -- seconds since 1970
    received REAL NOT NULL,
    checksum INTEGER NOT NULL,  -- CRC-32 of headers and body
    size INTEGER NOT NULL,      -- bytes, all in all
    used INTEGER NOT NULL,      -- the greater, the more recently
    body BLOB NOT NULL,         -- transfer-decoded, content-coded; last, since it is not always read
    UNIQUE (url, method, vary, variant)
);
CREATE INDEX IF NOT EXISTS responses_by_use ON responses (used, size);
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
COMMIT;
"""


def open_file(path: Path) -> sqlite3.Connection:
    """Return a connection to the cache at *path*, which is made if there is none.

    Raises:
        UsageError: it can't be opened, is damaged, or is no cache.
    """
    reason = planted(path)
    if reason is not None:
        raise UsageError(f"cache {path}: {reason}")
    try:
        new = _make_file(path) == 0
        # The one who uses it sees to it that no two threads do so at once.
        file = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        try:
            _check(file, path, new=new)
        except BaseException:
            file.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise UsageError(trouble(path, error)) from error
    return file


def trouble(path: Path, error: OSError | sqlite3.Error) -> str:
    """Return what *error* means for the cache at *path*, and what to do."""
    return f"cache {path}: {_reason(error)}"


def _check(file: sqlite3.Connection, path: Path, *, new: bool) -> None:
    # Nothing is written before it is known to be ours. (To SQLite a very short file is empty, too.)
    if new and _pragma(file, "page_count") == 0:
        file.execute("PRAGMA journal_mode = WAL")
        file.executescript(_SCHEMA)
    if _pragma(file, "application_id") != _APPLICATION_ID:
        raise UsageError(f"cache {path}: this is no cache but another file; name another one")
    version = _pragma(file, "user_version")
    if version != _VERSION:
        raise UsageError(
            f"cache {path}: it has the format {version}, and this version of trio_crawl knows "
            f"{_VERSION} alone; delete it, or name another file"
        )
    reason = None if new and claimed(path) else exposed(path)
    if reason is not None:
        raise UsageError(f"cache {path}: {reason}")
    # Reads all of it, which takes some 0.4 s a gigabyte where the file is in memory already.
    verdict = _pragma(file, "quick_check(1)")
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = NORMAL")


def _pragma(file: sqlite3.Connection, name: str) -> int | str:
    [value] = file.execute(f"PRAGMA {name}").fetchone()
    answer: int | str = value
    return answer


def _make_file(path: Path) -> int:
    """Make *path* if it is not there, and return its size in bytes.

    It is its owner's alone: it will hold answers to credentials and cookies.
    """
    # One that is there is not opened: to close it would end the locks that SQLite holds on it elsewhere
    # in this process.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR)) from None
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES)) from None
        return path.stat().st_size
    return 0


def _reason(error: OSError | sqlite3.Error) -> str:
    if isinstance(error, OSError):
        return f"it can't be opened: {error.strerror or error}"
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_NOTADB:
        return "this is no cache but another file; name another one"
    if isinstance(error, sqlite3.OperationalError):
        return f"it can't be used: {error}"
    return f"it is damaged ({error}); delete it, and the cache begins anew"
