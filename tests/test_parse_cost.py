"""What is predicted of documents: ordinary ones are cheap, and none takes more than was predicted."""

from __future__ import annotations

import subprocess
import sys
import time
from html import escape
from pathlib import Path

import fuzz_shapes
import pytest
import turbohtml
from hostile_documents import BOUND, FAMILY, bound, numbered
from hypothesis import given, strategies as st

from trio_crawl import ParseError
from trio_crawl._parse.cost import MOST_MEMORY, MOST_SIZE, predict
from trio_crawl._parse.html import HtmlDocument

KIB = 1024
ROOT = Path(__file__).resolve().parents[1]


def ordinary(paragraphs: int) -> str:
    """Return a page as people make them."""
    paragraph = (
        '<p class="text">Some <em class="a">words</em>, and a <a href="/page/{0}?a=b&amp;c=d">link</a>'
        '<br>to <b>another</b> page; <img src="/i/{0}.png" alt="a > b"> and more of it.</p>\n'
        '<ul><li>one<li><span data-x="1">two</span></ul><script>if (a<b) c="</p>";</script><!-- <div> -->\n'
        '<strong id="s{0}"><code class="x"><span>a</span></code><br></strong>\n'
        '<svg viewBox="0 0 1 1"><title>icon</title><path d="M0 0"/></svg>\n'
    )
    return (
        "<!doctype html><html><head><title>A page</title></head><body><div><table><tr><td>"
        + "".join(paragraph.format(number) for number in range(paragraphs))
        + "</table></div></body></html>"
    )


@pytest.mark.parametrize("paragraphs", [1, 50, 300, 600])
def test_an_ordinary_page_is_cheap(paragraphs: int) -> None:
    """From a small page to one of a third of a megabyte."""
    assert predict(ordinary(paragraphs)).is_cheap


@pytest.mark.parametrize("paragraphs", [3000, 20_000])
def test_a_large_page_is_not_slow(paragraphs: int) -> None:
    """It takes as long as its size explains."""
    predicted = predict(ordinary(paragraphs))
    assert not predicted.is_cheap
    assert not predicted.is_slow


def test_no_real_page_is_slow(python_docs: Path) -> None:
    """The pages of a real site, of which the smaller ones are cheap."""
    pages = [*sorted((python_docs / "library").glob("*.html")), python_docs / "contents.html"]
    texts = {page.name: page.read_text("utf-8") for page in pages}
    assert [name for name, text in texts.items() if predict(text).is_slow] == []
    small = {name: text for name, text in texts.items() if len(text) < 400 * KIB}
    assert [name for name, text in small.items() if not predict(text).is_cheap] == []


SLOW = {
    "attributes of one body": FAMILY["attributes of one body"],
    "attributes of one html": FAMILY["attributes of one html"],
    "a body that goes on and on": numbered("<body a{}='>'>"),
    "bold left open in paragraphs": FAMILY["bold left open in paragraphs"],
    "fonts of many colours": numbered("<p><font color={}>x"),
    "tags whose end is hard to tell": numbered("<p><b a='>{}'>x"),
    "closed where it does not count": numbered("<p><b a{}><!--</b>-->x"),
    "closed in a value": numbered("<p><i a{}><br b='</i>'>x"),
    "closed in a script": numbered("<p><u a{}><script></u></script>x"),
    "closed in a picture": numbered("<p><u a{}><svg><desc></u></svg>x"),
}


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("size", [100 * KIB, 500 * KIB])
def test_what_takes_the_square_of_its_size_is_slow(name: str, size: int) -> None:
    """Whatever case it is written in, and wherever an end tag seems to be."""
    document = SLOW[name](size)
    assert predict(document).is_slow
    assert predict(document.upper()).is_slow


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("size", [16 * KIB, 48 * KIB, 300 * KIB])
def test_there_are_no_more_elements_than_predicted(name: str, size: int) -> None:
    """Of which each takes a hundred bytes, and some attributes."""
    text = FAMILY[name](size)
    predicted = predict(text)
    if predicted.memory > 16 * MOST_MEMORY:
        return  # it would take as much
    elements = len(turbohtml.parse(text, positions=False, scripting=True).select("*"))
    assert elements * 100 <= max(predicted.memory, MOST_MEMORY)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("name", FAMILY)
def test_what_is_called_cheap_is(name: str) -> None:
    """A document of the family either isn't called cheap, or it is read in 50 ms."""
    slow = [size for size in (16, 20, 64, 200, 1000) if not is_within_bound(FAMILY[name](size * KIB))]
    assert slow == []


def is_within_bound(text: str) -> bool:
    """Say whether *text* is read in time, or it isn't called cheap."""
    content = text.encode()
    for _ in range(5):
        began = time.thread_time()
        document = HtmlDocument(content, content_type="text/html", url="https://site.test/", bounded=True)
        if document.is_cheap():
            document.links()
            _ = document.title
        del document
        taken = time.thread_time() - began
        if taken <= BOUND or taken <= bound():
            return True
    return False


