"""A state that somebody else made: what it says is looked at, and what runs by itself does not."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import MockClock

from trio_crawl import StateError, crawl
from trio_crawl._frontier.audit import audit
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from pathlib import Path

SEED = "http://a.test/"
DEEP = "[" * 100_000


def web() -> MemoryWeb:
    made = MemoryWeb()
    made.links(SEED, ["/0", "/1", "/2"])
    for number in range(3):
        made.add(f"{SEED}{number}", "x")
    return made


def run(folder: Path, memory: MemoryWeb, **keywords: Any) -> Any:  # noqa: ANN401 - of crawl()
    keywords = {"write": folder / "x.tsv", "state": folder / "s.db", "robots": False, "delay": 0, **keywords}
    return trio.run(partial(crawl, SEED, fetch=memory, **keywords), clock=MockClock(autojump_threshold=0))


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the state of a crawl that has three pages to go, and its output."""
    folder = tmp_path_factory.mktemp("begun")
    run(folder, web(), max_pages=1)
    with closing(sqlite3.connect(folder / "s.db")) as db:
        assert db.execute("SELECT count(*) FROM urls WHERE status = 3").fetchone() == (3,)
    return folder


def tampered(begun: Path, folder: Path, *statements: str) -> Path:
    """Return *folder* with a copy of the state, of which somebody changed something."""
    for name in ("s.db", "x.tsv"):
        shutil.copy(begun / name, folder / name)
    with closing(sqlite3.connect(folder / "s.db")) as db:
        # The output is where its copy is.
        moved = "UPDATE facts SET value = replace(value, ?, ?) WHERE name = 'identity'"
        db.execute(moved, (str(begun), str(folder)))
        for statement in statements:
            db.execute(statement)
        db.commit()
    return folder


SECOND = "UPDATE urls SET {} WHERE id = 2"
BOOKS = "UPDATE facts SET value = {} WHERE name = 'books'"
POSITIONS = "UPDATE batches SET positions = {}"
COOKIE = "INSERT INTO cookies VALUES ('a.test', {})"
CASES = {
    "no URL": SECOND.format("url = 'x'"),
    "nothing": SECOND.format("url = ''"),
    "another scheme": SECOND.format("url = 'file:///etc/passwd'"),
    "line ends": SECOND.format("url = 'http://a.test/a b' || char(13, 10) || 'X-Injected: 1'"),
    "a user name": SECOND.format("url = 'http://u:p@a.test/0'"),
    "another way to write it": SECOND.format("url = 'HTTP://A.test:80/0'"),
    "another host": SECOND.format("url = 'http://b.test/0'"),
    "a number": SECOND.format("url = 5"),
    "bytes": SECOND.format("url = x'ff00'"),
    "a referrer": "UPDATE urls SET url = 'x' || char(10) || 'y' WHERE id = 1",
    "a deep request": SECOND.format(f"request = '{DEEP}'"),
    "a request of a number": SECOND.format("request = '5'"),
    "a request of a list": SECOND.format("request = '[[1]]'"),
    "an unknown name": SECOND.format("""request = '{"nope": 1}'"""),
    "a method": SECOND.format("""request = '{"method": 5}'"""),
    "headers": SECOND.format("""request = '{"headers": {"a": "b"}}'"""),
    "a header": SECOND.format("""request = '{"headers": [["a", 5]]}'"""),
    "a body": SECOND.format("""request = '{"body": 5}'"""),
    "a priority": SECOND.format("""request = '{"priority": "x"}'"""),
    "a list": SECOND.format("""request = '{"list": 1}'"""),
    "rank": SECOND.format("rank = 'x'"),
    "deep books": BOOKS.format(f"'{DEEP}'"),
    "books of a list": BOOKS.format("'[1]'"),
    "books of text": BOOKS.format("""'{"pages": "x"}'"""),
    "books of less": BOOKS.format("json_set(value, '$.pages', -1)"),
    "books that add up to another sum": BOOKS.format("json_set(value, '$.discovered', 9)"),
    "books that are endless": BOOKS.format("json_set(value, '$.elapsed', 9e999)"),
    "positions": POSITIONS.format("'5'"),
    "deep positions": POSITIONS.format(f"'{DEEP}'"),
    "pending": "UPDATE hosts SET pending = -5",
    "a seed": "INSERT INTO seeds VALUES ('x')",
    "a deep cookie": COOKIE.format(f"'{DEEP}'"),
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON facts BEGIN DELETE FROM urls; END",
    "a trigger on reading": "CREATE TRIGGER t AFTER UPDATE ON urls BEGIN DELETE FROM facts; END",
    "a view": "CREATE VIEW v AS SELECT * FROM urls",
    "a virtual table": "CREATE VIRTUAL TABLE v USING fts5(x)",
    "an index": "CREATE INDEX i ON urls (hex(url))",
    "a column": "ALTER TABLE urls ADD COLUMN x AS (hex(zeroblob(100000000)))",
    "a table less": "DROP TABLE cookies",
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_ours_is_a_state_error(begun: Path, tmp_path: Path, case: str) -> None:
    """Nothing is asked for that no crawl would ask for, no trigger runs, and the output stays as it is."""
    folder = tampered(begun, tmp_path, CASES[case])
    written = (folder / "x.tsv").read_bytes()
    memory = web()
    with pytest.raises(StateError):
        run(folder, memory, max_pages=5)
    assert [
        request.url for request in memory.requests if request.url not in {SEED, f"{SEED}1", f"{SEED}2"}
    ] == []
    assert (folder / "x.tsv").read_bytes()[: len(written)] == written


@pytest.mark.parametrize(
    "case", ["a trigger", "a view", "an index", "a column", "deep books", "a table less"]
)
def test_a_check_reads_it_likewise(begun: Path, tmp_path: Path, case: str) -> None:
    """``trio-crawl check`` says what is wrong, instead of running it."""
    folder = tampered(begun, tmp_path, CASES[case])
    with pytest.raises(StateError):
        audit(folder / "s.db")


def test_a_view_in_the_place_of_a_table_is_refused(begun: Path, tmp_path: Path) -> None:
    """Of the same name, with triggers that do as if it were one."""
    view = [
        "ALTER TABLE seeds RENAME TO hidden",
        "CREATE VIEW seeds AS SELECT url FROM hidden",
        "CREATE TRIGGER t INSTEAD OF INSERT ON seeds BEGIN DELETE FROM urls; END",
    ]
    with pytest.raises(StateError, match="which no crawl makes"):
        run(tampered(begun, tmp_path, *view), web(), max_pages=5)


def test_what_somebody_adds_for_themselves_does_no_harm(begun: Path, tmp_path: Path) -> None:
    """A table of their own, with an index of its own, and the statistics that ``ANALYZE`` keeps."""
    notes = [
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, note TEXT)",
        "CREATE INDEX n ON notes (note)",
        "ANALYZE",
    ]
    report = run(tampered(begun, tmp_path, *notes), web(), max_pages=5)
    assert report.pages == 4
