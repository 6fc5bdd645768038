"""What of a state becomes pending again: where a limit is higher, and where it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_support import BEFORE_ALL, books, found, nothing, state_in

from trio_crawl._frontier.journal import Changes, Ended, Visit
from trio_crawl._lease import Lease, Validators, Wanted

if TYPE_CHECKING:
    from pathlib import Path


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


def test_pages_of_an_age_wait_for_another_visit(tmp_path: Path) -> None:
    """They are pending and out of the books, their number goes up, and what is younger stays."""
    validators = Validators("http://a.test/final", '"a"', None)
    ended = Changes(
        pages=[
            Ended(1, "a.test", 200, (1,), 5.0, visit=Visit(False, validators, (2**64 - 1, 7))),
            Ended(2, "a.test", 200, (1,), 5.0),
            Ended(3, "a.test", 304, (0,), 5.0, visit=Visit(True, validators, ())),
            Ended(4, "a.test", 200, (1,), 9.0),
        ]
    )
    counted = books(pages=4, unchanged=1, statuses={"200": 3, "304": 1})
    with state_in(tmp_path) as state:
        state.commit(Changes(discovered=[found(number) for number in range(1, 6)]), [], books())
        state.commit(ended, [], counted)
        state.reopen(max_depth=None, max_pages=None, retry_failed=False)
        assert state.books() == counted
        state.reopen(max_depth=None, max_pages=None, retry_failed=False, visited_before=9.0)
        said = state.books()
        assert (said["pages"], said["unchanged"], said["statuses"]) == (1, 0, {"200": 1})
        assert state.resume(nothing).stored == {"a.test": 4}
        leases = [page.request for page in state.load([Wanted("a.test", BEFORE_ALL, 9)])["a.test"]]
    first, second, third, fresh = leases
    assert isinstance(first, Lease)
    assert (first.visit, first.validators, first.own) == (2, validators, (2**64 - 1, 7))
    assert isinstance(second, Lease)
    assert (second.visit, second.validators, second.own) == (2, None, ())
    assert isinstance(third, Lease)
    assert third.visit == 2
    assert fresh is None
