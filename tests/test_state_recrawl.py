"""``recrawl=``: what is old enough is visited again, and asked only for what has changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, counts, objects_of, virtual
from state_support import go, select, urls_in

from trio_crawl import Page, Request, UsageError, crawl, open_crawl
from trio_crawl.__main__ import main
from trio_crawl._errors import FetchError
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trio_crawl import Hop

AGE = 1000.0
DAY = 24 * 3600.0


class Versions:
    """A site whose pages have a version each, and say 304 to who has it."""

    def __init__(self, *paths: str, dated: bool = False) -> None:
        self.web = MemoryWeb()
        self.version = dict.fromkeys(paths, 1)
        self.links: dict[str, list[str]] = {"": [path for path in paths if path]}
        self.sent: list[dict[str, str]] = []
        self._dated = dated
        for path in paths:
            self.web.add(SITE + path, self.page(path))

    def page(self, path: str) -> Callable[[Hop], Reply]:
        def answer(hop: Hop) -> Reply:
            sent = {name.lower(): value for name, value in hop.headers if name.lower().startswith("if-")}
            self.sent.append({"url": hop.url, **sent})
            version = self.version[path]
            etag, date = f'"{path}-{version}"', f"Sat, 01 Jan 2000 00:00:0{version} GMT"
            headers = [("Last-Modified", date)] if self._dated else [("ETag", etag)]
            same = sent.get("if-modified-since") == date if self._dated else sent.get("if-none-match") == etag
            if same:
                return Reply(status=304, headers=tuple(headers))
            anchors = "".join(f'<a href="/{link}">x</a>' for link in self.links.get(path, ()))
            return Reply(
                body=f"<title>{path} {version}</title>{anchors}".encode(),
                headers=(("Content-Type", "text/html"), *headers),
            )

        return answer

    def conditions(self) -> dict[str, list[str]]:
        """Return, and forget, what each URL was asked with."""
        found = {sent["url"]: [value for name, value in sent.items() if name != "url"] for sent in self.sent}
        self.sent.clear()
        return found


def titles(folder: Path) -> list[str]:
    return [row["title"] for row in objects_of(folder / "pages.jsonl")]


@virtual
@pytest.mark.parametrize("dated", [False, True], ids=["etag", "date"])
async def test_only_what_has_changed_has_rows_again(tmp_path: Path, dated: bool) -> None:
    """Each visit's rows are there once: a page that changed has two, one that did not has one."""
    site = Versions("", "a", "b", dated=dated)
    first = await go(tmp_path, site.web, recrawl=AGE)
    assert counts(first) == (3, 3, {}, {}, 0)
    assert set(site.conditions()) == {SITE, f"{SITE}a", f"{SITE}b"}
    await trio.sleep(AGE + 1)
    site.version["a"] = 2
    second = await go(tmp_path, site.web, recrawl=AGE)
    assert counts(second) == (3, 3, {}, {}, 0)
    assert (second.unchanged, dict(second.statuses), second.rows) == (2, {200: 1, 304: 2}, 4)
    assert "(200: 1, 304: 2, unchanged: 2)" in str(second)
    assert all(len(sent) == 1 for sent in site.conditions().values())
    assert sorted(titles(tmp_path)) == ["1", "a 1", "a 2", "b 1"]
    await trio.sleep(AGE + 1)
    site.version["b"] = 2
    third = await go(tmp_path, site.web, recrawl=AGE)
    assert (third.unchanged, dict(third.statuses), third.rows) == (2, {200: 1, 304: 2}, 5)
    assert select(tmp_path, "SELECT rows FROM urls ORDER BY url") == [
        ("1 + 0 + 0",),
        ("1 + 1 + 0",),
        ("1 + 0 + 1",),
    ]
    assert select(tmp_path, "SELECT number, unchanged FROM visits ORDER BY url") == [(3, 1), (3, 1), (3, 0)]


@virtual
async def test_what_is_not_old_enough_is_left_alone(tmp_path: Path) -> None:
    """Without anything old enough a finished crawl returns its report at once, and asks for nothing."""
    site = Versions("", "a")
    first = await go(tmp_path, site.web, recrawl=AGE)
    await trio.sleep(AGE / 2)
    again = await go(tmp_path, MemoryWeb(), recrawl=AGE)
    assert (again.pages, again.requests, again.rows) == (first.pages, first.requests, first.rows)
    plain = await go(tmp_path, MemoryWeb())
    assert plain.requests == first.requests


