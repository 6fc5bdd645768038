"""The news of a week, by the sitemaps of the site: what is older is never asked for.

Run it: ``python examples/news_by_sitemap.py`` shows the articles that are new.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import trio

import trio_crawl
from trio_crawl import Link, Page
from trio_crawl.abc import Fetcher
from trio_crawl.testing import MemoryWeb

NOW = datetime(2026, 11, 28, tzinfo=UTC)
NEWEST, XML = NOW - timedelta(days=7), "text/xml"


def is_new(link: Link) -> bool:
    """Follow the sitemap of the site, and of what that names, whole sitemaps or pages, what is new."""
    return link.kind == "robots" or (link.lastmod is not None and link.lastmod >= NEWEST)


def parse(page: Page) -> dict[str, object] | None:
    """Return a row for each article."""
    changed = page.request.lastmod
    return None if changed is None else {"changed": f"{changed:%Y-%m-%d}", "title": page.title}


async def read_news(home: str, *, fetch: Fetcher) -> None:
    """Print the articles of the last week."""
    crawling = trio_crawl.open_crawl(home, fetch=fetch, sitemaps=True, follow=is_new, parse=parse, delay=0)
    async with crawling as articles:
        async for article in articles:
            print(article["changed"], article["title"])
    print(f"{articles.report.requests} requests, {articles.report.sitemaps} sitemaps")


async def main() -> None:
    """Serve a paper with an archive, and read its news."""
    web = MemoryWeb()
    entry = "<url><loc>http://news.test/{0}</loc><lastmod>{1:%Y-%m-%d}</lastmod></url>"
    index = "<sitemap><loc>http://news.test/{0}.xml</loc><lastmod>{0}-12-31</lastmod></sitemap>"
    for year, days in ((2024, (700, 701)), (2026, (1, 3, 40))):
        entries = [entry.format(f"{year}/{day}", NOW - timedelta(days=day)) for day in days]
        web.add(f"http://news.test/{year}.xml", f"<urlset>{''.join(entries)}</urlset>", content_type=XML)
        for day in days:
            web.add(f"http://news.test/{year}/{day}", f"<title>News of {day} days ago</title>")
    sitemaps = "".join(index.format(year) for year in (2024, 2026))
    web.add("http://news.test/sitemap.xml", f"<sitemapindex>{sitemaps}</sitemapindex>", content_type=XML)
    web.add("http://news.test/", "<title>The paper</title>")
    await read_news("http://news.test/", fetch=web)


if __name__ == "__main__":
    trio.run(main)
