"""Traps come to an end, and honest sites are crawled whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from crawl_support import SITE, asked, counts, virtual

from trio_crawl import Report, UsageError, crawl
from trio_crawl._policy.duplicates import probe_url
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_crawl import Hop


async def taken(answer: Callable[[str, dict[str, str]], str], **keywords: Any) -> Report:  # noqa: ANN401 - of crawl()
    """Crawl a site that answers each path and query so."""

    def page(hop: Hop) -> Reply:
        if hop.url == probe_url(SITE):
            return Reply(status=404, body="There is no such page.")
        parts = urlsplit(hop.url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = answer(parts.path, query)
        return Reply(body=body)

    web = MemoryWeb()
    web.otherwise(SITE, page)
    web.robots(SITE, "")
    given: dict[str, Any] = {"fetch": web, "delay": 0, "per_host": 16, "max_pages": 20_000, **keywords}
    return await crawl(given.pop("seeds", SITE), **given)


def links(*targets: str) -> str:
    """Return the mark-up of links, whose texts are their numbers."""
    return "\n".join(f'<a href="{target}">{number}</a>' for number, target in enumerate(targets))


def whole(report: Report) -> bool:
    """Return whether nothing was skipped."""
    return not any(report.skipped.values()) and not report.pending


# What is bounded

MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905


def calendar(path: str, _query: dict[str, str]) -> str:
    """Answer as a calendar does, by month and by day, to the end of time."""
    if path == "/":
        return links("/calendar/2024/01", "/about")
    if path == "/about":
        return "<p>We are open on all days of the week."
    year, month, *day = map(int, path.split("/")[2:])
    if day:
        return (
            f"<h1>{day[0]} {MONTHS[month - 1]} {year}</h1> No events. {links(f'/calendar/{year}/{month:02}')}"
        )
    later, earlier = divmod(year * 12 + month, 12), divmod(year * 12 + month - 2, 12)
    months = [f"/calendar/{each[0]}/{each[1] + 1:02}" for each in (later, earlier)]
    days = [f"/calendar/{year}/{month:02}/{number:02}" for number in range(1, 29)]
    return f"<h1>{MONTHS[month - 1]} {year}</h1> {links(*months, *days)}"


def sessions(path: str, query: dict[str, str]) -> str:
    """Answer as a site of fifty pages does that puts a new session's identifier into every link."""
    number = int(path.strip("/") or 0)
    seen = sum(map(int, re.findall(r"\d+", query.get("sid", "0"))))
    others = [f"/{(number * 7 + step) % 50}?sid=x{seen * 3 + number + step}" for step in range(1, 4)]
    words = f"{'abcdefghij'[number % 10] * 4} {'klmno'[number // 10] * 3}"
    return f"<p>This is about {words}. {links(*others)}"


def facets(path: str, query: dict[str, str]) -> str:
    """Answer as a shop does whose filters combine: ten names, with a hundred values each."""
    if path.startswith("/p/"):
        return f"<h1>Product {'abcdefghij'[int(path[3:])] * 5}</h1> {links('/list')}"
    if path == "/":
        return links("/list")
    chosen = "&".join(f"{name}={value}" for name, value in sorted(query.items()))
    more = [
        f"/list?{chosen}{'&' if chosen else ''}f{name}={value}" for name in range(10) for value in (1, 2, 3)
    ]
    return f"<h1>Chosen</h1> {links(*(f'/p/{number}' for number in range(10)), *more)}"


def empty_pages(_path: str, query: dict[str, str]) -> str:
    """Answer as a list does that has a next page, whatever page is asked for; forty have something."""
    page = int(query.get("page", 1))
    items = [f"/item/{page}-{number}" for number in range(5)] if page <= 40 else []
    return f"<h1>Page {page}</h1> {links(*items, f'/?page={page + 1}')}"


def relative(path: str, _query: dict[str, str]) -> str:
    """Answer every path with the same page, whose links are relative."""
    return f"<p>Always the same, at {path.count('x')}. {links('news/a/', 'index.html')}"


def deeper(path: str, _query: dict[str, str]) -> str:
    """Answer with a link to one folder deeper, always of another name."""
    return links(f"{path}{'abcdefghijklmnopqrstuvwxyz'[path.count('/') % 26]}{path.count('/')}x/")


@pytest.mark.parametrize(
    ("site", "reason", "most"),
    [
        (calendar, "trap_pattern", 2_500),
        (sessions, "trap_pattern", 3_500),
        (facets, "trap_pattern", 3_500),
        (empty_pages, "trap_pattern", 2_500),
        (relative, "trap_repetition", 20),
        (deeper, "trap_depth", 40),
    ],
)
def test_a_trap_comes_to_an_end(site: Callable[[str, dict[str, str]], str], reason: Any, most: int) -> None:  # noqa: ANN401
    """A site without end is left after a bounded number of pages, for a reason that is counted."""

    @virtual
    async def run() -> None:
        report = await taken(site)
        assert report.pages < most
        assert report.skipped[reason] > 0
        assert not report.pending
        assert set(report.skipped) == {reason}

    run()


@virtual
async def test_without_the_guard_a_trap_has_no_end() -> None:
    """With ``traps=False`` only the other limits end it, and no host is asked for what can't exist."""
    report = await taken(calendar, traps=False, max_pages=4_000)
    assert report.pages == 4_000
    assert set(report.skipped) == {"max_pages"}
    assert report.probes == 0


