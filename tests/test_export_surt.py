"""URLs as keys of an index."""

from __future__ import annotations

import warnings

import pytest

from trio_crawl._export.surt import surt

with warnings.catch_warnings():
    # Its patterns have escapes that Python warns of.
    warnings.simplefilter("ignore")
    import surt as other


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://www.Example.com/", "com,example)/"),
        ("http://example.com:80", "com,example)/"),
        ("https://example.com:8443/A/b/", "com,example:8443)/a/b"),
        ("http://www2.example.com/a//b?B=2&a=1&c", "com,example)/a/b?a=1&b=2&c"),
        ("http://127.0.0.1:8080/x", "1,0,0,127:8080)/x"),
        ("http://[::1]:8080/x", "::1:8080)/x"),
        ("http://example.com/%7Euser/a%20b?q=%C3%BC", "com,example)/~user/a%20b?q=%c3%bc"),
    ],
)
def test_the_key_of_a_url(url: str, key: str) -> None:
    """The host comes first, reversed; scheme, www, default port and case make no difference."""
    assert surt(url) == key


SESSION = "0123456789ABCDEF" * 2
URLS = [
    *(
        "http://example.com",
        "HTTP://Example.COM/X",
        "https://www.example.com/A/B/",
        "http://www2.example.com/x",
    ),
    *("http://example.com:80/x", "https://example.com:443/x", "http://example.com:443/x", "http://a.test:/x"),
    *(
        "http://127.0.0.1:8080/x",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://2130706433/",
    ),
    *("http://99999999999/", "http://[::1]:8080/x", "http://[2001:db8::1]/", "http://1.2.3/"),
    *("http://user:pass@example.com/x", "http://user@example.com:8080/x", "http://example.com./x"),
    *(
        "http://example..com/x",
        "http://.example.com/",
        "http://./x",
        "http://www.www.com/",
        "http://www.com/",
    ),
    *(
        "http://example.com/a/../b",
        "http://example.com/../../b",
        "http://example.com/a/./b/",
        "http://a.test//a///b",
    ),
    *("http://example.com/?", "http://example.com/?a", "http://example.com/?b=2&a=1&c", "http://a.test/x?#y"),
    *("http://example.com/x#y", "http://example.com/%7Euser/%2541", "http://example.com/%2f%2e%2e/a"),
    *(
        "http://example.com/\u00fc?q=\u00fc",
        "http://b\u00fccher.example/",
        "http://xn--bcher-kva.example/%C3%BC",
    ),
    *(f"http://a.test/x;jsessionid={SESSION}", f"http://a.test/x?jsessionid={SESSION}&a=1"),
    *(f"http://a.test/x?PHPSESSID={SESSION}", f"http://a.test/x?a=1&sid={SESSION}"),
    *("http://a.test/x?cfid=1&cftoken=2&z=1", "http://a.test/(a(4hqa0555fwsecu455xqckv45))/mileg.aspx"),
    *("http://a.test/(4hqa0555fwsecu455xqckv45)/mileg.aspx", "dns:example.com", "urn:uuid:1234"),
    *(
        "ftp://ftp.example.com/x",
        "http://https://example.com/x",
        "http:////example.com/x",
        "http://a.b.co.uk/x?=1&&",
    ),
    *(
        "http://example.com/%",
        "http://example.com/%zz?%",
        "http://example.com/x?A=B&a=b",
        "http://a.test/[x]{y}|z^`",
    ),
    *(
        "http://example.com/x?y=http://z/?a&b",
        "http://foo_bar.example.com/",
        "http://host%41.com/",
        "http://a.test\\a",
    ),
    *(
        "http://a.test/x?b&a=&a",
        "https://example.com:80/x",
        "http://example.com/a%00b",
        "http://%77ww.example.com/",
    ),
    *(
        "http://www.example.co.uk/Index.html",
        "https://a.b.example.org:444/path/?z=1&y=2&y=1",
        "example.com/a",
    ),
    *(
        "http://example.com/a%2Fb/%41?x=%26",
        "http://example.com/?q=a+b&empty=&flag",
        "http://a.test/a;b=c/d@e!f",
    ),
]


@pytest.mark.parametrize("url", URLS)
def test_the_key_is_that_of_others(url: str) -> None:
    """The package that other indexers use makes the same key, whatever a browser would make of the URL."""
    assert surt(url) == other.surt(url)


@pytest.mark.parametrize("url", ["http://example.com:99999/", "http://example.com:abc/"])
def test_a_url_without_a_key_is_its_own(url: str) -> None:
    """As other indexers have it."""
    assert surt(url) == url


def test_a_key_is_one_word() -> None:
    """A blank, or a line's end, would end it too early in a line of an index."""
    assert surt("http://a.test:x/ \x0b\u2028") == "http://a.test:x/%20%0b\u2028"
    assert len(surt("http://a.test/a b\n c").split()) == 1
