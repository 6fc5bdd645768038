"""The tree of a document: namespaces, ``noscript``, templates, shadow roots, frames, XHTML."""

from __future__ import annotations

import time

import pytest
from growth_support import assert_linear
from hostile_documents import XML_FAMILY, bound

from trio_crawl._parse.html import HtmlDocument
from trio_crawl._parse.tree import Tree

XHTML = "http://www.w3.org/1999/xhtml"


def page(markup: str, content_type: str | None = "text/html; charset=utf-8") -> HtmlDocument:
    """Return a document with its usual surroundings."""
    return HtmlDocument(markup.encode(), content_type=content_type, url="http://h/d/p")


def urls(markup: str, content_type: str = "text/html; charset=utf-8") -> list[str]:
    """Return the paths that its links lead to."""
    return [link.url.removeprefix("http://h") for link in page(markup, content_type).links()]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p><a>", "html"),
        ("<svg><a>", "svg"),
        ("<svg><g><a>", "svg"),
        ("<svg></svg><a>", "html"),
        ("<svg><foreignObject><a>", "html"),
        ("<svg><desc><p><a>", "html"),
        ("<svg><p><a>", "html"),
        ("<svg><foreignObject><svg><a>", "svg"),
        ("<math><a>", "math"),
        ("<math><mi><a>", "html"),
        ("<math><mi><mglyph><a>", "math"),
        ("<math><annotation-xml><a>", "math"),
        ("<math><annotation-xml encoding='Text/HTML'><a>", "html"),
    ],
)
def test_an_element_has_a_namespace_by_where_it_stands(markup: str, expected: str) -> None:
    """Foreign content makes foreign elements, but for the standard's integration points."""
    tree = Tree(markup)
    (element,) = tree.document.select("a")
    assert tree.namespace(element) == expected
    assert tree.tagged("a") == ([element] if expected == "html" else [])


@pytest.mark.parametrize(
    "markup", [b"<p \xed\xa0\x80>", b"<p a='&#xD800;' &#xDC00;>", b"<iframe srcdoc='<p &amp;#xD800;>'>"]
)
def test_no_half_of_a_character_reaches_the_engine(markup: bytes) -> None:
    """It could not give back an attribute that is called so."""
    document = HtmlDocument(markup, content_type="text/html; charset=utf-8", url="http://h/")
    for element in document.css("*"):
        for name, value in element.attrs.items():
            f"{name}{value}".encode()
    document.text().encode()


# What a noscript holds


def test_what_a_noscript_holds_is_in_its_place() -> None:
    """Selectors, XPath, links and text see it, in order."""
    markup = "<body><a href=1>a</a><noscript><p><a href=2>b</a></noscript><a href=3>c</a>"
    assert urls(markup) == ["/d/1", "/d/2", "/d/3"]
    document = page(markup)
    assert [element.attr("href") for element in document.css("a")] == ["1", "2", "3"]
    assert document.xpath("//noscript//a/@href") == ["2"]
    assert document.text() == "a\nb\nc"


@pytest.mark.parametrize(
    "broken", ["<iframe>", "<!--", "<textarea>", "<p class='", "<script>", "<plaintext>", "<table><tr>"]
)
def test_what_is_broken_in_a_noscript_ends_with_it(broken: str) -> None:
    """A browser that runs scripts sees nothing of it, and so it can't hide what follows."""
    for place in ("<head>", "<body>"):
        assert urls(f"{place}<noscript><a href=1></a>{broken}</noscript><a href=2>")[-1] == "/d/2"


def test_a_noscript_in_the_head_counts() -> None:
    """Its refresh, base and directives hold for who runs no scripts."""
    document = page(
        "<head><noscript><base href=/x/><meta name=robots content=nofollow>"
        "<meta http-equiv=refresh content='0;url=r'></noscript><title>t</title><a href=y>"
    )
    assert [link.url for link in document.links()] == ["http://h/x/y"]
    assert [link.url for link in document.links(kinds="refresh")] == ["http://h/x/r"]
    assert document.directives == {"nofollow"}
    assert document.title == "t"


# Templates and shadow roots


def test_what_a_template_holds_is_no_part_of_the_document() -> None:
    """Neither in a template of its own, nor in one that a noscript holds."""
    markup = (
        "<template><a href=1></a><template><b></template></template>"
        "<noscript><template><a href=2></template></noscript>"
    )
    document = page(markup + "<a href=3>c")
    assert [link.url for link in document.links()] == ["http://h/d/3"]
    assert (len(document.css("a, b")), document.xpath("count(//a)"), document.text()) == (1, 1.0, "c")


