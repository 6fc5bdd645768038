"""A crawl with a state goes on where it ended, with all that its pages were to be asked for with."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, counts, objects_of, virtual
from state_support import files_in, go, run_virtually, select, small_site, urls_in

from trio_crawl import Control, Link, Page, Request, StateError, UsageError, crawl, open_crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_crawl import Hop


@virtual
async def test_a_finished_state_asks_for_nothing(tmp_path: Path) -> None:
    """The same call again returns the same numbers at once, makes no request and changes no row."""
    first = await go(tmp_path, small_site())
    rows = (tmp_path / "pages.jsonl").read_bytes()
    web = small_site()
    again = await go(tmp_path, web)
    assert web.requests == []
    assert counts(again) == counts(first)
    assert again.requests == first.requests
    assert again.ended == "done"
    assert (tmp_path / "pages.jsonl").read_bytes() == rows


@virtual
async def test_only_the_state_and_the_outputs_are_left(tmp_path: Path) -> None:
    """The lock file, and what SQLite works with, are gone when a crawl has ended, well or badly."""
    await go(tmp_path, small_site(), max_pages=3)
    assert files_in(tmp_path) == ["crawl.db", "pages.jsonl"]
    with pytest.raises(StateError, match="there is no folder"):
        await go(tmp_path, small_site(), write=tmp_path / "other.jsonl", state=tmp_path / "no" / "crawl.db")
    with trio.move_on_after(60) as scope:
        await go(tmp_path, small_site(), delay=50)
    assert scope.cancelled_caught
    assert files_in(tmp_path) == ["crawl.db", "pages.jsonl"]


@virtual
async def test_a_stopped_crawl_goes_on(tmp_path: Path) -> None:
    """Stopped again and again, a crawl asks for every page once in all, and has each row once."""
    pages: Counter[str] = Counter()
    runs = 0
    while True:
        web = small_site(20)
        report = await go(tmp_path, web, delay=1, max_time=3.5)
        pages.update(asked(web))
        runs += 1
        if report.ended == "done":
            break
        assert report.pending
    assert runs > 3
    assert set(pages.values()) == {1}
    assert sorted(urls_in(tmp_path)) == sorted(f"{SITE}{number or ''}" for number in range(20))
    assert counts(report) == (20, 20, {}, {}, 0)
    assert report.elapsed == pytest.approx(20, abs=runs)


def test_time_that_begins_again(tmp_path: Path) -> None:
    """A wall clock that was set back between two runs changes nothing but the moments in the rows."""
    report = run_virtually(tmp_path, small_site(), delay=10, max_time=45)
    assert report.ended == "max_time"
    # Each run on a clock that jumps begins at the same moment.
    run_virtually(tmp_path, small_site(), delay=10)
    moments = [row["fetched_at"] for row in objects_of(tmp_path / "pages.jsonl")]
    assert moments != sorted(moments)
    assert len(set(urls_in(tmp_path))) == len(moments) == 12


@virtual
async def test_requests_come_back_whole(tmp_path: Path) -> None:
    """Method, header fields, body, label, data, key and priority of a request survive a resume."""
    wanted = Request(
        f"{SITE}form",
        method="POST",
        headers=(("X-One", "1"), ("X-One", "zwei ü")),
        body=b"\x00\xff",
        label="form",
        data={"deep": [1, None, {"text": "ü\U0001f577"}]},
        priority=-3,
        key="one of its own",
    )
    seen: list[Request] = []

    def start(page: Page) -> Iterator[object]:
        yield wanted
        yield Request(f"{SITE}other", priority=5, data=1)
        yield Link(url=f"{SITE}plain")
        yield {"url": page.url}

    def form(page: Page) -> Iterator[object]:
        seen.append(page.request)
        yield {"url": page.url}

    parse = {None: start, "form": form}
    web = MemoryWeb()
    for path in ("", "form", "other", "plain"):
        web.add(f"{SITE}{path}")
    await go(tmp_path, web, parse=parse, max_pages=1)
    assert asked(web) == [SITE]
    await go(tmp_path, web, parse=parse, max_pages=None, per_host=1)
    assert seen == [wanted]
    assert asked(web)[1:] == [f"{SITE}other", f"{SITE}plain", f"{SITE}form"]
    hop = web.requests[-1]
    assert (hop.method, hop.body) == ("POST", b"\x00\xff")
    assert [value for name, value in hop.headers if name == "X-One"] == ["1", "zwei ü"]
    # The key makes it the same, over a resume as well.
    again = Request(f"{SITE}elsewhere", key="one of its own")
    report = await go(tmp_path, web, parse=parse, max_pages=None, seeds=[SITE, again])
    assert report.pages == 4


@virtual
async def test_data_that_is_no_json(tmp_path: Path) -> None:
    """Data that a state can't hold ends the crawl with an error that names the request."""
    web = small_site()
    bad: Any = {"a": object()}
    with pytest.raises(UsageError, match=f"the data of the Request for {SITE}1 is not JSON"):
        await go(tmp_path, web, parse=lambda _page: [Request(f"{SITE}1", data=bad)])


