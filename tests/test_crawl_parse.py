"""The user's parser within a crawl: its forms, what it is given, and what becomes of what it yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, counts, objects_of, virtual

from trio_crawl import (
    Failure,
    Link,
    Page,
    Request,
    RowError,
    TooManyFailuresError,
    UsageError,
    crawl,
    open_crawl,
)
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    from trio_crawl import Report


@dataclass(frozen=True)
class Quote:
    text: str
    url: str


QUOTES = """<!doctype html><title> Quotes
 to read </title>
<div class=quote><span class=text>One</span></div>
<div class=quote><span class=text>Two &amp; more</span></div>
<ul><li class=next><a href="/2#top">Next</a></li></ul><a href="/about">About</a>"""


def site() -> MemoryWeb:
    """Return a site of two pages of quotes, and one that a selector leaves out."""
    web = MemoryWeb()
    web.robots(SITE, "")
    web.add(SITE, QUOTES)
    web.add(f"{SITE}2", "<div class=quote><span class=text>Three</span></div>")
    web.links(f"{SITE}about", [])
    return web


def found(page: Page) -> list[Link | dict[str, str]]:
    """Return what each form of a parser below finds."""
    quotes = [quote.select_one("span.text") for quote in page.css("div.quote")]
    rows = [{"text": quote.text, "url": page.url} for quote in quotes if quote is not None]
    return [*page.links("li.next a"), *rows]


def function(page: Page) -> list[Link | dict[str, str]]:
    return found(page)


def generator(page: Page) -> Iterator[Link | dict[str, str]]:
    yield from found(page)


async def async_function(page: Page) -> list[Link | dict[str, str]]:
    await trio.sleep(1)
    return found(page)


async def async_generator(page: Page) -> AsyncIterator[Link | dict[str, str]]:
    for item in found(page):
        await trio.sleep(1)
        yield item


class Parser:
    def __call__(self, page: Page) -> list[Link | dict[str, str]]:
        return found(page)

    def later(self, page: Page) -> Awaitable[object]:
        return async_function(page)


class AsyncParser:
    async def __call__(self, page: Page) -> list[Link | dict[str, str]]:
        await trio.lowlevel.checkpoint()
        return found(page)

    async def method(self, page: Page) -> list[Link | dict[str, str]]:
        await trio.lowlevel.checkpoint()
        return found(page)


@pytest.mark.parametrize(
    "parse",
    [
        function,
        generator,
        async_function,
        async_generator,
        Parser(),
        AsyncParser(),
        AsyncParser().method,
        {None: generator},
    ],
)
@virtual
async def test_each_form_of_a_parser(parse: Any, tmp_path: Path) -> None:  # noqa: ANN401 - that is the test
    """Functions, generators, their async forms, objects and mappings all find the same."""
    web = site()
    report = await crawl(SITE, fetch=web, parse=parse, write=tmp_path / "quotes.jsonl")
    assert objects_of(tmp_path / "quotes.jsonl") == [
        {"text": "One", "url": SITE},
        {"text": "Two & more", "url": SITE},
        {"text": "Three", "url": f"{SITE}2"},
    ]
    assert report.rows == 3
    assert asked(web) == [SITE, f"{SITE}2"]


@virtual
async def test_what_a_page_offers() -> None:
    """A parser reads elements, links, text and title of its page."""
    pages: list[Page] = []
    await crawl(SITE, fetch=site(), parse=pages.append, max_depth=0)
    [page] = pages
    assert page.title == "Quotes to read"
    assert [link.url for link in page.links()] == [f"{SITE}2", f"{SITE}about"]
    assert page.css_first("div.nothing") is None
    assert "Two & more" in page.text()
    assert (page.encoding, page.content_type, page.content) == ("utf-8", "text/html", QUOTES.encode())


@virtual
async def test_rows_of_many_kinds(tmp_path: Path) -> None:
    """A parser may yield dicts and dataclasses; a function gets them as they were yielded."""

    def parse(page: Page) -> Iterator[object]:
        yield {"text": "a", "url": page.url}
        yield Quote("b", page.url)

    got: list[object] = []

    async def keep(row: object) -> None:
        await trio.lowlevel.checkpoint()
        got.append(row)

    report = await crawl(SITE, fetch=site(), parse=parse, write=[tmp_path / "q.csv", keep])
    assert got == [{"text": "a", "url": SITE}, Quote("b", SITE)]
    text = (tmp_path / "q.csv").read_bytes().decode()
    assert text == f"text,url\r\na,{SITE}\r\nb,{SITE}\r\n"
    assert report.rows == 4


@virtual
async def test_what_travels_with_a_request() -> None:
    """Label, data, and the rest of a `Request` are on its page; links are joined to the page's URL."""
    web = site()
    got: list[Request] = []

    def first(_page: Page) -> Iterator[Request]:
        yield Request("about?x=1", label="details", data={"from": [1, None]})

    def details(page: Page) -> None:
        got.append(page.request)

    report = await crawl(SITE, fetch=web, parse={None: first, "details": details})
    assert got == [Request(f"{SITE}about?x=1", label="details", data={"from": [1, None]})]
    assert report.pages == 2


