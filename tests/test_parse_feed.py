"""Entries of RSS and Atom feeds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from trio_crawl._model import Link
from trio_crawl._parse.sitemap import read_list

RSS = """<?xml version="1.0"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="x"><channel>
<link>http://h/</link><atom:link href="http://h/feed" rel="self"/>
<item><title>1</title><link> http://h/1?a=1&amp;b=2#c </link>
<pubDate>Mon, 06 May 2024 07:08:09 GMT</pubDate></item>
<item><link>/2</link><guid>http://h/not-this</guid><dc:date>2024-05-07</dc:date></item>
<item><guid>http://h/3</guid></item>
<item><guid isPermaLink="false">http://h/not-this</guid></item>
<item><link>mailto:a@b</link></item>
<item><atom:link href="http://h/4"/><source><link>http://h/not-this</link></source></item>
</channel></rss>"""

RDF = """<rdf:RDF xmlns:rdf="r" xmlns="x"><channel><link>http://h/</link></channel>
<item rdf:about="x"><link>http://h/1</link></item></rdf:RDF>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="/base/">
<link href="http://h/"/><link rel="self" href="http://h/feed"/>
<entry><link rel="enclosure" href="x.mp3"/><link rel="alternate" href="1"/><link href="other"/>
<published>2024-01-01T00:00:00Z</published><updated>2024-05-06T07:08:09+01:00</updated></entry>
<entry xml:base="http://g/"><link href="2"/></entry>
<entry><link href="3"/><content type="xhtml"><div><a href="no"/><link href="no"/></div></content></entry>
</feed>"""


@pytest.mark.parametrize(
    ("feed", "expected"),
    [
        (
            RSS,
            [
                Link(
                    url="http://h/1?a=1&b=2", kind="feed", lastmod=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
                ),
                Link(url="http://h/2", kind="feed", lastmod=datetime(2024, 5, 7, tzinfo=UTC)),
                Link(url="http://h/3", kind="feed"),
                Link(url="http://h/4", kind="feed"),
            ],
        ),
        (RDF, [Link(url="http://h/1", kind="feed")]),
        (
            ATOM,
            [
                Link(url="http://h/base/1", kind="feed", lastmod=datetime(2024, 5, 6, 6, 8, 9, tzinfo=UTC)),
                Link(url="http://g/2", kind="feed"),
                Link(url="http://h/base/3", kind="feed"),
            ],
        ),
    ],
    ids=["rss", "rdf", "atom"],
)
def test_a_feed_has_entries(feed: str, expected: list[Link]) -> None:
    """Each with the page that it is about, and when that was changed."""
    assert [link for links in read_list([feed.encode()], "http://h/d/feed") for link in links] == expected


@pytest.mark.parametrize(
    "feed",
    [
        (
            "<r:rss xmlns:r='http://backend.userland.com/rss2'><r:channel><r:item><r:link>{}</r:link></r:item>"
            "</r:channel></r:rss>"
        ),
        "<r:rss><r:channel><r:item><r:guid>{}</r:guid></r:item></r:channel></r:rss>",
        (
            "<rss xmlns='http://backend.userland.com/rss2'><channel xmlns=''><item><link>{}</link></item>"
            "</channel></rss>"
        ),
        (
            "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:r='http://purl.org/rss/1.0/'>"
            "<r:channel/><r:item><r:link>{}</r:link></r:item></rdf:RDF>"
        ),
        (
            "<RDF xmlns='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><item xmlns='http://my.netscape.com/rdf/simple/0.9/'>"
            "<link>{}</link></item></RDF>"
        ),
        "<a:feed xmlns:a='http://www.w3.org/2005/Atom'><a:entry><a:link href='{}'/></a:entry></a:feed>",
        "<feed xmlns='http://purl.org/atom/ns#'><entry><link rel='ALTERNATE' href='{}'/></entry></feed>",
        (
            "<feed xmlns='http://www.w3.org/2005/Atom'><entry><link href='{}'"
            " rel='http://www.iana.org/assignments/relation/alternate'/></entry></feed>"
        ),
        "<feed><entry><link href='{}'/></entry></feed>",
        "<rss><channel><item><link>mailto:a@b</link><atom:link href='{}'/></item></channel></rss>",
        "<rdf:RDF><item rdf:about='{}'><title>a</title></item></rdf:RDF>",
        "<rss><channel><item><x:link xmlns:x='urn:x'>http://h/no</x:link><link>{}</link></item></channel></rss>",
    ],
)
def test_entries_are_told_by_name_and_namespace(feed: str) -> None:
    """Prefixed, in any version's namespace, or in none."""
    links = [
        link for links in read_list([feed.format("http://h/1").encode()], "http://h/f") for link in links
    ]
    assert links == [Link(url="http://h/1", kind="feed")]


def test_bases_nest() -> None:
    """Each is relative to the one around it, and holds for its own element; what is no base changes none."""
    feed = """<feed xml:base="/a/"><entry xml:base="b/"><link xml:base="c/" href="1"/></entry>
    <entry xml:base="mailto:x"><link href="2"/></entry><entry xml:base="//["><link href="3"/></entry>
    <entry><link href="4"/></entry></feed>"""
    urls = [link.url for links in read_list([feed.encode()], "http://h/d/f") for link in links]
    assert urls == ["http://h/a/b/c/1", "http://h/a/2", "http://h/a/3", "http://h/a/4"]
