"""References in HTML and CSS, replaced."""

from __future__ import annotations

import pytest
import turbohtml
from growth_support import assert_linear

from trio_crawl._export.rewrite import rewrite_css, rewrite_html

URL = "https://site.test/folder/page"


def replaced(url: str) -> tuple[str, bool]:
    """Say of what is on the site that it is in the mirror."""
    if url.startswith("https://site.test/"):
        return url.replace("https://site.test/", "local:"), True
    return url, False


def html(body: str) -> turbohtml.Document:
    return turbohtml.parse(rewrite_html(body, URL, replaced))


@pytest.mark.parametrize(
    ("markup", "selector", "attribute", "value"),
    [
        ("<a href=other>x</a>", "a", "href", "local:folder/other"),
        ("<a href='../top?a=1&amp;b=2#part'>x</a>", "a", "href", "local:top?a=1&b=2#part"),
        ("<a href='#part'>x</a>", "a", "href", "#part"),
        ("<a href=http://elsewhere.test/x>x</a>", "a", "href", "http://elsewhere.test/x"),
        ("<a href=//elsewhere.test>x</a>", "a", "href", "https://elsewhere.test/"),
        ("<a href=mailto:a@b.test>x</a>", "a", "href", "mailto:a@b.test"),
        ("<img src=/i.png>", "img", "src", "local:i.png"),
        ("<img src=data:image/png;base64,AA>", "img", "src", "data:image/png;base64,AA"),
        ("<img srcset='/a.png 1x, b.png 2x'>", "img", "srcset", "local:a.png 1x, local:folder/b.png 2x"),
        ("<video poster=/p.png></video>", "video", "poster", "local:p.png"),
        ("<object data=/o.svg></object>", "object", "data", "local:o.svg"),
        ("<form action=/f></form>", "form", "action", "local:f"),
        ("<svg><use xlink:href='/s.svg#icon'/></svg>", "use", "xlink:href", "local:s.svg#icon"),
        ("<p style='background: url(/b.png)'>", "p", "style", 'background: url("local:b.png")'),
        ("<meta http-equiv=refresh content='5; url=/next'>", "meta", "content", "5; url=local:next"),
    ],
)
def test_references_are_replaced(markup: str, selector: str, attribute: str, value: str) -> None:
    """Each in the attribute that it stands in, resolved against the page."""
    node = html(markup).select_one(selector)
    assert node is not None
    assert node.attr(attribute) == value


def test_a_base_counts_and_is_taken_out() -> None:
    """References are relative to it, also one that is a fragment alone; the copy has none."""
    document = html("<base href=/base/><base href=/second/><a href=x>x</a><a href='#y'>y</a>")
    assert [node.attr("href") for node in document.select("a")] == ["local:base/x", "local:base/#y"]
    assert document.select("base") == []


def test_what_binds_a_file_to_its_origin_is_taken_out() -> None:
    """A policy, and the attributes of what is local; what stays elsewhere keeps them."""
    document = html(
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'self'\">"
        "<link rel=stylesheet href=/s.css integrity=sha256-x crossorigin>"
        "<script src=https://elsewhere.test/x.js integrity=sha256-y></script>"
    )
    link, script = document.select_one("link"), document.select_one("script")
    assert link is not None
    assert script is not None
    assert document.select("meta") == []
    assert set(link.attrs) == {"rel", "href"}
    assert script.attr("integrity") == "sha256-y"


def test_style_elements_are_rewritten_and_the_rest_is_kept() -> None:
    """Scripts, text and comments are as they were."""
    text = rewrite_html(
        "<!doctype html><title>a &amp; b</title><style>a > b {background: url(x.png)}</style>"
        "<script>if (a < b && c) { x = 'href=/y' }</script><!-- href=/z -->",
        URL,
        replaced,
    )
    assert text.startswith("<!DOCTYPE html>")
    assert 'a > b {background: url("local:folder/x.png")}' in text
    assert "if (a < b && c) { x = 'href=/y' }" in text
    assert "<!-- href=/z -->" in text


@pytest.mark.parametrize(
    "markup", ["<svg><style>{}</style></svg>", "<math><style>{}</style></math>", "<p>{}</p>"]
)
def test_what_is_text_stays_text(markup: str) -> None:
    """Also in a style sheet of a picture, where text is escaped."""
    text = rewrite_html(markup.format("&lt;img src=x onerror=alert(1)&gt;"), URL, replaced)
    assert "<img" not in text
    assert turbohtml.parse(text).select("img") == []


def test_what_noscripts_and_frames_hold_is_rewritten() -> None:
    """The one is text for what runs scripts, the other the value of an attribute."""
    document = html(
        "<body><noscript><img src=/i.png></noscript><iframe srcdoc='<base href=/b/><a href=x>y</a>'></iframe>"
        "<template><a href=/t>t</a></template>"
    )
    assert [element.attr("src") for element in document.select("noscript img")] == ["local:i.png"]
    frame = document.select_one("iframe")
    assert frame is not None
    assert 'href="local:b/x"' in (frame.attr("srcdoc") or "")
    assert [element.attr("href") for element in document.select("template a")] == ["local:t"]


def test_a_page_that_was_made_to_be_slow_is_left_as_it_is() -> None:
    """It would take gigabytes to parse."""
    page = "".join(f"<p><b a{number}>" for number in range(40_000))
    assert rewrite_html(page, URL, replaced) is page


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        ("a{b:url(x.png)}", 'a{b:url("local:folder/x.png")}'),
        ("a{b:url( 'x.png' )}", 'a{b:url("local:folder/x.png")}'),
        ('a{b:URL("/x.png")}', 'a{b:url("local:x.png")}'),
        ("@import '/s.css' screen;", '@import "local:s.css" screen;'),
        ("@import url(/s.css);", '@import url("local:s.css");'),
        ("/* url(/x.png) */", "/* url(/x.png) */"),
        ("a{b:url(#c)}", "a{b:url(#c)}"),
        ("a{b:url(data:image/png;base64,AA)}", 'a{b:url("data:image/png;base64,AA")}'),
        ("a{b:url(x", "a{b:url(x"),
        ("/* url(x.png)", "/* url(x.png)"),
    ],
)
def test_style_sheets_are_rewritten(css: str, expected: str) -> None:
    """References in all their forms; comments, and what is not whole, stay."""
    assert rewrite_css(css, URL, replaced) == expected


@pytest.mark.parametrize("piece", ["/*", "url(", 'url("', "@import '", "url( "])
def test_a_style_sheet_that_is_made_to_be_slow_is_not(piece: str) -> None:
    """A megabyte of beginnings takes no longer than it has to."""
    assert_linear(lambda times: rewrite_css(piece * times, URL, replaced), 12_500)
