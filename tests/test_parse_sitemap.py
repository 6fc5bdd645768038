"""Sitemaps of every form, read in pieces."""

from __future__ import annotations

import gzip
import time
import tracemalloc
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from hostile_documents import bound
from hypothesis import given, strategies as st

from trio_crawl._errors import FetchError
from trio_crawl._model import Link
from trio_crawl._parse.gunzip import pieces
from trio_crawl._parse.sitemap import MAX_BYTES, MAX_ENTRIES, MAX_SITEMAPS, ListReader, NoListError, read_list

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "http://h/d/sitemap.xml"
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
NS = b'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def links_of(data: bytes, *, size: int = 100_000) -> list[Link]:
    """Return what stands in *data*, told in pieces of some *size*."""
    cut = [data[start : start + size] for start in range(0, len(data), size)]
    return list(chain.from_iterable(read_list(cut, URL)))


def urls_of(data: bytes) -> list[str]:
    return [link.url for link in links_of(data)]


SITEMAP = (
    HEAD
    + b"""<urlset %s xmlns:image="i" xmlns:xhtml="x">
<url><loc> http://h/a?x=1&amp;y=2#z </loc><lastmod>2024-05-06</lastmod><priority>1</priority></url>
<url><image:image><image:loc>http://h/no.png</image:loc></image:image><loc><![CDATA[http://h/b]]></loc></url>
<url><loc>/c</loc><lastmod>soon</lastmod></url>
<url><loc>mailto:a@b</loc></url><url><loc></loc></url><url/>
<url><loc>http://h/de</loc><xhtml:link rel="alternate" hreflang="de" href="http://h/de"/>
<xhtml:link rel="alternate" hreflang="en" href="http://h/en"/></url>
<other><loc>http://h/no</loc></other>
</urlset>"""
    % NS
)


def test_a_sitemap_has_entries_with_their_dates() -> None:
    """Those of images are none, and other languages of a page are."""
    assert links_of(SITEMAP) == [
        Link(url="http://h/a?x=1&y=2", kind="sitemap", lastmod=datetime(2024, 5, 6, tzinfo=UTC)),
        Link(url="http://h/b", kind="sitemap"),
        Link(url="http://h/c", kind="sitemap"),
        Link(url="http://h/de", kind="sitemap"),
        Link(url="http://h/en", kind="sitemap", rel=("alternate",), hreflang="en"),
    ]


@given(st.integers(1, 300))
def test_pieces_make_no_difference(size: int) -> None:
    """Gzipped, with a mark or white space before it, or as it is."""
    expected = links_of(SITEMAP)
    for data in (SITEMAP, gzip.compress(SITEMAP), b"\xef\xbb\xbf" + SITEMAP, b"\n \n" + SITEMAP):
        assert links_of(data, size=size) == expected


@pytest.mark.parametrize(
    ("root", "entry"),
    [
        (b"<urlset>", b"<url><loc>%s</loc></url>"),
        (b"<urlset xmlns='http://www.google.com/schemas/sitemap/0.84'>", b"<url><loc>%s</loc></url>"),
        (b"<s:urlset xmlns:s='x'>", b"<s:url><s:loc>%s</s:loc></s:url>"),
        (b"<urlset>", b"<url><video:x/><loc>%s</loc></url>"),
    ],
)
def test_a_sitemap_is_known_by_its_root(root: bytes, entry: bytes) -> None:
    """Whatever its namespace is, and whether prefixes are declared or not."""
    end = b"</" + root[1:-1].split()[0] + b">"
    assert urls_of(root + entry % b"http://h/a" + end) == ["http://h/a"]


def test_an_index_has_sitemaps() -> None:
    """They are of a kind of their own."""
    data = (
        b"<sitemapindex %s><sitemap><loc>http://h/1.xml</loc><lastmod>2024</lastmod></sitemap></sitemapindex>"
        % NS
    )
    expected = Link(url="http://h/1.xml", kind="sitemap_index", lastmod=datetime(2024, 1, 1, tzinfo=UTC))
    assert links_of(data) == [expected]


def test_a_text_has_a_url_in_each_line() -> None:
    """Lines that are none, or too long, are left out."""
    data = (
        b"\xef\xbb\xbf\n http://h/a \r\nHTTPS://h/b#c\n\nnonsense\nhttp://h/"
        + b"x" * 20_000
        + "\nhttp://h/é".encode()
    )
    assert urls_of(data) == ["http://h/a", "https://h/b", "http://h/%C3%A9"]
    assert {link.kind for link in links_of(data)} == {"sitemap"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"<!DOCTYPE html><title>Not found</title>",
        b"<html><body>",
        b"<svg/>",
        b"<?xml version='1.0'?><svg/>",
        b"Not found\nhttp://h/a\n",
        b"{}",
        b"\x89PNG\r\n\x1a\n",
        b"%PDF-1.7",
        b"<",
        b"\xff\xfe",
        gzip.compress(b"Not found", mtime=0),
        gzip.compress(gzip.compress(SITEMAP, mtime=0), mtime=0),
    ],
)
def test_something_else_is_no_list(data: bytes) -> None:
    """Such as the page that a site answers with for everything."""
    with pytest.raises(NoListError):
        links_of(data)


