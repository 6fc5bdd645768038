"""Drives the frontier of one crawl as an engine would, in a process of its own; says what it cost.

    python -m benchmarks.frontier_drive grow URLS HOSTS NEW [STATE]
    python -m benchmarks.frontier_drive resume STATE

There is no network and no page: a made-up web says which links each page has.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from array import array
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, final

from trio_crawl._frontier.journal import Journal
from trio_crawl._frontier.ledger import Ledger
from trio_crawl._frontier.limits import Limits
from trio_crawl._frontier.memory import MemoryFrontier
from trio_crawl._frontier.sqlite import SqliteState
from trio_crawl._lease import Idle, Load, Lookup, Start
from trio_crawl._model import Headers, Link, Page, Parsed, Request, Response
from trio_crawl._parse.html import HtmlDocument
from trio_crawl._parse.links import LinkCache
from trio_crawl._policy.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_crawl._lease import Lease, Wanted

LINKS: Final = 60
"""Links of a page."""

NAVIGATION: Final = 20
"""Of these, the links that all pages of a host have."""

ABROAD: Final = 4
"""Of these, the links to new pages of other hosts."""

BATCH: Final = 256
"""Pages that are committed together."""

CONCURRENCY: Final = 64
HOP: Final = 0.001
"""Seconds of the crawl's clock between the ends of two hops."""

SEED: Final = 20_261_121

AFTERWARDS: Final = 3600.0
"""Seconds after the beginning of a crawl when another process goes on with it: no host has to wait
for that any more, and what their robots.txt say still holds."""

STEPS: Final = 10
"""Parts of the growth that are measured each: the last one is what a URL costs by then."""

_SECTIONS: Final = 19
_PAGE_SIZE: Final = os.sysconf("SC_PAGE_SIZE")


@final
class Web:
    """Pages that lead to pages; of each host it knows only how many there are by now.

    Args:
        hosts: how many there will be; each new page is the first of a new one until there are as many.
        new: the links of a page that no other page has led to yet, at most 40.
    """

    def __init__(self, hosts: int, new: int) -> None:
        self._most = hosts
        self._new_links = new
        self._pages = array("I", [1])
        self._chance = Random(SEED)  # noqa: S311 - no secret: each run has to drive the same

    def links(self, url: str) -> list[Link]:
        """Return the links of the page at *url*."""
        host = int(url[17:23])
        draw = self._chance.random
        found = [_url(host, number) for number in range(min(NAVIGATION, self._pages[host]))]
        homes = [int(draw() * len(self._pages)) for _ in range(ABROAD)] + [host] * (self._new_links - ABROAD)
        found += [self._new(home) for home in homes]
        for number in range(LINKS - len(found)):
            other = host if number % 6 else int(draw() * len(self._pages))
            found.append(_url(other, int(draw() * self._pages[other])))
        return [Link(url=each) for each in found]

    def _new(self, host: int) -> str:
        if len(self._pages) < self._most:
            host = len(self._pages)
            self._pages.append(0)
        number = self._pages[host]
        self._pages[host] += 1
        return _url(host, number)


def _url(host: int, number: int) -> str:
    return f"https://www.site-{host:06}.example/section-{number % _SECTIONS:02}/article-{number:08}.html"


