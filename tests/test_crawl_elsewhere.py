"""Crawls that parse in worker processes: pages that may take long, and parsers of the user's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import parsers_elsewhere
import pytest
import trio
from crawl_support import SITE, asked, lines_of, objects_of, virtual
from test_hostile_documents import RealTime

from trio_crawl import Failure, Page, ParseError, RowError, UsageError, crawl, fetch_page, open_crawl
from trio_crawl._parse import worker
from trio_crawl.testing import MemoryWeb, Reply, asserts_no_leaks, cancel_everywhere

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_crawl._crawl.options import ParseErrors

LARGE = "<title>Large</title><a href=/b>b</a><h1>x</h1>" + "<p>Text of an ordinary page. " * 45_000
# Formatting left open, which is made again in each paragraph: a few hundred thousand elements, or as many
# as there is no memory for.
SLOW = "<title>Slow</title><meta name=a content=b><a href=/b>b</a>" + "".join(
    f"<p><b a{number}>" for number in range(1000)
)
HOSTILE = "<title>Hostile</title><a href=/b>b</a>" + "".join(f"<p><b a{number}>" for number in range(40_000))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no page take more than a second, so that the tests don't either."""
    monkeypatch.setattr(worker, "PARSE_SECONDS", 3.0)


def site(**pages: str) -> MemoryWeb:
    """Return a web with *pages*, all of them linked from the first."""
    web = MemoryWeb()
    web.links(SITE, [f"/{name}" for name in pages])
    for name, content in pages.items():
        web.add(SITE + name, content)
    return web


def count_elements(page: Page) -> Iterator[Any]:
    """Yield how many elements there are, unless it is the first page."""
    yield from page.links()
    if page.depth:
        yield {"url": page.url, "title": page.title, "elements": len(page.css("h1, div"))}


@virtual
async def test_a_page_that_is_large_is_a_page_like_others() -> None:
    """Its links and title were found elsewhere; a parser gets the elements as well."""
    async with open_crawl(SITE, fetch=site(large=LARGE), max_depth=1) as pages:
        found = [page async for page in pages]
    assert found[1].title == "Large"
    assert [link.url for link in found[1].links()] == [SITE + "b"]
    assert len(found[1].css("h1")) == 1
    assert found[1].text().startswith("b\nx\nText")


@virtual
async def test_what_costs_too_much_for_the_event_loop_has_its_links_and_its_title() -> None:
    """Whatever needs its elements raises, and the message says what to do."""
    async with open_crawl(SITE, fetch=site(slow=SLOW), max_depth=1) as pages:
        found = [page async for page in pages]
    page = found[1]
    assert (page.title, page.encoding, len(page.html)) == ("Slow", "utf-8", len(SLOW))
    assert [link.url for link in page.links()] == [SITE + "b"]
    for use in (
        lambda: page.css("div"),
        lambda: page.css_first("div"),
        lambda: page.links("div a"),
        page.text,
        lambda: page.meta,
    ):
        with pytest.raises(ParseError, match='page.html .* parse_in="process"'):
            use()


def test_a_parser_that_needs_too_much_costs_a_failure(tmp_path: Path) -> None:
    """Of that page alone, and whatever ``parse_errors`` says: no page may end a crawl."""

    @virtual
    async def run(parse_errors: ParseErrors) -> None:
        report = await crawl(
            SITE,
            fetch=site(a="<h1>", slow=SLOW, hostile=HOSTILE, b="<h1>"),
            parse=count_elements,
            parse_errors=parse_errors,
            write=tmp_path / f"{parse_errors}.jsonl",
        )
        assert report.failed == {"parse": 2}

    both: tuple[ParseErrors, ...] = ("record", "raise")
    for parse_errors in both:
        run(parse_errors)
        rows = objects_of(tmp_path / f"{parse_errors}.jsonl")
        assert [(row["url"], row["elements"]) for row in rows] == [(SITE + "a", 1), (SITE + "b", 1)]


def test_a_parser_in_a_process_gets_every_page(tmp_path: Path) -> None:
    """One that takes long, too; one without end costs a failure; links are followed from there."""

    @virtual
    async def run() -> None:
        report = await crawl(
            SITE,
            fetch=site(a="<title>A</title><a href=/c>c</a>", slow=SLOW, hostile=HOSTILE),
            parse=parsers_elsewhere.titles,
            parse_in="process",
            write=tmp_path / "found.jsonl",
        )
        assert report.failed == {"parse": 1}

    run()
    rows = {row["url"].removeprefix(SITE): row for row in objects_of(tmp_path / "found.jsonl")}
    assert sorted(rows) == ["", "a", "b", "c", "slow"]
    assert rows["slow"]["elements"] > 1500


