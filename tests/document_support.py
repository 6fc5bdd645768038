"""The content of a page for tests of what only passes it on."""

from __future__ import annotations

from html import escape

from trio_crawl._parse.html import HtmlDocument


def titled(title: str | None = None, *, encoding: str = "utf-8") -> HtmlDocument:
    """Return a document that has a title, or nothing at all."""
    markup = "" if title is None else f"<title>{escape(title)}</title>"
    return HtmlDocument(
        markup.encode(encoding), content_type=f"text/html; charset={encoding}", url="http://site.test/"
    )
