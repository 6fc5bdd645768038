"""A parser of one's own: what it yields is followed if it is a link, and written otherwise.

Run it: ``python examples/own_parser.py`` writes ``quotes.jsonl``.
"""

from __future__ import annotations

from collections.abc import Iterator

import trio

import trio_crawl
from trio_crawl.testing import MemoryWeb, serving


def parse(page: trio_crawl.Page) -> Iterator[trio_crawl.Link | dict[str, str]]:
    """Yield the quotes of *page*, and the way to the next one."""
    yield from page.links("li.next a")
    for quote in page.css("div.quote"):
        text, author = quote.select_one("span.text"), quote.select_one("span.author")
        if text and author:
            yield {"text": text.text, "author": author.text, "url": page.url}


async def scrape(url: str) -> None:
    """Write the quotes of *url* and of the pages after it."""
    report = await trio_crawl.crawl(
        url, parse=parse, write="quotes.jsonl", overwrite=True, delay=0, allow_private=True
    )
    print(report)


# From here on: a site to try it on.

QUOTES = [
    ("Simple things should be simple, complex things should be possible.", "Alan Kay"),
    ("Premature optimization is the root of all evil.", "Donald Knuth"),
    ("Well begun is half done.", "Aristotle"),
]


async def main() -> None:
    """Serve a page for each quote, and scrape them."""
    web = MemoryWeb()
    for number, (text, author) in enumerate(QUOTES, 1):
        last = number == len(QUOTES)
        following = "" if last else f'<li class="next"><a href="/page/{number + 1}">Next</a></li>'
        web.add(
            f"http://quotes.test/page/{number}",
            f'<!doctype html><title>Quotes</title><a href="/login">Log in</a><div class="quote">'
            f'<span class="text">{text}</span> by <span class="author">{author}</span></div>'
            f"<ul>{following}</ul>",
        )
    async with serving(web, origin="http://quotes.test") as base_url:
        await scrape(f"{base_url}/page/1")
        print(await trio.Path("quotes.jsonl").read_text())


if __name__ == "__main__":
    trio.run(main)