MEMORY = """
import sys, resource
sys.path.insert(0, "tests")
from hostile_documents import FAMILY
from trio_crawl._parse.cost import MOST_SIZE, is_cheap
from trio_crawl._parse.html import HtmlDocument
names, made = sys.argv[1:], []
for name in names:
    size = MOST_SIZE
    while not is_cheap(text := FAMILY[name](size)):
        size = size * 3 // 4
    made.append(text)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for text in made:
    HtmlDocument(text.encode(), content_type="text/html", url="http://site.test/").links()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is counted in other units")
@pytest.mark.parametrize("part", range(4))
def test_the_largest_that_are_cheap_take_little_memory(part: int) -> None:
    """No more than twice what is predicted, each by itself, in a process of their own."""
    names = list(FAMILY)[part::4]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", MEMORY, *names], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) <= 2 * MOST_MEMORY


@pytest.mark.slow
@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("first", range(0, 1200, 200))
def test_no_shape_takes_more_than_predicted(first: int) -> None:
    """Random ones, repeated; ``python tests/fuzz_shapes.py`` tries more of them."""
    assert [message for seed in range(first, first + 200) if (message := fuzz_shapes.wrong(seed))] == []


@given(st.lists(st.sampled_from([*"<>/= '\"abx!-[]&"]), max_size=200).map("".join), st.integers(0, 2000))
def test_anything_is_predicted(piece: str, times: int) -> None:
    """Whatever the characters are, and it is not below nothing."""
    predicted = predict(piece * times)
    assert predicted.seconds >= 0
    assert not (predicted.is_cheap and predicted.is_slow)


@pytest.mark.parametrize(
    ("content", "content_type", "cheap"),
    [
        (b"\xff" * 100_000, "text/html; charset=gbk", False),
        (b"\xff" * 100_000, "text/html; charset=utf-8", True),
        (b"\x00\xd8" * 50_000, "text/html; charset=utf-16le", False),
        ("中<p>".encode("gbk") * 5_000, "text/html; charset=gbk", True),
        (b"\xff\xfe" + ("<p><i>" * 60_000).encode("utf-16le"), None, False),
        (b"<div>" * 200_000, "image/png", True),
        (b"%PDF-1.7 " * 300_000, "application/pdf", True),
        (b"x" * MOST_SIZE, "text/html", True),
        (b"x" * MOST_SIZE, "text/html; charset=gbk", False),
        (b"\x1b$B" + b"0!" * 20_000, "text/html; charset=iso-2022-jp", True),
        (b"x" * (MOST_SIZE + 1), "text/html", False),
    ],
)
def test_a_document_knows_whether_it_is_cheap(content: bytes, content_type: str | None, cheap: bool) -> None:
    """To decode it counts, and to parse it where it is HTML."""
    document = HtmlDocument(content, content_type=content_type, url="https://site.test/", bounded=True)
    assert document.is_cheap() is cheap


@pytest.mark.parametrize(
    ("inner", "cheap"),
    [
        ("<p>text", True),
        ("".join(f"<p><b a{number}>" for number in range(2000)), False),
        ("<p>x" * 120_000, False),
    ],
)
@pytest.mark.parametrize("levels", [1, 3])
def test_documents_in_frames_count(inner: str, cheap: bool, levels: int) -> None:
    """However often they were escaped; all the frames of a page together."""
    for _ in range(levels):
        inner = f"<iframe srcdoc='{escape(inner)}'></iframe>"
    document = HtmlDocument(inner.encode(), content_type="text/html", url="http://h/", bounded=True)
    assert document.is_cheap() is cheap
    many = HtmlDocument(
        b"<iframe srcdoc='<a href=x>'></iframe>" * 10_000,
        content_type="text/html",
        url="http://h/",
        bounded=True,
    )
    assert not many.is_cheap()


def test_a_frame_that_was_made_to_be_slow_is_not_parsed() -> None:
    """The elements around it are there, and its links and text are not."""
    inner = "".join(f"<p><b a{number}>" for number in range(10_000))
    markup = f"<p>x</p><iframe srcdoc='{escape(inner)}'></iframe>"
    document = HtmlDocument(markup.encode(), content_type="text/html", url="http://h/", bounded=True)
    assert not document.is_cheap()
    assert len(document.css("p")) == 1
    for use in (document.links, document.text):
        with pytest.raises(ParseError, match="page.html"):
            use()


def test_links_of_every_kind_cost_more() -> None:
    """Where an output wants them, each candidate of a picture may be one."""
    markup = '<img srcset="' + "x1, " * 40_000 + '">'
    document = HtmlDocument(markup.encode(), content_type="text/html", url="http://h/", bounded=True)
    assert not document.is_cheap(every=True)
    assert document.is_cheap()
