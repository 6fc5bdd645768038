"""What hishel is told, and that what it answers is the RFC's and not its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import hishel
import pytest
from cache_support import START, headers
from hypothesis import given, strategies as st

from trio_crawl import Headers, Hop
from trio_crawl._fetch.cache_entry import Stored, variant_of, vary_of
from trio_crawl._fetch.cache_hishel import (
    PRIVATE,
    as_if_new,
    end_to_end,
    listed,
    request_of,
    rewritten,
    storing,
    with_control,
)

if TYPE_CHECKING:
    from trio_crawl._fetch.cache_control import Directives

HOP = Hop(url="http://site.test/page")
FIELDS = st.lists(
    st.tuples(st.sampled_from([b"A", b"a", b"Cache-Control", b"X-B"]), st.sampled_from([b"", b"1", b"2, 3"]))
)


def stored(text: str, *, number: int = 1, status: int = 200) -> Stored:
    found = headers(text)
    vary = vary_of(found)
    return Stored(
        id=number,
        url=HOP.url,
        method="GET",
        vary=vary,
        variant=variant_of(vary, Headers()),
        status=status,
        http_version="1.1",
        headers=found,
        body=b"one",
        requested=START,
        received=START,
    )


def asked(said: Directives) -> hishel.Request:
    return request_of(HOP, Headers(), said)


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("Cache-Control: max-age=60", 59.5, "max-age=1"),
        ("Cache-Control: max-age=60", 60, "max-age=0"),
        ("Cache-Control: max-age=60", 0, "max-age=60"),
        ("Cache-Control: max-age=60, no-cache", 0, "no-cache"),
        ("Cache-Control: max-age=99999999999", 0, "max-age=2147483647"),
        ("", 0, "max-age=0"),
    ],
)
def test_a_stored_response_is_shown_as_new(text: str, now: float, expected: str) -> None:
    """What is left of its lifetime is its max-age; hishel's own clock has nothing to add to that."""
    entry = as_if_new(stored(f'Age: 0\nVary: A\nETag: "x"\n{text}'), asked({}), {}, START + now, 0)
    assert dict(entry.response.headers) == {
        "etag": '"x"',
        "date": "Fri, 31 Dec 9999 23:59:00 GMT",
        "cache-control": expected,
    }
    state = hishel.IdleClient(PRIVATE).next(asked({}), [entry])
    fresh = expected not in {"max-age=0", "no-cache"}
    assert isinstance(state, hishel.FromCache if fresh else hishel.NeedRevalidation)


@given(st.permutations(range(8)))
def test_the_order_of_several_is_kept(order: list[int]) -> None:
    """Hishel takes the one of the lowest rank, however they are listed."""
    entries = [
        as_if_new(stored("Cache-Control: max-age=60", number=rank + 1), asked({}), {}, START, rank)
        for rank in order
    ]
    state = hishel.IdleClient(PRIVATE).next(asked({}), entries)
    assert isinstance(state, hishel.FromCache)
    assert state.entry.id.int == 1


def test_a_request_says_no_cache_or_nothing() -> None:
    """All else that it may say is settled before."""
    fields = headers("Pragma: no-cache\nAccept: x\nCache-Control: max-age=5")
    assert dict(request_of(HOP, fields, {"max-age": "5"}).headers) == {"accept": "x"}
    assert dict(request_of(HOP, fields, {"no-cache": None}).headers) == {
        "accept": "x",
        "cache-control": "no-cache",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cache-Control: max-age=60, public, must-revalidate", "public, max-age=1"),
        ("Cache-Control: private=X,max-age=60", "private, max-age=1"),
        ('Cache-Control: max-age=60, no-cache="A, \\"B"', 'max-age=1, no-cache="A, B"'),
        ("Cache-Control: no-cache=A,no-store", "no-store"),
        ('ETag: "x"', ""),
        ("", "no-store"),
    ],
)
def test_whether_to_store_is_said_in_words_it_reads(text: str, expected: str) -> None:
    """Only the directives that it goes by are said, in a form that it takes apart rightly."""
    assert storing(HOP, stored(text)) == expected


def test_fields_of_one_connection() -> None:
    """Those that Connection names are left out."""
    found = end_to_end(headers("Connection: close, X-Hop\nx-hop: 1\nX-End: 1"))
    assert found == headers("Connection: close, X-Hop\nX-End: 1")


def test_with_control() -> None:
    """There is one Cache-Control, or none."""
    several = headers("cache-control: a\nX: 1\nCache-Control: b")
    assert with_control(several, "c") == headers("X: 1\nCache-Control: c")
    assert with_control(several, "") == headers("X: 1")


@given(FIELDS)
def test_there_and_back(fields: list[tuple[bytes, bytes]]) -> None:
    """What hishel leaves alone comes back as it was: in order, in spelling, repeated."""
    there = Headers(tuple(fields))
    assert rewritten(there, listed(there)) == there
    assert rewritten(there, listed(there), there) == there


@given(FIELDS)
def test_what_it_drops_is_gone(fields: list[tuple[bytes, bytes]]) -> None:
    """A name that it does not give back is not there; Cache-Control is kept where that is asked for."""
    there = Headers(tuple(fields))
    wanted = {name: value for name, value in listed(there).items() if name == "a"}
    assert {name.lower() for name, _ in rewritten(there, wanted)} <= {"a"}
    assert rewritten(there, wanted, control=True).get("cache-control") == there.get("cache-control")


def test_a_status_that_must_be_understood() -> None:
    """Where it is not, nothing is stored; where it is, the no-store for other caches counts no more."""
    text = "Cache-Control: max-age=60, must-understand, no-store"
    assert storing(HOP, stored(text)) == "max-age=1"
    assert storing(HOP, stored(text, status=299)) == "no-store"
    refusing = replace(HOP, headers=(("Cache-Control", "no-store"),))
    assert storing(refusing, stored(text)) == "no-store"
