"""Sitemaps of every form, read in pieces."""

from __future__ import annotations

import gzip
import time
import tracemalloc
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hostile_documents import bound
from hypothesis import given, strategies as st

from trio_crawl._errors import FetchError
from trio_crawl._model import Link
from trio_crawl._parse.gunzip import pieces
from trio_crawl._parse.list_links import MAX_ADDED, MAX_ENTRIES, MAX_SITEMAPS
from trio_crawl._parse.sitemap import MAX_BYTES, ListReader, NoListError, read_list

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "http://h/d/sitemap.xml"
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
NS = b'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def links_of(data: bytes, content_type: str | None = None, *, size: int = 100_000) -> list[Link]:
    """Return what stands in *data*, told in pieces of some *size*."""
    cut = [data[start : start + size] for start in range(0, len(data), size)]
    return list(chain.from_iterable(read_list(cut, URL, content_type)))


def urls_of(data: bytes, content_type: str | None = None, *, size: int = 100_000) -> list[str]:
    return [link.url for link in links_of(data, content_type, size=size)]


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


DECLARED = '<?xml version="1.0" encoding="{}"?><urlset><url><loc>http://h/{}</loc></url></urlset>'


@pytest.mark.parametrize("size", [1, 3, 100_000])
@pytest.mark.parametrize(
    ("label", "text", "codec"),
    [
        ("utf8", "日本é", "utf-8"),
        ("unicode-1-1-utf-8", "é", "utf-8"),
        ("Shift_JIS", "日本", "shift_jis"),
        ("x-sjis", "日本", "shift_jis"),
        ("EUC-JP", "日本", "euc_jp"),
        ("ISO-2022-JP", "日本", "iso2022_jp"),
        ("ks_c_5601-1987", "한국", "euc_kr"),
        ("gb2312", "中国", "gb2312"),
        ("gb18030", "中国𠀀", "gb18030"),
        ("Big5-HKSCS", "中國", "big5"),
        ("win-1251", "Мир", "utf-8"),  # no label of the standard's
        ("x-cp1251", "Мир", "cp1251"),
        ("windows-874", "ไทย", "cp874"),
        ("iso-8859-8-i", "שלום", "iso8859-8"),
        ("latin1", "€", "cp1252"),
        ("x-mac-roman", "é", "mac-roman"),
        ("utf-16", "é", "utf-8"),
        ("UTF-16", "é", "utf-16"),
        ("utf-8", "é", "utf-16"),
        ("utf-16", "é", "utf-16-le"),
        ("utf-16", "é", "utf-16-be"),
        *(
            (label, "é", "utf-8")
            for label in ("hex", "rot13", "idna", "mbcs", "ANSI", "", "x y", "{$charset}")
        ),
    ],
)
def test_what_is_declared_is_read_as_the_encoding_standard_has_it(
    label: str, text: str, codec: str, size: int
) -> None:
    """However it is cut; a label that the standard does not know is as if none were there."""
    body = DECLARED.format(label, text).encode(codec)
    expected = [f"http://h/{quote(text)}"]
    assert urls_of(body, size=size) == expected
    assert urls_of(gzip.compress(body, mtime=0), size=size) == expected


@pytest.mark.parametrize(
    ("codec", "content_type", "declared"),
    [
        ("cp1251", "application/rss+xml; charset=windows-1251", "utf-8"),
        ("euc_jp", 'text/xml; charset="EUC-JP"', "x-none"),
        ("utf-8", "text/xml; charset=utf-8", "iso-8859-1"),
        ("utf-8-sig", "text/xml; charset=iso-8859-1", "windows-1251"),
        ("utf-16", "text/xml; charset=iso-8859-1", "utf-8"),
        ("utf-8", "text/xml; charset=utf-16", "utf-16"),
        ("cp1251", "text/xml; charset=none", "windows-1251"),
        ("utf-8", "text/xml", "none"),
    ],
)
def test_a_mark_comes_before_the_field_and_that_before_the_declaration(
    codec: str, content_type: str, declared: str
) -> None:
    """The order of RFC 7303, section 3; what says UTF-16 can't be that if it begins in ASCII."""
    assert urls_of(DECLARED.format(declared, "Мир").encode(codec), content_type) == [
        f"http://h/{quote('Мир')}"
    ]


