"""``Sqlite(key=)``: views that have of each key the row that was written last."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE
from trio.testing import MockClock

from trio_crawl import OutputError, UsageError, crawl
from trio_crawl.__main__ import main
from trio_crawl.testing import MemoryWeb
from trio_crawl.writers import Sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_crawl import Page


@dataclass
class Product:
    sku: str | None
    price: int


LATEST = "SELECT sku, price FROM latest_Product WHERE sku NOTNULL"
PRICES = {"tea": 1, "cup": 2}


def parse(page: Page) -> Iterator[object]:
    for sku, price in PRICES.items():
        yield Product(sku, price + page.visit)
        yield Product(None, price)
    yield {"name": "plain", "visit": page.visit}
    yield {"name": "plain", "visit": page.visit + 100}


def go(folder: Path, web: MemoryWeb, output: Sqlite) -> None:
    keywords: dict[str, Any] = {"state": folder / "s.db", "recrawl": 60, "robots": False, "traps": False}
    run = partial(crawl, [SITE, f"{SITE}b"], fetch=web, parse=parse, write=output, delay=0, **keywords)
    trio.run(run, clock=MockClock(autojump_threshold=0))


def site() -> MemoryWeb:
    web = MemoryWeb()
    web.add(SITE, "1")
    web.add(f"{SITE}b", "2")
    return web


def select(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def test_the_latest_row_of_each_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By batch and row; rows without a key are each their own; made anew at each opening, known to check."""
    path, web = tmp_path / "shop.sqlite", site()
    go(tmp_path, web, Sqlite(path, key={"Product": "sku", "rows": "name"}))
    assert sorted(select(path, LATEST)) == [("cup", 3), ("tea", 2)]
    assert len(select(path, "SELECT * FROM latest_Product WHERE sku IS NULL")) == 4
    assert select(path, "SELECT name, visit FROM latest_rows") == [("plain", 101)]
    web.pass_time(3600)
    go(tmp_path, web, Sqlite(path, key={"product": "SKU"}))
    assert sorted(select(path, LATEST)) == [("cup", 4), ("tea", 3)]
    assert len(select(path, "SELECT * FROM Product WHERE sku NOTNULL")) == 8
    views = select(path, "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")
    assert views == [("found",), ("latest_Product",)]
    assert main(["check", str(tmp_path / "s.db"), str(path)]) == 0
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP VIEW latest_Product")
        db.execute("CREATE VIEW latest_Product AS SELECT 1")
        db.commit()
    capsys.readouterr()
    assert main(["check", str(tmp_path / "s.db"), str(path)]) == 1
    assert "the view latest_Product is not the one that was made" in "".join(capsys.readouterr())
    web.pass_time(3600)
    go(tmp_path, web, Sqlite(path, key={"Product": "sku"}))
    assert sorted(select(path, "SELECT price FROM latest_Product WHERE sku NOTNULL")) == [(4,), (5,)]
    go(tmp_path, web, Sqlite(path))
    assert select(path, "SELECT name FROM sqlite_schema WHERE type = 'view'") == [("found",)]


def test_a_key_that_comes_later_and_one_that_is_in_the_way(tmp_path: Path) -> None:
    """The view is made when its column is there; what is the user's own is left alone, and named."""
    path, web = tmp_path / "shop.sqlite", site()
    go(tmp_path, web, Sqlite(path))
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE latest_product (mine)")
        db.commit()
    web.pass_time(3600)
    with pytest.raises(OutputError, match="has something called latest_Product already"):
        go(tmp_path, web, Sqlite(path, key={"Product": "sku"}))
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE latest_product")
        db.commit()
    go(tmp_path, web, Sqlite(path, key={"Product": "sku", "Nothing": "x", "rows": "not there"}))
    assert len(select(path, "SELECT * FROM latest_Product WHERE sku NOTNULL")) == 2
    for key in ({"pages": "url"}, {"Product": 1}, {"": "x"}, ["Product"]):
        with pytest.raises(UsageError, match="key="):
            Sqlite(path, key=key)  # type: ignore[arg-type]
