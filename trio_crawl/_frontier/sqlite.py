"""A state in a SQLite database: what a frontier knows, committed with each batch of rows.

Everything here blocks; a crawl calls it in a thread. The schema is made for what
a crawl does: URLs are appended in the order of their discovery, and the one
index holds those that wait, by host. Fingerprints are not indexed at all: they
are appended in pieces, and read as a whole when a crawl goes on.
"""

from __future__ import annotations

import json
import os
import sqlite3
from array import array
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, final

from .._errors import CrawlError, StateError
from .._lease import Stored, order_of, rank_in, rank_of
from .._urls import host as host_of
from .index import FingerprintSet
from .journal import Changes, Discovered
from .lock import StateLock
from .requests import request_of, text_of
from .resumed import Resumed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from .._lease import Wanted
    from .._model import Json, SkipReason
    from .journal import Ended

APPLICATION_ID: Final = 0x7472696F
"""What says that a SQLite database is a state of ours: ``trio``."""

VERSION: Final = 1
"""Of the schema."""

BUSY_TIMEOUT: Final = 2.0
"""Seconds to wait for who reads the database; less than the 5 seconds of ``grace``."""

_DEEPEST: Final = (1 << 24) - 1

_PENDING, _PAGE, _FAILED, _SKIPPED = range(4)

