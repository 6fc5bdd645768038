"""What memory a crawl with a state takes: a small index of what was found, nothing of what was written."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, final

import pytest
import trio
from crawl_support import virtual
from frontier_support import Doorkeeper, answer_of, lease_of

from trio_crawl import Control, Headers, Hop, Link, Page, Request, Response, crawl
from trio_crawl._crawl import loop, outlet
from trio_crawl._frontier import discovery, manners, queues, schedule, windows
from trio_crawl._frontier.journal import Journal
from trio_crawl._frontier.ledger import Ledger
from trio_crawl._frontier.limits import Limits
from trio_crawl._frontier.memory import MemoryFrontier
from trio_crawl._frontier.schedule import Schedule
from trio_crawl._lease import Lookup, Start
from trio_crawl._policy.robots import ALLOW_ALL
from trio_crawl._policy.scope import Scope
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from trio_crawl._frontier.host import Host
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


# What waits


def sitemap_of(number: int, entries: int) -> str:
    """Return a sitemap of so many URLs that no other has."""
    locs = "".join(f"<url><loc>{SITE}map{number}/{entry}</loc></url>" for entry in range(entries))
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{locs}</urlset>'


@pytest.mark.parametrize("state", [False, True])
@virtual
async def test_sitemaps_beside_an_output_that_takes_nothing(
    state: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read no further than what waits for the state, or is queued, has room."""
    monkeypatch.setattr(outlet, "MOST_CHANGES", 500)
    monkeypatch.setattr(loop, "MOST_LISTED", 500)
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply())
    web.robots(SITE, "".join(f"Sitemap: {SITE}map{number}.xml\n" for number in range(9)))
    for number in range(9):
        web.add(f"{SITE}map{number}.xml", sitemap_of(number, 2000), content_type="application/xml")

    async def write(_row: object) -> None:
        await trio.sleep(10_000)

    keywords: dict[str, Any] = {"sitemaps": True, "traps": False, "delay": 0.1, "max_time": 5000, "grace": 1}
    report = await crawl(SITE, fetch=web, write=write, state=tmp_path / "a.db" if state else None, **keywords)
    assert 500 < report.discovered < 6_000


