"""Sitemaps and feeds that a crawl reads for itself, on a web in memory."""

from __future__ import annotations

import gc
import gzip
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, counts, lines_of, objects_of, virtual
from hostile_documents import bound
from trio.testing import MockClock

import trio_crawl
from trio_crawl._errors import UsageError
from trio_crawl._frontier import lists
from trio_crawl._frontier.audit import audit
from trio_crawl.testing import MemoryWeb, Reply, cancel_everywhere

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_crawl import Hop, Link, Page

XML = "application/xml"


def sitemap(*urls: str) -> str:
    entries = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
    return (
        f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'
    )


def index(*urls: str) -> str:
    entries = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return f"<sitemapindex>{entries}</sitemapindex>"


def site(*pages: str) -> MemoryWeb:
    """Return a site whose pages have no links."""
    web = MemoryWeb()
    for page in ("", *pages):
        web.add(SITE + page, f"<title>{page}</title>")
    return web


@virtual
async def test_without_the_keyword_no_sitemap_is_asked_for() -> None:
    """A robots.txt may name as many as it likes."""
    web = site("a")
    web.robots(SITE, f"Sitemap: {SITE}map.xml")
    web.add(SITE + "map.xml", sitemap(SITE + "a"), content_type=XML)
    report = await trio_crawl.crawl(SITE, fetch=web)
    assert asked(web) == [SITE]
    assert "sitemaps" not in str(report)


@virtual
async def test_the_sitemaps_of_robots_txt_are_read(tmp_path: Path) -> None:
    """What they name is crawled; they have no row, and are counted apart."""
    web = site("a", "b")
    web.robots(SITE, f"Sitemap: {SITE}1.xml\nSitemap: /2.txt\nSitemap: mailto:x")
    web.add(SITE + "1.xml", sitemap(SITE + "a", SITE + "c", "http://other.test/"), content_type=XML)
    web.add(SITE + "2.txt", f"{SITE}b\n{SITE}a\n", content_type="text/plain")
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, write=tmp_path / "x.jsonl")
    assert sorted(asked(web)) == sorted(SITE + path for path in ("", "1.xml", "2.txt", "a", "b", "c"))
    rows = {row["url"]: row for row in objects_of(tmp_path / "x.jsonl")}
    assert sorted(rows) == sorted(SITE + path for path in ("", "a", "b", "c"))
    assert rows[SITE + "a"]["depth"] == 1
    assert rows[SITE + "a"]["referrer"] == SITE + "1.xml"
    assert (report.sitemaps, report.statuses) == (2, {200: 3, 404: 1})
    assert counts(report) == (7, 4, {}, {"scope": 1}, 0)
    assert "  sitemaps                2" in str(report)


@virtual
async def test_without_one_in_robots_txt_the_usual_place_is_tried() -> None:
    """For each site where a seed came to a page, redirected or not; with and without robots.txt."""
    for robots in (True, False):
        web = site("a")
        web.add("http://site.test/", redirect=SITE)
        web.add(SITE + "sitemap.xml", sitemap(SITE + "a"), content_type=XML)
        report = await trio_crawl.crawl("http://site.test/", fetch=web, sitemaps=True, robots=robots)
        assert asked(web) == ["http://site.test/", SITE, SITE + "sitemap.xml", SITE + "a"]
        assert (report.pages, report.sitemaps) == (2, 1)


@pytest.mark.parametrize(
    "answer",
    [
        Reply(status=404),
        Reply(body="<!doctype html><title>Oops</title>"),
        Reply(body="", headers=(("Content-Type", XML),)),
        Reply(status=302, headers=(("Location", SITE),)),
    ],
    ids=["404", "soft 404", "empty", "home"],
)
def test_a_sitemap_that_is_not_there_is_a_skip(answer: Reply) -> None:
    """It is no failure that a site has none, whichever way it says so."""

    @virtual
    async def run() -> None:
        web = site()
        web.add(SITE + "sitemap.xml", lambda _hop: answer)
        report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True)
        assert counts(report) == (2, 1, {}, {"no_sitemap": 1}, 0)
        assert report.sitemaps == 0

    run()


