"""``testing.page``: a page for a parser alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from trio_crawl import UsageError
from trio_crawl.testing import page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_crawl import Page


def parse(found: Page) -> Iterator[Any]:
    yield from found.links("a.next")
    [heading] = found.css("h1")
    data: Any = found.request.data
    yield {"title": heading.text, "url": found.url, **data}


def test_a_parser_is_tested_by_a_page_alone() -> None:
    """It has what the page of a crawl has: links are joined, text is decoded, the request is there."""
    html = "<h1>Grün</h1><a class=next href='../2'>on</a>"
    link, row = parse(page(html, url="https://shop.test/tea/1", data={"found": 1}))
    assert link.url == "https://shop.test/2"
    assert row == {"title": "Grün", "url": "https://shop.test/tea/1", "found": 1}


def test_what_a_page_may_be_told() -> None:
    """Status, fields, bytes in an encoding, label and depth; a URL that is none is an error."""
    made = page(
        "Grün".encode("latin-1"),
        url="HTTPS://Shop.test",
        status=404,
        content_type="text/plain; charset=iso-8859-1",
        headers=[("X-Robots-Tag", "noindex")],
        label="item",
        depth=3,
    )
    assert (made.url, made.request.asked) == ("https://shop.test/", "HTTPS://Shop.test")
    assert (made.status, made.content_type, made.depth, made.request.label) == (404, "text/plain", 3, "item")
    assert made.html == "Grün"
    assert "noindex" in made.directives
    with pytest.raises(UsageError, match="did you mean"):
        page("", url="shop.test")
