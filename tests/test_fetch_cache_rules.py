"""What RFC 9111 says of a request and its response, decided without a clock and without a store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cache_support import START, headers
from hypothesis import given, strategies as st

from trio_crawl import Hop, Response
from trio_crawl._fetch.cache_rules import (
    Ask,
    Unavailable,
    Use,
    Verdict,
    contradicted,
    decide,
    invalidated,
    is_cached,
    judge,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_crawl import Headers
    from trio_crawl._fetch.cache_entry import Stored

URL = "http://site.test/page"
DAY = 24 * 3600


def get(*fields: tuple[str, str], url: str = URL, method: str = "GET") -> Hop:
    return Hop(url=url, method=method, headers=fields)


def answer(text: str, *, status: int = 200, body: bytes = b"one") -> Response:
    return Response(url=URL, status=status, headers=headers(text), body=body)


def asking(hop: Hop, found: Sequence[Stored] = (), now: float = 0.0) -> Ask:
    decision = decide(hop, found, START + now)
    assert isinstance(decision, Ask)
    return decision


def answered(ask: Ask, response: Response, now: float = 0.0) -> Verdict:
    return judge(ask, response, START + now, START + now)


def stored(text: str, hop: Hop | None = None, *, status: int = 200, number: int = 1) -> Stored:
    keep = answered(asking(hop or get()), answer(text, status=status)).keep
    assert keep is not None
    return replace(keep, id=number)


def names(found: Headers) -> list[str]:
    return [name for name, _ in found]


def conditions(ask: Ask) -> dict[str, str]:
    return dict(ask.hop.headers[len(ask.original.headers) :])


@pytest.mark.parametrize(
    ("hop", "expected"),
    [
        (get(), True),
        (get(method="HEAD"), True),
        (get(method="POST"), False),
        (get(method="OPTIONS"), False),
        (get(("Range", "bytes=0-1")), False),
        (get(("if-none-match", '"x"')), False),
        (get(("If-Modified-Since", "x")), False),
        (Hop(url=URL, body=b"x"), False),
    ],
)
def test_what_the_cache_has_to_do_with(hop: Hop, expected: bool) -> None:
    """Only a GET or HEAD of the whole, without conditions of its own; the rest goes by."""
    assert is_cached(hop) is expected


@pytest.mark.parametrize(
    ("status", "text", "kept"),
    [
        (200, "Cache-Control: max-age=5", True),
        (200, 'Cache-Control: max-age="5"', True),
        (200, "Cache-Control: no-store, max-age=5", False),
        (200, "Cache-Control: no-store=x, max-age=5", False),
        (200, "Cache-Control: no-cache=X,no-store, max-age=5", False),
        (200, "Cache-Control: private, max-age=5", True),
        (200, "Cache-Control: max-age=0", False),
        (200, 'Cache-Control: max-age=0\nETag: "x"', True),
        (200, 'Cache-Control: max-age=-1\nETag: "x"', True),
        (200, "Cache-Control: max-age=-1\nExpires: {+50}", False),
        (200, "Cache-Control: no-cache, max-age=5", False),
        (200, 'Cache-Control: no-cache\nETag: "x"', True),
        (200, "Cache-Control: s-maxage=5", False),
        (200, "Expires: {+50}", True),
        (200, "Expires: 0", False),
        (200, "Expires: {-50}\nLast-Modified: {-100}", True),
        (200, "Last-Modified: {-100}", True),
        (200, 'ETag: "x"', True),
        (200, "", False),
        (200, "Cache-Control: max-age=5\nVary: *", False),
        (200, "Cache-Control: max-age=5\nVary: Accept, *", False),
        (206, "Cache-Control: max-age=5\nContent-Range: bytes 0-1/5", False),
        (304, 'Cache-Control: max-age=5\nETag: "x"', False),
        (301, "Last-Modified: {-100}", True),
        (302, "Last-Modified: {-100}", False),
        (302, "Cache-Control: max-age=5", True),
        (404, "Cache-Control: max-age=5", True),
        (410, "Last-Modified: {-100}", True),
        (500, "Last-Modified: {-100}", False),
        (500, "Cache-Control: max-age=5", True),
        (599, "Cache-Control: max-age=5", True),
        (599, "Cache-Control: max-age=5, must-understand", False),
        (200, "Cache-Control: max-age=5, must-understand, no-store", True),
    ],
)
def test_what_is_stored(status: int, text: str, kept: bool) -> None:
    """What a private cache may store (section 3), if it could ever be used again."""
    verdict = answered(asking(get()), answer(text, status=status))
    assert (verdict.keep is not None) is kept
    assert (verdict.answer, verdict.again) == (None, None)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ((("Authorization", "Basic x"),), True),
        ((("Cache-Control", "no-store"),), False),
        ((("Cache-Control", "no-cache"),), True),
    ],
)
def test_what_a_request_lets_be_stored(fields: tuple[tuple[str, str], ...], kept: bool) -> None:
    """A private cache keeps answers to credentials, and none to a request with no-store (5.2.1.5)."""
    assert (answered(asking(get(*fields)), answer("Cache-Control: max-age=5")).keep is not None) is kept


def test_which_fields_are_stored() -> None:
    """All but those of the connection, those that it names, and those that no-cache names (3.1, 5.2.2.4)."""
    text = """
        Server: x
        Connection: close, X-Hop
        x-hop: 1
        Keep-Alive: 5
        Transfer-Encoding: chunked
        Proxy-Authenticate: Basic
        cache-control: max-age=5, no-cache="Set-Cookie"
        Set-Cookie: a=1
        X-Twice: 1
        Date: {0}
        x-twice: 2
    """
    found = stored(text).headers
    assert names(found) == ["Server", "cache-control", "X-Twice", "Date", "x-twice"]
    assert found.get("cache-control") == 'max-age=5, no-cache="Set-Cookie"'
    assert found.get_all("x-twice") == ["1", "2"]


def test_a_response_without_a_date_is_stored_with_one() -> None:
    """It is of the moment of receipt (RFC 9110, section 6.6.1)."""
    assert stored("Cache-Control: max-age=5").headers == headers("Cache-Control: max-age=5\nDate: {0}")


@pytest.mark.parametrize(
    ("text", "request_fields", "now", "used"),
    [
        ("Cache-Control: max-age=60", (), 59, True),
        ("Cache-Control: max-age=60", (), 60, False),
        ("Cache-Control: max-age=60\nAge: 30", (), 29, True),
        ("Cache-Control: max-age=60\nAge: 30", (), 30, False),
        ("Cache-Control: max-age=60\nDate: {-50}", (), 9, True),
        ("Cache-Control: max-age=60\nDate: {-50}", (), 11, False),
        ("Cache-Control: max-age=60, immutable", (), 61, False),
        ("Cache-Control: max-age=60, no-cache", (), 0, False),
        ('Cache-Control: max-age=60, no-cache="X"', (), 0, True),
        ("Cache-Control: max-age=60", (("Cache-Control", "no-cache"),), 0, False),
        ("Cache-Control: max-age=60", (("Pragma", "no-cache"),), 0, False),
        ("Cache-Control: max-age=60", (("Cache-Control", "max-age=10"),), 9, True),
        ("Cache-Control: max-age=60", (("Cache-Control", "max-age=10"),), 10, False),
        ("Cache-Control: max-age=60", (("Cache-Control", "min-fresh=10"),), 49, True),
        ("Cache-Control: max-age=60", (("Cache-Control", "min-fresh=10"),), 50, False),
        ("Cache-Control: max-age=60", (("Cache-Control", "max-stale=10"),), 69, True),
        ("Cache-Control: max-age=60", (("Cache-Control", "max-stale=10"),), 70, False),
        ("Cache-Control: max-age=60", (("Cache-Control", "max-stale"),), 10**9, True),
        ("Cache-Control: max-age=60, must-revalidate", (("Cache-Control", "max-stale"),), 61, False),
        ("Cache-Control: max-age=60, no-cache", (("Cache-Control", "max-stale"),), 0, False),
        ("Cache-Control: max-age=60", (("Cache-Control", "no-store"),), 0, True),
        ("Expires: {+60}", (), 59, True),
        ("Expires: {+60}", (), 60, False),
        ("Expires: never", (), 0, False),
        ("Last-Modified: {-600}", (), 59, True),
        ("Last-Modified: {-600}", (), 61, False),
    ],
)
def test_what_is_used(text: str, request_fields: tuple[tuple[str, str], ...], now: int, used: bool) -> None:
    """A stored response answers as long as it is fresh, and the request does not want it otherwise."""
    entry = stored(f'{text}\nETag: "x"')
    decision = decide(get(*request_fields), [entry], START + now)
    assert isinstance(decision, Use) is used
    if isinstance(decision, Ask):
        assert conditions(decision)["If-None-Match"] == '"x"'


def test_the_age_is_told() -> None:
    """What is used without validation bears its age, and no other (section 5.1)."""
    decision = decide(get(), [stored("Cache-Control: max-age=60\nAge: 7\nDate: {0}")], START + 10)
    assert isinstance(decision, Use)
    assert decision.headers == headers("Cache-Control: max-age=60\nDate: {0}\nAge: 17")


def test_the_time_that_the_transfer_took_counts() -> None:
    """A response may have been made when it was asked for (section 4.2.3)."""
    keep = judge(asking(get()), answer("Cache-Control: max-age=60\nAge: 1"), START - 20, START).keep
    assert keep is not None
    assert isinstance(decide(get(), [keep], START + 38), Use)
    assert isinstance(decide(get(), [keep], START + 39), Ask)


def test_the_newest_of_several_is_used() -> None:
    """Of those that would do, the one with the latest Date does (section 4.1)."""
    entries = [
        stored(f"Cache-Control: max-age=600\nDate: {{{date}}}", number=number)
        for number, date in enumerate((-30, -10, -20), 1)
    ]
    decision = decide(get(), entries, START)
    assert isinstance(decision, Use)
    assert decision.stored.id == 2


def test_a_robots_txt_is_used_for_a_day() -> None:
    """Its server may say more (RFC 9309, section 2.4), or less."""
    hop = get(url="http://site.test/robots.txt")
    entry = stored("Cache-Control: max-age=99999999", hop)
    assert isinstance(decide(hop, [entry], START + DAY - 1), Use)
    assert isinstance(decide(hop, [entry], START + DAY), Ask)
    lesser = replace(hop, headers=(("Cache-Control", "max-age=9"),))
    assert isinstance(decide(lesser, [entry], START + 9), Ask)


@pytest.mark.parametrize("now", [0, 60])
def test_only_if_cached(now: int) -> None:
    """What may be used is; where a request would be needed, there is nothing (section 5.2.1.7)."""
    hop = get(("Cache-Control", "only-if-cached"))
    entry = stored('Cache-Control: max-age=60\nETag: "x"')
    assert isinstance(decide(hop, [entry], START + now), Unavailable if now else Use)
    assert decide(hop, [], START) == Unavailable()


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ('ETag: "x"', {"If-None-Match": '"x"'}),
        ('ETag: W/"x"', {"If-None-Match": 'W/"x"'}),
        (
            "Last-Modified: Fri, 31 Dec 1999 00:00:00 GMT",
            {"If-Modified-Since": "Fri, 31 Dec 1999 00:00:00 GMT"},
        ),
        (
            'ETag: "x"\nLast-Modified: Fri, 31 Dec 1999 00:00:00 GMT',
            {"If-None-Match": '"x"', "If-Modified-Since": "Fri, 31 Dec 1999 00:00:00 GMT"},
        ),
        ("", {}),
    ],
)
def test_the_conditions_of_a_validation(text: str, sent: dict[str, str]) -> None:
    """They are made from the validators, beside the fields of the request (section 4.3.1)."""
    entry = stored(f"Cache-Control: max-age=60\n{text}")
    hop = get(("Accept", "*/*"))
    ask = asking(hop, [entry], DAY * 30)
    assert ask.hop.headers == (("Accept", "*/*"), *sent.items())
    assert ask.original == hop


def test_a_304_updates_what_is_stored() -> None:
    """New fields and values take the place of old ones, but for the content's (sections 3.2, 4.3.4)."""
    old = """
        Server: old
        Content-Type: text/html
        Content-Encoding: gzip
        Content-Length: 3
        Cache-Control: max-age=60
        ETag: "x"
        X-Kept: 1
        Set-Cookie: a=1
        Set-Cookie: b=2
        Age: 9
        Date: {0}
    """
    new = """
        date: {+100}
        Cache-Control: max-age=70
        Content-Type: text/plain
        Content-Encoding: br
        Content-Length: 0
        Connection: X-Hop
        X-Hop: 1
        X-New: 1
        Set-Cookie: c=3
        ETag: "x"
    """
    ask = asking(get(), [stored(old)], 100)
    verdict = answered(ask, answer(new, status=304), 100)
    kept = """
        Server: old
        Content-Type: text/html
        Content-Encoding: gzip
        Content-Length: 3
        ETag: "x"
        X-Kept: 1
        date: {+100}
        Cache-Control: max-age=70
        X-New: 1
        Set-Cookie: c=3
    """
    assert verdict.answer is not None
    assert verdict.answer.headers == headers(kept)
    assert (verdict.answer.body, verdict.answer.status) == (b"one", 200)
    assert verdict.keep == verdict.answer
    assert verdict.forget == (1,)
    assert isinstance(decide(get(), [verdict.answer], START + 169), Use)
    assert isinstance(decide(get(), [verdict.answer], START + 170), Ask)