@virtual
async def test_the_age_counts_from_the_last_visit(tmp_path: Path) -> None:
    """A visit that found nothing new is a visit: the page is not asked for again before its age."""
    site = Versions("")
    await go(tmp_path, site.web, recrawl=AGE)
    await trio.sleep(AGE + 1)
    await go(tmp_path, site.web, recrawl=AGE)
    await trio.sleep(AGE / 2)
    before = len(asked(site.web))
    await go(tmp_path, site.web, recrawl=AGE)
    assert len(asked(site.web)) == before == 2


@virtual
async def test_pages_know_the_number_of_their_visit(tmp_path: Path) -> None:
    """A page has the same ``id`` at each visit, and its ``visit`` is one greater."""
    site = Versions("", "a")
    seen: list[tuple[str, str, int]] = []

    def parse(page: Page) -> Iterator[object]:
        seen.append((page.url, page.id, page.visit))
        yield from page.links()
        yield {"url": page.url, "visit": page.visit}

    for number in (1, 2, 3):
        site.version["a"] = number
        await go(tmp_path, site.web, recrawl=AGE, parse=parse)
        await trio.sleep(AGE + 1)
    assert [(url, visit) for url, _, visit in seen] == [
        (SITE, 1),
        (f"{SITE}a", 1),
        (f"{SITE}a", 2),
        (f"{SITE}a", 3),
    ]
    assert len({id_ for url, id_, _ in seen if url != SITE}) == 1


@virtual
async def test_new_links_of_a_later_visit_are_followed(tmp_path: Path) -> None:
    """A page that changed leads to what is new; what an unchanged page led to stays known."""
    site = Versions("", "a", "b")
    site.links[""] = ["a"]
    await go(tmp_path, site.web, recrawl=AGE)
    assert len(urls_in(tmp_path)) == 2
    await trio.sleep(AGE + 1)
    site.version[""], site.links[""] = 2, ["a", "b"]
    report = await go(tmp_path, site.web, recrawl=AGE)
    assert counts(report) == (3, 3, {}, {}, 0)
    assert urls_in(tmp_path) == [SITE, f"{SITE}a", SITE, f"{SITE}b"]
    assert {row["url"]: row["depth"] for row in objects_of(tmp_path / "pages.jsonl")}[SITE] == 0


@virtual
async def test_validators_go_to_the_url_that_they_are_of(tmp_path: Path) -> None:
    """Of a page that redirects, the last hop is conditional; none is where it leads elsewhere now."""
    site = Versions("", "a", "b")
    site.links[""] = ["moved"]
    target = "/a"
    site.web.add(f"{SITE}moved", lambda _hop: Reply(status=302, headers=(("Location", target),)))
    await go(tmp_path, site.web, recrawl=AGE)
    site.conditions()
    await trio.sleep(AGE + 1)
    report = await go(tmp_path, site.web, recrawl=AGE)
    assert (counts(report), report.unchanged) == ((2, 2, {}, {}, 0), 2)
    assert site.conditions()[f"{SITE}a"] == ['"a-1"']
    await trio.sleep(AGE + 1)
    target = "/b"
    report = await go(tmp_path, site.web, recrawl=AGE)
    assert (counts(report), report.unchanged) == ((2, 2, {}, {}, 0), 1)
    assert site.conditions()[f"{SITE}b"] == []
    assert titles(tmp_path)[-1] == "b 1"


@virtual
async def test_conditions_of_the_requests_own(tmp_path: Path) -> None:
    """A request that has conditions itself gets no others, and its 304 is a page as any status is."""
    site = Versions("")
    seed = Request(SITE, headers=(("If-None-Match", '"-1"'),))
    for rows in (1, 2):
        report = await go(tmp_path, site.web, seeds=[seed], recrawl=AGE)
        assert (report.unchanged, dict(report.statuses), report.rows) == (0, {304: 1}, rows)
        await trio.sleep(AGE + 1)
    assert site.sent == [{"url": SITE, "if-none-match": '"-1"'}] * 2


@virtual
async def test_a_304_that_nobody_asked_for(tmp_path: Path) -> None:
    """A server that says 304 without a condition gives a page with that status."""
    web = MemoryWeb()
    web.add(SITE, status=304)
    report = await go(tmp_path, web)
    assert (report.unchanged, dict(report.statuses), report.rows) == (0, {304: 1}, 1)


@virtual
async def test_pages_that_have_no_validators(tmp_path: Path) -> None:
    """Without an ETag or a date, or with another status than 200, a page comes whole at each visit."""
    web = MemoryWeb()
    web.links(SITE, ["/gone"])
    web.add(f"{SITE}gone", status=404, headers=[("ETag", '"x"')])
    await go(tmp_path, web, recrawl=AGE)
    await trio.sleep(AGE + 1)
    report = await go(tmp_path, web, recrawl=AGE)
    assert (report.pages, report.unchanged, report.rows) == (2, 0, 4)
    assert all(
        not name.lower().startswith("if-") for exchange in web.requests for name, _ in exchange.headers
    )