@virtual
async def test_redirects_and_retries_in_flight(tmp_path: Path) -> None:
    """A page that was broken off between two hops begins again with its first one, and is there once."""
    attempts = count()

    def flaky(_hop: Hop) -> Reply:
        return Reply(status=503, delay=1) if next(attempts) < 2 else Reply(body=b"at last")

    web = MemoryWeb()
    web.links(SITE, ["/moved", "/flaky"])
    web.add(f"{SITE}moved", redirect="/target", delay=1)
    web.links(f"{SITE}target", ["/beyond"])
    web.add(f"{SITE}beyond")
    web.add(f"{SITE}flaky", flaky)
    for _ in range(3):
        with trio.move_on_after(1.2):
            await go(tmp_path, web, grace=1)
    report = await go(tmp_path, web)
    assert sorted(urls_in(tmp_path)) == sorted([SITE, f"{SITE}moved", f"{SITE}flaky", f"{SITE}beyond"])
    assert counts(report)[1:] == (4, {}, {}, 0)


@virtual
async def test_seeds_between_runs(tmp_path: Path) -> None:
    """Seeds that are added widen the scope and are crawled; those that are left out stay crawled."""
    web = small_site()
    web.links("http://two.test/", ["/a", SITE])
    web.add("http://two.test/a")
    await go(tmp_path, web)
    report = await go(tmp_path, web, seeds=["http://two.test/"])
    assert report.pages == 14
    third = await go(tmp_path, MemoryWeb(), seeds=["http://two.test/a", SITE])
    assert third.pages == 14
    assert len(set(urls_in(tmp_path))) == 14


@virtual
async def test_a_seed_that_was_out_of_scope(tmp_path: Path) -> None:
    """A link that was skipped for its scope is crawled when it is a seed of a later run, and no skip then."""
    web = MemoryWeb()
    web.links(SITE, ["http://two.test/"])
    web.add("http://two.test/")
    first = await go(tmp_path, web)
    assert counts(first) == (2, 1, {}, {"scope": 1}, 0)
    second = await go(tmp_path, web, seeds=[SITE, "http://two.test/"])
    assert counts(second) == (2, 2, {}, {}, 0)
    assert select(tmp_path, "SELECT count(*) FROM passed") == [(0,)]


@virtual
async def test_bad_seeds_are_counted_once(tmp_path: Path) -> None:
    """A line that is no URL is skipped and counted, once, however often its source is read."""
    bad = ["http://", "not a URL", "http://half a pair \ud800 \U0001f577", SITE, "http://"]
    for _ in range(2):
        report = await go(tmp_path, small_site(2), seeds=iter(bad))
        assert counts(report) == (5, 2, {}, {"bad_seed": 3}, 0)


@virtual
async def test_pages_added_by_hand(tmp_path: Path) -> None:
    """What ``control.add`` brought is in the state like any seed."""
    web = small_site(2)
    web.add("http://added.test/")
    async with trio.open_nursery() as nursery:

        async def crawl_slowly(*, task_status: trio.TaskStatus[Control]) -> None:
            await go(tmp_path, web, delay=30, task_status=task_status)

        control: Control = await nursery.start(crawl_slowly)
        assert await control.add("http://added.test/")
        control.stop()
    report = await go(tmp_path, web)
    assert report.pages == 3
    assert "http://added.test/" in urls_in(tmp_path)


@virtual
async def test_robots_skips_stay(tmp_path: Path) -> None:
    """A page that robots.txt forbids is a skip in the state, and is not judged again."""
    web = small_site(3)
    web.robots(SITE, "User-agent: *\nDisallow: /2\n")
    first = await go(tmp_path, web)
    assert counts(first) == (3, 2, {}, {"robots": 1}, 0)
    again = await go(tmp_path, MemoryWeb())
    assert counts(again) == counts(first)