@virtual
async def test_pages_that_go_before_all_others_leave_memory_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a state a bounded number of pages is in memory where the newest go first, and none is lost."""
    monkeypatch.setattr(windows, "_WINDOW", range(4, 17))
    most = 0
    shrink = windows.Windows.shrink

    def noted(self: windows.Windows, host: Host) -> int:
        nonlocal most
        gone = shrink(self, host)
        most = max(most, len(host.pages))
        return gone

    monkeypatch.setattr(windows.Windows, "shrink", noted)
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply(status=503 if len(web.requests) % 50 == 7 else 200))

    def parse(page: Page) -> Iterator[Request]:
        if page.depth < 4:
            for number in range(6):
                yield Request(f"{page.url}{number}/", priority=page.depth)

    keywords: dict[str, Any] = {"robots": False, "traps": False, "delay": 0.01, "parse": parse}
    reports = [
        await crawl(SITE, fetch=web, state=tmp_path / "a.db", max_pages=pages, **keywords)
        for pages in (300, None)
    ]
    assert reports[-1].pages == sum(6**depth for depth in range(5))
    assert not reports[-1].failed
    asked = Counter(each.url for each in web.requests)
    again = sum(number - 1 for number in asked.values())
    assert again == reports[-1].retries
    assert most <= 2 * 16 + 6


@virtual
async def test_pages_that_are_redirected_to_a_slow_host_hold_their_own_back(tmp_path: Path) -> None:
    """A host of which many pages wait elsewhere begins no others; they all come in the end, in both ways."""
    web = MemoryWeb()
    slow = "https://slow.test/"
    web.otherwise(slow, lambda _hop: Reply())
    sources = [f"https://h{number}.test/" for number in range(3)]
    for source in sources:
        web.otherwise(source, lambda hop: Reply(status=302, headers=(("Location", f"{slow}?{hop.url[8:]}"),)))
    seeds = [f"{source}{number}" for number in range(200) for source in sources]
    most = 0

    async def watch(control: Control) -> None:
        nonlocal most
        while True:
            await trio.sleep(1)
            numbers = control.statistics()
            most = max(most, numbers.redirects - numbers.pages)

    for state in (None, tmp_path / "a.db"):
        most = 0
        async with trio.open_nursery() as nursery:
            control = await nursery.start(
                partial(crawl, seeds, fetch=web, follow="any", robots=False, traps=False, state=state)
            )
            nursery.start_soon(watch, control)
            report = await control.wait()
            nursery.cancel_scope.cancel()
        assert (report.pages, report.redirects) == (600, 600)
        assert 50 < most <= 3 * queues.MOST_ASTRAY + 10


@virtual
async def test_hosts_that_redirect_to_each_other_do_not_wait_for_each_other() -> None:
    """Each has its pages waiting at the other, and these go on."""
    web = MemoryWeb()
    for here, there in (("a", "b"), ("b", "a")):

        def answer(hop: Hop, there: str = there) -> Reply:
            if "?" in hop.url:
                return Reply()
            return Reply(status=302, headers=(("Location", f"https://{there}.test/?{hop.url[8:]}"),))

        web.otherwise(f"https://{here}.test/", answer)
    seeds = [f"https://{host}.test/{number}" for number in range(150) for host in "ab"]
    report = await crawl(seeds, fetch=web, follow="any", robots=False, traps=False)
    assert (report.pages, report.redirects) == (300, 300)


@pytest.mark.parametrize("state", [False, True])
@virtual
async def test_hosts_that_are_done_are_let_go_of(
    state: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of hosts that were asked for all there is nothing is held but their rules, and what a report says."""
    monkeypatch.setattr(manners, "MOST_HOSTS", 5)
    held: list[int] = []
    idle = Schedule.idle

    def noted(self: Schedule, host: Host, now: float) -> None:
        idle(self, host, now)
        held.append(len(self.hosts))

    monkeypatch.setattr(Schedule, "idle", noted)
    web = MemoryWeb()
    sites = [f"https://h{number}.test/" for number in range(300)]
    for site in sites:
        web.otherwise(site, lambda _hop: Reply())

    async def seeds() -> AsyncIterator[str]:
        for site in sites:
            yield site
            await trio.sleep(1)

    report = await crawl(seeds(), fetch=web, follow="any", state=tmp_path / "a.db" if state else None)
    assert report.pages == 300
    assert max(held) < 100
    assert len(report.hosts) == (300 if state else 5)
    if not state:
        assert report.hosts_beyond is not None
        assert report.hosts_beyond.requests + sum(host.requests for host in report.hosts) == 600


@pytest.mark.parametrize("most_idle", [0, 5_000])
@pytest.mark.parametrize("state", [False, True])
@virtual
async def test_a_host_that_is_met_again_is_treated_as_before(
    state: bool, most_idle: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its Crawl-delay holds, its robots.txt is not asked for again, and limits go on counting."""
    monkeypatch.setattr(manners, "MOST_HOSTS", 0)
    monkeypatch.setattr(schedule, "MOST_IDLE", most_idle)
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply())
    web.robots(SITE, "User-agent: *\nCrawl-delay: 20\nDisallow: /private")
    for number in range(100):
        web.otherwise(f"https://h{number}.test/", lambda _hop: Reply())

    async def seeds() -> AsyncIterator[str]:
        number = 0
        for _ in range(3):
            for _ in range(3):
                number += 1
                yield f"{SITE}{number}"
            yield f"{SITE}private/{number}"
            for _ in range(30):
                await trio.sleep(10)
                yield f"https://h{number * 10 % 100}.test/{trio.current_time()}"

    path = tmp_path / "a.db" if state else None
    report = await crawl(seeds(), fetch=web, follow="any", state=path, max_per_host=100)
    assert report.skipped == {"robots": 3}
    assert min(web.gaps("a.test")) >= 20 - 1e-6
    assert [each.url for each in web.requests].count(f"{SITE}robots.txt") == 1
    if state:
        assert all(host.kept for host in report.hosts)
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply())

    async def again() -> AsyncIterator[str]:
        for number in range(6):
            yield f"{SITE}{number}"
            await trio.sleep(200)
            yield f"https://h{number}.test/"

    report = await crawl(again(), fetch=web, follow="any", robots=False, max_per_host=4, retries=0)
    assert report.skipped["max_per_host"] == 2
