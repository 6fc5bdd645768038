"""Outcomes of pages that nobody fetched: what writers are checked with."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from .._model import Exchange, Failure, Headers, Hop, Page, Parsed, Request, Response
from .._parse.html import HtmlDocument
from .._parse.links import LinkCache

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model import Outcome

_FETCHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_HTML = "text/html; charset=utf-8"


def page_of(url: str, links: Sequence[str] = (), rows: Sequence[Any] | None = None) -> Parsed:
    """Return a page at *url* as a parser left it: with the *rows* of a user's, or with its *links*."""
    anchors = "".join(f'<a href="{escape(link)}">{escape(link)}</a>' for link in links)
    content = f"<!doctype html><title>{escape(url)}: ✓</title>{anchors}".encode()
    document = HtmlDocument(content, content_type=_HTML, url=url, cache=LinkCache())
    page = Page(
        id=url,
        request=Request(url),
        url=url,
        final_url=url,
        status=200,
        headers=Headers(((b"Content-Type", _HTML.encode()),)),
        content=content,
        depth=0,
        referrer=None,
        attempts=1,
        fetched_at=_FETCHED,
        elapsed=0.25,
        http_version="1.1",
        address="",
        _document=document,
    )
    response = Response(url=url, status=200, headers=page.headers, body=content, elapsed=0.25)
    return Parsed(
        page=page,
        links=tuple(page.links()),
        rows=None if rows is None else tuple(rows),
        exchanges=(Exchange(hop=Hop(url=url), response=response, ended=_FETCHED),),
    )


def failure_of(url: str) -> Failure:
    """Return the failure of the page at *url*."""
    return Failure(
        id=url,
        request=Request(url),
        url=url,
        kind="connect",
        message="refused: ✗",
        depth=1,
        referrer="http://site.test/",
        attempts=3,
        exchanges=(Exchange(hop=Hop(url=url), kind="connect", message="refused: ✗", ended=_FETCHED),),
    )


def pages() -> list[Outcome]:
    """Return outcomes as a crawl without a parser of the user's has them."""
    site = "http://site.test"
    return [
        page_of(f"{site}/"),
        page_of(f"{site}/one", [f"{site}/{number}?a=1,2&b='" for number in range(9)]),
        failure_of(f"{site}/failed"),
        page_of(f"{site}/two", [f"{site}/", "http://other.test/\u00fc"]),
        page_of(f"{site}/three", [f"{site}/long/{'x' * 3000}"]),
        page_of(f"{site}/four"),
    ]


def pages_with_rows() -> list[Outcome]:
    """Return outcomes as a crawl with a parser of the user's has them; each row has the same fields."""
    site = "http://site.test"
    texts = ["plain", 'a "quoted", one', "two\nlines\r\nand a\ttab", "\u00fc \U0001f577", "", "\\n"]
    rows = [{"text": text, "number": number} for number, text in enumerate(texts)]
    return [
        page_of(f"{site}/none", rows=[]),
        page_of(f"{site}/some", rows=rows[:4]),
        failure_of(f"{site}/failed"),
        page_of(f"{site}/one", rows=rows[4:5]),
        page_of(f"{site}/long", rows=[{"text": "y" * 3000, "number": 7}]),
        page_of(f"{site}/last", rows=rows[5:]),
    ]
