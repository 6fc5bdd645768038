"""A document: its links as a browser has them, its title, its text."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl._errors import UsageError
from trio_crawl._model import Link
from trio_crawl._parse.html import HtmlDocument
from trio_crawl._parse.links import LinkCache

if TYPE_CHECKING:
    from trio_crawl._model import Document

CASES = Path(__file__).resolve().parents[1].parent / "shared" / "cases" / "links.json"


def document(
    markup: str | bytes, *, content_type: str | None = "text/html; charset=utf-8", url: str = "http://h/d/p?q"
) -> HtmlDocument:
    """Return a document with its usual surroundings."""
    content = markup.encode() if isinstance(markup, str) else markup
    return HtmlDocument(content, content_type=content_type, url=url)


def urls(markup: str | bytes, *, content_type: str | None = "text/html; charset=utf-8") -> list[str]:
    """Return the URLs of a document's links."""
    return [link.url for link in document(markup, content_type=content_type).links()]


def wrong_cases(*, expecting_links: bool) -> list[str]:
    """Return the cases that are not right, of those that expect a link or of the others; or skip."""
    if not CASES.exists():
        pytest.skip(f"the cases are not there: {CASES}")
    cases: list[dict[str, Any]] = json.loads(CASES.read_text("utf-8"))
    cache = LinkCache()
    wrong = []
    for case in cases:
        page = HtmlDocument(
            base64.b64decode(case["html_b64"]),
            content_type=case["content_type"],
            url=case["base_url"],
            cache=cache,
        )
        right = {link.url for link in page.links()} == set(case["expected_links"])
        if not right and bool(case["expected_links"]) is expecting_links:
            wrong.append(case["id"])
    return wrong


def test_every_case_that_expects_links_is_right() -> None:
    """All but the one that counts an image as a link."""
    assert set(wrong_cases(expecting_links=True)) <= {"l0071"}


def test_every_case_that_expects_no_link_is_right() -> None:
    """Mark-up that only looks like a link leads nowhere.

    But for two kinds: links in pictures, which the cases don't count as such, and what the one case
    without scripts lets an ``iframe`` swallow that is broken in a ``noscript``.
    """
    in_pictures = {
        *("l0350", "l0351", "l0418", "l0575", "l0615", "l0620", "l0626", "l0632", "l0633", "l0634"),
        *("l0638", "l0640", "l0667"),
    }
    assert set(wrong_cases(expecting_links=False)) == {*in_pictures, "l0492"}


def test_an_element_is_found_once_by_a_list_of_selectors() -> None:
    """It may match several of them; the order is the document's."""
    page = document("<p class=a>1<h1>2</h1><p>3")
    assert [node.text for node in page.css("h1, .a, p, *.a")] == ["1", "2", "3"]
    assert [node.text for node in page.css('[title="a,b"], p')] == ["1", "3"]


def test_links_are_in_order_and_once_each() -> None:
    """The first element that has a URL stands for it."""
    page = document(
        "<a href=b rel=Next>1</a><map><area href=a></map><a href='b#x'>2</a><a name=y>3</a><a href>4</a>"
    )
    expected = [
        Link(url="http://h/d/b", rel=("next",)),
        Link(url="http://h/d/a", kind="area"),
        Link(url="http://h/d/p?q"),
    ]
    assert page.links() == expected
    page.links().clear()
    assert page.links() == expected


def test_only_what_can_be_fetched_is_a_link() -> None:
    """Other schemes and invalid URLs are left out, odd ones are read as a browser does."""
    markup = (
        "<a href='mailto:a@b'><a href='javascript:x'><a href='http://['>"
        "<a href=' \n/x '><a href='\\y'><a href='?\0'>"
    )
    assert urls(markup) == ["http://h/x", "http://h/y", "http://h/d/p?%EF%BF%BD"]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("<base href='/x/'>", "http://h/x/l"),
        ("<base href='//g'>", "http://g/l"),
        ("<base target=_blank><base href='/x/'><base href='/y/'>", "http://h/x/l"),
        ("<base href='data:,x'>", "http://h/d/l"),
        ("<base href='http://['><base href='/y/'>", "http://h/d/l"),
        ("<svg><base href='/x/'></svg>", "http://h/d/l"),
        ("<template><base href='/x/'></template>", "http://h/d/l"),
        ("", "http://h/d/l"),
    ],
)
def test_the_first_base_with_an_href_counts(base: str, expected: str) -> None:
    """If it is of no use, the document's own URL stays its base."""
    assert urls(f"{base}<a href=l>") == [expected]


def test_a_base_that_cannot_have_children_leaves_absolute_links_only() -> None:
    """A relative reference to it is invalid, as in a browser."""
    assert urls("<base href='mailto:x'><a href=l><a href='http://g/'>") == ["http://g/"]


def test_a_query_is_in_the_encoding_of_the_document() -> None:
    """The path is in UTF-8 all the same, and ``base`` follows the same rule."""
    markup = "<a href='é?é'>".encode("windows-1252")
    assert urls(markup, content_type="text/html; charset=latin1") == ["http://h/d/%C3%A9?%E9"]
    markup = "<base href='?é'><a href=''>".encode("windows-1252")
    assert urls(markup, content_type="text/html; charset=latin1") == ["http://h/d/p?%E9"]


