"""The database file of a state: opened, recognised, read and written in transactions.

Everything here blocks.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, final

from .._errors import CrawlError, StateError
from .._holds import HeldError, Hold
from .conduct import SCHEMA as CONDUCT
from .lock import StateLock
from .outside import check_schema
from .private import claimed, exposed, planted
from .schema import APPLICATION_ID, SCHEMA, VERSION
from .slot import Slot, suspected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from .._model import Json

BUSY_TIMEOUT: Final = 2.0
"""Seconds to wait for who reads the database; less than the 5 seconds of ``grace``."""

CACHE: Final = 8 * 1024
"""KiB of the database in memory: what is read and written again (the ends of tables and of the index)
is little, and what is not comes from the system's cache."""

DAMAGED: Final = "it is damaged"
UNTOUCHED: Final = (
    "the outputs are left as they are: put a copy of it back, or begin again with another state and outputs"
)


STEPS: Final = 20_000
"""Instructions of SQLite's, a millisecond or two, after which a cancellation is looked for."""


def _nothing() -> None:
    pass


@final
class Database:
    """One database file, held by one crawl.

    Args:
        path: of the file.
        identity: what makes a crawl this one, by name: its scope, its outputs. A state that was
            made with another is refused.
        check_cancelled: called again and again while SQLite works; what it raises ends that, comes out,
            and leaves the file as it was.

    Attributes:
        killed: whether who had it before ended without closing it.
    """

    def __init__(
        self, path: Path, identity: Mapping[str, Json], check_cancelled: Callable[[], None] = _nothing
    ) -> None:
        self._check_cancelled = check_cancelled
        self._cancelled: BaseException | None = None
        self._path = path
        self._identity = dict(identity)
        self._lock: StateLock | None = None
        self._hold: Hold | None = None
        self._slot: Slot | None = None
        self._connection: sqlite3.Connection | None = None
        self.killed = False

    def __repr__(self) -> str:
        return f"Database({str(self._path)!r})"

    def open(self) -> None:
        """Lock and open the file, which is made if there is none.

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
        for end in ("", ".lock", ".page"):
            path = self._path.with_name(self._path.name + end)
            reason = planted(path)
            if reason is not None:
                raise StateError(f"{path}: {reason}")
        self._lock = StateLock(self._path)
        self.killed = self._lock.left_behind
        self._hold = _held(self._path)
        file = os.fstat(self._hold.descriptor)
        self._lock.name(file)
        if file.st_nlink > 1:
            _require_own_log(self._path, file)
        with self.reading():
            self._connection = connection = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.set_progress_handler(self._go_on, STEPS)
            found = self._recognise(connection)
            reason = None if not found and claimed(self._path) else exposed(self._path)
            if reason is not None:
                raise StateError(f"{self._path}: {reason}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA cache_size = -{CACHE}")
            if not found:
                self._create(connection)
        self._take_slot()

    def _take_slot(self) -> None:
        """Open the slot, and take down which page was being read when the one before ended without a word."""
        try:
            self._slot = slot = Slot(self._path.with_name(f"{self._path.name}.page"))
        except OSError as error:
            raise StateError(f"{self._path.name}.page, beside {self._path}: {error.strerror}") from error
        if slot.left:
            with self.reading(), self.transaction():
                self.set_fact("suspects", suspected(self.fact("suspects") or {}, slot.left))
            slot.set(0)

    @property
    def slot(self) -> Slot | None:
        """For the mark of the page that is being read; there while it is open."""
        return self._slot

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
        # Before anything is written, which would start what triggers do.
        check_schema(connection)
        known = self.fact("identity")
        for name, value in self._identity.items():
            if known.get(name) != json.loads(json.dumps(value)):
                raise StateError(
                    f"{self._path} is of a crawl with {name}={known.get(name)!r}, and this one has "
                    f"{name}={value!r}; repeat that crawl's, or name another state"
                )
        return True

    def _create(self, connection: sqlite3.Connection) -> None:
        with self.transaction():
            for statement in (SCHEMA + CONDUCT).split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            self.set_fact("identity", self._identity)

    def fact(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Return what is kept by a name; None if nothing is."""
        row = self.db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_fact(self, name: str, value: Any) -> None:  # noqa: ANN401 - JSON
        """Keep a JSON value by a name."""
        self.db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    @property
    def db(self) -> sqlite3.Connection:
        """The open connection."""
        if self._connection is None:
            raise StateError(f"{self._path} is not open")
        return self._connection

    def _go_on(self) -> bool:
        """Say whether SQLite is to end what it does: not again while that is taken back."""
        if self._cancelled is not None:
            return False
        try:
            self._check_cancelled()
        except BaseException as error:  # noqa: ASYNC103, BLE001 - SQLite lets none through; `translated` raises it
            self._cancelled = error
        return self._cancelled is not None

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Translate what SQLite says into what its user can do."""
        self._cancelled = None
        try:
            yield
        except sqlite3.Error as error:
            cancelled, self._cancelled = self._cancelled, None
            if cancelled is not None:
                raise cancelled from None
            raise StateError(f"the state {self._path}: {_in_words(error)}") from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Translate also what comes of content that can't be ours, though SQLite can read it."""
        try:
            with self.translated():
                yield
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            if isinstance(error, CrawlError):
                raise
            raise StateError(f"the state {self._path}: {DAMAGED} ({error!r}); {UNTOUCHED}") from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block does, all of it or nothing."""
        db = self.db
        assert self._hold is not None  # noqa: S101 - it is open
        self._hold.require()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def close(self) -> None:
        """Close the file, and let go of it; a child that was forked has nothing to close."""
        connection, self._connection = self._connection, None
        hold, self._hold = self._hold, None
        lock, self._lock = self._lock, None
        slot, self._slot = self._slot, None
        if hold is not None and hold.foreign:
            _OTHERS.append(connection)
            return
        try:
            if connection is not None:
                with self.translated():
                    connection.close()
        finally:
            if slot is not None:
                slot.close()
            # Not before: to close any descriptor of the file ends SQLite's own locks on it.
            if hold is not None:
                hold.close()
            if lock is not None:
                lock.release()


def _held(path: Path) -> Hold:
    """Hold the file, made if there is none, for its owner alone, since it holds cookies.

    SQLite gives the files that it puts beside it the same permissions.
    """
    try:
        return Hold.open(path, f"the state {path}", os.O_RDWR | os.O_CREAT, 0o600)
    except HeldError as error:
        raise StateError(f"{path} is in use by {error}") from None
    except OSError as error:
        raise StateError(f"{path} can't be created: {error.strerror}") from error


def _require_own_log(path: Path, found: os.stat_result) -> None:
    """Look whether the file's log is beside another of its names, where SQLite would not find it.

    Raises:
        StateError: it is.
    """
    for other in path.parent.iterdir():
        log = other.with_name(f"{other.name}-wal")
        if other.name != path.name and log.exists() and os.path.samestat(other.stat(), found):
            raise StateError(
                f"{path} and {other} are one file, by two hard links, and the log of its last changes is "
                f"{log.name}: go on with {other}"
            )


_OTHERS: Final[list[sqlite3.Connection | None]] = []
"""Connections of the process that this one was forked from: SQLite must not even close them here."""


def _in_words(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name in {"SQLITE_NOTADB", "SQLITE_CORRUPT"} or name.startswith("SQLITE_CORRUPT"):
        return f"{DAMAGED}, or no database at all ({error}); {UNTOUCHED}"
    if name.startswith("SQLITE_FULL"):
        return f"the disk is full ({error}); what was committed before is safe"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"another program has it locked ({error}); end that, and run the same crawl again"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"it can't be written ({error}); look at its permissions, and its folder's"
    return str(error)
