"""The crawler of the tutorials: a file of URLs in, all the links of their pages out.

Run it: ``python examples/collect_links.py`` reads ``urls.txt``, which it makes,
and writes ``found.tsv``: ``source_url<TAB>parsed_url``, a row for each link.
"""

from __future__ import annotations

from pathlib import Path

import trio

import trio_crawl
from trio_crawl.testing import MemoryWeb, serving


async def collect_links(urls: Path, output: Path) -> None:
    """Write every link of the pages that the file *urls* names, one a line, to *output*."""
    report = await trio_crawl.crawl(
        urls,
        write=output,  # the suffix picks the format
        overwrite=True,
        max_depth=0,  # these pages alone; without it, the links on their hosts are followed
        delay=0,  # the site is ours, so there is no need to be polite,
        allow_private=True,  # and it is on loopback, which is refused otherwise
    )
    print(report)


# From here on: a site to try it on.


async def main() -> None:
    """Serve a site, and collect its links."""
    web = MemoryWeb()
    web.links("http://library.test/", ["/poems/", "/novels/", "https://example.org/"], title="Library")
    web.links("http://library.test/poems/", ["ode.html", "../", "/poems/ode.html#last"], title="Poems")
    web.links("http://library.test/novels/", ["Les%20Misérables.html", "?sort=year"], title="Novels")
    async with serving(web, origin="http://library.test") as base_url:
        urls, output = Path("urls.txt"), Path("found.tsv")
        await trio.Path(urls).write_text(f"{base_url}/\n{base_url}/poems/\n{base_url}/novels/\n")
        await collect_links(urls, output)
        print(await trio.Path(output).read_text())


if __name__ == "__main__":
    trio.run(main)
