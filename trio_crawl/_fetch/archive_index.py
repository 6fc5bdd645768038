"""Where in an archive the answer to each request is. It blocks, and knows nothing of trio.

The index is a database in a temporary file that has no name, so that memory does not grow
with the archive and nothing is left behind.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple, final

from .. import _urls
from .._callbacks import log
from .._write.warc_reader import CUT_SHORT, Reader
from .._write.warc_records import digest
from .archive_facts import Facts, facts_of, plain_digest

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from .._write.warc_reader import Record

MOST_TOLD: Final = 10
"""Records that are left out of which a report and the log tell; the others are counted."""

_SCHEMA: Final = """
CREATE TABLE captures (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL,           -- of its record
    key BLOB NOT NULL,          -- of a GET request for its URL
    file INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    date TEXT NOT NULL,
    payload TEXT,               -- the digest of its body
    body INTEGER NOT NULL,      -- whether it has one of its own
    not_modified INTEGER NOT NULL,
    refers_id BLOB,             -- whose body it repeats, by one of these
    refers_key BLOB,
    refers_date TEXT,
    failure TEXT                -- why there is no response
);
CREATE INDEX by_id ON captures (id);
CREATE INDEX by_key ON captures (key, date);
CREATE INDEX by_payload ON captures (payload) WHERE payload IS NOT NULL AND body;
CREATE TABLE answers (key BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE requests (id BLOB PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE concurrent (id BLOB, other BLOB, PRIMARY KEY (id, other)) WITHOUT ROWID;
CREATE INDEX by_other ON concurrent (other);
CREATE TABLE neighbours (id BLOB PRIMARY KEY, request BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE times (id BLOB PRIMARY KEY, elapsed REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE segments (
    origin BLOB, number INTEGER, file INTEGER NOT NULL, offset INTEGER NOT NULL,
    total INTEGER,              -- bytes of all, in the last one
    PRIMARY KEY (origin, number)
) WITHOUT ROWID;
"""

_KEY_OF_REQUEST: Final = """
SELECT key FROM requests WHERE id IN
    (SELECT other FROM concurrent WHERE id = :id UNION SELECT id FROM concurrent WHERE other = :id)
"""
# Of a request that names no response, and that none names.
_KEY_OF_NEIGHBOUR: Final = """
SELECT key FROM requests JOIN neighbours ON request = requests.id WHERE neighbours.id = :id
    AND NOT EXISTS (SELECT 1 FROM concurrent WHERE other = requests.id)
"""
_ENTER_ANSWER: Final = "INSERT OR REPLACE INTO answers VALUES (?, ?)"
_ENTER_NONE: Final = "INSERT OR IGNORE INTO answers VALUES (?, ?)"
_MOST_CONCURRENT: Final = 16
_AT_ONCE: Final = 200


class Capture(NamedTuple):
    """What the archive has of one exchange.

    Args:
        number: its place in the archive.
        file: the number of the file, from 0 on.
        offset: of the record in it.
        date: when it was made, in the form of ISO 8601; empty where the archive never says.
        payload: the digest of its body; None where the archive does not say.
        body: whether the record has one of its own.
        refers_id: the record whose body it repeats; None where it does not say.
        refers_key: of the request for the URL whose body it repeats; None likewise.
        refers_date: when that was made; None likewise.
        failure: why there is no response, kind and message; None if there is one.
        elapsed: seconds that the exchange took, 0 where the archive does not say.
    """

    number: int
    file: int
    offset: int
    date: str
    payload: str | None
    body: bool
    refers_id: bytes | None
    refers_key: bytes | None
    refers_date: str | None
    failure: str | None
    elapsed: float


_CAPTURE: Final = """
SELECT number, file, offset, date, payload, body, refers_id, refers_key, refers_date, failure,
    coalesce(elapsed, 0) FROM captures LEFT JOIN times USING (id) WHERE
"""


@final
class Index:
    """Finds responses by request, and the bodies that others repeat.

    Where an archive has several answers to one request, the last one counts.

    Args:
        paths: the files, in order.

    Attributes:
        bad: records that were left out, since they can't be read.
        bad_places: where the first of them are, and what is wrong with each.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        # One thread at a time, which the one who calls sees to.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(_SCHEMA)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._any_requests = False
        self._last: Facts | None = None
        self._date = ""
        self.bad = 0
        self.bad_places: list[str] = []

    def close(self) -> None:
        """Remove it."""
        self._db.close()

    # What is asked

    def answer(self, key: bytes) -> Capture | None:
        """Return the answer to the request *key*, None if there is none."""
        return self._one("number = (SELECT number FROM answers WHERE key = ?)", (key,))

    def original(self, capture: Capture) -> Capture | None:
        """Return the one whose body *capture* repeats: by its digest, by its record, by its URL."""
        found: Capture | None = None
        if capture.payload:
            found = self._one("payload = ? AND body ORDER BY number", (capture.payload,))
        if found is None and capture.refers_id is not None:
            found = self._one("id = ? AND number != ?", (capture.refers_id, capture.number))
        if found is None and capture.refers_key is not None:
            of_url = "key = ? AND number != ? AND failure IS NULL"
            known = (capture.refers_key, capture.number)
            found = self._one(f"{of_url} AND date = ?", (*known, capture.refers_date or ""))
            found = found or self._one(f"{of_url} AND body ORDER BY number DESC", known)
        return found

    def segments(self, id_: str) -> list[tuple[int, int, int, int | None]]:
        """Return number, file, offset and total length of what continues a record, in order."""
        return self._db.execute(
            "SELECT number, file, offset, total FROM segments WHERE origin = ? ORDER BY number", (short(id_),)
        ).fetchall()

    def _one(self, where: str, arguments: tuple[object, ...]) -> Capture | None:
        row = self._db.execute(f"{_CAPTURE} {where} LIMIT 1", arguments).fetchone()
        return None if row is None else Capture(*row)

    # How it is made

    def build(self) -> Generator[None, None, None]:
        """Read the archive, and yield now and then, so that it can be given up in between.

        Raises:
            UsageError: a file can't be read, or is no archive.
        """
        self._db.execute("BEGIN")
        for number, path in enumerate(self._paths):
            self._last, self._date = None, ""
            with closing(Reader(path, self._left_out).records()) as records:
                facts: Facts | None = None
                for record in records:
                    if record is None:
                        pass
                    elif not record.judged:
                        facts = facts_of(record)
                    elif record.problem is None and facts is not None:
                        self._enter(facts, record, number)
                    yield
        yield from self._answers()
        self._db.execute("COMMIT")

    def _left_out(self, path: Path, offset: int, problem: str) -> None:
        self.bad += 1
        if self.bad > MOST_TOLD:
            return
        self.bad_places.append(f"{path} at {offset:,}: {problem}")
        if problem == CUT_SHORT:
            log.warning("%s is cut short: its last record, at %d, is left out", path, offset)
        else:
            log.warning("the record of %s at %d is left out: %s", path, offset, problem)

    def _enter(self, facts: Facts, record: Record, file: int) -> None:
        self._date = facts.date or self._date
        match facts.kind:
            case "request":
                self._enter_request(facts)
            case "continuation":
                self._db.execute(
                    "INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?, ?)",
                    (short(facts.origin), facts.segment, file, record.offset, facts.total),
                )
            case "metadata" if facts.failure is None:
                if facts.elapsed is not None:
                    times = [(short(one), facts.elapsed) for one in facts.concurrent[:_MOST_CONCURRENT]]
                    self._db.executemany("INSERT OR REPLACE INTO times VALUES (?, ?)", times)
                return
            case _:
                self._enter_capture(facts, record.offset, file)
        self._last = None if facts.kind == "continuation" else facts

    def _enter_request(self, facts: Facts) -> None:
        """Enter a request, unless it is a simple GET, with the response that it led to."""
        last = self._last
        if not facts.concurrent and last is not None and last.answers(facts):
            self._join(last, facts)
        if facts.method == "GET" and not facts.sent:
            return
        self._any_requests = True
        key = request_key(facts.method, facts.url, facts.sent)
        self._db.execute("INSERT OR REPLACE INTO requests VALUES (?, ?)", (short(facts.id), key))
        self._concur(facts.id, facts.concurrent)

    def _enter_capture(self, facts: Facts, offset: int, file: int) -> None:
        last = self._last
        if not facts.concurrent and last is not None and facts.answers(last):
            self._join(facts, last)
        self._concur(facts.id, facts.concurrent)
        refers = request_key("GET", facts.refers_url, "") if facts.refers_url else None
        row = {
            "id": short(facts.id),
            # Of a failure, which body was sent is not known.
            "key": request_key(facts.method, facts.url, ""),
            "file": file,
            "offset": offset,
            "date": facts.date or self._date,
            "payload": plain_digest(facts.payload),
            "body": facts.kind != "revisit" and facts.failure is None,
            "not_modified": facts.not_modified,
            "refers_id": short(facts.refers_id) if facts.refers_id else None,
            "refers_key": refers,
            "refers_date": facts.refers_date,
            "failure": facts.failure,
        }
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        self._db.execute(f"INSERT INTO captures ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - names of our own

    def _join(self, answer: Facts, request: Facts) -> None:
        answer.joined = request.joined = True
        if request.method != "GET":
            pair = short(answer.id), short(request.id)
            self._db.execute("INSERT OR REPLACE INTO neighbours VALUES (?, ?)", pair)

    def _concur(self, id_: str, others: Sequence[str]) -> None:
        pairs = [(short(id_), short(other)) for other in others[:_MOST_CONCURRENT]]
        self._db.executemany("INSERT OR IGNORE INTO concurrent VALUES (?, ?)", pairs)

    def _answers(self) -> Generator[None, None, None]:
        """Enter which capture answers which request, now that all requests are known."""
        number = 0
        while True:
            rows = self._db.execute(
                "SELECT number, id, key, not_modified, failure FROM captures WHERE number > ? "
                "ORDER BY number LIMIT ?",
                (number, _AT_ONCE),
            ).fetchall()
            if not rows:
                return
            for number, id_, own, not_modified, failure in rows:
                asked = None
                if self._any_requests and failure is None:
                    for query in (_KEY_OF_REQUEST, _KEY_OF_NEIGHBOUR):
                        asked = asked or self._db.execute(query, {"id": id_}).fetchone()
                key = own if asked is None else asked[0]
                # It says that an earlier answer, which the archive has, is good still.
                enter = _ENTER_NONE if not_modified else _ENTER_ANSWER
                self._db.execute(enter, (key, number))
            yield


def key_of(method: str, url: str, body: bytes | None) -> bytes:
    """Return what stands for a request, the same for each way to write its URL."""
    return request_key(method, url, digest(body) if body else "")


def request_key(method: str, url: str, sent: str) -> bytes:
    """Return the same, of the digest of what was sent; empty if nothing was."""
    normal = (_urls.parse(url) or url).partition("#")[0]
    return short(f"{method} {normal} {sent}")


def short(text: str) -> bytes:
    """Return sixteen bytes that stand for *text*."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