@pytest.mark.parametrize("kind", ["protocol", "connect", "dns", "redirects", "parse"])
@virtual
async def test_a_visit_that_fails_leaves_the_page_what_it_was(kind: str, tmp_path: Path) -> None:
    """It stays a page with its rows, is asked for again at the next age, and the report says so."""
    site = Versions("", "a", "b")

    def parse(page: Page) -> Iterator[object]:
        if kind == "parse" and page.visit == 2 and page.url != SITE:
            raise LookupError
        yield from page.links()
        yield {"url": page.url, "title": page.title}

    keywords: dict[str, Any] = {"recrawl": AGE, "retries": 0, "parse": parse}
    first = await go(tmp_path, site.web, **keywords)
    await trio.sleep(AGE + 1)
    site.version["a"] = site.version["b"] = 2
    if kind == "redirects":
        site.web.add(f"{SITE}a", redirect="/a")
    elif kind != "parse":
        site.web.add(f"{SITE}a", failure=kind)  # type: ignore[arg-type]
    report = await go(tmp_path, site.web, **keywords)
    failed = 2 if kind == "parse" else 1
    assert (counts(report), report.revisits_failed) == ((3, 3, {}, {}, 0), failed)
    assert dict(report.statuses) == {200: 2, 304: 1}
    assert report.rows == first.rows + 2 - failed
    assert main(["check", str(tmp_path / "crawl.db"), str(tmp_path / "pages.jsonl")]) == 0
    asked_before = len(asked(site.web))
    report = await go(tmp_path, site.web, **keywords)
    assert len(asked(site.web)) == asked_before, "it is due at its age, and not before"
    await trio.sleep(AGE + 1)
    site.web.add(f"{SITE}a", site.page("a"))
    report = await go(tmp_path, site.web, **keywords)
    assert (counts(report), report.revisits_failed) == ((3, 3, {}, {}, 0), failed)
    assert report.rows == first.rows + 2
    assert f"revisits failed: {failed}" in str(report)


@pytest.mark.parametrize("unchanged", [False, True])
@pytest.mark.parametrize("target", ["/login", "https://sso.test/"])
@virtual
async def test_a_session_that_ran_out_costs_no_page(unchanged: bool, target: str, tmp_path: Path) -> None:
    """Pages that are redirected to what is another page, or out of scope, stay what they were."""
    site = Versions("", "login", "a", "b")
    await go(tmp_path, site.web, recrawl=AGE)
    await trio.sleep(AGE + 1)
    if unchanged:
        assert (await go(tmp_path, site.web, recrawl=AGE)).unchanged == 4
        await trio.sleep(AGE + 1)
    before = await go(tmp_path, site.web)
    for name in ("a", "b"):
        site.web.add(SITE + name, redirect=target)
    report = await go(tmp_path, site.web, recrawl=AGE)
    assert (counts(report), report.revisits_redirected) == ((4, 4, {}, {}, 0), 2)
    assert (report.rows, report.unchanged) == (before.rows, 4 if unchanged else 2)
    assert main(["check", str(tmp_path / "crawl.db"), str(tmp_path / "pages.jsonl")]) == 0
    await trio.sleep(AGE + 1)
    for name in ("a", "b"):
        site.web.add(SITE + name, site.page(name))
        site.version[name] = 7
    report = await go(tmp_path, site.web, recrawl=AGE)
    assert (counts(report), report.revisits_redirected) == ((4, 4, {}, {}, 0), 2)
    assert sorted(titles(tmp_path)) == ["1", "a 1", "a 7", "b 1", "b 7", "login 1"]


@pytest.mark.parametrize("robots", [False, True])
@virtual
async def test_a_host_that_is_gone_at_a_later_visit_costs_no_page(robots: bool, tmp_path: Path) -> None:
    """With all that it has: a host that is given up in a recrawl keeps its pages."""
    names = [f"p{number}" for number in range(30)]
    site = Versions("", *names)
    await go(tmp_path, site.web, recrawl=AGE)
    await trio.sleep(DAY + 1)
    down = MemoryWeb()
    gone = Reply(status=503) if robots else Reply(failure=FetchError("connect", "x"))
    down.otherwise(SITE, lambda _hop: gone)
    report = await go(tmp_path, down, recrawl=AGE)
    assert (counts(report), report.revisits_failed) == ((31, 31, {}, {}, 0), 31)
    assert main(["check", str(tmp_path / "crawl.db"), str(tmp_path / "pages.jsonl")]) == 0
    await trio.sleep(DAY + 1)
    report = await go(tmp_path, site.web, recrawl=AGE, retry_failed=True)
    assert (counts(report), report.unchanged) == ((31, 31, {}, {}, 0), 31)