def test_a_text_is_in_its_encoding_too() -> None:
    """By its mark, as some systems write every file, or the field; else it is UTF-8."""
    text = "http://h/é\r\nhttp://h/b\r"
    expected = ["http://h/%C3%A9", "http://h/b"]
    for body, content_type in (
        (text.encode("utf-16"), None),
        (text.encode("utf-8-sig"), "text/plain; charset=windows-1252"),
        (text.encode("cp1252"), "text/plain; charset=windows-1252"),
        (text.encode(), "text/plain; charset=x-none"),
    ):
        for size in (1, 100):
            assert urls_of(body, content_type, size=size) == expected


def test_what_is_no_text_in_its_encoding_is_no_list() -> None:
    """The standard reads what hides mark-up as one wrong character; and others are only so many."""
    with pytest.raises(NoListError):
        links_of(DECLARED.format("hz-gb-2312", "a").encode())
    with pytest.raises(FetchError, match="it is no gb18030") as caught:
        links_of(b"<?xml version='1.0' encoding='gb18030'?><urlset>" + b"\xff" * 200_000)
    assert caught.value.kind == "decode"


SITEMAPS_ORG = "http://www.sitemaps.org/schemas/sitemap/0.9"


@pytest.mark.parametrize(
    "data",
    [
        f"<s:urlset xmlns:s='{SITEMAPS_ORG}'><s:url><s:loc>{{}}</s:loc></s:url></s:urlset>",
        f"<s:urlset xmlns:s='{SITEMAPS_ORG}' xmlns='{SITEMAPS_ORG}'><url><loc>{{}}</loc></url></s:urlset>",
        f"<urlset xmlns='{SITEMAPS_ORG}'><url xmlns=''><loc>{{}}</loc></url></urlset>",
        f"<urlset><url xmlns='{SITEMAPS_ORG}'><loc>{{}}</loc></url></urlset>",
        f"<urlset xmlns='urn:x' xmlns:s='{SITEMAPS_ORG}'><s:url><s:loc>{{}}</s:loc></s:url></urlset>",
        (
            f"<urlset xmlns='{SITEMAPS_ORG}'><a:url xmlns:a='{SITEMAPS_ORG}'>"
            f"<b:loc xmlns:b='{SITEMAPS_ORG}'>{{}}</b:loc></a:url></urlset>"
        ),
        "<u:urlset><u:url><u:loc>{}</u:loc></u:url></u:urlset>",
        "<urlset><urlset><url><loc>{}</loc></url></urlset></urlset>",
        "<urlset><url><loc/></url><urlset><url><loc>{}</loc></url></urlset></urlset>",
        "<sitemapindex><sitemap><urlset><url><loc>{}</loc></url></urlset></sitemap></sitemapindex>",
        "<sitemapindex><url><loc>{}</loc></url></sitemapindex>",
        "<urlset><url><loc>\n{}\n</loc></url></urlset>",
        (
            "<urlset><url><image:image><image:loc>http://h/no</image:loc></image:image><image:loc>http://h/no"
            "</image:loc><loc>{}</loc></url></urlset>"
        ),
    ],
)
def test_entries_are_told_by_name_and_namespace(data: str) -> None:
    """Whichever way these are written, and one list in another."""
    (link,) = links_of(data.format("http://h/a").encode())
    assert (link.url, link.kind) == ("http://h/a", "sitemap")


def test_an_index_may_stand_in_a_sitemap() -> None:
    """Each entry is what its own name says."""
    data = b"<urlset><sitemap><loc>http://h/1.xml</loc></sitemap><url><loc>/a</loc></url></urlset>"
    assert [(link.url, link.kind) for link in links_of(data)] == [
        ("http://h/1.xml", "sitemap_index"),
        ("http://h/a", "sitemap"),
    ]


def test_an_entry_may_have_several_places() -> None:
    """Each counts, with the entry's date and its versions in other languages."""
    data = (
        b"<urlset><url><loc>/a</loc><x:link rel='Alternate' hreflang='de' href='/d'/><loc>/b</loc>"
        b"<lastmod>2024</lastmod></url></urlset>"
    )
    assert [(link.url, link.hreflang, link.lastmod is not None) for link in links_of(data)] == [
        ("http://h/a", None, True),
        ("http://h/b", None, True),
        ("http://h/d", "de", True),
    ]


