"""Async files, a database call that blocks, and a parser that computes: each where it holds up nobody.

Run it: ``python examples/files_and_threads.py`` makes ``urls.txt``, reads it, and writes ``words.sqlite``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from typing import Any

import trio

import trio_crawl
from trio_crawl.testing import MemoryWeb, serving
from trio_crawl.writers import Call


def count_words(page: trio_crawl.Page) -> Iterator[dict[str, Any]]:
    """Compute for a while; this runs in worker processes, as many as there are processors."""
    digest = page.content
    for _ in range(20_000):
        digest = sha256(digest).digest()
    words = page.text().split()
    yield {"url": page.url, "words": len(words), "most": max(words, key=words.count), "hash": digest.hex()}


def insert(rows: list[dict[str, Any]]) -> None:
    """Block while a database is busy; this is called in a thread, with many rows at a time."""
    with closing(sqlite3.connect("words.sqlite")) as db, db:
        db.execute("CREATE TABLE IF NOT EXISTS words (url PRIMARY KEY, words, most, hash)")
        db.executemany("INSERT OR REPLACE INTO words VALUES (:url, :words, :most, :hash)", rows)


async def count(names: str) -> None:
    """Count words of the pages that a file names, which is read asynchronously, line by line."""
    async with await trio.open_file(names) as urls:
        report = await trio_crawl.crawl(
            urls, parse=count_words, parse_in="process", write=Call(insert), max_depth=0, delay=0,
            per_host=8, allow_private=True,
        )  # fmt: skip
    print(f"{report.pages} pages, {report.rows} rows")


async def main() -> None:
    """Serve some pages, and count their words."""
    web = MemoryWeb()
    for number in range(8):
        web.add(f"http://site.test/{number}", f"<p>{'tea ' * (number + 1)}and cups</p>")
    async with serving(web, origin="http://site.test") as base:
        await trio.Path("urls.txt").write_text("".join(f"{base}/{number}\n" for number in range(8)))
        await count("urls.txt")


if __name__ == "__main__":
    import files_and_threads  # since a worker process imports the parser, which it can't from "__main__"

    trio.run(files_and_threads.main)  # fmt: skip
