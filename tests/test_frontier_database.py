"""The database file of a state: opened, closed, and never taken for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlite_support import books, found, nothing, state_in

from trio_crawl import StateError
from trio_crawl._frontier.journal import Changes
from trio_crawl._frontier.sqlite import SqliteState

if TYPE_CHECKING:
    from pathlib import Path


def test_a_state_without_a_batch_is_as_none(tmp_path: Path) -> None:
    """Opened and closed without a commit, it holds no crawl to go on with."""
    for _ in range(2):
        state = SqliteState(tmp_path / "crawl.db", {})
        assert not state.open()
        state.close()
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
