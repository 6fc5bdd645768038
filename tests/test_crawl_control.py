"""`Control` steers a crawl that goes on, and its numbers add up at every moment."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, counts, lines_of, virtual

from trio_crawl import Control, SeedError, Statistics, crawl, open_crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from pathlib import Path


def site(pages: int = 100, *, delay: float = 1) -> MemoryWeb:
    """Return a site whose first page links to *pages* others."""
    web = MemoryWeb()
    web.robots(SITE, "")
    web.links(SITE, [f"/{number}" for number in range(pages)])
    web.otherwise(SITE, lambda _hop: Reply(delay=delay))
    return web


def adds_up(numbers: Statistics) -> bool:
    """Return whether each URL has one outcome, and each page one status."""
    outcomes = numbers.pages + sum(numbers.failed.values()) + sum(numbers.skipped.values()) + numbers.pending
    return outcomes == numbers.discovered and sum(numbers.statuses.values()) == numbers.pages


@virtual
async def test_stop(tmp_path: Path) -> None:
    """After ``stop`` nothing is started; what is in flight is finished and written, the rest is pending."""
    web = site(delay=10)
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, fetch=web, write=tmp_path / "l.tsv"))
        await trio.sleep(20)
        before = len(web.requests)
        control.stop()
        control.stop()
        report = await control.wait()
    assert len(web.requests) == before
    assert {exchange.outcome for exchange in web.requests} == {200}
    assert report.ended == "stopped"
    assert report.pages == before - 1
    assert report.pending == 101 - report.pages
    assert report.rows == len(lines_of(tmp_path / "l.tsv")) == 100
    control.stop()
    assert (await control.wait()) is report


@virtual
async def test_stop_while_everything_waits() -> None:
    """``stop`` ends a crawl at once that waits for a host's turn, for a retry, or for seeds."""
    web = MemoryWeb()
    web.robots(SITE, "User-agent: *\nCrawl-delay: 300")
    web.links(SITE, ["/a"])
    web.add("https://busy.test/", status=503, headers=[("Retry-After", "3000")])
    send, receive = trio.open_memory_channel[str](10)
    with send, receive:
        send.send_nowait(SITE)
        send.send_nowait("https://busy.test/")
        async with trio.open_nursery() as nursery:
            control: Control = await nursery.start(partial(crawl, receive, fetch=web))
            await trio.sleep(400)
            control.stop()
            report = await control.wait()
    assert trio.current_time() == 400
    assert report.ended == "stopped"
    assert counts(report) == (3, 1, {}, {}, 2)


@virtual
async def test_stop_when_nothing_is_left() -> None:
    """A crawl that was told to stop when all was in flight already is done."""
    web = site(0, delay=10)
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, f"{SITE}a", fetch=web))
        await trio.sleep(2)
        control.stop()
        report = await control.wait()
    assert report.ended == "done"
    assert counts(report) == (1, 1, {}, {}, 0)


@virtual
async def test_pause_and_resume() -> None:
    """While it is paused a crawl starts nothing, finishes what is in flight, and goes on after ``resume``."""
    web = site(20, delay=3)
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, fetch=web))
        await trio.sleep(5)
        control.pause()
        assert "paused" in repr(control)
        paused_at = len(web.requests)
        await trio.sleep(1000)
        assert len(web.requests) == paused_at
        assert control.statistics().in_flight == 0
        assert control.statistics().pages == paused_at - 1
        control.resume()
        assert "going on" in repr(control)
        report = await control.wait()
    assert report.pages == 21
    assert max(web.gaps("site.test")) >= 1000
    assert "ended" in repr(control)


@virtual
async def test_stop_while_paused() -> None:
    """A paused crawl can be stopped; its queue is pending."""
    web = site(20)
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, fetch=web))
        control.pause()
        await trio.sleep(50)
        control.stop()
        report = await control.wait()
    assert report.ended == "stopped"
    assert counts(report) == (1, 0, {}, {}, 1)
    assert asked(web) == []


