"""What the watch for traps learned, and which page had a content first, is in the state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crawl_support import SITE, asked, counts, virtual
from state_support import go, select

from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from pathlib import Path

    from trio_crawl import Page


def endless(pages: int = 3_000) -> MemoryWeb:
    """Return a calendar without an end in sight."""
    web = MemoryWeb()
    web.robots(SITE, "")
    web.links(SITE, ["/calendar/2024/01/01"])
    for number in range(pages):
        web.links(_day(number), [_day(number + 1)], title="Day")
    return web


def _day(number: int) -> str:
    month, day = divmod(number, 28)
    return f"{SITE}calendar/{2024 + month // 12}/{month % 12 + 1:02}/{day + 1:02}"


@virtual
async def test_a_trap_has_no_more_for_a_resume(tmp_path: Path) -> None:
    """Broken off ten times, a crawl leaves a trap after as many pages as in one go."""
    whole = await go(tmp_path, endless(), write=None, state=tmp_path / "whole.db")
    assert whole.skipped["trap_pattern"] == 1
    for most in range(50, 550, 50):
        await go(tmp_path, endless(), write=None, max_pages=most)
    parts = await go(tmp_path, endless(), write=None)
    assert counts(parts) == counts(whole)


@virtual
async def test_what_was_passed_by_is_pending_without_the_guard(tmp_path: Path) -> None:
    """With ``traps=False`` the same call goes on where the guard stopped, and with it again no further."""
    web = endless(700)
    web.links(SITE, ["/calendar/2024/01/01", "/x/y/x/y/x/y/x/y"])
    web.links(f"{SITE}x/y/x/y/x/y/x/y", [])
    web.add(_day(700))
    first = await go(tmp_path, web, write=None)
    assert set(first.skipped) == {"trap_pattern", "trap_repetition"}
    again = await go(tmp_path, web, write=None)
    assert counts(again) == counts(first)
    last = await go(tmp_path, web, write=None, traps=False)
    assert counts(last) == (703, 703, {}, {}, 0)
    assert len(asked(web)) == len(set(asked(web)))


@virtual
async def test_max_per_host_is_raised(tmp_path: Path) -> None:
    """What ``max_per_host`` skipped is pending again when it is raised, and each host has its count."""
    web = MemoryWeb()
    seeds = ["https://one.test/", "https://two.test/"]
    for site in seeds:
        web.robots(site, "")
        web.links(site, [f"/{number}" for number in range(5 if site == seeds[0] else 2)])
        for number in range(5):
            web.links(f"{site}{number}", [])
    found = []
    for most in (2, 2, 4, 3, None):
        report = await go(tmp_path, web, seeds=seeds, max_per_host=most)
        found.append((report.pages, report.skipped.get("max_per_host", 0)))
        assert report.discovered == 9
    assert found == [(4, 5), (4, 5), (7, 2), (7, 2), (9, 0)]
    assert len(asked(web)) == len(set(asked(web))) == 9


@virtual
async def test_duplicates_are_told_across_a_resume(tmp_path: Path) -> None:
    """A page of a later run names the page of an earlier one, and the state keeps which."""
    web = MemoryWeb()
    web.robots(SITE, "")
    web.links(SITE, ["/a", "/b", "/c"])
    for name in "abc":
        web.add(f"{SITE}{name}", "the same")
    found: list[Page] = []

    def parse(page: Page) -> Any:  # noqa: ANN401 - links
        found.append(page)
        return page.links()

    for most in (2, 3, 4):
        await go(tmp_path, web, parse=parse, max_pages=most)
    assert [(page.url, page.duplicate_of) for page in found] == [
        (SITE, None),
        (f"{SITE}a", None),
        (f"{SITE}b", f"{SITE}a"),
        (f"{SITE}c", f"{SITE}a"),
    ]
    assert select(tmp_path, "SELECT id, duplicate_of FROM urls ORDER BY id") == [
        (1, None),
        (2, None),
        (3, 2),
        (4, 2),
    ]


@virtual
async def test_soft_404s_are_in_the_state(tmp_path: Path) -> None:
    """A page that was marked is so in the state."""
    web = MemoryWeb()
    web.links(SITE, [f"/{number}" for number in range(250)])
    for number in range(249):
        web.links(f"{SITE}{number}", [], title=f"Page {number}")
    web.otherwise(SITE, lambda _hop: "nothing of that name")
    report = await go(tmp_path, web)
    assert report.probes == 1
    assert select(tmp_path, "SELECT url FROM urls WHERE soft_404") == [(f"{SITE}249",)]
