"""What reads bytes of strangers, each as a function that takes any bytes and checks what comes out.

A target raises nothing but `AssertionError`, and only where the library is wrong.
``python tests/fuzz.py`` guides these by coverage, tests/test_fuzz.py by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from webencodings.labels import LABELS  # type: ignore[import-untyped]  # it has no annotations

from trio_crawl import CrawlError, Headers, _urls
from trio_crawl._errors import FetchError
from trio_crawl._fetch import cache_control
from trio_crawl._fetch.curl_head import final_head
from trio_crawl._fetch.decode import decode_body
from trio_crawl._parse.dates import moment_of
from trio_crawl._parse.decoding import decode_bytes, decoder
from trio_crawl._parse.encoding import decode
from trio_crawl._parse.html import HtmlDocument
from trio_crawl._parse.media import parse_media_type
from trio_crawl._parse.sitemap import NoListError, links_of_list, read_list
from trio_crawl._parse.xml_root import root_of
from trio_crawl._policy import robots
from trio_crawl._policy.cookies import CookieJar
from trio_crawl._policy.retry import retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

BASE: Final = "https://www.site.test:8443/d/p?q"
ENCODINGS: Final = sorted(set(LABELS.values()))
NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MOST: Final = 1 << 16


def urls(data: bytes) -> None:
    """Check that a URL which was parsed stays as it is, and that everything can be asked of it."""
    text = data.decode("utf-8", "surrogateescape")
    for url in (_urls.parse(text), _urls.join(BASE, text)):
        if url is None:
            continue
        assert _urls.parse(url) == url
        assert _urls.join(BASE, url) == url
        assert url.startswith(("http://", "https://"))
        assert url.isascii()
        plain = _urls.without_user_info(url)
        assert plain.startswith(_urls.origin(url))
        assert _urls.without_user_info(plain) == plain
        host = _urls.host(url)
        assert host
        _urls.literal_address(host)
        assert host.rstrip(".").strip("[]").endswith(_urls.registrable_domain(host))  # [::1]
        _urls.split(url)
    assert (_urls.parse(text) is None) == (_urls.explain(text) is not None)


def html(data: bytes) -> None:
    """Check that any bytes can be asked what a page can be asked, and that links are URLs."""
    declared, _, content = data.partition(b"\n")
    page = HtmlDocument(content, content_type=declared.decode("latin-1") or None, url=BASE)
    links = page.links()
    assert len({link.url for link in links}) == len(links)
    every = page.links(kinds="all")
    assert len(set(every)) == len(every)
    for link in (*links, *every, *page.links("link, img, script, iframe, form")):
        assert _urls.parse(link.url) == link.url, link
    if page.canonical is not None:
        assert _urls.parse(page.canonical) == page.canonical
    for text in (page.html, page.text(), page.title or "", *page.meta.values(), *page.opengraph.values()):
        text.encode()
    page.language("de")
    page.jsonld  # noqa: B018 - a property


def lists(data: bytes) -> None:
    """Check that any bytes are a sitemap or feed up to somewhere, or none, however they are cut."""
    try:
        links = [link for some in read_list([data[:7], data[7:]], BASE) for link in some]
    except NoListError:
        return
    except FetchError as error:
        assert error.kind in {"parse", "decode", "too_large"}  # noqa: PT017 - of either outcome
        return
    for link in links:
        assert _urls.parse(link.url) == link.url, link
        assert link.lastmod is None or link.lastmod.tzinfo is UTC
    assert links == [link for some in read_list([data], BASE) for link in some]


def lists_of_type(data: bytes) -> None:
    """Check the same of a list with a ``Content-Type``, and that what a page is told of it is the same."""
    declared, _, content = data.partition(b"\n")
    media = declared.decode("latin-1")
    try:
        links = [link for some in read_list([content[:9], content[9:]], BASE, media) for link in some]
    except (NoListError, FetchError):
        links = None
    told = list(links_of_list(content, BASE, media))
    assert links is None or links == told
    assert all(len(link.url) <= _urls.MAX_LENGTH for link in told)
    root_of(content.decode("latin-1"))


def decoders(data: bytes) -> None:
    """Check that any bytes are decoded in pieces as they are in one, in each of the encodings."""
    for encoding in ENCODINGS:
        pieces = decoder(encoding)
        text = pieces.decode(data[:5]) + pieces.decode(data[5:6]) + pieces.decode(data[6:])
        text += pieces.decode(b"", final=True)
        text = text.removeprefix("\ufeff") if encoding.startswith("utf-") else text
        assert text == decode_bytes(data, encoding), encoding


def dates(data: bytes) -> None:
    """Check that any text is a moment in UTC, or none."""
    moment = moment_of(data.decode("utf-8", "replace"))
    assert moment is None or moment.tzinfo is UTC


def link_fields(data: bytes) -> None:
    """Check that header fields of any bytes lead to URLs, or nowhere."""
    value = data.replace(b"\r", b"").replace(b"\n", b"")
    fields = Headers(((b"Link", value), (b"Refresh", value)))
    page = HtmlDocument(b"", content_type="text/html", url=BASE, headers=fields)
    for link in page.links(kinds="all"):
        assert _urls.parse(link.url) == link.url, link


def encodings(data: bytes) -> None:
    """Check that any bytes have an encoding, and characters that UTF-8 has."""
    declared, _, content = data.partition(b"\n")
    text, encoding = decode(content, declared.decode("latin-1"))
    text.encode()
    assert encoding == encoding.lower() or encoding == "x-user-defined"
    assert (text, encoding) == decode(content, declared.decode("latin-1"))


def robots_txt(data: bytes) -> None:
    """Check that any bytes are a robots.txt, which says yes or no to any URL, and yes to itself."""
    rules = robots.parse(data, "trio-crawl")
    for path in ("", "robots.txt", "a/b?c=d", "%C3%A9", data[:50].decode("latin-1")):
        url = _urls.join("https://site.test/", path)
        if url is not None:
            assert rules.allows(url) in (True, False)
    assert rules.allows("https://site.test/robots.txt")
    assert rules.crawl_delay is None or rules.crawl_delay >= 0


def headers(data: bytes) -> None:
    """Check that fields of any bytes are read or left aside."""
    text = data.decode("latin-1").replace("\r", "").replace("\n", "")
    parse_media_type(text)
    wait = retry_after(text, NOW)
    assert wait is None or wait >= 0
    jar = CookieJar()
    jar.take(BASE, [text], NOW)
    sent = jar.header(BASE, NOW) or ""
    assert "\n" not in sent
    assert "\r" not in sent
    value = data.replace(b"\r", b"").replace(b"\n", b"")
    said = Headers(((b"Cache-Control", value), (b"Expires", value), (b"Date", value), (b"Age", value)))
    assert cache_control.lifetime(200, said, NOW.timestamp()) >= 0
    assert cache_control.current_age(said, 0.0, 1.0, 2.0) >= 0


def heads(data: bytes) -> None:
    """Check that lines before a body are a head, or a `FetchError` that says why not."""
    try:
        head = final_head(data.splitlines(keepends=True), BASE)
    except FetchError as error:
        assert error.kind == "protocol"  # noqa: PT017 - of either outcome
    else:
        assert 200 <= head[1] <= 999


def codings(data: bytes) -> None:
    """Check that a body comes out within its bound, or as a `FetchError`."""
    declared, _, body = data.partition(b"\n")
    try:
        decoded = decode_body(body, declared.decode("latin-1"), MOST)
    except FetchError as error:
        assert error.kind in {"decode", "too_large"}  # noqa: PT017 - of either outcome
    else:
        assert len(decoded) <= max(MOST, len(body))


def selectors(data: bytes) -> None:
    """Check that a selector finds elements or is a `UsageError`."""
    page = HtmlDocument(b"<p class=a>b<p id=c>d", content_type="text/html", url=BASE)
    try:
        assert len(page.css(data.decode("utf-8", "replace"))) <= 5
    except CrawlError:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A function under test.

    Args:
        check: it.
        words: what its input is made of, besides any bytes.
    """

    check: Callable[[bytes], None]
    words: tuple[bytes, ...]


