"""Crawls into archives and a mirror, in processes that are killed, as `kill_support` does it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import kill_support
import trio
from kill_support import Crawler
from warcio.archiveiterator import ArchiveIterator

import trio_crawl
from trio_crawl.writers import Warc

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHIVES = ("crawl.warc.gz", "part-{n}.warc.gz")
OUTPUTS = (*ARCHIVES, "mirror/")


async def crawl_into(folder: Path, url: str, **_of_others: object) -> trio_crawl.Report:
    """Crawl the site, with a state, to an archive, one in parts, and a mirror."""
    return await trio_crawl.crawl(
        f"{url}/0",
        write=[folder / ARCHIVES[0], Warc(folder / ARCHIVES[1], rotate=20_000), f"{folder}/mirror/"],
        state=folder / "crawl.db",
        delay=0,
        per_host=8,
        retries=0,
        allow_private=True,
    )


@contextmanager
def crawler() -> Iterator[Crawler]:
    """Start a server and a process that forks crawls, for the length of a block."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    started = [
        subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, __file__, role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for role in ("serve", "crawl")
    ]
    try:
        server, forker = started
        assert server.stdout is not None
        assert forker.stdin is not None
        assert forker.stdout is not None
        yield Crawler(url=server.stdout.readline().strip(), orders=forker.stdin, answers=forker.stdout)
    finally:
        for process in started:
            process.kill()
            process.communicate()


def exchanges_in(paths: list[Path]) -> Counter[tuple[str, str]]:
    """Return the records of archives by kind and URL, their digests checked; without those of robots.txt.

    Whether a response is a revisit depends on which came first, and robots.txt is asked for in each run.
    """
    found: Counter[tuple[str, str]] = Counter()
    for path in paths:
        with path.open("rb") as file:
            for record in ArchiveIterator(file, check_digests=True):
                kind = "response" if record.rec_type == "revisit" else record.rec_type
                url = record.rec_headers.get_header("WARC-Target-URI") or ""
                record.content_stream().read()
                assert record.digest_checker.passed is not False, f"{path}: {record.digest_checker.problems}"
                if kind != "warcinfo" and not url.endswith("/robots.txt"):
                    found[kind, url] += 1
    return found


def files_in(folder: Path) -> list[tuple[str, str]]:
    """Return URL and digest of each file in the map of a mirror, which has to be as the map says."""
    found = []
    for line in (folder / "files.jsonl").read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        if "file" not in told:
            continue
        data = (folder / told["file"]).read_bytes()
        assert sha256(data).hexdigest() == told["sha256"], told["file"]
        found.append((told["url"], told["sha256"]))
    return sorted(found)


def parts_in(folder: Path) -> list[Path]:
    """Return the parts of the archive that has parts, in order."""
    return sorted(folder.glob("part-*.warc.gz"), key=lambda path: int(path.name[5:-8]))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        trio.run(kill_support.serve_the_site)
    else:
        kill_support.crawl_into = crawl_into
        kill_support.crawl_on_order()