@virtual
async def test_the_numbers_add_up_at_every_moment() -> None:
    """Whenever one looks, every URL that was discovered has exactly one outcome."""
    web = MemoryWeb()
    for number in range(40):
        targets = [f"/{2 * number + 1}", f"/{2 * number + 2}", "https://out.test/", f"/moved{number % 7}"]
        web.links(f"{SITE}{number}", targets)
        web.add(f"{SITE}moved{number % 7}", redirect=f"/{number}")
    web.add(f"{SITE}11", failure="timeout", delay=1)
    web.add(f"{SITE}12", status=503)
    web.robots(SITE, "User-agent: *\nDisallow: /13")
    looked: list[Statistics] = []

    async def write(_row: object) -> None:
        await trio.sleep(0.3)

    async def parse(page: Any) -> list[Any]:  # noqa: ANN401 - a page
        await trio.sleep(0.7)
        if page.url.endswith("9"):
            raise LookupError
        return [*page.links(), {"url": page.url}]

    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(
            partial(crawl, f"{SITE}0", fetch=web, write=write, parse=parse, max_depth=4, max_pages=25)
        )

        async def look(cancel_scope: trio.CancelScope) -> None:
            with cancel_scope:
                while True:
                    looked.append(control.statistics())
                    await trio.sleep(0.05)

        scope = trio.CancelScope()
        nursery.start_soon(look, scope)
        report = await control.wait()
        scope.cancel()
    assert len(looked) > 100
    assert all(adds_up(numbers) for numbers in looked)
    assert all(a.discovered <= b.discovered for a, b in pairwise(looked))
    assert adds_up(report)
    assert report.pending == 0
    assert report.rows == report.pages
    assert {name for name, number in report.skipped.items() if number} >= {"scope", "robots"}
    assert control.statistics().pages == report.pages
    await trio.sleep(100)
    assert control.statistics().elapsed == report.elapsed


@virtual
async def test_adding_to_a_crawl_that_goes_on() -> None:
    """What is added is a seed: in scope, and it widens the scope; it is asked for at the host's turn."""
    web = site(5)
    web.links("https://new.test/", ["/a"])
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, fetch=web))
        await trio.sleep(0.1)
        assert await control.add("https://new.test/")
        assert not await control.add(SITE)
        with pytest.raises(SeedError, match="ftp"):
            await control.add("ftp://site.test/")
        report = await control.wait()
    assert counts(report) == (8, 8, {}, {}, 0)
    assert "https://new.test/a" in asked(web)


@virtual
async def test_a_url_that_was_out_of_scope_may_be_added() -> None:
    """A URL that was skipped as a link is fetched when it is added as a seed, and counts once."""
    web = MemoryWeb()
    web.links(SITE, ["https://out.test/", "/later"])
    web.links("https://out.test/", [])
    web.add(f"{SITE}later", "", delay=20)
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, fetch=web))
        await trio.sleep(5)
        assert control.statistics().skipped == {"scope": 1}
        assert await control.add("https://out.test/")
        report = await control.wait()
    assert counts(report) == (3, 3, {}, {}, 0)


@virtual
async def test_adding_after_the_end() -> None:
    """A crawl that has ended takes nothing more, and says so."""
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, fetch=site(0)))
        await control.wait()
        with pytest.raises(trio.ClosedResourceError, match="ended"):
            await control.add(f"{SITE}a")
    async with open_crawl(SITE, fetch=site(0)) as pages:
        pass
    with pytest.raises(trio.ClosedResourceError):
        await pages.control.add(f"{SITE}a")


@virtual
async def test_the_control_of_a_stream() -> None:
    """A stream's crawl is steered by its ``control``; stopped, the stream ends after what was in flight."""
    web = site(50)
    taken = 0
    async with open_crawl(SITE, fetch=web) as pages:
        async for _page in pages:
            taken += 1
            if taken == 5:
                pages.control.stop()
    assert 5 <= taken < 12
    assert pages.report.ended == "stopped"
    assert pages.report.pages == taken