@virtual
async def test_a_label_without_a_parser() -> None:
    """A label that the mapping does not have ends the crawl, and the message names those it has."""

    def first(_page: Page) -> Request:
        return Request("/about", label="detials")

    with pytest.raises(UsageError, match="'detials' of https://site.test/about; it has None, 'details'"):
        await crawl(SITE, fetch=site(), parse={None: first, "details": first})


@virtual
async def test_an_error_in_a_parser_is_a_failure(tmp_path: Path) -> None:
    """By default an exception makes a failure of its page, with the traceback; its rows are dropped."""

    def parse(page: Page) -> Iterator[object]:
        yield {"url": page.url}
        yield from page.links()
        if page.url == SITE:
            raise LookupError("no price")

    web = site()
    async with open_crawl(
        [SITE, f"{SITE}2"], fetch=web, parse=parse, write=tmp_path / "r.jsonl", failures=True
    ) as rows:
        items = [item async for item in rows]
    failures = [item for item in items if isinstance(item, Failure)]
    [failure] = failures
    assert (failure.kind, failure.url, failure.message) == ("parse", SITE, "LookupError: no price")
    assert 'raise LookupError("no price")' in (failure.traceback or "")
    assert objects_of(tmp_path / "r.jsonl") == [{"url": f"{SITE}2"}]
    assert counts(rows.report) == (2, 1, {"parse": 1}, {}, 0)
    assert asked(web) == [SITE, f"{SITE}2"]


def raises(error: BaseException) -> Callable[[Page], None]:
    """Return a parser that raises *error*."""

    def parse(_page: Page) -> None:
        raise error

    return parse


def raises_later(error: BaseException) -> Callable[[Page], Awaitable[None]]:
    """Return an async parser that raises *error*."""

    async def parse(_page: Page) -> None:
        await trio.sleep(1)
        raise error

    return parse


@pytest.mark.parametrize("make", [raises, raises_later])
@pytest.mark.parametrize(
    "error",
    [LookupError("a"), ExceptionGroup("theirs", [ValueError("b"), OSError("c")]), KeyboardInterrupt()],
)
@virtual
async def test_parse_errors_that_end_the_crawl(make: Any, error: BaseException, tmp_path: Path) -> None:  # noqa: ANN401
    """With ``"raise"`` the very exception comes out, a group of the user's too; the page was not done."""
    web = site()
    with pytest.raises(BaseException, match=".*") as caught:
        await crawl(SITE, fetch=web, parse=make(error), parse_errors="raise", write=tmp_path / "r.jsonl")
    assert caught.value is error
    assert (tmp_path / "r.jsonl").read_text() == ""


@virtual
async def test_an_interrupt_in_a_parser_is_not_recorded() -> None:
    """What is no `Exception` ends the crawl even where errors are recorded."""
    with pytest.raises(KeyboardInterrupt):
        await crawl(SITE, fetch=site(), parse=raises(KeyboardInterrupt()))


@virtual
async def test_max_failures() -> None:
    """One failure more than ``max_failures`` ends the crawl, and the message tells the last one."""
    web = MemoryWeb()
    seeds = [f"{SITE}{number}" for number in range(9)]
    for seed in seeds:
        web.add(seed, failure="tls")
    report = await crawl(seeds, fetch=web, max_failures=9, robots=False)
    assert report.failed == {"tls": 9}
    with pytest.raises(TooManyFailuresError, match=r"max_failures=2 pages failed; the last one: .*/2: tls: "):
        await crawl(seeds, fetch=web, max_failures=2, robots=False)


def coroutine_by_mistake(page: Page) -> Awaitable[object]:
    return async_function(page)


def yields_a_coroutine(page: Page) -> Iterator[object]:
    yield async_function(page)