@virtual
async def test_an_index_leads_to_sitemaps_gzipped_or_not() -> None:
    """On its own host, or wherever the crawl goes; and not from index to index without end."""
    web = site("a", "b")
    web.robots(SITE, f"Sitemap: {SITE}i.xml")
    inner = index(SITE + "i.xml", SITE + "b.xml.gz", SITE + "loop.xml")
    web.add(
        SITE + "i.xml", index(SITE + "a.xml", SITE + "inner.xml", "http://other.test/m.xml"), content_type=XML
    )
    web.add(SITE + "a.xml", gzip.compress(sitemap(SITE + "a").encode()), content_type=XML, coding="gzip")
    web.add(SITE + "inner.xml", inner, content_type=XML)
    web.add(SITE + "b.xml.gz", gzip.compress(sitemap(SITE + "b").encode()), content_type="application/gzip")
    web.add(SITE + "loop.xml", index(SITE + "deeper.xml"), content_type=XML)
    web.add("http://other.test/m.xml", sitemap(SITE + "c"), content_type=XML)
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True)
    assert counts(report) == (9, 3, {}, {"scope": 1}, 0)
    assert report.sitemaps == 5
    assert {SITE + "a", SITE + "b"} < set(asked(web))
    assert not {SITE + "deeper.xml", "http://other.test/m.xml"} & set(asked(web))


@virtual
async def test_robots_txt_may_name_a_sitemap_on_another_host() -> None:
    """That host's robots.txt is obeyed, what is there is followed as links are, and so are redirects."""
    web = site("a")
    web.robots(SITE, "Sitemap: http://cdn.test/map.xml\nSitemap: http://cdn.test/no.xml\nSitemap: /moved")
    web.robots("http://cdn.test", "User-agent: *\nDisallow: /no")
    web.add("http://cdn.test/map.xml", sitemap(SITE + "a", "http://cdn.test/b"), content_type=XML)
    web.add(SITE + "moved", redirect="http://cdn.test/map.xml")
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True)
    assert counts(report) == (6, 2, {}, {"robots": 1, "scope": 1, "known_target": 1}, 0)
    assert report.sitemaps == 1
    assert "http://cdn.test/no.xml" not in asked(web)


@virtual
async def test_feeds_that_pages_link_to_are_read() -> None:
    """RSS and Atom, by elements and fields; a feed of another site, and another alternate, are not."""
    web = site("1", "2", "3")
    head = (
        "<link rel=alternate type=application/rss+xml href=/rss>"
        "<link rel=alternate type=application/rss+xml href=http://other.test/rss>"
        "<link rel=alternate hreflang=de href=/de><link rel=sitemap href=/map.xml>"
    )
    web.add(SITE, head, headers=[("Link", '</atom>; rel=alternate; type="application/atom+xml"')])
    web.add(SITE + "rss", f"<rss><item><link>{SITE}1</link></item></rss>", content_type="application/rss+xml")
    web.add(
        SITE + "atom", "<feed><entry><link href='/2'/></entry></feed>", content_type="application/atom+xml"
    )
    web.add(SITE + "map.xml", sitemap(SITE + "3"), content_type=XML)
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True)
    assert set(asked(web)) == {
        SITE + path for path in ("", "sitemap.xml", "rss", "atom", "map.xml", "1", "2", "3")
    }
    assert counts(report) == (9, 4, {}, {"no_sitemap": 1, "scope": 1}, 0)


@virtual
async def test_a_link_to_a_sitemap_is_a_page_like_any_other(tmp_path: Path) -> None:
    """It is asked for as a page, whether it is read as a sitemap or not."""
    web = site("a")
    web.add(SITE, "<a href=/sitemap.xml>")
    web.add(SITE + "sitemap.xml", sitemap(SITE + "a"), content_type=XML)
    await trio_crawl.crawl(SITE, fetch=web, write=tmp_path / "x.jsonl")
    assert asked(web) == [SITE, SITE + "sitemap.xml"]
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True)
    assert counts(report) == (4, 3, {}, {}, 0)


@virtual
async def test_limits_and_patterns_hold_for_sitemaps() -> None:
    """What is too deep or excluded is not asked for; an include is about pages."""
    web = site("a", "b")
    web.add(SITE + "sitemap.xml", sitemap(SITE + "a", SITE + "b"), content_type=XML)
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, max_depth=0)
    assert counts(report) == (2, 1, {}, {"max_depth": 1}, 0)
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, exclude="*.xml")
    assert counts(report) == (2, 1, {}, {"scope": 1}, 0)
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, include="*/a", max_depth=1)
    assert counts(report) == (4, 2, {}, {"scope": 1}, 0)
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, max_pages=2)
    assert counts(report) == (4, 2, {}, {"max_pages": 1}, 0)


