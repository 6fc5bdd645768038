"""XPath, and the main content of a page."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl import UsageError
from trio_crawl._parse.html import HtmlDocument

ARTICLE = """
<html><body><nav><a href=/>Home</a> <a href=/about>About us</a></nav>
<main><h1>Snow in June</h1><p>It fell on the mountains overnight, and stayed until noon.</p>
<p>Nobody had expected as much of it as that, so late in the year.</p></main>
<footer><a href=/imprint>Imprint</a> All rights reserved</footer></body></html>
"""


def document(markup: str | bytes) -> HtmlDocument:
    """Return a document in UTF-8."""
    content = markup if isinstance(markup, bytes) else markup.encode()
    return HtmlDocument(content, content_type="text/html; charset=utf-8", url="http://h/")


def test_xpath_sees_what_css_sees() -> None:
    """A table's rows are in the body that the browser's parser makes, characters are the same."""
    page = document("<table><tr><td>é 😀<td>b</table><p class=x>c")
    assert page.xpath("//tbody/tr/td/text()") == ["é 😀", "b"]
    assert [node.text for node in page.css("tbody > tr > td")] == ["é 😀", "b"]
    assert page.xpath("//p/@class") == ["x"]


def test_xpath_has_four_kinds_of_answers() -> None:
    """Lists, numbers, strings and truth, as XPath 1.0 has them."""
    page = document("<p>a<p>b")
    elements = page.xpath("//p")
    assert isinstance(elements, list)
    assert [element.tag for element in elements] == ["p", "p"]
    assert page.xpath("count(//p)") == 2.0
    assert page.xpath("string(//p[2])") == "b"
    assert page.xpath("boolean(//a)") is False


@pytest.mark.parametrize("expression", ["//", "//p[", "nothing()", "$x"])
def test_what_is_no_xpath_is_an_error_that_names_it(expression: str) -> None:
    """It is the caller's, and a `UsageError`."""
    with pytest.raises(UsageError, match="not a valid XPath"):
        document("<p>").xpath(expression)


def test_an_empty_page_has_no_elements() -> None:
    """It is no error to ask."""
    assert document("").xpath("//p") == []
    assert document("\0").xpath("//p") == []


@given(st.binary(max_size=200))
@settings(max_examples=50)
def test_xpath_takes_any_content(content: bytes) -> None:
    """Whatever the bytes are, the document has a root."""
    assert document(content).xpath("count(/*)") == 1.0


def test_the_main_text_leaves_out_what_is_around_it() -> None:
    """The navigation and the footer are in the whole text, and not in the main one."""
    page = document(ARTICLE)
    assert "About us" in page.text()
    assert "Imprint" in page.text()
    main = page.text(main=True)
    assert main.startswith("Snow in June\nIt fell on the mountains")
    assert "About us" not in main
    assert "Imprint" not in main


def test_where_nothing_reads_as_content_the_main_element_is_it() -> None:
    """Else the article, else the body."""
    assert document("<nav>n</nav><main>m</main>").text(main=True) == "m"
    assert document("<nav>n</nav><article>a</article>").text(main=True) == "a"
    assert document("<nav>n</nav>x").text(main=True) == "x"
    assert document("").text(main=True) == ""


def test_the_main_text_is_no_small_part_of_the_page() -> None:
    """An element that has many words may be one of many; the header of an article is a part of it."""
    words = "Some words, that are written, to be read by somebody, who has time for it. " * 3
    section = f"<div><h2>Heading</h2><div><p>{words}</p></div></div>"
    page = document(f"<nav>Menu</nav><header>Site</header><div>{section * 6}</div><footer>Imprint</footer>")
    assert page.text(main=True).count("Heading") == 6
    assert "Menu" not in page.text(main=True)
    assert "Site" not in page.text(main=True)
    page = document(f"<header>Site</header><article><header><h1>Title</h1></header><p>{words}</article>")
    assert page.text(main=True).startswith("Title\nSome words")
