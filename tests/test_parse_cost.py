"""What the scan says of documents: ordinary ones are cheap, and what is called cheap is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hostile_documents import BOUND, FAMILY, bound
from hypothesis import given, strategies as st

from trio_crawl._parse.cost import LARGE_SIZE, Cost, cost_of
from trio_crawl._parse.html import HtmlDocument

if TYPE_CHECKING:
    from pathlib import Path

KIB = 1024

# Shapes whose parsing takes time with the square of their size, which no scan may call cheap at 64 KiB.
SQUARE = (
    "div in div",
    "list in list",
    "text between",
    "end tags of nothing in much",
    "items in much",
    "terms in much",
    "attributes",
    "attributes with what ends tags",
    "bold of many kinds",
    "bold left open in paragraphs",
    "anchors closed outside",
    "moved out of a table",
    "options",
    "end tags of nothing in an image",
    "end tags that close nothing",
    "end tags in comments",
    "end tags in values",
    "end tags in scripts",
    "end tags in CDATA",
    "paths in no image",
)


def ordinary(paragraphs: int) -> bytes:
    """Return a page as people make them."""
    paragraph = (
        '<p class="text">Some <em class="a">words</em>, and a <a href="/page/{0}?a=b&amp;c=d">link</a>'
        '<br>to <b>another</b> page; <img src="/i/{0}.png" alt="a > b"> and more of it.</p>\n'
        '<ul><li>one<li><span data-x="1">two</span></ul><script>if (a<b) c="</p>";</script><!-- <div> -->\n'
        '<svg viewBox="0 0 1 1"><title>icon</title><path d="M0 0"/></svg>\n'
    )
    return (
        "<!doctype html><html><head><title>A page</title></head><body><div><table><tr><td>"
        + "".join(paragraph.format(number) for number in range(paragraphs))
        + "</table></div></body></html>"
    ).encode()


@pytest.mark.parametrize("paragraphs", [1, 50, 300, 1200])
def test_an_ordinary_page_is_cheap(paragraphs: int) -> None:
    """From a small page to one of half a megabyte."""
    assert cost_of(ordinary(paragraphs)) is Cost.CHEAP


def test_real_pages_up_to_a_megabyte_are_cheap(python_docs: Path) -> None:
    """All the pages of a real site are, but for those that are larger."""
    pages = [*sorted((python_docs / "library").glob("*.html"))[::4], python_docs / "library" / "os.html"]
    assert [page.name for page in pages if cost_of(page.read_bytes()) is not Cost.CHEAP] == []


def test_more_than_a_megabyte_is_not_looked_at() -> None:
    """Size alone decides."""
    assert cost_of(b"x" * LARGE_SIZE) is Cost.CHEAP
    assert cost_of(b"x" * (LARGE_SIZE + 1)) is Cost.LARGE


@pytest.mark.parametrize("name", SQUARE)
@pytest.mark.parametrize("size", [64 * KIB, 512 * KIB])
def test_what_takes_the_square_of_its_size_is_not_cheap(name: str, size: int) -> None:
    """Neither plain, nor with end tags that the parser passes over, or does not see."""
    document = FAMILY[name](size).encode()
    assert cost_of(document) is Cost.DUBIOUS
    assert cost_of(document.upper()) is Cost.DUBIOUS


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("name", FAMILY)
def test_what_is_called_cheap_is(name: str) -> None:
    """A document of the family either isn't called cheap, or its links are found in 50 ms."""
    slow = [
        size for size in (16, 20, 64, 200, 1000) if not is_within_bound(FAMILY[name](size * KIB).encode())
    ]
    assert slow == []


def is_within_bound(content: bytes) -> bool:
    """Say whether the links of *content* are found in time, or it isn't called cheap."""
    for _ in range(5):
        began = time.thread_time()
        document = HtmlDocument(content, content_type="text/html", url="https://site.test/")
        if document.cost is Cost.CHEAP:
            document.links()
        del document
        taken = time.thread_time() - began
        if taken <= BOUND or taken <= bound():
            return True
    return False


@given(st.lists(st.sampled_from([*b"<>/= '\"abx!-[]&"]), max_size=200).map(bytes), st.integers(0, 2000))
def test_the_scan_takes_anything(piece: bytes, times: int) -> None:
    """Whatever the bytes are, it comes to one of its three answers."""
    assert cost_of(piece * times) in Cost


@pytest.mark.parametrize(
    ("content", "content_type", "cost"),
    [
        (b"\xff" * 100_000, "text/html; charset=gbk", Cost.DUBIOUS),
        (b"\xff" * 100_000, "text/plain; charset=gbk", Cost.DUBIOUS),
        (b"\xff" * 100_000, "text/html; charset=utf-8", Cost.CHEAP),
        (b"\x1b$B" + b"0!" * 50_000, "text/html; charset=iso-2022-jp", Cost.DUBIOUS),
        (b"\x00\xd8" * 50_000, "text/html; charset=utf-16le", Cost.DUBIOUS),
        ("中<p>".encode("gbk") * 20_000, "text/html; charset=gbk", Cost.DUBIOUS),
        ("中中中中中中<p>".encode("gbk") * 500, "text/html; charset=gbk", Cost.CHEAP),
        (b"\xaa" * 100_000, "text/plain; charset=windows-1253", Cost.DUBIOUS),
        (b"\xff\xfe" + ("<div>" * 20_000).encode("utf-16le"), None, Cost.DUBIOUS),
        (b"<div>" * 20_000, "image/png", Cost.CHEAP),
        (b"<div>" * 20_000, None, Cost.DUBIOUS),
        (b"%PDF-1.7 " * 300_000, "application/pdf", Cost.CHEAP),
        (b"%PDF-1.7 " * 300_000, "text/html", Cost.LARGE),
    ],
)
def test_a_document_knows_its_cost(content: bytes, content_type: str | None, cost: Cost) -> None:
    """That of decoding it counts, and that of parsing it where it is HTML."""
    assert HtmlDocument(content, content_type=content_type, url="https://site.test/").cost is cost
