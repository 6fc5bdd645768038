"""What an XML document is, by its root."""

from __future__ import annotations

import pytest
from growth_support import assert_linear

from trio_crawl._parse.html import HtmlDocument
from trio_crawl._parse.xml_root import XHTML, root_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<a/>", ("", "a")),
        ("\ufeff \n<?xml version='1.0'?><!-- <b> --><?pi <c> ?><a >", ("", "a")),
        ("<a xmlns='A'>", ("A", "a")),
        ("<p:a xmlns='A' xmlns:p=' P '>", ("P", "a")),
        ("<p:a xmlns='A'>", ("", "a")),
        ("<a b='xmlns=\"A\"' c='>'\n xmlns = \"B\">", ("B", "a")),
        ("<!DOCTYPE a PUBLIC '>' \"[\" [<!ENTITY e '<b>]'> <!-- ] > ' --> <?x ]>' ?>]><a>", ("", "a")),
        ("<a", None),
        ("a<b>", None),
        ("<!-- <a>", None),
        ("<!DOCTYPE a [ <a>", None),
        ("", None),
    ],
)
def test_the_root_is_the_first_element(text: str, expected: tuple[str, str] | None) -> None:
    """Behind declarations, comments, instructions and a document type, whatever stands in these."""
    assert root_of(text) == expected


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        ("", "<?"),
        ("", "<!--"),
        ("", "<!-- -->"),
        ("<!DOCTYPE ", "['"),
        ("<!DOCTYPE [", "<!--"),
        ("<!DOCTYPE [", "''"),
        ("<a ", "b='"),
        ("<a ", "xmlns='x' "),
        ("<a ", "xmlns"),
    ],
)
def test_what_never_ends_is_looked_through_once(start: str, piece: str) -> None:
    """However it may be read."""
    assert_linear(lambda size: root_of(start + piece * (size // len(piece))), 4_000)


PAGE = f"<html xmlns='{XHTML}'><body><a href='/a'>a</a></body></html>"
SITEMAP = f"<urlset xmlns:xhtml='{XHTML}'><url><loc>https://h/a</loc></url></urlset>"
FEED = (
    f"<feed><entry><link href='/a'/><content><p xmlns='{XHTML}'><a href='/no'/></p></content></entry></feed>"
)


@pytest.mark.parametrize("media", ["text/xml", "application/xml", None])
@pytest.mark.parametrize("start", ["", "<?xml version='1.0'?>", f"<?xml version='1.0'?><!-- {XHTML} -->"])
def test_a_page_a_list_or_nothing_is_told_by_the_root(media: str | None, start: str) -> None:
    """Not by a namespace that is mentioned, however early or late."""
    if media is None and not start:
        return  # without a type and a declaration it is no XML

    def links(text: str) -> tuple[list[str], list[str]]:
        page = HtmlDocument((start + text).encode(), content_type=media, url="https://h/x")
        return [link.url for link in page.links()], [
            link.url for link in page.links(kinds=("sitemap", "feed"))
        ]

    assert links(PAGE) == (["https://h/a"], [])
    assert links(f"<!-- {'x' * 20_000} -->{PAGE}") == (["https://h/a"], [])
    assert links(SITEMAP) == ([], ["https://h/a"])
    assert links(FEED) == ([], ["https://h/a"])
    assert links(f"<svg xmlns='http://www.w3.org/2000/svg' xmlns:x='{XHTML}'><x:a href='/no'/></svg>") == (
        [],
        [],
    )


@pytest.mark.parametrize("text", [SITEMAP, FEED, "<sitemapindex/>", "<!-- a --><r:rss/>", "<rdf:RDF>"])
def test_without_any_type_a_list_is_no_page(text: str) -> None:
    """Though nothing else says that it is XML; what is HTML stays it, whatever it mentions."""
    assert not HtmlDocument(text.encode(), content_type=None, url="https://h/").is_html
    assert HtmlDocument(f"<p>{text}".encode(), content_type=None, url="https://h/").is_html
    assert HtmlDocument(text.encode(), content_type="text/html", url="https://h/").is_html
