"""A batch in the tables of a state: taken down as a whole or not at all."""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlite_support import BEFORE_ALL, books, found, nothing, state_in

from trio_crawl import Request, StateError
from trio_crawl._frontier.journal import Changes, Discovered, Ended, Passed
from trio_crawl._frontier.takedown import HostNumbers
from trio_crawl._lease import Wanted

if TYPE_CHECKING:
    from pathlib import Path


def passed(mark: int, reason: Any = "scope", depth: int = 1) -> Passed:  # noqa: ANN401 - a reason
    return Passed(mark, f"http://b.test/{mark}", depth, reason, None, 1)


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


def test_what_is_thrown_in_a_transaction_comes_out(tmp_path: Path) -> None:
    """An error that is no error of SQLite's undoes the batch and comes out as itself."""
    bad = Request("http://a.test/2", data=object())  # type: ignore[arg-type]
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(1)]), [], books())
        with pytest.raises(ValueError, match="is not JSON"):
            state.commit(Changes(discovered=[found(2, request=bad)]), [], books())
        assert state.resume(nothing).next_id == 2


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


def test_text_that_utf_8_can_not_say(tmp_path: Path) -> None:
    """Half of a surrogate pair, which a bad seed may hold, is kept as JSON would say it."""
    bad = Discovered(1, "", 0, "http://\ud800\U0001f577/ü", None, None)
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[bad], skipped=[Ended(1, "", "bad_seed")]), [], books())
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as database:
        assert database.execute("SELECT url FROM urls").fetchall() == [("http://\\ud800\U0001f577/ü",)]


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


def test_spilled_pages_are_counted_for_the_windows(tmp_path: Path) -> None:
    """What a batch spills is nothing for the database: it holds every page that waits."""
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(1)], spilled=Counter({"a.test": 1})), [], books())
        assert state.resume(nothing).stored == {"a.test": 1}


def test_hosts_are_numbered_in_their_order() -> None:
    """Each name has its own number, those that the state had before included; another has none."""
    numbers = HostNumbers()
    numbers.fill([("a.test", 1), ("b.test", 2)])
    assert numbers.new("") == 3
    assert numbers.new("c.test") == 4
    assert [numbers.get(name) for name in ("a.test", "b.test", "", "c.test")] == [1, 2, 3, 4]
    assert numbers.get("d.test") is None