@virtual
async def test_a_function_chooses_by_kind_and_date() -> None:
    """It is asked about sitemaps, and about what they name, which may be old."""
    web = site("new")
    entries = "".join(
        f"<url><loc>{SITE}{name}</loc><lastmod>{year}</lastmod></url>"
        for name, year in (("old", 2001), ("new", 2026))
    )
    web.add(SITE + "sitemap.xml", f"<urlset>{entries}</urlset>", content_type=XML)
    seen: list[str] = []

    def follow(link: Link) -> bool:
        seen.append(link.kind)
        return link.lastmod is None or link.lastmod.year > 2020

    await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, follow=follow)
    assert asked(web) == [SITE, SITE + "sitemap.xml", SITE + "new"]
    assert seen == ["robots", "sitemap", "sitemap"]


@virtual
async def test_a_parser_gets_the_pages_that_a_sitemap_names(tmp_path: Path) -> None:
    """It decides about links, and sitemaps are read beside."""
    web = site("a")
    web.add(SITE, "<a href=/b>")
    web.add(SITE + "sitemap.xml", sitemap(SITE + "a"), content_type=XML)
    await trio_crawl.crawl(
        SITE, fetch=web, sitemaps=True, parse=lambda page: {"url": page.url}, write=tmp_path / "x.tsv"
    )
    assert lines_of(tmp_path / "x.tsv") == [[SITE], [SITE + "a"]]


HOSTILE: dict[str, tuple[str | bytes, str]] = {
    "billion laughs": (
        "<!DOCTYPE urlset [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><urlset><url><loc>&b;</loc></url></urlset>",
        "parse",
    ),
    "external entity": (
        "<!DOCTYPE urlset [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><urlset><url><loc>&x;</loc></url></urlset>",
        "parse",
    ),
    "depth": ("<urlset>" + "<url>" * 100_000, "parse"),
    "cut short": (sitemap(SITE + "a")[:-9], "parse"),
    "damaged gzip": (b"\x1f\x8b\x08\x00xxxxxxxxxxxxxxxxxxxx", "decode"),
    "gzip bomb": (gzip.compress(b"<urlset>" + b" " * 60_000_000), "too_large"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_sitemap_costs_one_failure(name: str, tmp_path: Path) -> None:
    """Its neighbours are crawled, and what it had named before counts."""
    body, kind = HOSTILE[name]

    @virtual
    async def run() -> None:
        web = site("a", "b")
        web.robots(SITE, f"Sitemap: {SITE}bad.xml\nSitemap: {SITE}good.xml")
        web.add(SITE + "bad.xml", body, content_type=XML)
        web.add(SITE + "good.xml", sitemap(SITE + "b"), content_type=XML)
        report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, write=tmp_path / "x.jsonl")
        assert report.failed == {kind: 1}
        assert (report.sitemaps, SITE + "b" in asked(web)) == (1, True)
        assert (SITE + "a" in asked(web)) is (name == "cut short")
        errors = [row for row in objects_of(tmp_path / "x.jsonl") if "error" in row]
        assert [(row["url"], row["error"]["kind"]) for row in errors] == [(SITE + "bad.xml", kind)]

    run()


@virtual
async def test_sitemaps_take_their_turns() -> None:
    """They keep the delay of their host, and are retried, as pages are."""
    web = site("a")
    answers = [Reply(status=503), Reply(body=sitemap(SITE + "a"), headers=(("Content-Type", XML),))]
    web.add(SITE + "sitemap.xml", lambda _hop: answers.pop(0))
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, delay=7)
    assert min(web.gaps("site.test")) >= 7
    assert (report.sitemaps, report.retries, report.pages) == (1, 1, 2)


