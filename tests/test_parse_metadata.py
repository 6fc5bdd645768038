"""What a page says of itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from trio_crawl._parse.html import HtmlDocument


def document(markup: str, *, content_type: str = "text/html; charset=utf-8") -> HtmlDocument:
    """Return a document at a place that references can be relative to."""
    return HtmlDocument(markup.encode(), content_type=content_type, url="http://h/d/p?q")


def test_of_metas_the_first_of_a_name_counts() -> None:
    """Names are compared without case, contents lose the white space around them."""
    page = document(
        "<meta name=Description content=' a &amp;\n b '><meta name=description content=c>"
        "<meta name=empty content><meta name=nothing><meta content=x><meta name='' content=y>"
    )
    assert page.meta == {"description": "a &\n b", "empty": ""}


def test_metas_of_other_namespaces_and_templates_do_not_count() -> None:
    """SVG has no metas of HTML's, and what is in a template is not in the document."""
    page = document("<svg><title><meta name=a content=b></title></svg><template><meta name=c content=d>")
    assert page.meta == {"a": "b"}


def test_open_graph_is_what_has_its_prefixes() -> None:
    """The first of a name is the preferred one, and ``name`` stands in for ``property``."""
    page = document(
        "<meta name=og:title content=second><meta property=og:title content=first>"
        "<meta property=og:image content=a><meta property=og:image content=b>"
        "<meta property=article:author content=c><meta name=og:locale content=de_DE>"
        "<meta name=viewport content=x><meta property=og: content=y><meta property=twitter:card content=z>"
    )
    assert page.opengraph == {
        "og:title": "first",
        "og:image": "a",
        "article:author": "c",
        "og:locale": "de_DE",
    }


def test_linked_data_is_read_script_by_script() -> None:
    """Of any value, with line feeds in strings; what is no JSON is left out."""
    deep = "[" * 100_000
    page = document(
        '<script type="application/ld+json">{"@type": "Thing", "name": "a\nb"}</script>'
        '<script type="application/ld+json">{broken</script>'
        f'<script type="application/ld+json">{deep}</script>'
        '<script type=" Application/LD+JSON; profile=x ">[1, "</p>"]</script>'
        '<script type="application/json">{"no": 1}</script><script>{"no": 2}</script>'
    )
    assert page.jsonld == [{"@type": "Thing", "name": "a\nb"}, [1, "</p>"]]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_json_comes_back(value: object) -> None:
    """Whatever JSON can say is found again as it was, but for the end of a script."""
    text = json.dumps(value).replace("<", "\\u003c")
    assert document(f'<script type="application/ld+json">{text}</script>').jsonld == [value]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<link rel=canonical href=/c>", "http://h/c"),
        ("<base href=/b/><link rel='x Canonical' href='c#d'>", "http://h/b/c"),
        ("<link rel=canonical href=''><link rel=canonical href=c>", "http://h/d/c"),
        ("<link rel=canonical href='mailto:x'>", None),
        ("<link rel=canonicals href=c><a rel=canonical href=c>", None),
        ("<svg><link rel=canonical href=c></svg>", None),
        ("", None),
    ],
)
def test_the_canonical_url_is_the_first_that_is_named(markup: str, expected: str | None) -> None:
    """It is absolute, joined to the base as a browser does."""
    assert document(markup).canonical == expected


@pytest.mark.parametrize(
    ("markup", "field", "expected"),
    [
        ("<html lang=de-AT>", "fr", "de-AT"),
        ("<html lang=' en '>", None, "en"),
        ("<html lang=''>", "fr", None),
        ("<html lang='not a tag'>", "fr", None),
        ("<html xml:lang=it>", "fr", "it"),
        ("<meta http-equiv=Content-Language content='pt BR'>", "fr", "pt"),
        ("<meta http-equiv=content-language content='pt, fr'>", "es", "es"),
        ("<p>", " nl ", "nl"),
        ("<p>", "nl, fr", None),
        ("<p>", None, None),
    ],
)
def test_the_language_is_the_one_declared_nearest(
    markup: str, field: str | None, expected: str | None
) -> None:
    """The element first, then the pragma, then the header; several at once say nothing."""
    assert document(markup).language(field) == expected


def test_content_that_is_not_html_says_nothing_of_itself() -> None:
    """However it looks like HTML."""
    page = document(
        "<html lang=de><meta name=a content=b><link rel=canonical href=c>", content_type="image/png"
    )
    assert (page.meta, page.opengraph, page.jsonld, page.canonical, page.language(None)) == (
        {},
        {},
        [],
        None,
        None,
    )
