"""A page that ends the crawl's own process twice is read in another one from then on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from crawl_support import SITE, objects_of

from trio_crawl._cli.check import check
from trio_crawl._crawl.reading import ReadingMark
from trio_crawl._frontier.index import fingerprint
from trio_crawl._frontier.slot import MOST_SUSPECTS, POISON, Slot, poison, suspected
from trio_crawl._lease import Lease

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it is killed by a signal")

KILLER = """
import os, signal

def plain(page):
    if page.url.endswith("/3"):
        os.kill(os.getpid(), signal.SIGKILL)
    yield from page.links()
    yield {"url": page.url, "title": page.title}

def here_alone(page):
    # Whatever is wrong with the page is wrong with the process of the crawl alone.
    if page.url.endswith("/3") and "TRIO_CRAWL_HERE" in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)
    yield from page.links()
    yield {"url": page.url, "title": page.title}
"""

CRAWLER = """
import os, signal, sys
import trio, trio_crawl
from trio_crawl._parse import html
from trio_crawl.testing import MemoryWeb
import killer

folder, how = sys.argv[1:]
web = MemoryWeb()
for number in range(8):
    page = f"<title>{number}</title><a href=/{number + 1}>x</a>" if number < 7 else ""
    web.add(f"https://site.test/{number}", page)
given = {}
if how == "document":
    original = html.Tree
    def tree(text, **options):
        if "<title>3" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(text, **options)
    html.Tree = tree
elif how == "async":
    async def stepwise(page):
        await trio.lowlevel.checkpoint()
        for item in killer.plain(page):
            yield item
    given["parse"] = stepwise
else:
    given["parse"] = getattr(killer, how)
report = trio_crawl.run("https://site.test/0", fetch=web, delay=0, robots=False, traps=False,
    write=f"{folder}/o.jsonl", state=f"{folder}/c.db", **given)
print(report.pages, dict(report.failed), flush=True)
"""


def run(folder: Path, how: str) -> subprocess.CompletedProcess[str]:
    """Go on with a crawl that a page may end."""
    (folder / "killer.py").write_text(KILLER)
    return subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", CRAWLER, folder, how],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "TRIO_CRAWL_HERE": "1"},
    )


@pytest.mark.parametrize("how", ["plain", "document"])
def test_a_page_that_ends_the_process(how: str, tmp_path: Path) -> None:
    """After two such ends it is read in a worker process; the end of that is a `Failure`."""
    for _ in range(POISON):
        ended = run(tmp_path, how)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert (tmp_path / "c.db.page").exists()
    ended = run(tmp_path, how)
    assert ended.returncode == 0, ended.stderr
    rows = {row["url"]: row for row in objects_of(tmp_path / "o.jsonl")}
    if how == "plain":
        assert ended.stdout == "3 {'parse': 1}\n"
        assert sorted(rows) == [f"{SITE}{number}" for number in range(3)]
    else:
        assert ended.stdout == "8 {}\n"
        assert sorted(rows) == [f"{SITE}{number}" for number in range(8)]
        assert rows[f"{SITE}3"]["title"] == "3"
        assert rows[f"{SITE}3"]["links"] == [f"{SITE}4"]
    assert check(f"{tmp_path}/c.db", [f"{tmp_path}/o.jsonl"]).problems == ()
    assert not (tmp_path / "c.db.page").exists()


def test_a_parser_that_another_process_can_not_have(tmp_path: Path) -> None:
    """An async one runs here all the same; the page itself was read elsewhere before."""
    for _ in range(POISON + 1):
        ended = run(tmp_path, "async")
        assert ended.returncode == -signal.SIGKILL, ended.stderr


def test_a_parser_in_another_process_gives_the_same_rows(tmp_path: Path) -> None:
    """Where the page does no harm there, its rows are those that it would have had here."""
    for _ in range(POISON):
        assert run(tmp_path, "here_alone").returncode == -signal.SIGKILL
    (tmp_path / "killer.py").write_text("")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    (tmp_path / "killer.py").write_text(KILLER)
    ended = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", CRAWLER, tmp_path, "here_alone"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert ended.stdout == "8 {}\n", ended.stderr
    rows = objects_of(tmp_path / "o.jsonl")
    assert rows == [
        {"url": f"{SITE}{number}", "title": str(number) if number < 7 else None} for number in range(8)
    ]


def test_a_slot(tmp_path: Path) -> None:
    """It keeps a mark, whoever ends; and is gone when it is closed."""
    path = tmp_path / "slot"
    slot = Slot(path)
    assert slot.left == 0
    slot.set(7)
    assert Slot(path).left == 7
    slot.close()
    assert not path.exists()


def test_suspects() -> None:
    """Of many pages the latest are remembered, and those that were met twice are poison."""
    suspects: dict[str, int] = {}
    for mark in (*range(1, MOST_SUSPECTS + 10), 5, 2**64 - 1, 2**64 - 1):
        suspects = suspected(suspects, mark)
    assert len(suspects) == MOST_SUSPECTS
    assert poison(json.loads(json.dumps(suspects))) == {2**64 - 1}


async def test_each_step_is_marked() -> None:
    """What waits for something else is not being read meanwhile; its result and its errors come out."""
    marks: list[int] = []
    reading = ReadingMark()
    reading.mark = marks.append
    lease = Lease.new(1, SITE, None, None)

    async def steps() -> Iterator[str]:
        assert marks[-1] == fingerprint(SITE)
        await trio.lowlevel.checkpoint()
        assert marks[-1] == fingerprint(SITE)
        return iter("ab")

    assert list(await reading.each_step(lease, steps())) == ["a", "b"]
    assert marks == [fingerprint(SITE), 0] * (len(marks) // 2)

    async def for_ever() -> None:
        try:
            await trio.sleep_forever()
        finally:
            assert marks[-1] == fingerprint(SITE)

    with trio.move_on_after(0) as scope:
        await reading.each_step(lease, for_ever())
    assert scope.cancelled_caught
    assert marks[-1] == 0
