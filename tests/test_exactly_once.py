"""A crawl that is killed again and again, also while it is resumed, has every row exactly once in the end.

The long form is ``python tests/kill_support.py --kills 2000``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kill_support import Crawler, crawler, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = {"lines": 18, "others": 16}


@pytest.fixture(scope="module", params=KILLS)
def crawls(request: pytest.FixtureRequest) -> Iterator[Crawler]:
    """Start what crawls in processes of their own into a set of outputs, and a site for them."""
    with crawler(request.param) as made:
        yield made


@pytest.mark.parametrize("own_rows", [False, True], ids=["links", "own rows"])
@pytest.mark.slow
def test_killed_crawls_lose_and_repeat_nothing(crawls: Crawler, tmp_path: Path, own_rows: bool) -> None:
    """After each kill what is committed is whole and in the books; resumed, all rows are there."""
    kills = KILLS[crawls.outputs]
    result = sweep(crawls, tmp_path, kills=kills, seed=own_rows, own_rows=own_rows)
    assert result.kills == kills
    assert result.resumed >= kills // 12


@pytest.mark.parametrize("own_rows", [False, True], ids=["links", "own rows"])
@pytest.mark.slow
def test_killed_while_pages_are_visited_again(crawls: Crawler, tmp_path: Path, own_rows: bool) -> None:
    """With ``recrawl`` the rows of each visit are there once, and what has not changed has none."""
    kills = KILLS[crawls.outputs] // 3
    result = sweep(crawls, tmp_path, kills=kills, seed=7 + own_rows, own_rows=own_rows, rounds=2)
    assert result.kills == kills
    assert result.resumed == result.kills


def test_a_kill_is_a_kill(crawls: Crawler, tmp_path: Path) -> None:
    """Killed before its 40th moment, a crawl tells nothing, and has not all of its rows."""
    assert crawls.run(tmp_path, own_rows=False, kill=40) == {}
    name = "pages.jsonl.gz" if crawls.outputs == "others" else "pages.jsonl"
    size = 2000 if crawls.outputs == "others" else 20_000
    assert not (tmp_path / name).exists() or (tmp_path / name).stat().st_size < size
