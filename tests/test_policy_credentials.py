"""Header fields and credentials are checked without being shown, and go where they may."""

from __future__ import annotations

from base64 import b64decode
from collections import UserDict
from typing import Any

import pytest

from trio_crawl import FetchError, UsageError
from trio_crawl._policy.credentials import Credentials, check_fields, host_of, is_exposed, own_fields

API = "https://api.example.org"
ASKED = "https://a.test/"


def test_fields_come_as_a_mapping_or_in_pairs() -> None:
    """Their order is kept, and in pairs a name may be repeated."""
    assert check_fields({"X-A": "1", "Accept": ""}) == (("X-A", "1"), ("Accept", ""))
    assert check_fields(UserDict({"X-A": "1"})) == (("X-A", "1"),)
    pairs = [("X-A", "1"), ["x-a", "2\t3"]]
    assert check_fields(iter(pairs)) == (("X-A", "1"), ("x-a", "2\t3"))
    assert check_fields(()) == ()


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (None, "headers= is of type NoneType; it takes a mapping"),
        ("X-A: hidden", "headers= is of type str"),
        (["X-A: hidden"], "holds what is no pair of name and value"),
        ([("X-A", "hidden", "z")], "holds what is no pair"),
        ({"X-A": 5}, "holds what is no pair"),
        ({"X-A": b"hidden"}, "holds what is no pair"),
        ({"X-A: hidden": "x"}, "a name that begins with 'X-A' and goes on"),
        ({"": "hidden"}, "has a name with what no name"),
        ({":authority": "hidden"}, "has a name with what no name"),
        ({"X-A": "hidden\r\nX-B: 1"}, "has a value of 'X-A' that can't be sent"),
        ({"X-A": "hidden\0"}, "has a value of 'X-A' that can't be sent"),
        ({"X-A": "hidd\xebn hidden"}, "it takes ASCII"),
        ({"X-A": " hidden"}, "without white space around it"),
        ({"user-agent": "hidden"}, "'user-agent', which can't be set there: give user_agent="),
        ({"Authorization": "hidden"}, "give auth= instead"),
        ({"COOKIE": "hidden"}, "give cookies= instead"),
        ({"Proxy-Authorization": "hidden"}, "give the fetcher a proxy="),
        ({"Accept-Encoding": "hidden"}, "it says what the crawl can decode"),
        ({"Host": "hidden"}, "it belongs to the connection"),
        ({"Content-Length": "5"}, "it belongs to the connection"),
        ({"Transfer-Encoding": "chunked"}, "it belongs to the connection"),
        ({"Connection": "close"}, "it belongs to the connection"),
        ({"TE": "trailers"}, "it belongs to the connection"),
        ({"Content-Type": "text/plain"}, "the one Request that has it"),
    ],
)
def test_fields_that_can_not_be_sent(headers: object, message: str) -> None:
    """The message names the field, and the keyword that is meant, but repeats no value."""
    with pytest.raises(UsageError) as caught:
        check_fields(headers)
    assert message in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_basic_and_bearer() -> None:
    """A pair is sent as Basic in UTF-8 (RFC 7617), a str as Bearer (RFC 6750), each to its origin alone."""
    credentials = Credentials(
        {
            API: ("j\xf6rg", "p:w \u20ac"),
            "http://[::1]:8080/": "mF_9.B5f-4.1JqM==",
            "HTTPS://B.test:443": ("", ""),
        }
    )
    field = credentials.header(f"{API}/x?y")
    assert field is not None
    assert b64decode(field.removeprefix("Basic ")).decode() == "j\xf6rg:p:w \u20ac"
    assert credentials.header("http://[::1]:8080/x") == "Bearer mF_9.B5f-4.1JqM=="
    assert credentials.header("https://b.test/") == "Basic Og=="
    others = [
        "http://api.example.org/",
        f"{API}:8443/",
        "https://example.org/",
        f"{API}.evil.test/",
        "http://[::1]/",
    ]
    assert [credentials.header(url) for url in others] == [None] * len(others)
    assert credentials
    assert not Credentials(None)
    assert not Credentials({})