class Longest(trio.abc.Instrument):
    """Measures the processor time of the longest steps of tasks, in seconds."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self._began = 0.0

    def before_task_step(self, _task: trio.lowlevel.Task) -> None:
        self._began = time.thread_time()

    def after_task_step(self, _task: trio.lowlevel.Task) -> None:
        self.steps.append(time.thread_time() - self._began)


@virtual
@pytest.mark.usefixtures("untraced")
async def test_fifty_thousand_entries_do_not_hold_up_the_loop() -> None:
    """Reading them, and taking them in, is done in steps, between which other pages have their turns."""
    web = MemoryWeb()
    web.robots(SITE, f"Sitemap: {SITE}map")
    web.add(SITE, "")
    web.add(SITE + "map", sitemap(*(f"{SITE}{n}" for n in range(60_000))), content_type=XML)
    longest = Longest()
    gc.collect()
    gc.freeze()  # what other tests left is not for this one to look through
    trio.lowlevel.add_instrument(longest)
    try:
        report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, max_pages=1)
        assert report.sitemaps == 0  # the limit was there before it
        report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, max_pages=2)
    finally:
        trio.lowlevel.remove_instrument(longest)
        gc.unfreeze()
    assert counts(report) == (50_002, 2, {}, {"max_pages": 49_999}, 0)
    assert report.sitemaps == 1
    assert sorted(longest.steps)[-4] < bound()  # but for what the machine was doing meanwhile


def endless(hop: Hop) -> Reply:
    """Answer each sitemap with a hundred pages, and each page with an empty one."""
    if "map" not in hop.url:
        return Reply(body="<p>")
    number = hop.url.rpartition("map")[2]
    return Reply(body=sitemap(*(f"{SITE}{number}/{n}" for n in range(100))), headers=(("Content-Type", XML),))


@virtual
async def test_a_crawl_of_sitemaps_is_the_same_each_time(tmp_path: Path) -> None:
    """Whichever of them is read first."""
    orders = []
    for run in range(3):
        web = MemoryWeb()
        web.robots(SITE, "\n".join(f"Sitemap: {SITE}map{n}" for n in range(5)))
        web.otherwise(SITE, endless)
        path = tmp_path / f"{run}.jsonl"
        report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, write=path, delay=0, per_host=8)
        assert (report.pages, report.sitemaps) == (501, 5)
        orders.append([row["url"] for row in objects_of(path)])
    assert orders[0] == orders[1] == orders[2]


def test_a_state_keeps_what_sitemaps_named(tmp_path: Path) -> None:
    """Stopped again and again, also while one is read, it ends with every page once."""
    state, path = tmp_path / "crawl.db", tmp_path / "x.jsonl"

    async def once(seconds: float) -> trio_crawl.Report:
        web = MemoryWeb()
        web.robots(SITE, f"Sitemap: {SITE}i.xml")
        web.add(SITE + "i.xml", index(*(f"{SITE}map{n}" for n in range(5))), content_type=XML)
        web.otherwise(SITE, endless)
        with trio.move_on_after(seconds):
            return await trio_crawl.crawl(
                SITE, fetch=web, sitemaps=True, write=path, state=state, delay=0.1, per_host=8
            )
        return trio_crawl.Report()

    reports: list[trio_crawl.Report] = []

    @virtual
    async def run(seconds: float) -> None:
        reports.append(await once(seconds))

    while not reports or not reports[-1].pages:
        run((len(reports) + 1) * 0.7)
        assert audit(state).problems == ()
    report = reports[-1]
    assert len(reports) > 3
    assert counts(report) == (507, 501, {}, {}, 0)
    assert report.sitemaps == 6
    rows = [row["url"] for row in objects_of(path)]
    assert len(rows) == len(set(rows)) == 501
    assert audit(state).outcomes["sitemaps"] == 6


@virtual
async def test_a_resumed_crawl_knows_who_led_where(tmp_path: Path) -> None:
    """A page that a sitemap named has it for its referrer, before and after."""
    web = MemoryWeb()
    web.robots(SITE, f"Sitemap: {SITE}map0")
    web.otherwise(SITE, endless)
    for most in (3, 10):
        await trio_crawl.crawl(
            SITE,
            fetch=web,
            sitemaps=True,
            write=tmp_path / "x.jsonl",
            state=tmp_path / "s.db",
            max_pages=most,
        )
    rows = objects_of(tmp_path / "x.jsonl")[1:]
    assert len(rows) == 9
    assert {row["referrer"] for row in rows} == {SITE + "map0"}


@virtual
async def test_a_sitemap_that_failed_is_read_when_it_is_retried(tmp_path: Path) -> None:
    """As a sitemap, not as a page."""
    web = site("a")
    web.add(SITE + "sitemap.xml", failure="tls")
    state = tmp_path / "s.db"
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, state=state)
    assert report.failed == {"tls": 1}
    web.add(SITE + "sitemap.xml", sitemap(SITE + "a"), content_type=XML)
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, state=state, retry_failed=True)
    assert (report.pages, report.sitemaps, report.failed) == (2, 1, {})


async def test_sitemaps_is_true_or_false() -> None:
    """A list of URLs is for the seeds."""
    with pytest.raises(UsageError, match="sitemaps=.*takes True or False"):
        await trio_crawl.crawl(SITE, fetch=MemoryWeb(), sitemaps=[SITE])  # type: ignore[arg-type]


@virtual
async def test_a_recrawl_reads_sitemaps_again(tmp_path: Path) -> None:
    """What they name by then is crawled, too."""
    web = site("a", "b")
    web.add(SITE + "sitemap.xml", sitemap(SITE + "a"), content_type=XML)
    state = tmp_path / "s.db"
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, state=state)
    assert (report.pages, report.sitemaps) == (2, 1)
    web.add(SITE + "sitemap.xml", sitemap(SITE + "a", SITE + "b"), content_type=XML)
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, state=state, recrawl=0.001)
    assert (report.pages, report.sitemaps) == (3, 1)
    assert asked(web)[-1] == SITE + "b"
    assert audit(state).problems == ()


def test_cancelled_at_any_step_a_crawl_of_sitemaps_goes_on(tmp_path: Path) -> None:
    """No list is lost that was half read, and no page is there twice."""
    folder = tmp_path / "run"

    async def make() -> trio_crawl.Report:
        folder.mkdir(exist_ok=True)
        web = site("a", "b", "c")
        web.robots(SITE, f"Sitemap: {SITE}i.xml")
        web.add(SITE + "i.xml", index(SITE + "1.xml", SITE + "2.xml"), content_type=XML)
        web.add(SITE + "1.xml", sitemap(SITE + "a", SITE + "b") + "<junk>", content_type=XML)
        web.add(SITE + "2.xml", gzip.compress(sitemap(SITE + "c").encode()), content_type=XML)
        return await trio_crawl.crawl(
            SITE, fetch=web, sitemaps=True, write=folder / "x.jsonl", state=folder / "s.db", delay=0.1
        )

    def check(_step: int, _result: object) -> None:
        report = trio.run(make, clock=MockClock(autojump_threshold=0))
        assert counts(report) == (7, 4, {"parse": 1}, {}, 0)
        assert report.sitemaps == 2
        assert audit(folder / "s.db").problems == ()
        rows = sorted(row["url"] for row in objects_of(folder / "x.jsonl"))
        assert rows == sorted(SITE + path for path in ("", "1.xml", "a", "b", "c"))
        shutil.rmtree(folder)

    cancel_everywhere(make, bound=6, stride=5, check=check)


@virtual
async def test_lists_that_are_not_followed_take_no_room_of_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many pages name a feed that ``exclude`` keeps out, another one of the host is read."""
    monkeypatch.setattr(lists, "MOST", 3)
    web = site("hidden")
    names = [f"p{number}" for number in range(6)]
    web.links(SITE, [f"/{name}" for name in names])
    for name in names:
        feed = "/good.xml" if name == names[-1] else "/feed/all"
        web.add(
            SITE + name, f"<title>{name}</title><link rel=alternate type=application/rss+xml href={feed}>"
        )
    items = f"<item><link>{SITE}hidden</link></item>"
    web.add(SITE + "good.xml", f"<rss version='2.0'><channel>{items}</channel></rss>", content_type=XML)
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, exclude="*/feed/*")
    assert report.sitemaps == 1
    assert SITE + "hidden" in asked(web)


