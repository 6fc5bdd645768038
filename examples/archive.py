"""A crawl that keeps what went over the wire, and is made again from that with another parser.

Run it: ``python examples/archive.py`` writes ``crawl.warc.gz``, and then, with the server gone,
``titles.jsonl``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import trio

import trio_crawl
from trio_crawl import Page
from trio_crawl.testing import MemoryWeb, serving
from trio_crawl.writers import Warc


def titles(page: Page) -> Iterator[object]:
    """Yield the title of each page, and its links, to be followed."""
    yield from page.links()
    yield {"url": page.url, "title": page.title}


async def fetch(url: str, archive: Path) -> None:
    """Crawl the site once, to an archive."""
    report = await trio_crawl.crawl(
        url,
        write=Warc(archive, overwrite=True),
        delay=0,  # the site is ours, so there is no need to be polite,
        allow_private=True,  # and it is on loopback, which is refused otherwise
    )
    print(f"archived {report.pages} pages")


async def parse(url: str, archive: Path, output: Path) -> None:
    """Make the same crawl from the archive, as often as the parser changes."""
    report = await trio_crawl.crawl(url, fetch=archive, parse=titles, write=output, overwrite=True)
    print(f"parsed {report.pages} pages")


# From here on: a site to try it on.


async def main() -> None:
    """Serve a site, archive it, and crawl the archive when the site is gone."""
    web = MemoryWeb()
    web.links("http://library.test/", ["/poems/", "/novels/"], title="Library")
    web.links("http://library.test/poems/", ["/"], title="Poems")
    web.links("http://library.test/novels/", ["/"], title="Novels")
    archive, output = Path("crawl.warc.gz"), Path("titles.jsonl")
    async with serving(web, origin="http://library.test") as base_url:
        await fetch(f"{base_url}/", archive)
    await parse(f"{base_url}/", archive, output)
    print(await trio.Path(output).read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    trio.run(main)
