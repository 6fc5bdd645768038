"""The tables of a state, and what its numbers mean.

The schema is made for what a crawl does: URLs are appended in the order of their
discovery, and the one index holds those that wait, by host. Fingerprints are not
indexed at all: they are appended in pieces, and read as a whole when a crawl goes on.
"""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x7472696F
"""What says that a SQLite database is a state of ours: ``trio``."""

VERSION: Final = 3
"""Of the schema."""

PENDING: Final = 0
PAGE: Final = 1
FAILED: Final = 2
SKIPPED: Final = 3
SITEMAP: Final = 4

DEEPEST: Final = (1 << 24) - 1
"""What of a rank is its depth."""

SIGN: Final = 1 << 63
"""SQLite's integers have a sign: the first number that they can't say."""

SCHEMA: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE hosts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, pending INTEGER NOT NULL);
CREATE TABLE urls (
    id INTEGER PRIMARY KEY,    -- in the order of discovery
    host INTEGER NOT NULL,
    rank INTEGER NOT NULL,     -- priority and depth; smaller goes first
    status INTEGER NOT NULL,   -- 0 pending, 1 page, 2 failed, 3 skipped, 4 sitemap
    url TEXT NOT NULL,
    request TEXT,              -- what a plain GET would not say
    referrer INTEGER,
    detail,                    -- status code, kind of failure, reason of a skip
    rows TEXT,                 -- of each output; " + " before those of a later visit
    batch INTEGER,
    fetched_at REAL,
    duplicate_of INTEGER,      -- the first page with the same content
    soft_404 INTEGER           -- 1, if its host says the same of what does not exist
);
CREATE INDEX pending ON urls (host, rank) WHERE status = 0;
CREATE TABLE passed (
    fingerprint INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    depth INTEGER NOT NULL,
    reason TEXT NOT NULL,
    request TEXT,
    referrer INTEGER
);
CREATE TABLE aliases (
    url INTEGER PRIMARY KEY,   -- of a failure, or of a skip that is one
    fingerprints BLOB NOT NULL -- of where it was redirected to
);
CREATE TABLE visits (
    url INTEGER PRIMARY KEY,   -- of a page that has more to say of its last visit than its row has
    number INTEGER NOT NULL,   -- of that visit, or of the one that it waits for
    unchanged INTEGER NOT NULL, -- whether it was answered that the page had not changed
    answered TEXT,             -- the URL that answered, where there are validators
    etag TEXT,
    modified TEXT,
    aliases BLOB,              -- fingerprints of where the page was redirected to
    was INTEGER                -- its status code before the visit that it waits for
);
CREATE TABLE cancelled (host TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE batches (
    number INTEGER PRIMARY KEY,
    fingerprints BLOB NOT NULL,
    positions TEXT NOT NULL,
    contents BLOB NOT NULL     -- of its pages, pairs of the content's hash and the page
);
CREATE TABLE families (
    name TEXT PRIMARY KEY,
    remaining INTEGER NOT NULL, -- of what its pages may cost
    fresh INTEGER NOT NULL      -- of its pages, those with something new to say
) WITHOUT ROWID;
CREATE TABLE words (
    host TEXT NOT NULL,
    places BLOB NOT NULL       -- of words that it had not said before
);
CREATE TABLE seeds (url TEXT PRIMARY KEY) WITHOUT ROWID;
"""

KNOWN: Final = "SELECT fingerprints FROM batches UNION ALL SELECT fingerprints FROM aliases"
"""All that was discovered."""


def signed(number: int) -> int:
    """Return a fingerprint as SQLite can say it."""
    return number - (1 << 64) if number >= SIGN else number


def unsigned(number: int) -> int:
    """Return a fingerprint as it was before `signed`."""
    return number % (1 << 64)