@virtual
async def test_the_date_of_an_entry_is_seen_by_follow_and_by_parsers(tmp_path: Path) -> None:
    """``follow`` sees it of a page, and of a sitemap in an index; a parser has it in ``page.request``."""
    web = site("1", "2", "3")
    entries = "".join(
        f"<sitemap><loc>{SITE}{year}.xml</loc><lastmod>{year}-01-01</lastmod></sitemap>"
        for year in (2001, 2026)
    )
    web.add(SITE + "sitemap.xml", f"<sitemapindex>{entries}</sitemapindex>", content_type=XML)
    web.add(SITE + "2001.xml", sitemap(SITE + "1"), content_type=XML)
    dated = f"<url><loc>{SITE}2</loc><lastmod>2026-11-02T10:00:00+01:00</lastmod></url>"
    web.add(
        SITE + "2026.xml",
        f"<urlset>{dated}<url><loc>{SITE}3</loc></url></urlset>",
        content_type=XML,
    )
    seen: dict[str, tuple[str, int | None]] = {}

    def follow(link: Link) -> bool:
        seen[link.url] = (link.kind, None if link.lastmod is None else link.lastmod.year)
        return link.lastmod is None or link.lastmod.year > 2020

    def parse(page: Page) -> Iterator[dict[str, Any]]:
        yield {"url": page.url, "lastmod": page.request.lastmod}

    expected = {SITE: None, SITE + "2": "2026-11-02T09:00:00+00:00", SITE + "3": None}
    for state in (None, tmp_path / "state.db"):
        rows = tmp_path / f"{state is None}.jsonl"
        for max_pages in (1, None) if state else (None,):
            await trio_crawl.crawl(
                SITE, fetch=web, sitemaps=True, follow=follow, parse=parse, write=rows, state=state,
                max_pages=max_pages,
            )  # fmt: skip
        assert {row["url"]: row["lastmod"] for row in objects_of(rows)} == expected
    assert seen[SITE + "2001.xml"] == ("sitemap_index", 2001)
    assert seen[SITE + "2"] == ("sitemap", 2026)
    assert seen[SITE + "3"] == ("sitemap", None)


