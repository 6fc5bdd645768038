"""The site that is crawled: always the same pages, from a fixed seed.

A page is like one of a documentation or a news site: a head, a navigation that
is the same on every page, an article with links in running text, a footer; about
20 KB, and 60 links to other pages of the site, no two of them to the same page.

    python benchmarks/site.py DIRECTORY
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGES: Final = 5_000
LINKS: Final = 60
PAGE_BYTES: Final = 20_000

SEED: Final = 20_261_121

_SECTIONS: Final = 19
_NAVIGATION: Final = range(1 + _SECTIONS)  # the front page and the sections' own
_BRANCHES: Final = 4
"""Page n links to pages 4n + 1 to 4n + 4, among others, which makes every page reachable."""

_SENTENCE: Final = (
    "a crawler asks for one page, reads what it says and follows where it leads, "
    "while a nursery waits for every task that was started in it and nothing is lost "
    "because each value has an owner, each wait an end, each queue a bound &amp; each error a name"
)

_PROSE_WORDS: Final = 100_000


def path(number: int) -> str:
    """Return the path of a page, as it is linked to."""
    if number == 0:
        return "/"
    section = f"/section-{number % _SECTIONS:02}/"
    return section if number in _NAVIGATION else f"{section}page-{number:04}.html"


def make(directory: Path, *, pages: int = PAGES) -> None:
    """Write the site and its robots.txt to *directory*, which may hold it already.

    Args:
        directory: where to; it is made if it isn't there.
        pages: how many, 100 at the least, so that there are 60 others to link to.
    """
    chance = random.Random(SEED)  # noqa: S311 - no secret: the same seed has to give the same site
    prose = " ".join(chance.choices(_SENTENCE.split(), k=_PROSE_WORDS))
    for section in range(_SECTIONS):
        (directory / f"section-{section:02}").mkdir(parents=True, exist_ok=True)
    (directory / "robots.txt").write_text("User-agent: *\nDisallow: /search\nDisallow: /private/\n")
    for number in range(pages):
        name = path(number) + ("index.html" if path(number).endswith("/") else "")
        (directory / name.lstrip("/")).write_text(_page(number, pages, prose, chance))


def _page(number: int, pages: int, prose: str, chance: random.Random) -> str:
    title = "Front page" if number == 0 else f"Page {number}"
    navigation = "\n".join(
        f'<li class="nav-item"><a class="nav-link" href="{path(target)}">Section {target}</a></li>'
        for target in _NAVIGATION
    )
    head = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width">\n</head>\n'
        f"<body>\n<header><h1>{title}</h1></header>\n<nav>\n<ul>\n{navigation}\n</ul>\n</nav>\n<main>\n"
    )
    foot = "</main>\n<footer><p>Made from a seed &mdash; the same each time.</p></footer>\n</body>\n</html>\n"
    targets = _targets(number, pages, chance)
    room = (PAGE_BYTES - len(head) - len(foot)) // len(targets)
    return head + "".join(_paragraphs(number, targets, room, prose, chance)) + foot


def _targets(number: int, pages: int, chance: random.Random) -> list[int]:
    """Return the pages that the article links to: its branches, and others at random."""
    first = _BRANCHES * number + 1
    targets = [
        child for child in range(first, first + _BRANCHES) if child < pages and child not in _NAVIGATION
    ]
    taken = {*_NAVIGATION, *targets}
    while len(taken) < LINKS:
        target = chance.randrange(len(_NAVIGATION), pages)
        if target not in taken:
            taken.add(target)
            targets.append(target)
    chance.shuffle(targets)
    return targets


def _paragraphs(
    number: int, targets: Sequence[int], room: int, prose: str, chance: random.Random
) -> Iterator[str]:
    """Yield a paragraph of about *room* bytes, with its link, for each of the targets."""
    up = "" if number == 0 else ".."
    for place, target in enumerate(targets):
        # Sites write some of their links from the root, others from the page.
        href = path(target) if place % 2 else (up + path(target)).lstrip("/")
        link = f'<a href="{href}" title="Go on to page {target}">page {target}</a>'
        length = room - len(f'<p class="text"> {link}</p>\n')
        start = prose.index(" ", chance.randrange(len(prose) - 2 * room)) + 1
        yield f'<p class="text">{prose[start : prose.index(" ", start + length)]} {link}</p>\n'


if __name__ == "__main__":
    make(Path(sys.argv[1]))
