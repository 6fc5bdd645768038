"""Links of every kind, as a browser has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trio_crawl._model import Headers, Link
from trio_crawl._parse.html import HtmlDocument

if TYPE_CHECKING:
    from trio_crawl._model import LinkKind


def document(
    markup: str | bytes, *fields: tuple[str, str], content_type: str = "text/html; charset=utf-8"
) -> HtmlDocument:
    """Return the document at http://h/d/p, answered with header *fields*."""
    raw = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in fields)
    content = markup.encode() if isinstance(markup, str) else markup
    return HtmlDocument(content, content_type=content_type, url="http://h/d/p", headers=Headers(raw))


@pytest.mark.parametrize(
    ("markup", "kind", "urls"),
    [
        ("<a href=x>", "a", ["http://h/d/x"]),
        ("<map><area href=x></map>", "area", ["http://h/d/x"]),
        ("<iframe src=x></iframe>", "iframe", ["http://h/d/x"]),
        ("<iframe src=x srcdoc=y></iframe><iframe src></iframe>", "iframe", []),
        ("<frameset><frame src=x></frameset>", "iframe", ["http://h/d/x"]),
        ("<link rel=canonical href=x>", "canonical", ["http://h/d/x"]),
        ("<link rel='x NEXT' href=x>", "next", ["http://h/d/x"]),
        ("<link rel=previous href=x>", "prev", ["http://h/d/x"]),
        ("<link rel='shortcut icon' href=x>", "icon", ["http://h/d/x"]),
        ("<link rel='alternate stylesheet' href=x>", "stylesheet", ["http://h/d/x"]),
        ("<link rel='alternate stylesheet' href=x>", "alternate", []),
        ("<link rel=preload href=x><link rel=search href=' '><link href=y>", "link", ["http://h/d/x"]),
        ("<img src=x><img src=''><input type=image src=y>", "img", ["http://h/d/x"]),
        (
            "<img srcset='a, b 2x'><picture><source srcset='c 1w'></picture><link rel=preload imagesrcset=d>",
            "srcset",
            [f"http://h/d/{name}" for name in "abcd"],
        ),
        ("<script src=x></script><script>1</script>", "script", ["http://h/d/x"]),
        (
            "<form action=x><button formaction=y></button><input formaction=z></form><form action></form>",
            "form",
            ["http://h/d/x", "http://h/d/y", "http://h/d/z"],
        ),
        ("<meta http-equiv=Refresh content='0; url=x'>", "refresh", ["http://h/d/x"]),
        (
            """<meta http-equiv=refresh content='x'><meta http-equiv=refresh content='1; x'>
            <meta http-equiv=refresh content='0; y'><meta name=refresh content='0; z'>""",
            "refresh",
            ["http://h/d/x"],
        ),
        ("<video src=x></video>", "element", []),
    ],
)
def test_a_kind_of_link_stands_in_its_elements(markup: str, kind: LinkKind, urls: list[str]) -> None:
    """One that a browser would not ask for is none, and other kinds are not told."""
    found = document(markup).links(kinds=kind)
    assert [link.url for link in found] == urls
    assert {link.kind for link in found} <= {kind}


def test_a_link_says_what_its_target_is() -> None:
    """``rel``, ``hreflang`` and ``type`` are kept, and each language of a URL is there."""
    page = document(
        "<link rel=alternate hreflang=de href=/de><link rel=alternate hreflang=x-default href=/de>"
        "<link rel=Alternate type='Application/RSS+xml; charset=x' href=/feed>"
    )
    assert page.links(kinds="alternate") == [
        Link(url="http://h/de", kind="alternate", rel=("alternate",), hreflang="de"),
        Link(url="http://h/de", kind="alternate", rel=("alternate",), hreflang="x-default"),
        Link(url="http://h/feed", kind="alternate", rel=("alternate",), type="application/rss+xml"),
    ]


def test_links_of_all_kinds_come_in_the_order_of_the_document() -> None:
    """A URL is there once for each kind."""
    page = document(
        "<script src=s></script><img src=x srcset='x, y 2x'><a href=x></a><a href=x rel=next></a>"
    )
    assert [(link.kind, link.url[-1]) for link in page.links(kinds="all")] == [
        ("script", "s"),
        ("img", "x"),
        ("srcset", "x"),
        ("srcset", "y"),
        ("a", "x"),
    ]


