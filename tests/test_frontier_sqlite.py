"""A state in SQLite: what a commit takes down is there afterwards."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import pytest
from sqlite_support import BEFORE_ALL, books, found, nothing, state_in

from trio_crawl import Request
from trio_crawl._frontier.journal import Changes
from trio_crawl._lease import Wanted, order_of, rank_of

if TYPE_CHECKING:
    from pathlib import Path


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


def test_requests_and_referrers_come_back(tmp_path: Path) -> None:
    """A page that waits knows what it was to be asked for with, and who led there."""
    request = Request("http://a.test/2", method="PUT", body=b"\xff", data=[1], key="k")
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(1), found(2, request=request)]), [], books())
        first, second = state.load([Wanted("a.test", BEFORE_ALL, 9)])["a.test"]
    assert (first.request, first.referrer) == (None, None)
    assert (second.request, second.referrer) == (request, "http://a.test/1")


def test_reading_can_be_broken_off(tmp_path: Path) -> None:
    """What the check for a cancellation raises ends the reading, and the file can be closed."""

    def cancelled() -> None:
        raise KeyboardInterrupt

    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(1)], fingerprints=array("Q", [5])), [], books())
        with pytest.raises(KeyboardInterrupt):
            state.resume(cancelled)
    assert [path.name for path in tmp_path.iterdir()] == ["crawl.db"]
