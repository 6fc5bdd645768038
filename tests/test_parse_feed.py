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
