"""Links in header fields."""

from __future__ import annotations

import pytest

from trio_crawl._model import Headers, Link
from trio_crawl._parse.html import HtmlDocument


def document(
    markup: str | bytes, *fields: tuple[str, str], content_type: str = "text/html; charset=utf-8"
) -> HtmlDocument:
    """Return the document at http://h/d/p, answered with header *fields*."""
    raw = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in fields)
    content = markup.encode() if isinstance(markup, str) else markup
    return HtmlDocument(content, content_type=content_type, url="http://h/d/p", headers=Headers(raw))


def test_a_refresh_field_comes_before_a_meta_element() -> None:
    """Of both a browser heeds the first, even if that only loads the page again."""
    meta = "<meta http-equiv=refresh content='0; m'>"
    assert [link.url for link in document(meta, ("Refresh", "0; f")).links(kinds="refresh")] == [
        "http://h/d/f"
    ]
    assert [link.url for link in document(meta, ("Refresh", "9")).links(kinds="refresh")] == ["http://h/d/p"]
    assert [link.url for link in document(meta, ("Refresh", "x")).links(kinds="refresh")] == ["http://h/d/m"]


def test_link_fields_are_links() -> None:
    """Relative to the response's URL whatever the document's base is; several fields, and several in one."""
    page = document(
        "<base href='/b/'>",
        ("Link", '<x>; rel="Next Prefetch"; hreflang=de, </y>; rel=canonical; type="text/html"'),
        ("link", "<mailto:a@b>; rel=author, <z>; title=none"),
    )
    assert page.links(kinds="header") == [
        Link(url="http://h/d/x", kind="header", rel=("next", "prefetch"), hreflang="de"),
        Link(url="http://h/y", kind="header", rel=("canonical",), type="text/html"),
    ]


@pytest.mark.parametrize(
    ("anchor", "counts"), [("#part", True), ("", True), ("p", True), ("/other", False), ("http://[", False)]
)
def test_a_link_field_about_another_document_is_none_of_this(anchor: str, counts: bool) -> None:
    """An anchor says whose link it is (RFC 8288, section 3.2)."""
    page = document("", ("Link", f'<x>; rel=next; anchor="{anchor}"'))
    assert bool(page.links(kinds="header")) is counts


def test_content_that_is_no_html_has_the_links_of_its_fields() -> None:
    """A PDF may say which page is canonical."""
    page = document(b"%PDF", ("Link", "</c>; rel=canonical"), content_type="application/pdf")
    assert page.links(kinds="all") == [Link(url="http://h/c", kind="header", rel=("canonical",))]