def test_a_304_without_a_date_is_of_now() -> None:
    """Without one of its own the old one would make the response stale at once."""
    ask = asking(get(), [stored('Cache-Control: max-age=60\nETag: "x"\nDate: {0}')], 100)
    verdict = answered(ask, answer("", status=304), 100)
    assert verdict.answer is not None
    assert isinstance(decide(get(), [verdict.answer], START + 159), Use)


def test_a_304_that_says_no_store() -> None:
    """It is the answer this once, and no longer stored."""
    ask = asking(get(), [stored('Cache-Control: max-age=60\nETag: "x"')], 100)
    verdict = answered(ask, answer("Cache-Control: no-store", status=304), 100)
    assert verdict.answer is not None
    assert (verdict.keep, verdict.forget) == (None, (1,))


@pytest.mark.parametrize(
    ("old", "new", "matches"),
    [
        ('ETag: "x"', 'ETag: "x"', True),
        ('ETag: W/"x"', 'ETag: W/"x"', True),
        ('ETag: "x"', "", True),
        ('ETag: "x"', 'ETag: "y"', False),
        ("Last-Modified: {-9}", "Last-Modified: {-9}", True),
        ("Last-Modified: {-9}", "Last-Modified: {-8}", False),
    ],
)
def test_a_304_that_is_about_something_else(old: str, new: str, matches: bool) -> None:
    """It answers nothing (section 4.3.4): what it does not match goes, and the server is asked in full."""
    hop = get(("Accept", "*/*"))
    ask = asking(hop, [stored(f"Cache-Control: max-age=60\n{old}", hop)], 100)
    verdict = answered(ask, answer(new, status=304), 100)
    assert (verdict.answer is not None) is matches
    assert (verdict.again is None) is matches
    if verdict.again is not None:
        assert verdict.forget == (1,)
        assert verdict.again.hop == hop
        final = answered(verdict.again, answer('ETag: "z"'), 100)
        assert final.keep is not None


