"""What memory a crawl with a state takes: a small index of what was found, nothing of what was written."""

from __future__ import annotations

import gc
import tracemalloc
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, final

import pytest
import trio
from crawl_support import virtual
from frontier_support import Doorkeeper, answer_of, lease_of

from trio_crawl import Headers, Hop, Link, Response, crawl
from trio_crawl._frontier import discovery, windows
from trio_crawl._frontier.journal import Journal
from trio_crawl._frontier.ledger import Ledger
from trio_crawl._frontier.limits import Limits
from trio_crawl._frontier.memory import MemoryFrontier
from trio_crawl._lease import Lookup, Start
from trio_crawl._policy.robots import ALLOW_ALL
from trio_crawl._policy.scope import Scope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from trio_crawl.abc import Environment

SITE = "https://a.test/"
HOSTS = 2_000
NEW = 10
"""Links of a page that no other page has led to."""


@final
class Endless:
    """A site on which each page leads to new ones; it remembers nothing of what it answered."""

    opens_connections = False
    virtual = True

    def __init__(self, samples: tuple[int, ...]) -> None:
        self._samples = samples
        self._answered = 0
        self.traced: list[int] = []
        """Bytes of memory, when as many pages as a sample says were answered."""

    @asynccontextmanager
    async def open(self, _environment: Environment) -> AsyncIterator[None]:
        """Serve one crawl."""
        yield

    async def fetch(self, hop: Hop) -> Response:
        """Answer with 8 KB that lead to one more page."""
        await trio.lowlevel.checkpoint()
        self._answered += 1
        if self._answered in self._samples:
            self.traced.append(traced())
        text = f"<a href=/{self._answered}>next</a><p>{self._answered:8192}"
        return Response(url=hop.url, status=200, headers=HTML, body=text.encode())


HTML = Headers(((b"content-type", b"text/html"),))


@pytest.fixture
def tracing() -> Iterator[None]:
    """Trace what is allocated, from the beginning of a test to its end."""
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def traced() -> int:
    """Return the bytes that are held."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.usefixtures("tracing")
def test_with_a_state_a_url_takes_a_place_in_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 4,000 URLs to 20,000 each takes the eight bytes of its fingerprint, and little more."""
    monkeypatch.setattr(windows, "_WINDOW", range(4, 17))
    monkeypatch.setattr(discovery, "RECENT", 100)
    journal = Journal()
    limits = Limits(per_host=2, per_address=8, delay=0, max_depth=None, max_pages=None)
    frontier = MemoryFrontier(Scope("any"), limits, Ledger(), guard=None, robots=False, journal=journal)
    parent = lease_of(SITE)
    held = []
    for start in range(0, 20_000, NEW):
        if start in {4_000, 19_990}:
            held.append(traced())
        links = [Link(url=f"{SITE}section/article-{number}") for number in range(start, start + NEW)]
        frontier.add_found(links, parent, 0)
        frontier.committed(journal.cut().spilled)
    before, after = held
    assert frontier.queued == 20_000
    assert (after - before) / 16_000 < 32


@pytest.mark.usefixtures("tracing")
def test_hosts_are_small_until_they_are_asked() -> None:
    """Of 2,000 hosts each takes 650 bytes with its page, and 1,250 more once its robots.txt was asked for."""
    limits = Limits(per_host=2, per_address=8, delay=60, max_depth=None, max_pages=None)
    frontier = MemoryFrontier(Scope("any"), limits, Ledger(), guard=Doorkeeper(), robots=True)
    parent = lease_of(SITE)
    for names in ("warm", "host"):  # the first ones fill what is there once
        before = traced()
        frontier.add_found([Link(url=f"https://{names}-{n:04}.test/page") for n in range(HOSTS)], parent, 0)
        waiting = traced()
        for number in range(HOSTS):
            ask_for_robots(frontier, f"192.0.{number >> 8}.{number & 255}")
        asked = traced()
    assert frontier.queued == 2 * HOSTS
    assert (waiting - before) / HOSTS < 650
    assert (asked - waiting) / HOSTS < 1_250


def ask_for_robots(frontier: MemoryFrontier, address: str) -> None:
    """Let the next host be asked for its robots.txt, at a new address."""
    decision = frontier.take(0)
    assert isinstance(decision, Lookup)
    frontier.resolved(decision.host, (address,), 0)
    decision = frontier.take(0)
    assert isinstance(decision, Start)
    frontier.hop_ended(decision.lease, 0, answer_of(decision.lease))
    frontier.robots_known(decision.lease, ALLOW_ALL, 0, status=404)


@pytest.mark.usefixtures("tracing")
@virtual
async def test_what_is_written_is_let_go_of(tmp_path: Path) -> None:
    """Six hundred pages of 8 KB later, as much memory is held, but for what is known of their URLs."""
    site = Endless((300, 900))
    write, state = tmp_path / "pages.jsonl", tmp_path / "crawl.db"
    await crawl(SITE, fetch=site, write=write, state=state, delay=0, max_pages=950, max_depth=None)
    before, after = site.traced
    assert (after - before) / 600 < 1_024