def test_by_default_only_anchors_are_links() -> None:
    """What is followed has frames as well."""
    page = document("<iframe src=f></iframe><a href=f></a><a href=x></a><img src=i>")
    assert [link.kind for link in page.links()] == ["a", "a"]
    followed = page.links(kinds=("a", "area", "iframe"))
    assert [(link.kind, link.url[-1]) for link in followed] == [("iframe", "f"), ("a", "f"), ("a", "x")]
    assert document("<a href=x>").links(kinds=("a", "area", "iframe")) == [Link(url="http://h/d/x")]


def test_a_selector_and_kinds_go_together() -> None:
    """Of the elements that match, links of these kinds; header fields are in no element."""
    page = document(
        "<img src=a><main><img src=b srcset='c 2x'><a href=d></a><video src=e></video></main>",
        ("Link", "<l>; rel=next"),
        ("Refresh", "0; r"),
    )
    assert [link.url[-1] for link in page.links("main *", kinds=("img", "srcset"))] == ["b", "c"]
    assert [link.url[-1] for link in page.links("main *", kinds="all")] == ["b", "c", "d", "e"]
    assert [link.kind for link in page.links("video", kinds="element")] == ["element"]


def test_the_base_and_the_encoding_hold_for_every_kind() -> None:
    """Queries are in the document's encoding, and a refresh field is relative to ``base`` as well."""
    page = document(
        "<base href='/b/'><img src='?é'><form action='?é'><meta http-equiv=refresh content='0; ?é'>".encode(
            "windows-1252"
        ),
        content_type="text/html; charset=latin1",
    )
    assert [link.url for link in page.links(kinds=("img", "form", "refresh"))] == ["http://h/b/?%E9"] * 3
    page = document("<base href='/b/'>", ("Refresh", "0; url=x"))
    assert page.links(kinds="refresh") == [Link(url="http://h/b/x", kind="refresh")]


def test_foreign_elements_have_no_links_of_these_kinds() -> None:
    """A script in a picture is the picture's."""
    page = document("<svg><script src=x></script></svg><math><script src=z></script><a href=y></a></math>")
    assert page.links(kinds=("script", "a")) == []


def test_a_link_in_a_picture_is_one() -> None:
    """By ``href``, or as it was written of old; also in what is HTML in a picture."""
    page = document("<svg><a href=x xlink:href=y></a><a xlink:href=z></a><foreignObject><a href=p></svg>")
    for links in (page.links(), page.links(kinds="a"), page.links("a")):
        assert [(link.url, link.kind) for link in links] == [
            ("http://h/d/x", "a"),
            ("http://h/d/z", "a"),
            ("http://h/d/p", "a"),
        ]


@pytest.mark.parametrize(
    ("content", "content_type", "kinds"),
    [
        ("<urlset><url><loc>/x</loc></url></urlset>", "application/xml", ["sitemap"]),
        ("<sitemapindex><sitemap><loc>/x</loc></sitemap></sitemapindex>", "text/xml", ["sitemap_index"]),
        ("<rss><item><link>/x</link></item><item>", "application/rss+xml", ["feed"]),
        ("http://h/x\n", "text/plain", ["sitemap"]),
        ("x\nhttp://h/x\n", "text/plain", []),
        ("<urlset><url><loc>/x</loc></url></urlset>", "text/html", []),
        ("<!DOCTYPE rss [<!ENTITY x 'y'>]><rss><item><link>/x</link></item></rss>", "text/xml", []),
    ],
)
def test_a_list_of_pages_has_links_where_they_are_asked_for(
    content: str, content_type: str, kinds: list[LinkKind]
) -> None:
    """A sitemap or feed that was fetched as a page, as far as it can be read."""
    page = document(content, content_type=content_type)
    assert [(link.url, link.kind) for link in page.links(kinds="all")] == [
        ("http://h/x", kind) for kind in kinds
    ]
    assert page.links() == []