def _words(text: str) -> tuple[bytes, ...]:
    return tuple(word.encode("latin-1").decode("unicode_escape").encode("latin-1") for word in text.split())


TARGETS: Final = {
    "urls": Target(
        check=urls,
        words=_words(
            r"http: https:// // / \\ ? # @ : . .. %2e %zz xn-- [::1] 0x7f 127.1 0 \xc3\xa9 "
            r"\xed\xa0\x80 \t \n site.test user:pass@ ; :80 :65536 mailto: data: javascript: "
            r"\xef\xbc\x8e \xc2\xad"
        ),
    ),
    "html": Target(
        check=html,
        words=_words(
            r"text/html \n <a href= </a> <base href= <area <svg> <math> <template> <title> </title> "
            r"<p> <table> <tr> <td> <select> <option> <b> <i> <script> </script> <style> <textarea> "
            r"<plaintext> <!-- --> <![CDATA[ ]]> &amp; &#0; &#xD800; &notanentity \" ' > = / <meta "
            r"charset= content= name= property=og:title http-equiv= <link rel=canonical lang= <iframe "
            r"src= srcset= \0 \xff \xc3 <frameset> <noscript> application/ld+json { } [ ] http://x/ "
            r"../ ?a=b #c"
        ),
    ),
    "lists": Target(
        check=lists,
        words=_words(
            r"<urlset> <url> <loc> http://site.test/ </loc> </url> </urlset> <sitemapindex> <sitemap> "
            r"</sitemap> <lastmod> 2024-05-06 T07:08Z </lastmod> <rss> <item> <link> </link> </item> "
            r"<feed> <entry> <link\x20href='a'/> </entry> <guid\x20isPermaLink='false'> <updated> "
            r"<xhtml:link hreflang= rel='alternate' <!DOCTYPE <!ENTITY [ ]> <![CDATA[ ]]> &amp; &x; "
            r"<?xml encoding='utf-16'?> \n \xef\xbb\xbf \xff\xfe \x1f\x8b\x08 \0 \xff xml:base='//['"
        ),
    ),
    "lists_of_type": Target(
        check=lists_of_type,
        words=_words(
            r"text/xml;charset= utf-8 utf-16 shift_jis iso-2022-jp gb18030 hz-gb-2312 hex none \n <?xml "
            r"encoding=' '?> <s:urlset xmlns= xmlns:s= '' 'x' <urlset> <sitemapindex> <url> <s:url> "
            r"<loc> <x:loc> http://site.test/ / </loc> </url> </urlset> <rdf:RDF> <channel> <item> <r:item> "
            r"<link> </link> </item> <feed <entry xml:base= <link\x20href='a'/> </entry> \xff\xfe \xfe\xff "
            r"\xef\xbb\xbf <\0 \0< \x1b$B \x1b(B \x81 \x80 <!DOCTYPE [ ]> <!-- --> html"
        ),
    ),
    "decoders": Target(
        check=decoders,
        words=_words(
            r"\x1b$B \x1b(B \x1b(J \x1b(I \x1b \x1b$ \x81\x30\x81\x30 \x84\x32\x81\x30 \x8f\xa2\xaf \x8e\xb1 "
            r"\xa4\xa4 \xa3\xe1 \x88\x62 \xad\xa1 \xf9\xa1 \x80 \xff \xd8\0 \0\xd8 \xe3\x81\x82 < 0"
        ),
    ),
    "dates": Target(
        check=dates,
        words=_words(
            r"2024 -05 -06 T07:08:09 Z +01:00 .5 Mon, 06 May 2024 07:08:09 GMT EST -0000 +9999 99999999999 "
            r"( ) , : - \xc2\xb2 \xd9\xa3 0001-01-01T00:00+14:00 \x20"
        ),
    ),
    "link_fields": Target(
        check=link_fields,
        words=_words(
            r"< > ; , = \" ' \\ rel= rel=\"next\" anchor= hreflang=de type= title*= "
            r"0 url= ; a ../ ?b # \t \xff"
        ),
    ),
    "encodings": Target(
        check=encodings,
        words=_words(
            r"text/html ;charset= utf-8 utf-16le windows-1252 shift_jis iso-2022-jp euc-jp big5 "
            r"gb18030 gbk euc-kr x-user-defined replacement \n <meta charset= <!-- --> \" ' "
            r"http-equiv=content-type content= \xef\xbb\xbf \xff\xfe \xfe\xff \x1b$B \x1b(B \x1b(J "
            r"\x81 \x8f \xa1\xa1 \x81\x30\x81\x30 \xe3\x81\x82 <?xml encoding= ?> \0 \x80"
        ),
    ),
    "robots_txt": Target(
        check=robots_txt,
        words=_words(
            r"User-agent: * \n \r Allow: Disallow: Crawl-delay: Sitemap: / $ # trio-crawl trio % %2F "
            r"%E2 \xc3\xa9 \xef\xbb\xbf : ? = 1 1e9 nan -1 \0 robots.txt a"
        ),
    ),
    "headers": Target(
        check=headers,
        words=_words(
            r"text/html ; charset= \" \\ , = max-age= no-cache private=\" a=b Path=/ Domain= "
            r"site.test Expires= Secure HttpOnly SameSite= __Host- 120 -1 1e9 "
            r"Sun,\x2006\x20Nov\x201994\x2008:49:37\x20GMT GMT Nov 94 08:49:37 99999999999999999999 "
            r"\xff \0 \t"
        ),
    ),
    "heads": Target(
        check=heads,
        words=_words(
            r"HTTP/1.1 HTTP/1.0 HTTP/2 \x20200\x20OK \x20100\x20 \x20999 \r\n \n : Location: "
            r"Content-Length: Transfer-Encoding: chunked \0 \x20 \t a \xff"
        ),
    ),
    "codings": Target(
        check=codings,
        words=_words(
            r"gzip deflate br zstd x-gzip identity , \n \x1f\x8b\x08\0\0\0\0\0\0\x03 \x78\x9c "
            r"\x28\xb5\x2f\xfd \x4b\x04\0\xfb\xff \x03\0 \0 \xff \x0b\x02\x80a\x03 "
            r"\xcb\x48\xcd\xc9\xc9\x07\0"
        ),
    ),
    "selectors": Target(
        check=selectors,
        words=_words(
            r"p . # [ ] = \" ' :has( :not( :is( ) > + ~ , * :nth-child( 2n+1 of a | \\ ::before "
            r":dir( :lang("
        ),
    ),
}
