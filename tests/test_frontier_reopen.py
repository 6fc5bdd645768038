"""What of a state becomes pending again: where a limit is higher, and where it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_support import books, found, nothing, state_in

from trio_crawl._frontier.journal import Changes, Ended

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
