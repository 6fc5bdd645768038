"""A state in a SQLite database, and what is taken down in it, for the tests of its parts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trio_crawl._frontier.journal import Discovered
from trio_crawl._frontier.ledger import Ledger
from trio_crawl._frontier.sqlite import SqliteState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_crawl import Request

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