@pytest.mark.parametrize("in_real_time", [False, True])
def test_an_endless_loop_in_a_parser_costs_a_failure(
    in_real_time: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed, and the pages beside it are parsed."""
    monkeypatch.setattr(worker, "PARSE_SECONDS", 1.0)
    web = site(a="a", endless="endless", b="b")

    async def main() -> None:
        async with asserts_no_leaks():
            failures = []
            keywords: dict[str, Any] = {"parse": parsers_elsewhere.endless, "parse_in": "process", "delay": 0}
            fetch = RealTime(web) if in_real_time else web
            async with open_crawl(
                [SITE + "a", SITE + "endless", SITE + "b"], fetch=fetch, failures=True, **keywords
            ) as items:
                failures = [item async for item in items]
            assert items.report is not None
            assert items.report.pages == 2
            [failure] = failures
            assert isinstance(failure, Failure)
            assert (failure.kind, failure.url) == ("parse", SITE + "endless")
            assert "more than 1 s" in failure.message

    if in_real_time:
        trio.run(main)
    else:
        virtual(main)()
    del tmp_path


def test_rows_come_back_as_dicts_of_plain_values() -> None:
    """Of every kind that a writer takes; dates and numbers are what they were."""
    rows: list[dict[str, Any]] = []

    async def keep(row: dict[str, Any]) -> None:
        rows.append(row)

    @virtual
    async def run() -> None:
        await crawl(
            SITE,
            fetch=site(next="x"),
            parse={None: parsers_elsewhere.rows, "b": parsers_elsewhere.request_data},
            parse_in="process",
            write=keep,
        )

    run()
    assert rows[0] == {"url": SITE, "inner": {"path": "a/b", "numbers": {1}}, "colour": "red"}
    assert rows[1]["left"] == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert rows[2]["zoned"].isoformat() == "2020-07-02T03:04:05+02:00"
    assert (str(rows[2]["price"]), rows[2]["bytes"], rows[2]["list"]) == ("1.20", b"x", ["red"])
    assert rows[3]["data"] == {"from": SITE}


@virtual
async def test_what_a_parser_raises_there_is_as_if_it_were_raised_here() -> None:
    """A failure with its traceback; or, with ``parse_errors="raise"``, the end of the crawl."""
    keywords: dict[str, Any] = {"parse": parsers_elsewhere.raising, "parse_in": "process"}
    seeds = [SITE + "raising", SITE + "other"]
    web = site(raising="raising", other="other")
    async with open_crawl(seeds, fetch=web, failures=True, **keywords) as items:
        failure, row = [item async for item in items]
    assert isinstance(failure, Failure)
    assert failure.message == f"LookupError: no price on {SITE}raising"
    assert failure.traceback is not None
    assert "parsers_elsewhere.py" in failure.traceback
    assert row == {"url": SITE + "other"}
    with pytest.raises(ParseError, match=f"LookupError: no price on {SITE}raising") as caught:
        await crawl(seeds, fetch=web, parse_errors="raise", **keywords)
    assert "parsers_elsewhere.py" in caught.value.__notes__[0]


@virtual
async def test_what_is_no_row_ends_the_crawl() -> None:
    """As it does where a parser runs in the crawl."""
    with pytest.raises(RowError, match="list_iterator"):
        await crawl(SITE, fetch=site(), parse=parsers_elsewhere.unsendable, parse_in="process")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"parse_in": "process"}, "pass it as parse="),
        ({"parse_in": "thread"}, "parse_in= is 'thread'; it takes 'crawl' or 'process'"),
        ({"parse_in": "process", "parse": lambda page: None}, "move it to a module"),  # noqa: ARG005
        ({"parse_in": "process", "parse": parsers_elsewhere.asynchronous}, "parse is async"),
    ],
)
async def test_a_parser_that_can_not_go_there_is_an_error_at_once(
    keywords: dict[str, Any], message: str
) -> None:
    """Before the first request."""
    web = site()
    with pytest.raises(UsageError, match=message):
        await crawl(SITE, fetch=web, **keywords)
    assert web.requests == []


@virtual
async def test_a_single_page_is_bounded_as_well() -> None:
    """`fetch_page` tries what may take long, too."""
    page = await fetch_page(SITE + "slow", fetch=site(slow=SLOW))
    assert page.title == "Slow"
    with pytest.raises(ParseError):
        page.css("div")


@virtual
async def test_the_links_of_a_large_page_are_bounded_and_counted() -> None:
    """No more than ``max_links`` come back; the rest is counted as of any page."""
    links = "".join(f"<a href=/{number}>x</a>" for number in range(10_000))
    report = await crawl(SITE + "large", fetch=site(large=links), max_links=10, max_depth=0)
    assert (report.links, report.links_dropped) == (10, 9_990)


@virtual
async def test_links_beyond_the_limit_are_counted_of_pages_that_are_tried_at_once() -> None:
    """The counts of one are not lost to those of another that was sent away before."""
    links = "".join(f"<a href=/{number}>x</a>" for number in range(10_000))
    web = site(a=links, b=links + "b", c=links + "c")
    report = await crawl([SITE + "a", SITE + "b", SITE + "c"], fetch=web, max_links=10, max_depth=0, delay=0)
    assert report.links_dropped == 3 * 9_990


def test_a_crawl_in_real_time_takes_the_same_way(tmp_path: Path) -> None:
    """With processes that are waited for, several at once, and the same rows."""
    web = site(**{f"p{number}": LARGE for number in range(4)}, slow=SLOW, hostile=HOSTILE)

    async def main() -> None:
        async with asserts_no_leaks():
            report = await crawl(
                SITE, fetch=RealTime(web), write=tmp_path / "found.tsv", delay=0, max_depth=1, robots=False
            )
            assert report.failed == {"parse": 1}

    trio.run(main)
    names = ["p0", "p1", "p2", "p3", "slow", "hostile"]
    expected = [[SITE, SITE + name] for name in names]
    expected += [[SITE + name, SITE + "b"] for name in names[:-1]]
    assert sorted(lines_of(tmp_path / "found.tsv")) == sorted(expected)


@pytest.mark.parametrize("seconds", [0.05, 0.6, 1.5])
def test_cancellation_ends_the_processes_with_the_crawl(seconds: float) -> None:
    """While they are started, and while they work."""
    web = site(**{f"p{number}": HOSTILE for number in range(4)})

    async def main() -> None:
        async with asserts_no_leaks():
            with trio.move_on_after(seconds) as scope:
                await crawl(SITE, fetch=RealTime(web), delay=0, robots=False)
            assert scope.cancelled_caught
            assert trio.current_time() - scope.deadline < 6

    trio.run(main)


def test_a_crawl_with_a_process_can_be_cancelled_at_every_step() -> None:
    """Nothing is left, at whichever step it is."""

    async def small_crawl() -> None:
        await crawl(SITE, fetch=site(slow=SLOW), max_depth=1, robots=False)

    assert cancel_everywhere(small_crawl, bound=6) > 5


@pytest.mark.parametrize("keywords", [{}, {"parse": parsers_elsewhere.titles, "parse_in": "process"}])
def test_what_a_page_says_to_robots_is_known_wherever_it_is_parsed(keywords: dict[str, Any]) -> None:
    """A page that asks not to follow its links is obeyed, though its elements are not there."""

    @virtual
    async def run() -> None:
        web = site(slow="<meta name=robots content=nofollow>" + SLOW)
        report = await crawl(SITE + "slow", fetch=web, **keywords)
        assert report.skipped == {"nofollow": 1}

    run()


@virtual
async def test_what_a_host_lacks_may_be_as_hostile() -> None:
    """A host whose answer for what can't exist takes long to read marks no page, and holds up nothing."""
    web = site(**{f"p{number}": f"<title>Page {number}</title>{number}" for number in range(230)})
    web.otherwise(SITE, lambda _: Reply(body=HOSTILE))
    async with open_crawl(SITE, fetch=web, max_depth=1, delay=0) as pages:
        found = [page async for page in pages]
    assert len(found) == 231
    assert len(asked(web)) > 231  # it was asked for what can't exist
    assert not any(page.soft_404 for page in found)


@virtual
async def test_an_answer_that_is_like_what_a_host_lacks_is_compared_only_if_that_is_cheap() -> None:
    """A page that takes long to read is not looked at for that."""
    web = site(**{f"p{number}": f"<title>Page {number}</title>{number}" for number in range(230)}, slow=SLOW)
    web.otherwise(SITE, lambda _: Reply(body="<title>Deep</title>" + "not found " * 700))
    async with open_crawl(SITE, fetch=web, max_depth=1, delay=0) as pages:
        found = [page async for page in pages]
    assert len(asked(web)) > 232
    assert [page.title for page in found if page.url == SITE + "slow"] == ["Slow"]


@pytest.mark.parametrize("keywords", [{}, {"parse": parsers_elsewhere.nothing, "parse_in": "process"}])
def test_frames_and_sitemaps_are_found_wherever_a_page_is_parsed(keywords: dict[str, Any]) -> None:
    """What a crawl follows beside links comes back from the worker process as well."""

    @virtual
    async def run() -> None:
        more = "<link rel=sitemap href=/map.xml><iframe src=/frame></iframe>"
        web = site(slow=more + SLOW)
        web.add(SITE + "map.xml", "<urlset><url><loc>https://site.test/listed</loc></url></urlset>")
        await crawl(SITE + "slow", fetch=web, sitemaps=True, **keywords)
        expected = {SITE + "map.xml", SITE + "listed"}
        if not keywords:
            expected |= {SITE + "frame", SITE + "b"}
        assert expected <= set(asked(web))
        assert (SITE + "frame" in asked(web)) is not bool(keywords)

    run()