@virtual
async def test_a_page_that_is_forbidden_at_a_later_visit(tmp_path: Path) -> None:
    """A visit that robots.txt forbids is a skip; the page's earlier rows stay, and the accounts agree."""
    site = Versions("", "a")
    await go(tmp_path, site.web, recrawl=AGE)
    await trio.sleep(DAY + 1)  # for so long a robots.txt is known
    site.web.robots(SITE, "User-agent: *\nDisallow: /a\n")
    report = await go(tmp_path, site.web, recrawl=AGE)
    assert (counts(report), report.rows) == ((2, 1, {}, {"robots": 1}, 0), 2)
    assert main(["check", str(tmp_path / "crawl.db"), str(tmp_path / "pages.jsonl")]) == 0
    assert len(urls_in(tmp_path)) == 2


@virtual
async def test_limits_count_urls_not_visits(tmp_path: Path) -> None:
    """``max_pages`` is the number of pages there are: another visit takes its own page's place."""
    site = Versions("", "a", "b", "c")
    first = await go(tmp_path, site.web, recrawl=AGE, max_pages=2)
    assert counts(first) == (4, 2, {}, {"max_pages": 2}, 0)
    await trio.sleep(AGE + 1)
    second = await go(tmp_path, site.web, recrawl=AGE, max_pages=2)
    assert (counts(second), second.unchanged) == (counts(first), 2)
    assert urls_in(tmp_path) == [SITE, f"{SITE}a"]


@virtual
async def test_a_run_without_recrawl_finishes_what_was_begun(tmp_path: Path) -> None:
    """Visits that are due stay so when a run ends before them, whatever the next one is called with."""
    site = Versions("", "a", "b")
    await go(tmp_path, site.web, recrawl=AGE)
    await trio.sleep(AGE + 1)
    cut = await go(tmp_path, site.web, recrawl=AGE, delay=100, max_time=150)
    assert (cut.ended, cut.pages, cut.pending) == ("max_time", 2, 1)
    rest = await go(tmp_path, site.web)
    assert (rest.pages, rest.unchanged, rest.rows) == (3, 3, 3)
    assert select(tmp_path, "SELECT number FROM visits") == [(2,)] * 3


@virtual
async def test_a_stream_gives_what_has_changed(tmp_path: Path) -> None:
    """A stream is given no page that has not changed, and ends."""
    site = Versions("", "a")
    given: list[list[tuple[str, int]]] = []
    for version in (1, 2):
        site.version["a"] = version
        async with open_crawl(
            SITE, fetch=site.web, state=tmp_path / "crawl.db", delay=0, recrawl=AGE
        ) as pages:
            given.append([(page.url, page.visit) async for page in pages])
        await trio.sleep(AGE + 1)
    assert given == [[(SITE, 1), (f"{SITE}a", 1)], [(f"{SITE}a", 2)]]
    assert pages.report.unchanged == 1


@virtual
async def test_recrawl_needs_a_state() -> None:
    """Without ``state=`` nobody knows how old a page is; nor is an age less than a moment."""
    with pytest.raises(UsageError, match="recrawl= needs state="):
        await crawl(SITE, recrawl=5)
    bad: Any
    for bad in (0, -1, True, "5", float("nan")):
        with pytest.raises(UsageError, match="recrawl= is .*; it takes a number of seconds, more than 0"):
            await crawl(SITE, recrawl=bad, state="crawl.db")


def test_a_check_after_several_visits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``trio-crawl check`` finds nothing wrong with them, and a number of unchanged pages that is."""

    async def visits() -> None:
        site = Versions("", "a", "b")
        for version in (1, 2, 2):
            site.version["a"] = version
            await go(tmp_path, site.web, recrawl=AGE)
            await trio.sleep(AGE + 1)

    trio.run(visits, clock=trio.testing.MockClock(autojump_threshold=0))
    command = ["check", str(tmp_path / "crawl.db"), str(tmp_path / "pages.jsonl")]
    assert main(command) == 0, capsys.readouterr()
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as state, state:
        state.execute("UPDATE visits SET unchanged = 0")
    assert main(command) == 1
    assert "the books have 3 unchanged pages, the URLs 0" in capsys.readouterr().out
