"""A state in SQLite: what a commit takes down is there afterwards, as a whole or not at all."""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from trio_crawl import Request, StateError
from trio_crawl._frontier.journal import Changes, Discovered, Ended, Passed
from trio_crawl._frontier.ledger import Ledger
from trio_crawl._frontier.sqlite import SqliteState
from trio_crawl._lease import Wanted, order_of, rank_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEFORE_ALL = -(1 << 120)


def nothing() -> None:
    """Stand for the check whether a crawl was cancelled meanwhile."""


@contextmanager
def state_in(folder: Path, **identity: Any) -> Iterator[SqliteState]:  # noqa: ANN401 - JSON
    state = SqliteState(folder / "crawl.db", identity)
    try:
        state.open()
        yield state
    finally:
        state.close()


def found(number: int, *, host: str = "a.test", rank: int = 0, request: Request | None = None) -> Discovered:
    return Discovered(number, host, rank, f"http://{host}/{number}", request, None if number == 1 else 1)


def books(**numbers: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {**Ledger().to_json(), **numbers}


def test_a_state_without_a_batch_is_as_none(tmp_path: Path) -> None:
    """Opened and closed without a commit, it holds no crawl to go on with."""
    for _ in range(2):
        state = SqliteState(tmp_path / "crawl.db", {})
        assert not state.open()
        state.close()
    assert [path.name for path in tmp_path.iterdir()] == ["crawl.db"]


def test_what_was_committed_is_there(tmp_path: Path) -> None:
    """Positions, books, pages that wait, fingerprints and seeds are those of the last commit."""
    changes = Changes(
        discovered=[found(1), found(2), found(3, host="b.test")],
        fingerprints=array("Q", [7, 2**64 - 1, 2**63]),
        seeds=["http://a.test/1"],
    )
    with state_in(tmp_path) as state:
        state.commit(changes, [{"bytes": 3}, None], books(discovered=3))
        assert state.positions == [{"bytes": 3}, None]
    with state_in(tmp_path) as state:
        assert state.positions == [{"bytes": 3}, None]
        assert state.books()["discovered"] == 3
        resumed = state.resume(nothing)
        assert resumed.stored == {"a.test": 2, "b.test": 1}
        assert [number in resumed.known for number in (7, 2**64 - 1, 2**63, 8)] == [True, True, True, False]
        assert list(resumed.seeds) == ["http://a.test/1"]
        assert resumed.next_id == 4


def test_a_commit_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Where one statement fails, nothing of the batch is there."""
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(1)]), [1], books())
        with pytest.raises(StateError, match="UNIQUE"):
            state.commit(Changes(discovered=[found(2), found(1)]), [2], books(pages=5))
        assert state.positions == [1]
    with state_in(tmp_path) as state:
        assert state.positions == [1]
        assert state.resume(nothing).stored == {"a.test": 1}
        assert state.books()["pages"] == 0


def test_pages_come_by_rank_and_number(tmp_path: Path) -> None:
    """Pages of a host are loaded from a place on, by rank and then by discovery, as many as are wanted."""
    ranks = [rank_of(0, 2), rank_of(5, 9), rank_of(0, 0), rank_of(-3, 0), rank_of(5, 9), rank_of(2**60, 3)]
    waiting = [found(number, rank=rank) for number, rank in enumerate(ranks, 1)]
    orders = sorted(order_of(rank, number) for number, rank in enumerate(ranks, 1))
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[*waiting, found(7, host="b.test")]), [], books())

        def load(after: int, most: int = 99) -> list[int]:
            return [page.order for page in state.load([Wanted("a.test", after, most)])["a.test"]]

        assert load(BEFORE_ALL) == orders
        for place, order in enumerate(orders):
            assert load(order) == orders[place + 1 :]
        assert load(orders[1], 2) == orders[2:4]
        assert state.load([Wanted("nowhere.test", BEFORE_ALL, 9)]) == {"nowhere.test": []}


def test_pages_that_ended_wait_no_more(tmp_path: Path) -> None:
    """A page, a failure and a skip are no longer loaded; the numbers of rows and the batch stay with them."""
    ended = Changes(
        pages=[Ended(1, "a.test", 200, (1, 3), 5.5)],
        failed=[Ended(2, "a.test", "connect", (0, 1))],
        skipped=[Ended(3, "a.test", "robots")],
    )
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(number) for number in range(1, 5)]), [], books())
        state.commit(ended, [], books())
        assert [page.url for page in state.load([Wanted("a.test", BEFORE_ALL, 9)])["a.test"]] == [
            "http://a.test/4"
        ]
        assert state.resume(nothing).stored == {"a.test": 1}
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as database:
        rows = database.execute("SELECT status, detail, rows, batch, fetched_at FROM urls").fetchall()
    assert rows == [
        (1, 200, "1 3", 2, 5.5),
        (2, "connect", "0 1", 2, None),
        (3, "robots", "", 2, None),
        (0, None, None, None, None),
    ]


def test_requests_and_referrers_come_back(tmp_path: Path) -> None:
    """A page that waits knows what it was to be asked for with, and who led there."""
    request = Request("http://a.test/2", method="PUT", body=b"\xff", data=[1], key="k")
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(1), found(2, request=request)]), [], books())
        first, second = state.load([Wanted("a.test", BEFORE_ALL, 9)])["a.test"]
    assert (first.request, first.referrer) == (None, None)
    assert (second.request, second.referrer) == (request, "http://a.test/1")


def test_text_that_utf_8_can_not_say(tmp_path: Path) -> None:
    """Half of a surrogate pair, which a bad seed may hold, is kept as JSON would say it."""
    bad = Discovered(1, "", 0, "http://\ud800\U0001f577/ü", None, None)
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[bad], skipped=[Ended(1, "", "bad_seed")]), [], books())
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as database:
        assert database.execute("SELECT url FROM urls").fetchall() == [("http://\\ud800\U0001f577/ü",)]


def passed(mark: int, reason: Any = "scope", depth: int = 1) -> Passed:  # noqa: ANN401 - a reason
    return Passed(mark, f"http://b.test/{mark}", depth, reason, None, 1)


@pytest.mark.parametrize(
    ("batches", "left"),
    [
        ([Changes(passed=[passed(1), passed(2**63)])], [1, 2**63]),
        ([Changes(passed=[passed(1)]), Changes(taken_back=[1])], []),
        ([Changes(passed=[passed(1)], taken_back=[1], fingerprints=array("Q", [1]))], []),
        ([Changes(passed=[passed(1)]), Changes(passed=[passed(1, "max_depth")], taken_back=[1])], [1]),
    ],
    ids=["passed by", "followed later", "followed in the same batch", "passed by for another reason"],
)
def test_links_that_are_passed_by(tmp_path: Path, batches: list[Changes], left: list[int]) -> None:
    """A link is passed by until it is followed after all, also within one batch."""
    with state_in(tmp_path) as state:
        for changes in batches:
            state.commit(changes, [], books())
        marks = state.resume(nothing).passed
    assert [mark for mark in (1, 2**63) if any(mark in each for each in marks.values())] == left
    assert sum(len(each) for each in marks.values()) == len(left)


def test_the_rest_is_skipped(tmp_path: Path) -> None:
    """``skip_rest`` ends all that wait, and a higher limit makes them wait again."""
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(n, rank=n) for n in range(1, 5)]), [], books())
        state.commit(
            Changes(pages=[Ended(1, "a.test", 200)], skip_rest="max_pages"),
            [],
            books(pages=1, skipped={"max_pages": 3}),
        )
        assert state.resume(nothing).stored == {}
        state.reopen(max_depth=None, max_pages=1, retry_failed=False)
        assert state.resume(nothing).stored == {}
        state.reopen(max_depth=None, max_pages=2, retry_failed=False)
        assert state.resume(nothing).stored == {"a.test": 3}
        assert state.books()["skipped"] == {}


def test_where_a_failure_was_redirected_to(tmp_path: Path) -> None:
    """It is known as long as the failure stands, and not when that is asked for again."""
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(1)]), [], books())
        failed = Ended(1, "a.test", "connect", aliases=(5, 2**64 - 1))
        state.commit(Changes(failed=[failed]), [], books(failed={"connect": 1}))
        state.reopen(max_depth=None, max_pages=None, retry_failed=False)
        assert 2**64 - 1 in state.resume(nothing).known
        state.reopen(max_depth=None, max_pages=None, retry_failed=True)
        assert len(state.resume(nothing).known) == 0
        assert state.resume(nothing).stored == {"a.test": 1}


def test_what_is_thrown_in_a_transaction_comes_out(tmp_path: Path) -> None:
    """An error that is no error of SQLite's undoes the batch and comes out as itself."""
    bad = Request("http://a.test/2", data=object())  # type: ignore[arg-type]
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(1)]), [], books())
        with pytest.raises(ValueError, match="is not JSON"):
            state.commit(Changes(discovered=[found(2, request=bad)]), [], books())
        assert state.resume(nothing).next_id == 2