@final
class Watch:
    """Adds up seconds, of CPU and of the clock on the wall, by what they were spent on."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = {}
        self.wall: dict[str, float] = {}

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Count the block's time under *name*."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu
        self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall

    def so_far(self) -> dict[str, dict[str, float]]:
        """Return what was counted, as it is now."""
        return {"cpu": dict(self.cpu), "wall": dict(self.wall)}


@dataclass(frozen=True)
class Everyone:
    """Lets everybody to every address and every page."""

    crawl_delay: float | None = None
    sitemaps: tuple[str, ...] = ()

    def refusal(self, host: str, port: int, address: str) -> str | None:
        """Refuse nothing."""
        del host, port, address
        return None

    def allows(self, url: str) -> bool:
        """Allow all."""
        del url
        return True


@final
class Drive:
    """One crawl, without what fetches, parses and writes.

    Args:
        web: what is crawled.
        state: where it is kept; None for memory alone.
    """

    def __init__(self, web: Web, state: SqliteState | None) -> None:
        self._web = web
        self._state = state
        self._journal = None if state is None else Journal()
        self.ledger = Ledger()
        limits = Limits(per_host=2, per_address=8, delay=0.5, max_depth=None, max_pages=None)
        self.frontier = MemoryFrontier(
            Scope("any"),
            limits,
            self.ledger,
            guard=Everyone(),
            robots=True,
            journal=self._journal,
        )
        self.watch = Watch()
        self.now = 0.0
        self._out: deque[Lease] = deque()
        self._wanted: tuple[Wanted, ...] = ()
        self._gathered = 0
        self._parsed = _parsed()

    def grow(self, urls: int) -> None:
        """Crawl until so many URLs are discovered, and commit the last batch."""
        while self.ledger.discovered < urls:
            with self.watch.on("claim"):
                self.claim()
            lease = self._out.popleft()
            self.now += HOP
            if lease.robots_of is not None:
                with self.watch.on("claim"):
                    self.frontier.hop_ended(lease, self.now, _answer(lease))
                    self.frontier.robots_known(lease, _ALL, self.now)
                continue
            links = self._web.links(lease.url)
            with self.watch.on("insert"):
                self.frontier.add_found(links, lease, self.now)
            with self.watch.on("claim"):
                self.frontier.hop_ended(lease, self.now, _answer(lease))
                self.frontier.finish(lease, self._parsed, (LINKS,))
            self.ledger.pages += 1
            self._gathered += 1
            if self._gathered == BATCH:
                self.commit()
        self.commit()

    def figures(self) -> dict[str, Any]:
        """Return what was done so far, and the seconds that it took."""
        ledger = self.ledger
        return {
            "urls": ledger.discovered,
            "pages": ledger.pages,
            "hops": ledger.requests,
            **self.watch.so_far(),
        }

    def claim(self) -> None:
        """Take what may start, as much as there is room for."""
        while len(self._out) < CONCURRENCY and self.start():
            pass

    def start(self) -> bool:
        """Do what is next, until it is a hop; return False if none may start before one ends.

        What is loaded comes when nothing else can be done, as from a thread.
        """
        while True:
            match self.frontier.take(self.now):
                case Start(lease):
                    self._out.append(lease)
                    return True
                case Lookup(host):
                    self.frontier.resolved(host, _address(host), self.now)
                case Load(wanted):
                    self._wanted = wanted
                case Idle(_) if self._wanted:
                    assert self._state is not None  # who wants has one
                    wanted, self._wanted = self._wanted, ()
                    self.frontier.loaded(self._state.load(wanted), self.now)
                case Idle(_) if self._out:
                    return False
                case Idle(None) if self._gathered:
                    self.commit()  # what is left can only be loaded then
                case Idle(float(until)):
                    self.now = until
                case other:
                    raise SystemExit(f"the drive has come to an end: {other}")

    def commit(self) -> None:
        """Take down what has changed, in the state if there is one."""
        self._gathered = 0
        if self._journal is not None and self._state is not None:
            with self.watch.on("commit"):
                changes = self._journal.cut()
                self._state.commit(changes, [self.ledger.pages], self.ledger.to_json())
                self.frontier.committed(changes.spilled)


_ALL: Final = Everyone()


def _address(host: str) -> tuple[str, ...]:
    # The site's number, as an address of its own.
    number = int(host[9:15]) if host[9:15].isdigit() else 0
    return (f"198.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",)


def _answer(lease: Lease) -> Response:
    return Response(url=lease.url, status=200)


def _parsed() -> Parsed:
    request = Request("https://page.example/")
    page = Page(
        id=request.url,
        request=request,
        url=request.url,
        final_url=request.url,
        status=200,
        headers=Headers(),
        content=b"",
        depth=0,
        referrer=None,
        attempts=1,
        fetched_at=datetime(2000, 1, 1, tzinfo=UTC),
        elapsed=0.0,
        http_version="1.1",
        address="",
        _document=HtmlDocument(b"", content_type=None, url=request.url, cache=LinkCache()),
    )
    return Parsed(page=page, links=())


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_SIZE


def _peak() -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("VmHWM"))) * 1024


def grow(urls: int, hosts: int, new: int, path: Path | None) -> dict[str, Any]:
    """Discover so many URLs over so many hosts, so many on each page, and return what that cost."""
    before = _resident()
    state = None if path is None else SqliteState(path, {})
    if state is not None:
        state.open()
    web = Web(min(hosts, urls), new)
    drive = Drive(web, state)
    drive.frontier.add_seed(Request(_url(0, 0)), 0.0)
    drive.commit()
    steps = []
    for step in range(1, STEPS + 1):
        drive.grow(urls * step // STEPS)
        steps.append(drive.figures())
        print(
            f"{drive.ledger.discovered:,} URLs, {_resident() - before:,} bytes", file=sys.stderr, flush=True
        )
    figures = {
        "urls": drive.ledger.discovered,
        "steps": steps,
        "queued": drive.frontier.queued,
        "lent": drive.frontier.lent,
        "resident": _resident() - before,
        "peak": _peak() - before,
    }
    if state is not None and path is not None:
        figures["log"] = path.with_name(path.name + "-wal").stat().st_size
        state.close()
        figures["disk"] = path.stat().st_size
    return figures


def resume(path: Path) -> dict[str, Any]:
    """Go on with a state until the first page may be asked for, and return what that cost."""
    before = _resident()
    state = SqliteState(path, {})
    drive = Drive(Web(1, 0), state)
    with drive.watch.on("resume"):
        state.open()
        state.reopen(max_depth=None, max_pages=None, retry_failed=False)
        drive.ledger.resume(state.books())
        drive.frontier.begin(AFTERWARDS)
        for _ in drive.frontier.resume(state.resume(lambda: None, AFTERWARDS), 0.0):
            pass
        drive.start()
    figures = {
        **drive.watch.so_far(),
        "urls": drive.ledger.discovered,
        "resident": _resident() - before,
        "peak": _peak() - before,
    }
    state.close()
    return figures


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["grow", urls, hosts, new, *path]:
            print(json.dumps(grow(int(urls), int(hosts), int(new), Path(*path) if path else None)))
        case ["resume", path]:
            print(json.dumps(resume(Path(path))))
        case _:
            raise SystemExit(__doc__)