@pytest.mark.parametrize(
    ("data", "kind", "found"),
    [
        (SITEMAP[:-20], "parse", 5),
        (SITEMAP.replace(b"<url/>", b"<url>"), "parse", 3),
        (gzip.compress(SITEMAP, mtime=0)[:-4], "decode", 5),
        (b"<!DOCTYPE urlset [<!ENTITY x 'y'>]>" + SITEMAP.removeprefix(HEAD), "parse", 0),
    ],
)
def test_what_was_read_before_a_failure_is_there(data: bytes, kind: str, found: int) -> None:
    """A sitemap that is damaged at its end is of use up to there."""
    links: list[Link] = []
    with pytest.raises(FetchError) as caught:
        for some in read_list([data], URL):
            links += some
    assert caught.value.kind == kind
    assert len(links) == found


def big(number: int) -> Iterator[bytes]:
    """Yield a sitemap of so many long entries, in pieces."""
    yield HEAD + b"<urlset %s>" % NS
    filler = b"x" * 300
    for first in range(0, number, 16):
        numbers = range(first, min(first + 16, number))
        yield b"".join(b"<url><loc>http://h/%d/%s</loc></url>\n" % (n, filler) for n in numbers)
    yield b"</urlset>"


def test_fifty_thousand_entries_take_bounded_memory_and_short_steps() -> None:
    """17 MB of them: of a step and of what is held only as much as one piece."""
    tracemalloc.start()
    try:
        count = 0
        for links in read_list(big(MAX_ENTRIES), URL):
            count += len(links)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == MAX_ENTRIES
    assert peak < 2_000_000


@pytest.mark.usefixtures("untraced")
def test_no_step_takes_long() -> None:
    """Neither of a big sitemap nor of one that unfolds a thousandfold."""
    bodies = [
        b"".join(big(5_000)),
        gzip.compress(b"<urlset>" + b"<url/>" * 200_000, mtime=0),
        b"<urlset>" + b"<url a='1' b='2'>" * 60 + b"<x/>" * 100_000,
        b"http://h/\n" * 100_000,
    ]
    for body in bodies:
        longest = []
        began = time.thread_time()
        try:
            for _ in read_list(pieces(body), URL):
                longest.append(time.thread_time() - began)
                began = time.thread_time()
        except FetchError:
            pass
        assert sorted(longest)[-3:][0] < bound()  # but for what the machine was doing meanwhile


def test_what_is_beyond_the_bounds_is_not_read() -> None:
    """Entries, sitemaps of an index, and bytes."""
    data = b"<urlset>" + b"<url><loc>http://h/</loc></url>" * (MAX_ENTRIES + 100) + b"</urlset>"
    assert len(links_of(data)) == MAX_ENTRIES
    entry = b"<sitemap><loc>http://h/</loc></sitemap>"
    assert len(links_of(b"<sitemapindex>" + entry * (MAX_SITEMAPS + 100))) == MAX_SITEMAPS
    with pytest.raises(FetchError, match="more than 52,428,800 bytes") as caught:
        links_of(gzip.compress(b"<urlset>" + b" " * MAX_BYTES))
    assert caught.value.kind == "too_large"


def test_a_reader_says_what_it_reads() -> None:
    """As soon as that is known."""
    reader = ListReader(URL)
    assert (reader.feed(b"<"), reader.format) == ([], None)
    reader.feed(b"urlset><url")
    assert (reader.format, reader.cut) == ("sitemap", False)


@given(
    st.lists(
        st.sampled_from(
            [
                b"<url>",
                b"<loc>",
                b"</loc>",
                b"</url>",
                b"http://h/",
                b"\n",
                b"<",
                b"\xff",
                b"&amp;",
                b"\x1f\x8b",
                b"<x:link rel='alternate' href='?'/>",
            ]
        ),
        max_size=15,
    ),
    st.sampled_from(
        [b"<urlset>", b"<sitemapindex>", b"<rss>", b"<feed xml:base='//['>", b"", b"http://h/\n"]
    ),
    st.integers(1, 20),
)
def test_no_content_raises_anything_else(parts: list[bytes], start: bytes, size: int) -> None:
    """And whatever is a link can be asked for."""
    try:
        for link in links_of(start + b"".join(parts), size=size):
            assert link.url.startswith(("http://", "https://"))
    except (FetchError, NoListError):
        pass
