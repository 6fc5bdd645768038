"""Which cookies a host may set, and which requests they are for."""

from __future__ import annotations

import pytest

from trio_crawl._policy.cookie import Cookie, made
from trio_crawl._policy.set_cookie import parse


def cookie(url: str, text: str) -> Cookie | None:
    """Return the cookie that a response of *url* sets by *text*."""
    said = parse(text, 0.0)
    assert said is not None
    return made(url, said, 0.0, 0)


@pytest.mark.parametrize(
    ("url", "text", "domain", "host_only"),
    [
        ("https://www.example.org/", "a=b", "www.example.org", True),
        ("https://www.example.org/", "a=b; Domain=example.org", "example.org", False),
        ("https://www.example.org/", "a=b; Domain=.example.org", "example.org", False),
        ("https://www.example.org/", "a=b; Domain=WWW.example.org", "www.example.org", False),
        ("https://a.b.example.org/", "a=b; Domain=example.org", "example.org", False),
        ("https://localhost/", "a=b; Domain=localhost", "localhost", True),
        ("https://github.io/", "a=b; Domain=github.io", "github.io", True),
        ("https://10.0.0.1/", "a=b; Domain=10.0.0.1", "10.0.0.1", False),
        ("https://[::1]:8443/", "a=b", "[::1]", True),
    ],
)
def test_domains_that_a_host_may_set(url: str, text: str, domain: str, host_only: bool) -> None:
    """Its own name, and those above it up to the registrable domain; a public suffix for itself alone."""
    found = cookie(url, text)
    assert found is not None
    assert (found.domain, found.host_only) == (domain, host_only)


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://www.example.org/", "other.org"),
        ("https://www.example.org/", "a.www.example.org"),
        ("https://www.example.org/", "ample.org"),
        ("https://www.example.org/", "org"),
        ("https://a.co.uk/", "co.uk"),
        ("https://a.github.io/", "github.io"),
        ("https://a.b.kobe.jp/", "b.kobe.jp"),
        ("https://a.b.kobe.jp/", "kobe.jp"),
        ("https://10.0.0.1/", "0.0.1"),
        ("https://[::1]/", "1]"),
        ("https://www.example.org/", "b\xfccher.example.org"),
    ],
)
def test_domains_that_a_host_may_not_set(url: str, domain: str) -> None:
    """Another's, one below it, a public suffix, and of an IP address any other."""
    assert cookie(url, f"a=b; Domain={domain}") is None


@pytest.mark.parametrize(
    ("url", "text", "kept"),
    [
        ("http://e.org/", "a=b; Secure", False),
        ("https://e.org/", "__Secure-a=b; Secure", True),
        ("https://e.org/", "__Secure-a=b", False),
        ("http://e.org/", "__Secure-a=b; Secure", False),
        ("https://e.org/", "__Host-a=b; Secure; Path=/", True),
        ("https://e.org/", "__hOsT-a=b; Secure; Path=/", True),
        ("https://e.org/", "__Host-a=b; Secure", False),
        ("https://e.org/", "__Host-a=b; Secure; Path=/x", False),
        ("https://e.org/", "__Host-a=b; Secure; Path=/; Domain=e.org", False),
        ("https://e.org/", "__Host-a=b; Path=/", False),
        ("https://e.org/", "__host-a=b; Path=/", False),
    ],
)
def test_what_only_https_may_set(url: str, text: str, kept: bool) -> None:
    """``Secure`` cookies come over https, and a prefixed name is kept to."""
    assert (cookie(url, text) is not None) is kept


@pytest.mark.parametrize(
    ("path", "default"),
    [("/", "/"), ("/a", "/"), ("/a/", "/a"), ("/a/b", "/a"), ("/a/b/c", "/a/b"), ("/a?b/c/d", "/")],
)
def test_the_default_path(path: str, default: str) -> None:
    """Without a path it is for the folder of the page that set it."""
    found = cookie(f"https://e.org{path}", "a=b")
    assert found is not None
    assert found.path == default


@pytest.mark.parametrize(
    ("cookie_path", "path", "matches"),
    [
        ("/", "/", True),
        ("/", "/a/b", True),
        ("/a", "/a", True),
        ("/a", "/a/b", True),
        ("/a", "/ab", False),
        ("/a", "/", False),
        ("/a/", "/a", False),
        ("/a/", "/a/b", True),
        ("/A", "/a", False),
    ],
)
def test_paths_match_by_whole_folders(cookie_path: str, path: str, matches: bool) -> None:
    """A path holds for itself and what is below it (RFC 6265, section 5.1.4)."""
    found = cookie("https://e.org/", f"a=b; Path={cookie_path}")
    assert found is not None
    assert found.is_for("e.org", path, secure=True) is matches


def test_hosts_and_schemes() -> None:
    """A cookie of a domain is for the hosts below it, one of a host is not; a secure one is for https."""
    of_domain = cookie("https://a.e.org/", "a=b; Domain=e.org; Secure")
    of_host = cookie("https://e.org/", "a=b")
    assert of_domain is not None
    assert of_host is not None
    hosts = ["e.org", "a.e.org", "b.a.e.org", "ae.org", "org"]
    assert [of_domain.is_for(host, "/", secure=True) for host in hosts] == [True, True, True, False, False]
    assert [of_host.is_for(host, "/", secure=True) for host in hosts] == [True] + [False] * 4
    assert not of_domain.is_for("e.org", "/", secure=False)
    assert of_host.is_for("e.org", "/", secure=False)
    assert "'b'" not in repr(of_host)