def test_reading_can_be_broken_off(tmp_path: Path) -> None:
    """What the check for a cancellation raises ends the reading, and the file can be closed."""

    def cancelled() -> None:
        raise KeyboardInterrupt

    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(1)], fingerprints=array("Q", [5])), [], books())
        with pytest.raises(KeyboardInterrupt):
            state.resume(cancelled)
    assert [path.name for path in tmp_path.iterdir()] == ["crawl.db"]


def test_closed_or_not_open(tmp_path: Path) -> None:
    """Closing twice does nothing; what is not open says so."""
    state = SqliteState(tmp_path / "crawl.db", {})
    state.close()
    with pytest.raises(StateError, match="is not open"):
        state.commit(Changes(), [], books())
    assert "crawl.db" in repr(state)


def test_a_log_without_its_database(tmp_path: Path) -> None:
    """The log of a database that was deleted after a kill does not come back to life in a new one."""
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(1)]), [7], books())
        log = (tmp_path / "crawl.db-wal").read_bytes()
    (tmp_path / "crawl.db").unlink()
    (tmp_path / "crawl.db-wal").write_bytes(log)
    with state_in(tmp_path) as state:
        assert state.positions == []
        assert state.resume(nothing).stored == {}


def test_spilled_pages_are_counted_for_the_windows(tmp_path: Path) -> None:
    """What a batch spills is nothing for the database: it holds every page that waits."""
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(1)], spilled=Counter({"a.test": 1})), [], books())
        assert state.resume(nothing).stored == {"a.test": 1}