_SCHEMA: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE hosts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, pending INTEGER NOT NULL);
CREATE TABLE urls (
    id INTEGER PRIMARY KEY,    -- in the order of discovery
    host INTEGER NOT NULL,
    rank INTEGER NOT NULL,     -- priority and depth; smaller goes first
    status INTEGER NOT NULL,   -- 0 pending, 1 page, 2 failed, 3 skipped
    url TEXT NOT NULL,
    request TEXT,              -- what a plain GET would not say
    referrer INTEGER,
    detail,                    -- status code, kind of failure, reason of a skip
    rows TEXT,                 -- of each output; " + " before those of a later visit
    batch INTEGER,
    fetched_at REAL
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
    url INTEGER PRIMARY KEY,   -- of a failure, or of a page whose host was given up
    fingerprints BLOB NOT NULL -- of where it was redirected to
);
CREATE TABLE batches (
    number INTEGER PRIMARY KEY,
    fingerprints BLOB NOT NULL,
    positions TEXT NOT NULL
);
CREATE TABLE seeds (url TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_LOAD: Final = """
SELECT page.id, page.rank, page.url, referrer.url, page.request
FROM urls AS page INDEXED BY pending LEFT JOIN urls AS referrer ON referrer.id = page.referrer
WHERE page.status = 0 AND page.host = ? AND page.rank >= ? AND (page.rank, page.id) > (?, ?)
ORDER BY page.rank, page.id LIMIT ?
"""

_REVIVE: Final = """
UPDATE urls SET status = 0, detail = NULL
WHERE status = ? AND (? IS NULL OR detail = ?) AND rank & ? <= ?
"""

_COUNT_REVIVED: Final = """
UPDATE hosts SET pending = pending + revived.number
FROM (
    SELECT host, count(*) AS number FROM urls
    WHERE status = ? AND (? IS NULL OR detail = ?) AND rank & ? <= ? GROUP BY host
) AS revived
WHERE revived.host = hosts.id
"""

_LAST_BATCH: Final = "SELECT number, positions FROM batches ORDER BY number DESC LIMIT 1"

_KNOWN: Final = "SELECT fingerprints FROM batches UNION ALL SELECT fingerprints FROM aliases"

_SIGN: Final = 1 << 63

_DAMAGED: Final = "it is damaged"
_UNTOUCHED: Final = (
    "the outputs are left as they are: put a copy of it back, or begin again with another state and outputs"
)


@final
class SqliteState:
    """One database file.

    Args:
        path: of the file.
        identity: what makes a crawl this one, by name: its scope, its outputs. A state that was
            made with another is refused.
    """

    def __init__(self, path: Path, identity: Mapping[str, Json]) -> None:
        self._path = path
        self._identity = dict(identity)
        self._lock: StateLock | None = None
        self._connection: sqlite3.Connection | None = None
        self._hosts: dict[str, int] = {}
        self._batch = 0
        self.positions: list[Json] = []

    def __repr__(self) -> str:
        return f"SqliteState({str(self._path)!r})"

    # Opening

    def open(self) -> bool:
        """Lock and open the file, made if there is none; return whether it holds a crawl to go on with.

        Raises:
            StateError: it is in use, is something else, is damaged, is of another crawl, or can't
                be opened.
        """
        if not self._path.parent.is_dir():
            raise StateError(f"{self._path} can't be created: there is no folder {self._path.parent}")
        if self._path.is_dir():
            raise StateError(f"{self._path} is a folder; name a file in it")
        if self._path.exists() and not os.access(self._path, os.W_OK):
            # SQLite would read it, and leave a log beside it that can't be written either.
            raise StateError(f"{self._path} can't be written; look at its permissions, and its file system's")
        self._lock = StateLock(self._path)
        with self._reading():
            self._connection = connection = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            found = self._recognise(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cache_size = -65536")
            if not found:
                self._create(connection)
            self._hosts = dict(connection.execute("SELECT name, id FROM hosts"))
            row = connection.execute(_LAST_BATCH).fetchone()
            if row is not None:
                self._batch, self.positions = row[0], json.loads(row[1])
            # Without a batch no output was begun: as if there were no state yet.
            return row is not None

    def _recognise(self, connection: sqlite3.Connection) -> bool:
        """Return whether the file holds a crawl; an empty one does not, and another is refused."""
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if not tables:
            return False
        if application != APPLICATION_ID:
            raise StateError(f"{self._path} is a database of something else; name another file")
        if version != VERSION:
            raise StateError(
                f"{self._path} was made by another version of trio_crawl (its schema is {version}, "
                f"ours {VERSION}); finish the crawl with that one, or begin a new state"
            )
        known = self._fact("identity")
        for name, value in self._identity.items():
            if known.get(name) != json.loads(json.dumps(value)):
                raise StateError(
                    f"{self._path} is of a crawl with {name}={known.get(name)!r}, and this one has "
                    f"{name}={value!r}; repeat that crawl's, or name another state"
                )
        return True

    def _create(self, connection: sqlite3.Connection) -> None:
        with self._transaction():
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            self._set_fact("identity", self._identity)

    def _fact(self, name: str) -> Any:  # noqa: ANN401 - JSON
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def _set_fact(self, name: str, value: Any) -> None:  # noqa: ANN401 - JSON
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StateError(f"{self._path} is not open")
        return self._connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(f"the state {self._path}: {_in_words(error)}") from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Translate also what comes of content that can't be ours, though SQLite can read it."""
        try:
            with self._translated():
                yield
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            if isinstance(error, CrawlError):
                raise
            raise StateError(f"the state {self._path}: {_DAMAGED} ({error!r}); {_UNTOUCHED}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # Going on

    def books(self) -> dict[str, Any]:
        """Return the books of the crawl, as `Ledger.to_json` returned them."""
        with self._reading():
            books: dict[str, Any] = self._fact("books") or {}
            return books

    def reopen(self, *, max_depth: int | None, max_pages: int | None, retry_failed: bool) -> None:
        """Make pending again what was skipped by a limit that is higher now, and, if asked to, failures.

        Args:
            max_depth: as in ``crawl()``.
            max_pages: likewise.
            retry_failed: likewise.
        """
        with self._reading(), self._transaction():
            books = self.books()
            skipped: dict[str, int] = books.get("skipped", {})
            if skipped.get("max_pages") and (max_pages is None or books["pages"] < max_pages):
                self._revive(_SKIPPED, "max_pages")
                del skipped["max_pages"]
            if skipped.get("max_depth"):
                skipped["max_depth"] -= self._reopen_passed(max_depth) + self._reopen_deep(max_depth)
                if not skipped["max_depth"]:
                    del skipped["max_depth"]
            if retry_failed and (books.get("failed") or skipped.get("host_given_up")):
                self._revive(_FAILED)
                self._revive(_SKIPPED, "host_given_up")
                self._db.execute("DELETE FROM aliases")  # what they are redirected to is theirs again
                books["failed"] = {}
                skipped.pop("host_given_up", None)
            self._set_fact("books", books)

    def _reopen_deep(self, max_depth: int | None) -> int:
        """Make pages pending again that a lower limit stopped; return how many."""
        deepest = _SIGN - 1 if max_depth is None else max_depth
        return self._revive(_SKIPPED, "max_depth", deepest)

    def _revive(self, status: int, detail: str | None = None, deepest: int = _SIGN - 1) -> int:
        """Make URLs of a *status* pending again, all or those with a *detail*; return how many."""
        which = (status, detail, detail, _DEEPEST, deepest)
        self._db.execute(_COUNT_REVIVED, which)
        return self._db.execute(_REVIVE, which).rowcount

    def _reopen_passed(self, max_depth: int | None) -> int:
        """Make links pending that were too deep; return how many."""
        deepest = _SIGN - 1 if max_depth is None else max_depth
        found = self._db.execute(
            "SELECT fingerprint, url, depth, request, referrer FROM passed"
            " WHERE reason = 'max_depth' AND depth <= ? ORDER BY depth, referrer, rowid",
            (deepest,),
        ).fetchall()
        # Some were fetched since, as what a redirect led to; those stay in the books as they are.
        fetched = self._known_of({mark % (1 << 64) for mark, *_ in found}) if found else set()
        found = [one for one in found if one[0] % (1 << 64) not in fetched]
        (last,) = self._db.execute("SELECT max(id) FROM urls").fetchone()
        discovered = []
        for number, (_, url, depth, text, referrer) in enumerate(found, (last or 0) + 1):
            request = None if text is None else request_of(url, text)
            rank = rank_of(0 if request is None else request.priority, depth)
            discovered.append(Discovered(number, host_of(url), rank, url, request, referrer))
        marks = array("Q", [mark % (1 << 64) for mark, *_ in found])
        if found:
            self._commit(
                Changes(discovered=discovered, fingerprints=marks, taken_back=list(marks)), self.positions
            )
        return len(found)

    def _known_of(self, marks: set[int]) -> set[int]:
        known: set[int] = set()
        for (piece,) in self._db.execute(_KNOWN):
            known |= marks.intersection(array("Q", piece))
        return known

    def resume(self, check_cancelled: Callable[[], None]) -> Resumed:
        """Return what a frontier goes on with.

        Args:
            check_cancelled: called now and then; what it raises ends the reading.
        """
        with self._reading():
            known = array("Q")
            for (piece,) in self._db.execute(_KNOWN):
                known.frombytes(piece)
                check_cancelled()
            fingerprints = FingerprintSet()
            fingerprints.fill(known)
            check_cancelled()
            pending = dict(self._db.execute("SELECT name, pending FROM hosts WHERE pending"))
            check_cancelled()
            (last,) = self._db.execute("SELECT max(id) FROM urls").fetchone()
            return Resumed(
                known=fingerprints,
                passed=self._passed(),
                seeds=[url for (url,) in self._db.execute("SELECT url FROM seeds")],
                stored=pending,
                next_id=(last or 0) + 1,
            )

    def _passed(self) -> dict[SkipReason, FingerprintSet]:
        marks: dict[SkipReason, list[int]] = {"scope": [], "max_depth": [], "nofollow": []}
        for mark, reason in self._db.execute("SELECT fingerprint, reason FROM passed"):
            marks[reason].append(mark % (1 << 64))
        found: dict[SkipReason, FingerprintSet] = {}
        for reason, numbers in marks.items():
            found[reason] = FingerprintSet()
            found[reason].fill(numbers)
        return found

    def load(self, wanted: Iterable[Wanted]) -> dict[str, list[Stored]]:
        """Return the pages that are wanted, by host."""
        with self._reading():
            return {each.host: self._load(each) for each in wanted}

    def _load(self, wanted: Wanted) -> list[Stored]:
        host = self._hosts.get(wanted.host)
        if host is None:
            return []
        rank = max(rank_in(wanted.after), -_SIGN)
        number = wanted.after - order_of(rank_in(wanted.after), 0)
        # All at once: a cursor that an error left in a traceback would keep the file open.
        found = self._db.execute(_LOAD, (host, rank, rank, number, wanted.most)).fetchall()
        return [
            Stored(
                order_of(rank, number), url, referrer, None if request is None else request_of(url, request)
            )
            for number, rank, url, referrer, request in found
        ]

    # Committing

    def commit(self, changes: Changes, positions: Sequence[Json], books: Mapping[str, Any]) -> None:
        """Take down one batch, all of it or nothing.

        Args:
            changes: of the frontier.
            positions: where each output is after the batch.
            books: as `Ledger.to_json` returns them, after the batch.
        """
        with self._translated(), self._transaction():
            self._commit(changes, positions)
            self._set_fact("books", books)
        self.positions = list(positions)

    def _commit(self, changes: Changes, positions: Sequence[Json]) -> None:
        self._batch += 1
        db = self._db
        pending: Counter[str] = Counter()
        self._insert(changes.discovered, pending)
        for status, ended in (
            (_PAGE, changes.pages),
            (_FAILED, changes.failed),
            (_SKIPPED, changes.skipped),
        ):
            self._end(status, ended, pending)
        self._pass_by(changes)
        db.executemany("INSERT OR IGNORE INTO seeds VALUES (?)", [(url,) for url in changes.seeds])
        db.executemany(
            "UPDATE hosts SET pending = pending + ? WHERE id = ?",
            [(number, self._hosts[name]) for name, number in pending.items() if number],
        )
        if changes.skip_rest is not None:
            self._skip_rest(changes.skip_rest)
        db.execute(
            "INSERT INTO batches VALUES (?, ?, ?)",
            (self._batch, changes.fingerprints.tobytes(), json.dumps(positions)),
        )

    def _pass_by(self, changes: Changes) -> None:
        self._db.executemany(
            "DELETE FROM passed WHERE fingerprint = ?", [(_signed(m),) for m in changes.taken_back]
        )
        # Passed by and then followed after all, both since the last commit.
        followed = set(changes.taken_back).intersection(changes.fingerprints) if changes.taken_back else ()
        self._db.executemany(
            "INSERT OR REPLACE INTO passed VALUES (?, ?, ?, ?, ?, ?)",
            [
                (_signed(p.fingerprint), p.url, p.depth, p.reason, text_of(p.request), p.referrer)
                for p in changes.passed
                if p.fingerprint not in followed
            ],
        )

    def _insert(self, discovered: Sequence[Discovered], pending: Counter[str]) -> None:
        rows = []
        for one in discovered:
            host = self._hosts.get(one.host)
            if host is None:
                host = self._hosts[one.host] = len(self._hosts) + 1
                self._db.execute("INSERT INTO hosts VALUES (?, ?, 0)", (host, one.host))
            pending[one.host] += 1
            rows.append((one.id, host, one.rank, _sayable(one.url), text_of(one.request), one.referrer))
        self._db.executemany(
            "INSERT INTO urls (id, host, rank, status, url, request, referrer) VALUES (?, ?, ?, 0, ?, ?, ?)",
            rows,
        )

    def _end(self, status: int, ended: Sequence[Ended], pending: Counter[str]) -> None:
        rows = []
        for one in ended:
            pending[one.host] -= 1
            counts = " ".join(map(str, one.rows))
            rows.append((status, one.detail, counts, self._batch, one.fetched_at, one.id))
        self._db.executemany(
            "INSERT OR REPLACE INTO aliases VALUES (?, ?)",
            [(one.id, array("Q", one.aliases).tobytes()) for one in ended if one.aliases],
        )
        self._db.executemany(
            "UPDATE urls SET status = ?, detail = ?, rows = coalesce(rows || ' + ', '') || ?, batch = ?,"
            " fetched_at = ? WHERE id = ?",
            rows,
        )

    def _skip_rest(self, reason: SkipReason) -> None:
        self._db.execute(
            "UPDATE urls SET status = ?, detail = ? WHERE status = ?", (_SKIPPED, reason, _PENDING)
        )
        self._db.execute("UPDATE hosts SET pending = 0")

    def close(self) -> None:
        """Close the file, and let go of it."""
        connection, self._connection = self._connection, None
        lock, self._lock = self._lock, None
        try:
            if connection is not None:
                with self._translated():
                    connection.close()
        finally:
            if lock is not None:
                lock.release()


def _sayable(text: str) -> str:
    # A seed that is no URL may hold half of a surrogate pair, which UTF-8 can't say.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _signed(number: int) -> int:
    # SQLite's integers have a sign.
    return number - (1 << 64) if number >= _SIGN else number


def _in_words(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name in {"SQLITE_NOTADB", "SQLITE_CORRUPT"} or name.startswith("SQLITE_CORRUPT"):
        return f"{_DAMAGED}, or no database at all ({error}); {_UNTOUCHED}"
    if name.startswith("SQLITE_FULL"):
        return f"the disk is full ({error}); what was committed before is safe"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"another program has it locked ({error}); end that, and run the same crawl again"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"it can't be written ({error}); look at its permissions, and its folder's"
    return str(error)