@virtual
async def test_max_time() -> None:
    """After ``max_time`` nothing is started; what is in flight is dropped when ``grace`` has passed, too."""
    web = site(100, delay=25)
    report = await crawl(SITE, fetch=web, max_time=60, grace=5, per_host=4)
    assert report.ended == "max_time"
    assert trio.current_time() == pytest.approx(65)
    assert max(exchange.started for exchange in web.requests) <= 60
    late = [exchange for exchange in web.requests if exchange.outcome == "cancelled"]
    assert all(exchange.finished == pytest.approx(65) for exchange in late)
    assert late
    assert report.pages == len(web.requests) - 1 - len(late)
    assert report.pages + report.pending == 101


@virtual
async def test_max_time_that_is_not_reached() -> None:
    """A crawl that is done before ``max_time`` is done, and does not wait for it."""
    report = await crawl(SITE, fetch=site(3), max_time=1000)
    assert report.ended == "done"
    assert trio.current_time() < 10


@virtual
async def test_max_time_with_a_slow_output() -> None:
    """``max_time`` bounds a crawl whose pages are all fetched, but whose output takes its time."""

    async def write(_row: object) -> None:
        await trio.sleep(10)

    report = await crawl(SITE, fetch=site(50, delay=0), write=write, delay=0, max_time=100, grace=5)
    assert trio.current_time() <= 100 + 2 * 5
    assert report.ended == "max_time"
    # What an output may hold only in part is not counted as written.
    assert report.pages <= 11
    assert report.pages + report.pending == 51


@virtual
async def test_cancel(tmp_path: Path) -> None:
    """``cancel`` drops what is in flight and writes what is parsed; there is a report, and it says so."""
    web = site(delay=10)
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, fetch=web, write=tmp_path / "l.tsv"))
        await trio.sleep(25)
        now = trio.current_time()
        control.cancel("enough")
        control.cancel("enough")
        report = await control.wait()
        assert trio.current_time() == now
    assert report.ended == "cancelled"
    assert "cancelled by request" in str(report)
    assert "cancelled" in {exchange.outcome for exchange in web.requests}
    assert report.pages + report.pending == 101
    assert report.pages > 1
    assert report.rows == len(lines_of(tmp_path / "l.tsv")) == 100
    control.cancel("late")
    assert (await control.wait()) is report


@virtual
async def test_cancel_ends_a_stream_and_an_output_that_hangs() -> None:
    """The consumer comes to the end of its pages; an output has ``grace``."""
    async with open_crawl(SITE, fetch=site(delay=10)) as pages:
        async for _ in pages:
            pages.control.cancel("one is enough")
    assert (pages.report.ended, pages.report.pages) == ("cancelled", 1)

    async def hang(_row: object) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, fetch=site(), write=hang, grace=3))
        await trio.sleep(10)
        control.cancel("enough")
        assert (await control.wait()).ended == "cancelled"
        assert trio.current_time() <= 14


@virtual
async def test_what_is_in_flight_is_data() -> None:
    """Each request that is under way, the oldest first; nothing of it when the crawl has ended."""
    web = site(delay=10)
    web.add(f"{SITE}0", delay=20)
    async with trio.open_nursery() as nursery:
        crawling = partial(crawl, SITE, fetch=web, delay=1, per_host=2, max_depth=1, retries=0)
        control: Control = await nursery.start(crawling)
        await trio.sleep(7)
        assert [(hop.url, hop.host, hop.attempt) for hop in control.in_flight()] == [
            (f"{SITE}0", "site.test", 1),
            (f"{SITE}1", "site.test", 1),
        ]
        first, second = control.in_flight()
        assert first.seconds == second.seconds + 1
        assert control.statistics().in_flight == 2
        said = str(control.statistics())
        assert said.startswith("Crawl going on after 7.0 s, ")
        assert "pending               100  (in flight: 2)" in said
        control.cancel("seen")
        await control.wait()
        assert control.in_flight() == []