def test_a_304_that_nobody_asked_for() -> None:
    """It is passed on as it is, and nothing is stored."""
    assert answered(asking(get()), answer('ETag: "x"', status=304)) == Verdict()


@pytest.mark.parametrize(
    ("status", "text", "forgotten", "kept"),
    [
        (200, 'ETag: "y"', True, True),
        (200, "Cache-Control: no-store", True, False),
        (302, "Location: /", True, False),
        (404, "", True, False),
        (410, "Cache-Control: max-age=60", True, True),
        (429, "", False, False),
        (500, "", False, False),
        (503, "Retry-After: 5", False, False),
    ],
)
def test_a_full_answer_to_a_validation(status: int, text: str, forgotten: bool, kept: bool) -> None:
    """It takes the place of what was stored; a server in trouble says nothing about that (4.3.3)."""
    ask = asking(get(), [stored('Cache-Control: max-age=60\nETag: "x"')], 100)
    verdict = answered(ask, answer(text, status=status, body=b"two"), 100)
    assert (verdict.answer, verdict.again) == (None, None)
    assert verdict.forget == ((1,) if forgotten else ())
    assert (verdict.keep is not None) is kept
    if verdict.keep is not None:
        assert verdict.keep.body == b"two"


@pytest.mark.parametrize(
    ("method", "status", "text", "expected"),
    [
        ("POST", 200, "", [""]),
        ("PUT", 204, "", [""]),
        ("DELETE", 302, "Location: /new", ["", "/new"]),
        ("POST", 201, "Location: x\nContent-Location: /y?z", ["", "/x", "/y?z"]),
        ("POST", 201, "Location: http://other.test/x", [""]),
        ("POST", 201, "Location: http://[", [""]),
        ("UNKNOWN", 200, "", [""]),
        ("POST", 400, "Location: /new", None),
        ("POST", 500, "", None),
        ("OPTIONS", 200, "", None),
        ("GET", 200, "", None),
    ],
)
def test_what_an_unsafe_request_makes_invalid(
    method: str, status: int, text: str, expected: list[str] | None
) -> None:
    """Its URL, and those of the same origin that the answer names; nothing where it failed (section 4.4)."""
    urls = invalidated(get(method=method), answer(text, status=status))
    assert urls == tuple(f"http://site.test{path or '/page'}" for path in expected or ())


