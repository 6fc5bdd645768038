"""The check that every state goes through; and states that forget, repeat, or lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from trio_crawl import StateError
from trio_crawl._frontier import windows
from trio_crawl._frontier.sqlite import SqliteState
from trio_crawl.testing import check_frontier

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from trio_crawl._frontier.journal import Changes
    from trio_crawl._lease import Stored, Wanted
    from trio_crawl._model import Json


def sqlite_in(folder: Path) -> SqliteState:
    """Return the state in *folder*."""
    return SqliteState(folder / "crawl.db", {"follow": "any"})


@pytest.mark.slow
def test_sqlite(tmp_path: Path) -> None:
    """A state in SQLite loses nothing and repeats nothing, with windows as large as they are."""
    check_frontier(sqlite_in, tmp_path, seeds=range(2), urls=1500)


@pytest.mark.parametrize("seed", range(6))
def test_small_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Nor does it where a host has four pages in memory, and all others in the state."""
    monkeypatch.setattr(windows, "_WINDOW", range(4, 5))
    check_frontier(sqlite_in, tmp_path, seeds=[seed], urls=400)


class Faulty:
    """A state with a fault, over one that has none."""

    def __init__(self, folder: Path, fault: str) -> None:
        self._state = sqlite_in(folder)
        self._fault = fault

    @property
    def positions(self) -> list[Json]:
        return [0] if self._fault == "forgets positions" else self._state.positions

    @positions.setter
    def positions(self, value: list[Json]) -> None:
        self._state.positions = value

    def open(self) -> bool:
        return self._state.open()

    def books(self) -> dict[str, Any]:
        return self._state.books()

    def resume(self, check_cancelled: Any) -> Any:  # noqa: ANN401 - passed on
        resumed = self._state.resume(check_cancelled)
        if self._fault == "knows less":
            resumed.known.fill([])
        return resumed

    def load(self, wanted: Iterable[Wanted]) -> Mapping[str, Sequence[Stored]]:
        found = self._state.load(wanted)
        if self._fault == "turns around":
            return {host: pages[::-1] for host, pages in found.items()}
        if self._fault == "loads less":
            return {host: [*pages[:1], *pages[2:]] for host, pages in found.items()}
        return found

    def commit(self, changes: Changes, positions: Sequence[Json], books: Mapping[str, Any]) -> None:
        if self._fault == "repeats pages":
            changes.pages.clear()
        if self._fault == "loses pages" and len(changes.discovered) > 4:
            del changes.discovered[4:]
        self._state.commit(changes, positions, books)

    def close(self) -> None:
        self._state.close()


@pytest.mark.parametrize(
    "fault",
    ["forgets positions", "knows less", "turns around", "loads less", "repeats pages", "loses pages"],
)
def test_a_faulty_state_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """A state that forgets, repeats or misplaces anything fails the check."""
    monkeypatch.setattr(windows, "_WINDOW", range(4, 5))
    with pytest.raises((AssertionError, StateError)) as caught:
        check_frontier(lambda folder: Faulty(folder, fault), tmp_path, seeds=range(3), urls=400)
    assert caught.value.__notes__[0].startswith("with seed ")