async def yields_a_coroutine_async(page: Page) -> AsyncIterator[object]:
    yield async_function(page)


@pytest.mark.parametrize(
    "parse", [coroutine_by_mistake, yields_a_coroutine, yields_a_coroutine_async, Parser().later]
)
@virtual
async def test_a_coroutine_by_mistake(parse: Any) -> None:  # noqa: ANN401 - that is the test
    """A coroutine that nobody awaits is said at once, rather than lost, and so is what to do."""
    with pytest.raises(UsageError, match=r"parse (returned|yielded) a coroutine.*(await|async def)"):
        await crawl(SITE, fetch=site(), parse=parse)


@pytest.mark.parametrize("row", [1, "text", b"bytes", 2.5, object()])
@virtual
async def test_what_is_no_row(row: object, tmp_path: Path) -> None:
    """What can't be written ends the crawl; the message names the row, its page and what a row may be."""

    def parse(_page: Page) -> Iterator[object]:
        yield {"fine": 1}
        yield row

    with pytest.raises(RowError, match=r"row 2 of https://site\.test/.*(dict|mapping)"):
        await crawl(SITE, fetch=site(), parse=parse, write=tmp_path / "rows.jsonl")
    assert (tmp_path / "rows.jsonl").read_text() == ""


@virtual
async def test_a_request_for_nothing_that_can_be_asked_for() -> None:
    """A `Request` whose URL is none is a failure of its page that says so."""

    def parse(_page: Page) -> Request:
        return Request("mailto:someone@example.org")

    async with open_crawl(SITE, fetch=site(), parse=parse, failures=True) as pages:
        failures: list[Failure] = [failure async for failure in pages]
    assert [failure.kind for failure in failures] == ["parse"]
    assert "'mailto:someone@example.org', which is no http(s) URL" in failures[0].message


@virtual
async def test_links_of_error_pages() -> None:
    """Links are not followed from a page that is an error, but a `Request` that a parser yields is."""
    web = MemoryWeb()
    web.add(SITE, '<a href="/link">x</a>', status=404)
    web.links(f"{SITE}link", [])
    web.links(f"{SITE}request", [])
    assert (await crawl(SITE, fetch=web)).discovered == 1

    def parse(page: Page) -> Iterator[Link | Request]:
        yield from page.links()
        if page.status == 404:
            yield Request("/request")

    report = await crawl(SITE, fetch=web, parse=parse)
    assert counts(report) == (2, 2, {}, {}, 0)
    assert asked(web)[-1] == f"{SITE}request"


@pytest.mark.parametrize("end", ["cancelled", "failure", "left", "max_time"])
@virtual
async def test_an_async_generator_is_closed(end: str) -> None:
    """However the crawl ends, an async generator is closed before it has: its ``finally`` has run."""
    opened, closed = 0, 0

    async def parse(page: Page) -> AsyncIterator[object]:
        nonlocal opened, closed
        opened += 1
        try:
            yield {"url": page.url}
            await trio.sleep(10 if page.url == SITE else 1000)
            if page.url == SITE and end == "failure":
                raise LookupError
            yield {"url": page.url}
        finally:
            closed += 1

    seeds = [SITE, f"{SITE}2", f"{SITE}about"]
    if end == "cancelled":
        with trio.move_on_after(50):
            await crawl(seeds, fetch=site(), parse=parse)
    elif end == "failure":
        with pytest.raises(LookupError):
            await crawl(seeds, fetch=site(), parse=parse, parse_errors="raise")
    elif end == "max_time":
        report = await crawl(seeds, fetch=site(), parse=parse, max_time=50)
        assert counts(report) == (3, 1, {}, {}, 2)
    else:
        async with open_crawl(seeds, fetch=site(), parse=parse) as rows:
            async for _row in rows:
                break
    assert (opened, closed) == (3, 3)


@virtual
async def test_a_row_that_comes_last_is_not_lost_to_a_generator_that_is_closed() -> None:
    """An async generator that an item of its own makes fail is closed at once, too."""
    closed = False

    async def parse(_page: Page) -> AsyncIterator[object]:
        nonlocal closed
        try:
            yield Request("ftp://site.test/")
        finally:
            await trio.lowlevel.checkpoint()  # noqa: ASYNC102 - nothing is cancelled here
            closed = True

    report = await crawl(SITE, fetch=site(), parse=parse)
    assert closed
    assert report.failed == {"parse": 1}


