"""The site of the demonstration: some forty pages with what a crawler meets on real ones."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from ..testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Iterable

ORIGIN: Final = "http://lighthouse.test"
"""The origin of the pages; their links are relative, so they work wherever the site is served."""

SLOW: Final = 1.0
"""Seconds that the slow page takes."""

_CHAPTERS: Final = (
    "The lamp",
    "The lens",
    "The tower",
    "The keeper",
    "The fog signal",
    "The boat",
    "The logbook",
    "The storm",
)
_KEEPERS: Final = ("Łucja Żak", "José Núñez", "Åse Bjørnstad", "Ελένη", "Иван", "灯台守")
_POSTS: Final = 12
_POSTS_A_PAGE: Final = 4

_NAVIGATION: Final = (
    ("/", "Home"),
    ("/guide/", "Guide"),
    ("/news/", "News"),
    ("/keepers/", "Keepers"),
    ("/files/", "Files"),
    ("/private/ledger", "Ledger"),
)

_ROBOTS: Final = """\
User-agent: *
Disallow: /private/
"""


def make_site() -> MemoryWeb:
    """Return the site, under `ORIGIN`."""
    web = MemoryWeb()
    web.robots(ORIGIN, _ROBOTS)
    _add_front(web)
    _add_guide(web)
    _add_news(web)
    _add_keepers(web)
    _add_files(web)
    return web


def _add_front(web: MemoryWeb) -> None:
    targets = [
        ("/guide/", "The guide"),
        ("/old-guide", "The guide where it was before"),
        ("/latest", "The latest news"),
        ("/keepers/", "Who keeps the light"),
        ("/weather", "The weather (it takes its time)"),
        ("/wreck", "A page that is gone"),
        ("/files/", "Files"),
        ("https://example.org/", "Another site"),
        ("mailto:keeper@lighthouse.test", "Write to us"),
    ]
    _add(web, "/", "The lighthouse", "A small site to try a crawler on.", targets)
    web.add(f"{ORIGIN}/weather", _page("The weather", "Fog. This page came a second late.", []), delay=SLOW)
    _add(web, "/private/ledger", "The ledger", "robots.txt asks crawlers not to read this.", [])
    web.add(f"{ORIGIN}/wreck", _page("Gone", "There is nothing here.", []), status=404)
    # Permanent, temporary, and in two steps.
    web.add(f"{ORIGIN}/old-guide", redirect="/guide/", status=301)
    web.add(f"{ORIGIN}/latest", redirect=f"/news/{_POSTS}")
    web.add(f"{ORIGIN}/light", redirect="/lamp", status=308)
    web.add(f"{ORIGIN}/lamp", redirect="/guide/1?from=light", status=307)


def _add_guide(web: MemoryWeb) -> None:
    chapters = [(f"/guide/{number}", title) for number, title in enumerate(_CHAPTERS, 1)]
    _add(web, "/guide/", "Guide", "How a lighthouse works.", [*chapters, ("/light", "A short cut")])
    for number, (path, title) in enumerate(chapters, 1):
        around = chapters[max(number - 2, 0) : number - 1] + chapters[number : number + 1]
        _add(web, path, title, f"Chapter {number} of {len(chapters)}.", around)
    _add(
        web, "/guide/1?from=light", "The lamp", "The first chapter, by the short cut.", [("/guide/", "Guide")]
    )


def _add_news(web: MemoryWeb) -> None:
    lists = ["/news/", *(f"/news/?page={number}" for number in range(2, _POSTS // _POSTS_A_PAGE + 1))]
    for number, path in enumerate(lists):
        first = _POSTS - number * _POSTS_A_PAGE
        posts = [(f"/news/{post}", f"Report {post}") for post in range(first, first - _POSTS_A_PAGE, -1)]
        older = [(later, "Older news") for later in lists[number + 1 : number + 2]]
        _add(web, path, "News", "What happened at sea.", posts + older)
    for post in range(1, _POSTS + 1):
        keeper = _KEEPERS[post % len(_KEEPERS)]
        text = f"{post} ships passed, all lights were on."
        _add(
            web, f"/news/{post}", f"Report {post}", text, [(_address(keeper), keeper), ("#top", "To the top")]
        )


def _add_keepers(web: MemoryWeb) -> None:
    keepers = [(_address(name), name) for name in _KEEPERS]
    _add(web, "/keepers/", "Keepers", "Their names are written as they are spoken.", keepers)
    for path, name in keepers:
        _add(web, path, name, f"{name} keeps the light.", [("./", "All keepers")])


def _add_files(web: MemoryWeb) -> None:
    targets = [("tides.csv", "Tides"), ("chart.png", "The chart"), ("café.html", "The café")]
    _add(web, "/files/", "Files", "Not all of the web is HTML.", targets)
    web.add(f"{ORIGIN}/files/tides.csv", "time,metres\n04:12,3.1\n10:26,0.8\n", content_type="text/csv")
    web.add(f"{ORIGIN}/files/chart.png", b"\x89PNG\r\n\x1a\n" + bytes(2000), content_type="image/png")
    # In an encoding that the page itself names, and no header does.
    cafe = _page("Café", "Déjà vu.", [("/", "Home")]).replace("utf-8", "windows-1252")
    web.add(f"{ORIGIN}/files/café.html", cafe.encode("windows-1252"), content_type="text/html")


def _address(keeper: str) -> str:
    return "/keepers/" + keeper.replace(" ", "-")


def _add(web: MemoryWeb, path: str, title: str, text: str, targets: Iterable[tuple[str, str]]) -> None:
    web.add(ORIGIN + path, _page(title, text, targets))


def _page(title: str, text: str, targets: Iterable[tuple[str, str]]) -> str:
    items = "".join(f"<li>{_anchor(target, name)}</li>\n" for target, name in targets)
    navigation = " | ".join(_anchor(target, name) for target, name in _NAVIGATION)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        f"<nav>{navigation}</nav>\n<h1>{html.escape(title)}</h1>\n<p>{html.escape(text)}</p>\n"
        f"<ul>\n{items}</ul>\n</html>\n"
    )


def _anchor(target: str, name: str) -> str:
    return f'<a href="{html.escape(target)}">{html.escape(name)}</a>'