@virtual
async def test_more_hosts_than_one_hop_loads(tmp_path: Path) -> None:
    """Of two hundred hosts that wait in a state, every page is asked for, in more than one load."""
    web = MemoryWeb()
    web.links(SITE, [f"http://h{number}.test/{page}" for number in range(200) for page in range(3)])
    for number in range(200):
        for page in range(3):
            web.add(f"http://h{number}.test/{page}")
    await go(tmp_path, web, follow="any", max_pages=1)
    report = await go(tmp_path, web, follow="any")
    assert report.pages == 601
    assert len(set(urls_in(tmp_path))) == 601


@virtual
async def test_one_host_with_more_than_its_window(tmp_path: Path) -> None:
    """Of a host with more pages than are held in memory, all come, once, in the order of discovery."""
    web = MemoryWeb()
    web.links(SITE, [f"/{number}" for number in range(1500)])
    web.otherwise(SITE, lambda _hop: "<title>leaf</title>")
    await go(tmp_path, web, max_pages=300, per_host=1)
    report = await go(tmp_path, web, per_host=1)
    assert report.pages == 1501
    assert urls_in(tmp_path) == [SITE, *(f"{SITE}{number}" for number in range(1500))]


@virtual
async def test_priorities_over_a_resume(tmp_path: Path) -> None:
    """Higher priorities go first, also those that were found after others had been left to the state."""
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: "<title>leaf</title>")

    def parse(page: Page) -> Iterator[object]:
        if page.url == SITE:
            for number in range(700):
                yield Request(f"{SITE}{number}", priority=number % 7)
        elif page.url == f"{SITE}6":
            yield Request(f"{SITE}urgent", priority=9)
        yield {"url": page.url}

    await go(tmp_path, web, parse=parse, per_host=1, max_pages=2)
    await go(tmp_path, web, parse=parse, per_host=1)
    urls = urls_in(tmp_path)
    assert urls[1:3] == [f"{SITE}6", f"{SITE}urgent"]
    priorities = [int(url.removeprefix(SITE)) % 7 for url in urls[3:]]
    assert priorities == sorted(priorities, reverse=True)
    assert len(set(urls)) == 702


@virtual
async def test_a_state_without_outputs(tmp_path: Path) -> None:
    """With ``write=None`` the state alone knows what was done, and the crawl goes on all the same."""
    web = small_site()
    await go(tmp_path, web, write=None, max_pages=4)
    report = await go(tmp_path, web, write=None)
    assert report.pages == 12
    assert len(asked(web)) == len(set(asked(web))) == 12
    assert files_in(tmp_path) == ["crawl.db"]


@virtual
async def test_an_async_function_gets_every_page_at_least_once(tmp_path: Path) -> None:
    """A function can't be cut back; the page that it failed with comes again."""
    given: list[str] = []

    async def sink(row: dict[str, str]) -> None:
        await trio.lowlevel.checkpoint()
        given.append(row["url"])
        if len(given) == 5:
            raise OSError("the other end is gone")

    with pytest.raises(OSError, match="other end"):
        await go(tmp_path, small_site(), write=sink)
    await go(tmp_path, small_site(), write=sink)
    assert set(given) == {f"{SITE}{number or ''}" for number in range(12)}
    assert given.count(given[4]) == 2


@virtual
async def test_two_states_in_one_process(tmp_path: Path) -> None:
    """Two crawls with states of their own know nothing of each other."""
    folders = [tmp_path / "one", tmp_path / "two"]
    async with trio.open_nursery() as nursery:
        for folder in folders:
            folder.mkdir()
            nursery.start_soon(go, folder, small_site())
    assert [len(urls_in(folder)) for folder in folders] == [12, 12]


@virtual
async def test_a_chain_takes_no_longer(tmp_path: Path) -> None:
    """A chain of 500 pages takes the same virtual time with a state as without, and has the same rows."""
    web = MemoryWeb()
    for number in range(500):
        web.links(f"{SITE}{number or ''}", [f"/{number + 1}"] if number < 499 else [])
    kept = await go(tmp_path, web, delay=1)
    plain = await crawl(SITE, fetch=web, write=tmp_path / "plain.jsonl", delay=1)
    assert kept.elapsed == plain.elapsed
    assert urls_in(tmp_path) == [row["url"] for row in objects_of(tmp_path / "plain.jsonl")]


@virtual
async def test_a_stream_goes_on(tmp_path: Path) -> None:
    """A stream whose block was left goes on with what was not acknowledged."""
    taken: list[str] = []
    for _ in range(20):
        async with open_crawl(SITE, fetch=small_site(), state=tmp_path / "crawl.db", delay=0) as pages:
            async for page in pages:
                taken.append(page.url)
                if len(taken) % 3 == 0:
                    break
        if pages.report.ended == "done":
            break
    assert len(taken) == len(set(taken)) == 12
