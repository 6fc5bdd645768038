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
        ("http://127.0.0.1:8080/x", "127.0.0.1:8080)/x"),
        ("http://[::1]:8080/x", "[::1]:8080)/x"),
        ("http://example.com/%7Euser/a%20b?q=%C3%BC", "com,example)/~user/a%20b?q=%c3%bc"),
    ],
)
def test_the_key_of_a_url(url: str, key: str) -> None:
    """The host comes first, reversed; scheme, www, default port and case make no difference."""
    assert surt(url) == key


@pytest.mark.parametrize(
    "url",
    [
        "http://www.example.co.uk/Index.html",
        "https://a.b.example.org:444/path/?z=1&y=2&y=1",
        "http://example.com/a%2Fb/%41?x=%26",
        "http://example.com/?q=a+b&empty=&flag",
        "https://xn--bcher-kva.example/%C3%BC",
        "http://example.com/a;b=c/d@e!f",
    ],
)
def test_the_key_is_that_of_others(url: str) -> None:
    """The package that other indexers use makes the same key."""
    assert surt(url) == other.surt(url)
