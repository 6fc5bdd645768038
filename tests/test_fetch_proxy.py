"""Which proxy ``proxy=`` names."""

from __future__ import annotations

import base64
import pickle
from urllib.parse import quote

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl._errors import UsageError
from trio_crawl._fetch.proxy import Proxy, parse_proxy


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
def test_each_scheme_is_read(scheme: str) -> None:
    """Its parts come out; a slash at the end, capitals and white space around do no harm."""
    proxy = parse_proxy(f" {scheme.upper()}://Proxy.Example:3128/\n")
    assert (proxy.scheme, proxy.host, proxy.hostname, proxy.port) == (
        scheme,
        "proxy.example",
        "proxy.example",
        3128,
    )
    assert (proxy.username, proxy.password, proxy.basic) == (None, None, None)
    assert proxy.authority == "proxy.example:3128"
    assert proxy == parse_proxy(f"{scheme}://proxy.example:3128")


@pytest.mark.parametrize(
    ("scheme", "is_socks", "given_names"),
    [("http", False, True), ("https", False, True), ("socks5", True, False), ("socks5h", True, True)],
)
def test_who_resolves_is_told(scheme: str, is_socks: bool, given_names: bool) -> None:
    """Only socks5 is given an address; socks5h and HTTP proxies look names up themselves."""
    proxy = parse_proxy(f"{scheme}://proxy.example:1")
    assert (proxy.is_socks, proxy.given_names) == (is_socks, given_names)


@pytest.mark.parametrize(
    ("host", "read", "bare"),
    [
        ("[::1]", "[::1]", "::1"),
        ("127.1", "127.0.0.1", "127.0.0.1"),
        ("bücher.test", "xn--bcher-kva.test", "xn--bcher-kva.test"),
    ],
)
def test_hosts_are_read_as_those_of_urls(host: str, read: str, bare: str) -> None:
    """An IPv6 address in brackets, an IPv4 address in any spelling, a name in any script."""
    proxy = parse_proxy(f"http://{host}:8080")
    assert (proxy.host, proxy.hostname, proxy.authority) == (read, bare, f"{read}:8080")


def test_credentials_are_percent_decoded() -> None:
    """So that any character can stand in them."""
    proxy = parse_proxy("http://us%40er:p%3A%2F%E2%82%AC@proxy.example:3128")
    assert (proxy.username, proxy.password) == ("us@er", "p:/€")
    assert proxy.basic == "Basic " + base64.b64encode("us@er:p:/€".encode()).decode()


@pytest.mark.parametrize("user_info", ["key", "key:"])
def test_a_user_may_have_no_password(user_info: str) -> None:
    """Some proxies take a key as the user."""
    assert parse_proxy(f"http://{user_info}@proxy.example:3128").basic == "Basic a2V5Og=="


@settings(max_examples=50)
@given(
    st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=":"), min_size=1, max_size=50),
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=50),
)
def test_any_credentials_can_be_written(username: str, password: str) -> None:
    """What is percent-encoded comes back as it was."""
    proxy = parse_proxy(f"socks5://{quote(username, safe='')}:{quote(password, safe='')}@proxy.example:1080")
    assert (proxy.username, proxy.password) == (username, password)


def test_a_proxy_does_not_show_its_credentials() -> None:
    """Not where it is printed, not in a message about it; it still travels whole."""
    proxy = parse_proxy("http://user:secret@proxy.example:3128")
    assert repr(proxy) == str(proxy) == "Proxy('http://…@proxy.example:3128')"
    assert repr(parse_proxy("socks5://[::1]:1080")) == "Proxy('socks5://[::1]:1080')"
    assert pickle.loads(pickle.dumps(proxy)) == proxy  # noqa: S301


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "another form"),
        ("proxy.example:3128", "another form"),
        ("secret@proxy.example:3128", "another form"),
        ("http://user:sec/ret@proxy.example:3128", "another form"),
        ("http://user:secret@secret@proxy.example:3128", "another form"),
        ("http://proxy.example:3128:user:secret", "another form"),
        ("http://proxy.example:3128/path?secret", "another form"),
        ("socks4://user:secret@proxy.example:1080", "the scheme 'socks4'"),
        ("socks://proxy.example:1080", "the scheme 'socks'"),
        ("http://user:secret@:3128", "no host"),
        ("http://user:secret@a b:3128", "no host"),
        ("http://user:secret@proxy.example", "no port"),
        ("http://proxy.example:", "no port"),
        ("http://proxy.example:secret", "no number from 1 to 65535"),
        ("http://proxy.example:0", "no number from 1 to 65535"),
        ("http://proxy.example:65536", "no number from 1 to 65535"),
        ("http://proxy.example:" + "9" * 5000, "no number from 1 to 65535"),
        ("http://proxy.example:١٢", "no number from 1 to 65535"),
        ("http://:secret@proxy.example:3128", "a password and no user"),
        ("http://user:secret%0D%0AX: y@proxy.example:3128", "control characters"),
        ("socks5://user%00:secret@proxy.example:1080", "control characters"),
        ("http://user:secret%FF@proxy.example:3128", "UTF-8"),
        ("http://us%3Aer:secret@proxy.example:3128", "a colon"),
        (f"socks5://user:{'secret' * 50}@proxy.example:1080", "255 bytes"),
    ],
)
def test_what_is_no_proxy_is_an_error_that_says_why(text: str, why: str) -> None:
    """It says what is accepted, and never what was given, since a password may stand anywhere."""
    with pytest.raises(UsageError, match=why) as caught:
        parse_proxy(text)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_it_has_to_be_text() -> None:
    """A client's own object for a proxy is not understood."""
    with pytest.raises(UsageError, match="proxy takes .*; got bytes"):
        parse_proxy(b"http://proxy.example:3128")  # type: ignore[arg-type]


def test_a_colon_may_stand_in_the_user_of_socks() -> None:
    """Its form has lengths, no separator."""
    proxy = parse_proxy("socks5h://a%3Ab:c@proxy.example:1080")
    assert proxy == Proxy(
        scheme="socks5h",
        host="proxy.example",
        hostname="proxy.example",
        port=1080,
        username="a:b",
        password="c",  # noqa: S106
    )
