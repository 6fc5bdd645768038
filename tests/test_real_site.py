"""A real site: Python's documentation, served by nginx, as an independent search finds it.

The search shares nothing with the library: the standard library's client and HTML
parser, `urllib.parse` for URLs, and one page after the other.
"""

from __future__ import annotations

import csv
import json
from collections import deque
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, urldefrag, urljoin, urlsplit, urlunsplit

import pytest

import trio_crawl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Serve

FEWEST: Final = 500  # pages: fewer would be no real site

# What the URL standard leaves as it is in a path, and in the query of an http(s) URL.
IN_A_PATH: Final = "/%:@!$&'()*+,;=[]|\\"
IN_A_QUERY: Final = IN_A_PATH.replace("'", "") + "?`{}^"


class Anchors(HTMLParser):
    """Collects what the links of a page say, and its first base."""

    def __init__(self) -> None:
        super().__init__()
        self.base: str | None = None
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the target of an element that links."""
        target = dict(reversed(attrs)).get("href")  # of two attributes of one name the first counts
        if target is None:
            return
        if tag in {"a", "area"}:
            self.found.append(target)
        elif tag == "base" and self.base is None:
            self.base = target


@dataclass(frozen=True, slots=True)
class Found:
    """What the search found: the pages, each with its links in their order, and their statuses."""

    links: dict[str, list[str]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)


def absolute(base: str, target: str) -> str | None:
    """Return where *target* leads, as a browser would ask for it; None if it is no http(s) URL."""
    parts = urlsplit(urldefrag(urljoin(base, target.strip())).url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    usual = {"http": 80, "https": 443}[parts.scheme]
    host = parts.hostname if parts.port in {None, usual} else f"{parts.hostname}:{parts.port}"
    path = quote(parts.path or "/", safe=IN_A_PATH)
    return urlunsplit((parts.scheme, host, path, quote(parts.query, safe=IN_A_QUERY), ""))


def links_of(url: str, content: str) -> Iterator[str]:
    """Yield the http(s) links of a page, in their order, each once."""
    anchors = Anchors()
    anchors.feed(content)
    anchors.close()
    base = urljoin(url, anchors.base or "")
    yield from dict.fromkeys(link for target in anchors.found if (link := absolute(base, target)) is not None)


def breadth_first(seed: str) -> Found:
    """Visit every page of the seed's host that can be reached from it, one after the other."""
    host = urlsplit(seed).hostname
    found = Found()
    waiting, known = deque([seed]), {seed}
    connection = HTTPConnection(urlsplit(seed).netloc, timeout=30)
    while waiting:
        url = waiting.popleft()
        parts = urlsplit(url)
        assert parts.netloc == connection.host + f":{connection.port}", "another server of the same host"
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        response = connection.getresponse()
        body = response.read()
        # A redirect would be a matter of order: whichever URL comes first is the page.
        assert response.status in {200, 404}, url
        found.statuses[url] = response.status
        is_html = response.headers.get_content_type() == "text/html"
        found.links[url] = list(links_of(url, body.decode())) if is_html else []
        if response.status == 200:
            new = [link for link in found.links[url] if urlsplit(link).hostname == host and link not in known]
            known.update(new)
            waiting.extend(new)
    connection.close()
    return found


@pytest.fixture(scope="module")
def site(nginx: Serve, python_docs: Path) -> str:
    """Serve Python's documentation; return its first URL."""
    return nginx(python_docs)


@pytest.fixture(scope="module")
def expected(site: str) -> Found:
    """Search the site."""
    return breadth_first(site)


@pytest.mark.parametrize("fetch", ["curl", "httpx"])
@pytest.mark.slow
async def test_a_crawl_finds_what_a_search_finds(
    fetch: Literal["curl", "httpx", "asks"], site: str, expected: Found, tmp_path: Path
) -> None:
    """The crawl has the same pages as the search, and on each the same links in the same order."""
    rows, pages = tmp_path / "links.tsv", tmp_path / "pages.jsonl"
    report = await trio_crawl.crawl(
        site,
        fetch=fetch,
        write=[rows, pages],
        delay=0,
        concurrency=16,
        per_host=16,
        per_address=16,
        allow_private=True,
    )

    with pages.open(encoding="utf-8") as lines:
        objects = [json.loads(line) for line in lines]
    assert len(objects) > FEWEST
    assert {page["url"]: page["status"] for page in objects} == expected.statuses
    assert {page["url"]: page["links"] for page in objects} == expected.links
    assert len(objects) == len(expected.links)

    with rows.open(encoding="utf-8", newline="") as lines:
        header, *pairs = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    assert header == ["source_url", "parsed_url"]
    assert sorted(map(tuple, pairs)) == sorted(
        (url, link) for url, links in expected.links.items() for link in links
    )

    assert report.ended == "done"
    assert (report.pages, report.failed, report.pending) == (len(objects), {}, 0)
    assert report.discovered == report.pages + sum(report.skipped.values())