SHADOW = """<x-nav><template ShadowRootMode="{}"><nav><a href=/1>One</a><img src=/i><slot></slot>
<slot name=n><a href=/default>default</a></slot></nav></template>
<a href=/2>Two</a><b slot=m>not there <a href=/no>x</a></b></x-nav>
<template><a href=/never>never</a></template>"""


@pytest.mark.parametrize("mode", ["open", "closed"])
def test_shadow_roots_are_shown_in_the_place_of_what_is_not_slotted(mode: str) -> None:
    """Links and text see what a browser shows, selectors and XPath the tree that scripts would see."""
    document = page(SHADOW.format(mode))
    assert [link.url for link in document.links()] == ["http://h/1", "http://h/2", "http://h/default"]
    assert [link.url for link in document.links(kinds="img")] == ["http://h/i"]
    assert document.text().split() == ["One", "Two", "default"]
    assert [element.attr("href") for element in document.css("a")] == ["/2", "/no"]
    assert document.xpath("//a/@href") == ["/2", "/no"]


def test_a_template_with_another_mode_is_a_template() -> None:
    """Only two are known."""
    assert urls("<div><template shadowrootmode=x><a href=1></a></template><a href=2>") == ["/d/2"]


def test_a_noscript_in_a_shadow_root_and_the_other_way_round() -> None:
    """Both are seen."""
    inner = "<div><template shadowrootmode=open><a href=2></a></template></div>"
    assert urls(
        "<div><template shadowrootmode=open><noscript><a href=1></a></noscript></template></div>"
        f"<noscript>{inner}</noscript>"
    ) == ["/d/1", "/d/2"]


# Frames


def test_a_document_in_a_frame_has_its_place() -> None:
    """Its links and text stand where the frame does; its base is its own, relative to that around it."""
    frame = "<iframe srcdoc=\"<base href=in/><title>t</title><a href='y'>y</a><img src=i>\"></iframe>"
    document = page(f"<base href=/b/><a href=x>x</a>{frame}<a href=z>z</a>")
    assert [link.url for link in document.links()] == ["http://h/b/x", "http://h/b/in/y", "http://h/b/z"]
    assert [link.url for link in document.links(kinds="img")] == ["http://h/b/in/i"]
    assert (document.text(), document.title) == ("x\ny\nz", None)
    assert len(document.css("a")) == 2


def test_frames_are_read_three_deep() -> None:
    """And no deeper."""
    markup = "<a href=4>"
    for level in (3, 2, 1, 0):
        escaped = markup.replace("&", "&amp;").replace("'", "&#39;")
        markup = f"<a href={level}></a><iframe srcdoc='{escaped}'></iframe>"
    assert urls(markup) == ["/d/0", "/d/1", "/d/2", "/d/3"]


# XHTML


EMPTY = ["<title/>", '<script src="x.js"/>', "<style/>", "<textarea/>", '<iframe src="f"/>', "<div/>"]


@pytest.mark.parametrize("empty", EMPTY)
@pytest.mark.parametrize("content_type", ["application/xhtml+xml", "text/xml", "application/xml"])
def test_an_empty_element_of_xhtml_is_empty(empty: str, content_type: str) -> None:
    """It swallows nothing."""
    markup = (
        f'<?xml version="1.0"?><html xmlns="{XHTML}"><body>{empty}<p>text</p><a href="x">y</a></body></html>'
    )
    document = page(markup, content_type)
    assert ([link.url for link in document.links()], document.text()) == (["http://h/d/x"], "text\ny")


DOCTYPE = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">'


@pytest.mark.parametrize(
    ("doctype", "expected"),
    [
        (DOCTYPE, "a\xa0é&b"),
        (DOCTYPE.replace('"-', "'-").replace('N"', "N'"), "a\xa0é&b"),
        (DOCTYPE.replace(">", " [ <!ENTITY x '<a href=\"no\"/>'> <!-- ]> --> ]>"), "a\xa0é&b"),
        ("<!DOCTYPE html [<!ENTITY nbsp '&#160;'>]>", "a\xa0é&b"),
    ],
)
def test_named_references_are_htmls_where_browsers_have_them(doctype: str, expected: str) -> None:
    """For XHTML's public identifiers; what a document declares itself is not read."""
    markup = (
        f'{doctype}<html xmlns="{XHTML}"><title/><p>a&nbsp;&eacute;&amp;b</p><![CDATA[&nbsp;]]>'
        '<a href="?a&amp;b"/></html>'
    )
    document = page(markup, "application/xhtml+xml")
    assert document.text() == f"{expected}\n&nbsp;"
    assert [link.url for link in document.links()] == ["http://h/d/p?a&b"]