@pytest.mark.parametrize(
    "label", ["utf-8", "windows-874", "x-sjis", "hex", "utf8mb4", "none", "idna", "undefined", ""]
)
@virtual
async def test_no_label_ends_a_crawl(label: str) -> None:
    """Nor does it keep a sitemap or a feed from being read."""
    web = site("a", "b")
    web.add(SITE, "<link rel=alternate type=application/rss+xml href=/f>")
    start = f'<?xml version="1.0" encoding="{label}"?>'
    web.add(SITE + "sitemap.xml", f"{start}<urlset><url><loc>/a</loc></url></urlset>", content_type=XML)
    web.add(SITE + "f", f"{start}<rss><item><link>/b</link></item></rss>", content_type="application/rss+xml")
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True)
    assert counts(report) == (5, 3, {}, {}, 0)
    assert report.sitemaps == 2


@virtual
async def test_the_type_says_what_a_list_is_encoded_in() -> None:
    """Before its declaration does."""
    web = site()
    body = '<?xml version="1.0" encoding="utf-8"?><urlset><url><loc>/é</loc></url></urlset>'.encode("latin-1")
    web.add(SITE + "sitemap.xml", body, content_type="text/xml; charset=iso-8859-1")
    await trio_crawl.crawl(SITE, fetch=web, sitemaps=True)
    assert asked(web)[2:] == [SITE + "%C3%A9"]


@virtual
async def test_a_list_of_which_nothing_can_be_read_is_a_failure() -> None:
    """Unlike what is no list at all."""
    web = site()
    web.add(SITE + "sitemap.xml", "<urlset><url><link>/a</link></url></urlset>", content_type=XML)
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True)
    assert counts(report) == (2, 1, {"parse": 1}, {}, 0)


@virtual
async def test_what_is_too_long_in_a_list_is_counted(tmp_path: Path) -> None:
    """By itself, and all together where each is as long as its base; the state has no more."""
    web = site("a")
    long = "x" * 7_900
    items = "".join(f"<item><link>{number}?</link></item>" for number in range(2_000))
    web.robots(SITE, f"Sitemap: {SITE}1.xml\nSitemap: {SITE}2.xml\nSitemap: /{long * 2}")
    web.add(SITE + "1.xml", sitemap(f"{SITE}{long}{long}", SITE + "a"), content_type=XML)
    web.add(SITE + "2.xml", f"<rss xml:base='/{long}/'>{items}</rss>", content_type=XML)
    state = tmp_path / "s.db"
    report = await trio_crawl.crawl(SITE, fetch=web, sitemaps=True, exclude="*xx*", state=state)
    kept = report.skipped["scope"]
    assert 0 < kept * 7_900 < 4.3 * 1024 * 1024
    assert report.links_dropped == 1 + 2_000 - kept
    assert state.stat().st_size < 10_000_000