@virtual
async def test_async_parsers_run_at_once() -> None:
    """Up to ``concurrency`` pages are parsed at once, and no more."""
    running = peak = 0

    async def parse(_page: Page) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await trio.sleep(100)
        running -= 1

    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: "<p>page")
    seeds = [f"{SITE}{number}" for number in range(30)]
    report = await crawl(seeds, fetch=web, parse=parse, concurrency=5, robots=False, delay=0)
    assert report.pages == 30
    assert peak == 5


@pytest.mark.parametrize(
    ("parse", "message"),
    [
        (5, "parse is 5; it has to be a function of a page, or a mapping of labels"),
        ({"a": 5}, "parse['a'] is 5"),
        ({5: function}, "the key 5; its keys are labels"),
        ("module.parse", "parse is 'module.parse'"),
    ],
)
@virtual
async def test_what_is_no_parser(parse: Any, message: str) -> None:  # noqa: ANN401 - that is the test
    """What can't be called is an error before the first request."""
    web = site()
    with pytest.raises(UsageError) as caught:
        await crawl(SITE, fetch=web, parse=parse)
    assert message in str(caught.value)
    assert web.requests == []


@virtual
async def test_the_same_rows_whatever_takes_them(tmp_path: Path) -> None:
    """The report counts the rows of every output; a file and a function get as many."""
    got: list[Mapping[str, object]] = []

    async def keep(row: Mapping[str, object]) -> None:
        await trio.lowlevel.checkpoint()
        got.append(row)

    outputs = [tmp_path / "p.jsonl", keep]
    report: Report = await crawl(SITE, fetch=site(), write=outputs)
    assert got == objects_of(tmp_path / "p.jsonl")
    assert report.rows == 2 * len(got) == 6
    assert report.outputs[0].endswith("p.jsonl")
    assert "keep" in report.outputs[1]


@virtual
async def test_a_request_is_judged_as_a_link_unless_it_goes_anywhere(tmp_path: Path) -> None:
    """``anywhere`` lifts scope and patterns, for redirects too; depth and robots.txt hold all the same."""
    web = MemoryWeb()
    web.add(SITE, "home")
    web.add("https://other.test/a", redirect="https://third.test/b")
    web.links("https://third.test/b", ["/c", SITE + "d"])
    web.add(SITE + "d", "d")
    web.robots("https://other.test", "User-agent: *\nDisallow: /private")

    def parse(page: Page) -> Iterator[Any]:
        yield from page.links()
        if page.url == SITE:
            yield Request("https://other.test/x")
            yield Request("https://other.test/x", anywhere=True)
            yield Request("https://other.test/a", anywhere=True)
            yield Request("https://other.test/private", anywhere=True)
            yield Request(SITE + "excluded")
            yield Request(SITE + "excluded", anywhere=True)
        elif page.url == SITE + "d":
            yield Request(SITE + "deep", anywhere=True)

    def never(_link: Link) -> bool:
        return False

    pages = ["https://other.test/x", "https://other.test/a", SITE + "excluded", "https://third.test/b"]
    several: tuple[dict[str, Any], ...] = ({"exclude": "*/excluded"}, {"include": SITE + "d"})
    for number, keywords in enumerate(several):
        web_asked = len(asked(web))
        state = tmp_path / f"{number}.db"
        report = await crawl(SITE, fetch=web, parse=parse, max_depth=2, state=state, **keywords)
        urls = asked(web)[web_asked:]
        assert sorted(urls) == sorted([SITE, *pages, SITE + "d"])
        assert report.skipped == {"robots": 1, "scope": 1, "max_depth": 1}
        assert report.pending == 0
    web_asked = len(asked(web))
    await crawl(SITE, fetch=web, parse=parse, follow=never)
    assert sorted(asked(web)[web_asked:]) == sorted([SITE, *pages])


@virtual
async def test_links_found_are_those_that_a_parser_yields() -> None:
    """The report counts what it yielded to be followed, of pages that lead nowhere new, too."""
    web = MemoryWeb()
    web.links(SITE, ["/a", "/b", "/c"])
    for name in ("a", "b"):
        web.links(SITE + name, ["/", "/a"])

    def parse(page: Page) -> Iterator[Any]:
        yield from page.links("a:not([href='/c'])")
        yield Request("/", data=1)

    assert (await crawl(SITE, fetch=web, parse=parse)).links == 3 + 3 + 3
    assert (await crawl(SITE, fetch=web, parse=parse, max_links=2)).links == 2 * 3