@pytest.mark.parametrize(
    "markup",
    [
        f'<html xmlns="{XHTML}"><p>a&nbsp;b<a href="x">y</a></p></html>',
        f'<html xmlns="{XHTML}"><p>a b<br><a href="x">y</a></html>',
        f'<html xmlns="{XHTML}"><p a=1>a b<a href="x">y</a></p></html>',
        f'<!DOCTYPE html [<!ENTITY e "f">]><html xmlns="{XHTML}"><p>a b<br><a href="x">y</a></html>',
        '<html><title>t</title><p>a b<a href="x">y</a></p></html>',
    ],
)
def test_what_is_not_well_formed_goes_to_the_rules_of_html(markup: str) -> None:
    """And so does a root without a namespace."""
    document = page(markup, "application/xhtml+xml")
    assert [link.url for link in document.links()] == ["http://h/d/x"]
    assert document.text().replace("\xa0", " ").split() == ["a", "by"] or "b\ny" in document.text()


def test_namespaces_are_xmls_in_xhtml() -> None:
    """Prefixes are, too: an element of HTML is found by its name, and nothing else is a link."""
    markup = (
        f'<h:html xmlns:h="{XHTML}" xmlns:s="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        '<h:title>t</h:title><h:a href="1">a</h:a><s:svg><s:title>u</s:title><s:a xlink:href="2"/></s:svg>'
        '<a xmlns="urn:x" href="no">b</a><x xmlns:h="urn:y"><h:a href="no"/></x>'
        f'<div xmlns="{XHTML}"><a href="3"/></div></h:html>'
    )
    document = page(markup, "application/xhtml+xml")
    assert [link.url.rpartition("/")[2] for link in document.links()] == ["1", "2", "3"]
    assert document.title == "t"
    assert len(document.css("a")) == 5


@pytest.mark.parametrize(
    ("markup", "content_type", "expected"),
    [
        (f'<html xmlns="{XHTML}"/>', "text/xml", True),
        (f'<!-- c --><?p i?><x:html xmlns:x="{XHTML}"/>', "application/xml", True),
        (f'<urlset xmlns:x="{XHTML}"/>', "text/xml", False),
        (f'<feed xmlns="http://www.w3.org/2005/Atom"><div xmlns="{XHTML}"/></feed>', "text/xml", False),
        (f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="{XHTML}"/>', "application/xml", False),
        ('<rss version="2.0"/>', "application/xhtml+xml", False),
        ("<html/>", "application/xhtml+xml", True),
        ("<html/>", "text/xml", False),
        (f'<?xml version="1.0"?><html xmlns="{XHTML}"/>', None, True),
        ('<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"/>', None, False),
        ('<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"/>', "text/html", True),
    ],
)
def test_the_root_says_whether_xml_is_a_page(markup: str, content_type: str | None, expected: bool) -> None:
    """A namespace that is merely mentioned does not."""
    assert page(markup, content_type).is_html is expected


@pytest.mark.parametrize("name", XML_FAMILY)
def test_xhtml_that_asks_much_takes_linear_time(name: str) -> None:
    """To tell what it is, to parse it, and by the rules of HTML where it is not well-formed."""

    def read(size: int) -> None:
        page(XML_FAMILY[name](size), "application/xhtml+xml").links()

    assert_linear(read, 20_000)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("name", XML_FAMILY)
def test_xhtml_that_is_called_cheap_is(name: str) -> None:
    """It takes 50 ms at most, or is read elsewhere."""
    for size in (16_000, 100_000, 700_000):
        content = XML_FAMILY[name](size).encode()
        taken = []
        for _ in range(5):
            began = time.thread_time()
            document = HtmlDocument(
                content, content_type="application/xhtml+xml", url="http://h/", bounded=True
            )
            if document.is_cheap():
                document.links()
            taken.append(time.thread_time() - began)
        assert min(taken) <= bound()