@pytest.mark.parametrize(
    ("status", "text", "gone"),
    [
        (200, 'ETag: "x"\nContent-Length: 3', False),
        (200, "", False),
        (200, 'ETag: "y"', True),
        (200, "Content-Length: 4", True),
        (200, "Last-Modified: {-8}", True),
        (404, 'ETag: "y"', False),
    ],
)
def test_a_head_that_tells_of_another_response(status: int, text: str, gone: bool) -> None:
    """A stored GET that it contradicts is not used any more (section 4.3.5)."""
    entry = stored('ETag: "x"\nContent-Length: 3\nLast-Modified: {-9}')
    assert contradicted(answer(text, status=status), [entry]) == ((1,) if gone else ())


DIRECTIVES = st.sampled_from(
    [
        f"{name}{value}"
        for name in ("max-age", "no-cache", "private", "s-maxage")
        for value in ("", "=5", '="X"')
    ]
    + ["max-age=100", "max-age=-1", "must-revalidate", "public", "immutable", "must-understand", "x=y"]
)
FIELDS = st.sampled_from(["Age: 3", "Expires: {+50}", "Expires: 0", 'ETag: "x"', "Last-Modified: {-999}"])
TEXTS = st.builds(
    lambda said, others: "\n".join([f"Cache-Control: {', '.join(said)}", *others]),
    st.lists(DIRECTIVES, max_size=4),
    st.lists(FIELDS, max_size=3),
)


@given(TEXTS, st.sampled_from([200, 206, 301, 302, 404, 500]), st.integers(0, 10**6))
def test_nothing_is_used_that_could_not_be_stored_or_is_stale(text: str, status: int, now: int) -> None:
    """Whatever a server says: with no-store nothing is kept, and what is kept is used in its time only."""
    response = answer(text, status=status)
    refused = replace(response, headers=headers(f"{text}\nCache-Control: no-store"))
    if "must-understand" not in text:
        assert answered(asking(get()), refused).keep is None
    keep = answered(asking(get()), response).keep
    if keep is None:
        return
    decision = decide(get(), [keep], START + now)
    if isinstance(decision, Use):
        assert now < 100
        assert int(decision.headers.get("age") or "") >= now
    else:
        assert isinstance(decision, Ask)
        assert answered(decision, answer("", status=500), now).forget == ()