def test_a_selector_says_which_elements_are_links() -> None:
    """The kind is where a link stands, and ``src`` stands in for ``href``."""
    page = document("<link rel=canonical href=c><img src=i><a href=a><p id=x><video src=v></video>")
    assert page.links("link, img, p, video") == [
        Link(url="http://h/d/c", kind="canonical", rel=("canonical",)),
        Link(url="http://h/d/i", kind="img"),
        Link(url="http://h/d/v", kind="element"),
    ]


@pytest.mark.parametrize("selector", ["a[", "", "a:::b"])
def test_a_bad_selector_is_the_callers_error(selector: str) -> None:
    """The message has the selector in it."""
    page = document("<a href=x>")
    for method in (page.css, page.css_first, page.links):
        with pytest.raises(UsageError, match="invalid CSS selector"):
            method(selector)


def test_elements_are_found_by_selector() -> None:
    """``css_first`` has None for nothing."""
    page = document("<p>1<p class=x>2")
    first = page.css_first("p.x")
    assert first is not None
    assert first.text == "2"
    assert [node.text for node in page.css("p")] == ["1", "2"]
    assert page.css_first("b") is None


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("<title> a\n b </title><title>c</title>", "a b"),
        ("<svg><title>a</title></svg>", None),
        ("<body><svg><title>a</title></svg><title>b</title>", "b"),
        ("<title> </title>", None),
        ("", None),
    ],
)
def test_the_title_is_that_of_the_document(markup: str, title: str | None) -> None:
    """A picture's own title is none, and neither is a blank one."""
    assert document(markup).title == title


@pytest.mark.parametrize(
    ("content_type", "body", "is_html"),
    [
        ("text/html", b"plain", True),
        ("application/xhtml+xml", b"<html/>", True),
        ("text/xml", b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">', True),
        ("text/xml", b"<rss/>", False),
        ("text/plain", b"<a href=x>", False),
        ("application/json", b"{}", False),
        (None, b" \n<a href=x>", True),
        (None, b"\xef\xbb\xbf<a href=x>", True),
        (None, b"%PDF", False),
        (None, b"<?xml version='1.0'?><rss/>", False),
        ("nonsense", b"<a href=x>", True),
        (None, b"", False),
    ],
)
def test_content_is_html_by_its_type_or_its_start(
    content_type: str | None,
    body: bytes,
    is_html: bool,
) -> None:
    """What is declared to be something else is believed."""
    assert document(body, content_type=content_type).is_html is is_html


def test_other_content_has_characters_and_no_elements() -> None:
    """Its text is all of it where it is text."""
    page = document("<a href=x>é", content_type="text/plain; charset=utf-8")
    assert (page.html, page.text(), page.title) == ("<a href=x>é", "<a href=x>é", None)
    assert (page.links(), page.links("a"), page.css("a")) == ([], [], [])
    assert document("<a href=x>", content_type="image/svg").text() == ""


def test_a_page_of_frames_has_text_and_links_as_a_tree_has() -> None:
    """There is no body then, or it is the frameset."""
    page = document("<frameset><frame src=a></frameset><noframes><a href=b></noframes>")
    assert (page.text(), page.links()) == ("", [])
    assert page.links("frame") == [Link(url="http://h/d/a", kind="iframe")]


def test_an_html_document_is_a_document() -> None:
    """It fits the protocol that a page relies on."""
    page: Document = document("<p>x</p>")
    assert (page.encoding, page.html, page.text()) == ("utf-8", "<p>x</p>", "x")


MARKUP = st.lists(
    st.sampled_from(
        [
            "<a href=",
            "<base href=",
            "'",
            "?é",
            "#",
            ">",
            "<svg>",
            "<area href=x rel=y>",
            "\ud800",
            "\0",
            "//[",
        ]
    ),
    max_size=12,
).map(lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=60) | MARKUP, st.sampled_from([None, "text/html", "text/html; charset=gbk", "x"]))
@settings(max_examples=200, deadline=None)
def test_no_content_raises(body: bytes, content_type: str | None) -> None:
    """Any bytes are a document, all of whose links can be fetched."""
    page = document(body, content_type=content_type)
    for link in [*page.links(), *page.links("*")]:
        assert link.url.startswith(("http://", "https://"))
        assert "#" not in link.url
    page.text().encode()
    assert page.title is None or page.title.strip()


def test_directives_are_of_header_and_meta_elements() -> None:
    """Fields and elements add up, wherever the elements stand; what is no HTML has no elements."""
    markup = """<META NAME="Robots" content="NoIndex"><svg><metadata name=robots content=a></svg>
    <p>text<meta content="noarchive, max-snippet: 3" name=my-bot><meta name=other content=none>
    <meta name=robots><meta content=none><!-- <meta name=robots content=none> -->"""
    for content_type in ("text/html; charset=utf-8", "text/html; charset=utf-16le"):
        content = markup.encode(content_type.rpartition("=")[2])
        tags = ["nosnippet", "other: nofollow"]
        page = HtmlDocument(
            content, content_type=content_type, url="http://h/", robots_tags=tags, product="My-Bot"
        )
        assert page.directives == {"noindex", "noarchive", "max-snippet:3", "nosnippet"}
        page = HtmlDocument(content, content_type="text/plain", url="http://h/", robots_tags=tags)
        assert page.directives == {"nosnippet"}