def test_no_repr_shows_a_secret() -> None:
    """It shows for which origins there are credentials, and nothing else."""
    shown = repr(Credentials({API: ("user", "hidden")}))
    assert shown == f"<Credentials for {API}>"
    assert repr(Credentials()) == "<Credentials for no origin>"


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        (("me", "hidden"), "auth= is of type tuple; it takes a mapping such as {'https://api.example.org'"),
        ("hidden", "auth= is of type str"),
        ({5: "hidden"}, "auth= has a key of type int"),
        ({"api.example.org": "hidden"}, "which is no origin; did you mean 'https://api.example.org'?"),
        ({"api.example.org:8443": "hidden"}, "did you mean 'https://api.example.org:8443'?"),
        ({"*": "hidden"}, "which is no origin"),
        ({"": "hidden"}, "which is no origin"),
        ({"ftp://api.example.org": "hidden"}, "which is no origin"),
        (
            {f"{API}/v1": "hidden"},
            f"has more than an origin: credentials go to the whole of an origin; the key is '{API}'",
        ),
        ({f"{API}/?": "hidden"}, "has more than an origin"),
        ({f"{API}#x": "hidden"}, "has more than an origin"),
        (
            {"https://me:hidden@api.example.org": "x"},
            f"has a user name in the key 'https://…@api.example.org'; the key is '{API}'",
        ),
        ({"http://api.example.org:443": "hidden"}, "mixes http and https: 443 is the other one's port"),
        ({"https://api.example.org:80": "hidden"}, "mixes http and https"),
        ({API: "hidden", f"{API}:443": "hidden"}, f"has two keys for the origin '{API}'"),
        ({API: "Bearer hidden"}, "a str that is no token for Bearer"),
        ({API: "me:hidden"}, "for Basic give a tuple of user name and password"),
        ({API: ""}, "no token for Bearer"),
        ({API: ("me",)}, "what is neither a tuple of user name and password (two str) nor a token"),
        ({API: ["me", "hidden"]}, "what is neither a tuple"),
        ({API: ("me", b"hidden")}, "what is neither a tuple"),
        ({API: None}, "what is neither a tuple"),
        ({API: ("me:too", "hidden")}, "a user name with a colon"),
        ({API: ("me", "hidden\n")}, "a control character"),
        ({API: ("me", "hidden\ud800")}, "a lone surrogate"),
    ],
)
def test_credentials_that_can_not_be_right(auth: Any, message: str) -> None:  # noqa: ANN401 - whatever is wrong
    """What is wrong is said with what is wanted, and without the secret, in the message and its causes."""
    with pytest.raises(UsageError) as caught:
        Credentials(auth)
    assert message in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "chain", "exposed"),
    [
        ("http://a.test/", (), False),
        ("http://a.test/", ("http://b.test/",), False),
        ("http://a.test/", ("https://a.test/",), True),
        ("http://a.test/", ("http://a.test/x", "https://a.test/", "http://a.test/y"), True),
        ("https://a.test/", ("http://a.test/", "https://b.test/"), False),
    ],
)
def test_http_after_https(url: str, chain: tuple[str, ...], exposed: bool) -> None:
    """A hop in the clear, anywhere behind one that was not, is to name nobody."""
    assert is_exposed(url, chain) is exposed


@pytest.mark.parametrize(
    ("url", "chain", "along"),
    [
        (ASKED, (), True),
        (f"{ASKED}x", (ASKED,), True),
        ("https://b.test/", (ASKED,), False),
        (ASKED, (ASKED, "https://b.test/"), False),
        ("http://a.test/", (ASKED,), False),
        ("https://a.test:444/", (ASKED,), False),
        ("https://w.a.test/", (ASKED,), False),
    ],
)
def test_a_requests_own_credentials(url: str, chain: tuple[str, ...], along: bool) -> None:
    """They go along for as long as the chain stays on the origin that was asked; other fields always do."""
    headers = (("authorization", "x"), ("Cookie", "a=b"), ("Proxy-Authorization", "y"), ("X-A", "1"))
    kept = own_fields(headers, asked=ASKED, url=url, chain=chain, with_body=True)
    assert kept == (headers if along else headers[3:])


def test_what_describes_a_body_goes_with_it() -> None:
    """Where a redirect dropped the body, its type goes too."""
    headers = (("Content-Type", "text/plain"), ("content-language", "de"), ("X-A", "1"))
    assert own_fields(headers, asked=ASKED, url=ASKED, chain=(), with_body=True) == headers
    assert own_fields(headers, asked=ASKED, url=ASKED, chain=(), with_body=False) == headers[2:]


@pytest.mark.parametrize("value", ["hidden\r\nX: y", "hidden\0", "hidden\u20ac"])
def test_a_requests_own_credential_that_can_not_be_sent(value: str) -> None:
    """The failure names the field and does not repeat its value."""
    with pytest.raises(FetchError, match="'Authorization' can't be sent") as caught:
        own_fields([("Authorization", value)], asked=ASKED, url=ASKED, chain=(), with_body=False)
    assert caught.value.kind == "protocol"
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "host"), [("Example.ORG", "example.org"), ("[::1]", "[::1]"), ("127.1", "127.0.0.1")]
)
def test_a_host_as_urls_have_it(key: str, host: str) -> None:
    """However it is written, it comes to what requests are compared by."""
    assert host_of(key, "{}") == host