# What is crawled whole


def shop(path: str, query: dict[str, str]) -> str:
    """Answer as a shop does: 6,000 products with nothing but numbers, found from 300 pages of lists."""
    if path == "/":
        return links(*(f"/c/{number}" for number in range(10)))
    if path.startswith("/c/"):
        category, page = int(path[3:]), int(query.get("page", 1))
        products = [f"/p/{category * 600 + (page - 1) * 20 + number}" for number in range(20)]
        return links(*products, *([f"{path}?page={page + 1}"] if page < 30 else []))
    number = int(path[3:])
    return f"<h1>Product {number}</h1> {links(f'/c/{number // 600}', f'/p/{(number * 7 + 1) % 6000}')}"


def pages_in_a_row(path: str, query: dict[str, str]) -> str:
    """Answer as a list of 500 pages does, each of which leads to the next one alone."""
    page = int(query.get("page", 1))
    return f"<h1>Page {page}</h1> {links(*([f'{path}?page={page + 1}'] if page < 500 else []))}"


def archive(path: str, _query: dict[str, str]) -> str:
    """Answer as a paper does: an archive by day, each with its two articles, and the day before."""
    found = re.fullmatch(r"/(\d{4})/(\d\d)/(\d\d)/?(.*)", path)
    if found is None:
        return links("/2023/12/28")
    year, month, day = map(int, found.groups()[:3])
    if found[4]:
        return f"<h1>Article</h1> {links(path.rsplit('/', 1)[0])}"
    day -= 1
    if not day:
        month, day = month - 1, 28
    if not month:
        year, month = year - 1, 12
    here = path.rstrip("/")
    before = [f"/{year}/{month:02}/{day:02}"] if year > 2019 else []
    return links(f"{here}/one-title", f"{here}/another-title", *before)


def strip(path: str, _query: dict[str, str]) -> str:
    """Answer as a comic strip does: 3,000 of them, each with its words, and a link to the next one."""
    number = int(path.strip("/") or 0)
    word = "".join("abcdefghij"[int(digit)] for digit in f"{number:05}")
    return f"<p>{word} says: {word[::-1]}x! {links(*([f'/{number + 1}'] if number < 2_999 else []))}"


def wiki(path: str, _query: dict[str, str]) -> str:
    """Answer as a wiki does: 3,000 articles, each with links to others, and with revisions by number."""
    word = path.removeprefix("/wiki/") or "aaaa"
    number = sum(
        "abcdefghij".index(letter) * 10**place for place, letter in enumerate(reversed(word)) if path != "/"
    )
    names = [
        "".join("abcdefghij"[int(digit)] for digit in f"{(number * 3 + step) % 3_000:04}")
        for step in range(4)
    ]
    return f"<h1>{word}</h1> {links(*(f'/wiki/{name}' for name in names))}"


@pytest.mark.parametrize(
    ("site", "pages"),
    [
        (shop, 10 + 290 + 6_000 + 1),
        (pages_in_a_row, 500),
        (archive, 1 + 3 * 4 * 12 * 28),
        (strip, 3_000),
        (wiki, 3_001),
    ],
)
def test_an_honest_site_is_crawled_whole(site: Callable[[str, dict[str, str]], str], pages: int) -> None:
    """A large site of numbered pages, dates or lists is no trap: nothing is skipped."""

    @virtual
    async def run() -> None:
        report = await taken(site)
        assert whole(report)
        assert report.pages == pages

    run()


@virtual
async def test_what_is_found_outside_of_a_trap_is_followed() -> None:
    """A page that was passed by, as it was found in a trap, is followed when it is found elsewhere."""
    web = MemoryWeb()
    web.robots(SITE, "")
    web.links(SITE, ["/n/1", "/slow"])
    web.add(f"{SITE}slow", "<a href=/n/1002>here</a>", delay=20)
    for number in range(1, 1_010):
        web.links(f"{SITE}n/{number}", [f"/n/{number + 1}"], title="")
    report = await crawl(SITE, fetch=web, delay=0)
    assert counts(report) == (1_005, 1_004, {}, {"trap_pattern": 1}, 0)
    assert asked(web)[-1] == f"{SITE}n/1002"


# Pages per host


@virtual
async def test_max_per_host_bounds_each_host() -> None:
    """Of each host so many pages are asked for, and the rest is skipped, whatever became of the pages."""
    web = MemoryWeb()
    others = ["https://one.test/", "https://two.test/"]
    for site in others:
        web.robots(site, "")
        web.links(site, [f"/{number}" for number in range(9)])
        for number in range(9):
            web.add(f"{site}{number}", status=404 if number % 2 else 200)
    report = await crawl(others, fetch=web, delay=0, max_per_host=4)
    assert counts(report) == (20, 8, {}, {"max_per_host": 12}, 0)
    assert len(asked(web)) == 8


@virtual
async def test_max_per_host_has_a_range() -> None:
    """Less than one page is an error before the first request."""
    with pytest.raises(UsageError, match="max_per_host= is 0; it takes a whole number, 1 or more"):
        await crawl(SITE, fetch=MemoryWeb(), max_per_host=0)
    with pytest.raises(UsageError, match="traps= is 1; it takes True or False"):
        await crawl(SITE, fetch=MemoryWeb(), traps=1)  # type: ignore[arg-type] # that is what is tried