@pytest.mark.parametrize(
    "data",
    [
        "<urlset><url><location>http://h/</location></url></urlset>",
        "<urlset><url><loc>mailto:a@b</loc></url><url/></urlset>",
        "<urlset xmlns:x='urn:x'><x:url><loc>http://h/</loc></x:url></urlset>",
        "<urlset><url><x:loc xmlns:x='urn:x'>http://h/</x:loc></url></urlset>",
        "<sitemapindex><sitemap><loc>ftp://h/</loc></sitemap></sitemapindex>",
        "<rss><channel><item><title>a</title></item></channel></rss>",
        "<rss><channel><x:item xmlns:x='urn:x'><link>http://h/</link></x:item></channel></rss>",
        "<feed xmlns='http://www.w3.org/2005/Atom'><entry><link rel='self' href='/a'/></entry></feed>",
        pytest.param(f"<urlset>{'<url><loc>x:</loc></url>' * (MAX_ENTRIES + 1)}</urlset>", id="many"),
    ],
)
def test_a_list_whose_entries_can_t_be_read_is_a_failure(data: str) -> None:
    """Not silence: it says how many there are, and what they lack."""
    with pytest.raises(FetchError, match="entries, of which none has an http or https URL") as caught:
        links_of(data.encode())
    assert caught.value.kind == "parse"


@pytest.mark.parametrize(
    "data",
    ["<urlset/>", "<sitemapindex></sitemapindex>", "<rss><channel/></rss>", "<rdf:RDF><channel/></rdf:RDF>"],
)
def test_a_list_without_entries_is_one(data: str) -> None:
    """Of a site that has just been set up, for instance."""
    assert links_of(data.encode()) == []


@pytest.mark.parametrize(
    "data",
    [
        "<svg xmlns:s='http://www.sitemaps.org/schemas/sitemap/0.9'><s:urlset><s:url/></s:urlset></svg>",
        "<feed xmlns='urn:x'><entry><link href='/a'/></entry></feed>",
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><Person><link>/a</link></Person></rdf:RDF>",
        "<html xmlns='http://www.w3.org/1999/xhtml'><urlset><url><loc>http://h/</loc></url></urlset></html>",
    ],
)
def test_the_root_alone_decides_what_is_a_list(data: str) -> None:
    """Not what stands somewhere in it."""
    with pytest.raises(NoListError):
        links_of(data.encode())


def test_what_is_too_long_is_counted_and_not_taken() -> None:
    """In XML and as text, absolute, relative and with a base; a long fragment is none of it."""
    long = "x" * 8_001
    for data in (
        f"<urlset><url><loc>http://h/{long}</loc></url><url><loc>/a#{long}</loc></url></urlset>",
        f"<urlset><url><loc>{long * 100}</loc></url><url><loc>/a</loc></url></urlset>",
        f"http://h/{long}\nhttp://h/a\n",
        f"http://h/{long * 100}\nhttp://h/a\n",
        f"<rss xml:base='/{long}/'><item><link>b</link></item><item><link>http://h/a</link></item></rss>",
    ):
        reader = ListReader(URL)
        links = reader.feed(data.encode()) + reader.close()
        assert [link.url.partition("#")[0] for link in links] == ["http://h/a"]
        assert reader.dropped == 1


@pytest.mark.parametrize(
    "document",
    [
        "<rss xml:base='http://h/{base}/'>{items}</rss>",
        "<feed>{entries}</feed>",
        "<urlset>{urls}</urlset>",
    ],
)
def test_short_references_don_t_unfold(document: str) -> None:
    """Where each would be as long as its base, all together are bounded, and the rest is counted."""
    many = 20_000
    base = "x" * 7_900
    text = document.format(
        base=base,
        items="".join(f"<item><link>{n}?</link></item>" for n in range(many)),
        entries="".join(f"<entry xml:base='/{base}/'><link href='{n}'/></entry>" for n in range(300))
        + f"<entry xml:base='/{base}/'>" * 2
        + "</entry>" * 2,
        urls="".join(f"<url><loc>{n}</loc></url>" for n in range(many)),
    )
    reader = ListReader(f"http://h/{base}/s.xml")
    links = [link for piece in pieces(text.encode()) for link in reader.feed(piece)] + reader.close()
    assert sum(len(link.url) for link in links) <= MAX_ADDED + 3 * len(text)
    assert len(links) + reader.dropped in {many, 300}


def test_versions_of_one_entry_are_counted_as_they_are_read() -> None:
    """Of an entry without end as many are held as of any other."""
    reader = ListReader(URL)
    reader.feed(b"<urlset><url><loc>/</loc>")
    found = most = number = 0
    while not reader.cut:
        part = b"".join(b"<x:link rel='alternate' href='/%x'/>" % (n % 7) for n in range(500))
        found += (some := len(reader.feed(part)))
        most = max(most, some)
        number += 500
    assert number < MAX_ENTRIES + 1_000
    assert most <= 700
    assert found <= MAX_ENTRIES


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
