"""What a database of a crawl's consists of, and how it is known."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from .._errors import OutputError
from .place import CURE

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from .mark import Mark

APPLICATION_ID: Final = 0x74637277  # "tcrw": what a crawl has written
VERSION: Final = 1

SCHEMA: Final = """
    CREATE TABLE trio_crawl (run TEXT NOT NULL, batch INTEGER NOT NULL);
    CREATE TABLE trio_crawl_tables (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE pages (
        id INTEGER PRIMARY KEY, url TEXT NOT NULL, final_url TEXT NOT NULL, status INTEGER NOT NULL,
        depth INTEGER NOT NULL, referrer TEXT, title TEXT, content_type TEXT, encoding TEXT NOT NULL,
        bytes INTEGER NOT NULL, fetched_at TEXT NOT NULL, elapsed REAL NOT NULL, attempts INTEGER NOT NULL
    );
    CREATE TABLE links (
        page INTEGER NOT NULL REFERENCES pages (id), number INTEGER NOT NULL, url TEXT NOT NULL,
        PRIMARY KEY (page, number)
    ) WITHOUT ROWID;
    CREATE TABLE failures (
        id INTEGER PRIMARY KEY, url TEXT NOT NULL, depth INTEGER NOT NULL, referrer TEXT,
        attempts INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL
    );
    CREATE INDEX pages_url ON pages (url);
    CREATE INDEX pages_status ON pages (status);
    CREATE INDEX links_url ON links (url);
    CREATE INDEX failures_url ON failures (url);
    CREATE INDEX failures_kind ON failures (kind);
    CREATE VIEW found (source_url, parsed_url) AS
        SELECT pages.url, links.url FROM links JOIN pages ON pages.id = links.page;
"""


def quoted(name: str) -> str:
    """Return *name* as SQL says it."""
    return '"' + name.replace('"', '""') + '"'


def log_of(path: Path) -> list[Path]:
    """Return the files that may stand beside a database."""
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]


def digest() -> hashlib.blake2b:
    """Return what sums the rows of a batch, each as Python writes it."""
    return hashlib.blake2b(digest_size=16)


def columns_of(db: sqlite3.Connection, name: str) -> list[str]:
    """Return the columns of a table."""
    return [column for _, column, *_ in db.execute(f"PRAGMA table_info({quoted(name)})")]


def require_own(db: sqlite3.Connection, path: Path, mark: Mark) -> None:
    """Look whether a database is that of *mark*.

    Raises:
        OutputError: it is not.
    """
    (application,) = db.execute("PRAGMA application_id").fetchone()
    ours = application == APPLICATION_ID
    found = db.execute("SELECT run, batch FROM trio_crawl").fetchone() if ours else None
    if found is None or found[0] != mark.run:
        raise OutputError(f"{path} is not the database that was written; {CURE}")
    if found[1] < mark.batch:
        raise OutputError(f"{path} has {found[1]:,} batches, and should have {mark.batch:,}; {CURE}")
