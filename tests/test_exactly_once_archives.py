"""A crawl into archives and a mirror that is killed again and again has each page exactly once in the end."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from archive_kill_support import OUTPUTS, crawler, exchanges_in, files_in, parts_in

from trio_crawl._cli.check import check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kill_support import Crawler

KILLS = 10
MOST_KILLS = 4


@pytest.fixture(scope="module")
def crawls() -> Iterator[Crawler]:
    """Start what crawls in processes of their own, and a site for them."""
    with crawler() as made:
        yield made


@pytest.mark.slow
def test_killed_crawls_archive_each_exchange_once(crawls: Crawler, tmp_path: Path) -> None:
    """Every request, response and file of a page is there once; state and outputs agree after each end."""
    chance = random.Random(6)  # noqa: S311 - moments to kill at
    plain = tmp_path / "undisturbed"
    plain.mkdir()
    moments = crawls.run(plain, own_rows=False)["moments"]
    expected, files = exchanges_in([plain / "crawl.warc.gz"]), files_in(plain / "mirror")
    assert len(parts_in(plain)) > 2
    assert max(expected.values()) == 1
    kills = number = 0
    while kills < KILLS:
        number += 1
        folder = tmp_path / f"killed-{number}"
        folder.mkdir()
        for _ in range(chance.randrange(1, MOST_KILLS + 1)):
            moment = chance.randrange(1, max(2, int(moments * chance.choice((0.1, 0.5, 1)))))
            if crawls.run(folder, own_rows=False, kill=moment, share=chance.random()):
                break
            kills += 1
        crawls.run(folder, own_rows=False)
        assert exchanges_in([folder / "crawl.warc.gz"]) == expected
        assert exchanges_in(parts_in(folder)) == expected
        assert files_in(folder / "mirror") == files
        assert check(str(folder / "crawl.db"), [f"{folder}/{name}" for name in OUTPUTS]).problems == ()
        assert not list(folder.rglob("~unfinished"))
