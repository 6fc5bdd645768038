"""Requests as the text that a state holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl import Request, UsageError
from trio_crawl._frontier.requests import request_of, text_of
from trio_crawl._lease import ListRequest

URL = "http://a.test/"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60)
@given(
    st.builds(
        Request,
        st.just(URL),
        label=st.none() | st.text(),
        data=JSON,
        priority=st.integers(-(2**70), 2**70),
        method=st.sampled_from(["GET", "POST", "PUT"]),
        headers=st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple),
        body=st.none() | st.binary(),
        key=st.none() | st.text(),
    )
)
def test_a_request_comes_back_as_it_was(request: Request) -> None:
    """Each of its parts is what it was, whatever characters and bytes it has."""
    text = text_of(request)
    assert text is not None
    assert request_of(URL, text) == request
    text.encode("utf-8")


def test_a_plain_one_says_nothing() -> None:
    """What is the default is not said, and no request is no text."""
    assert text_of(Request(URL)) == "{}"
    assert text_of(None) is None


@pytest.mark.parametrize("data", [object(), {1, 2}, b"bytes", float("nan"), [float("inf")]])
def test_data_that_json_can_not_say(data: Any) -> None:  # noqa: ANN401 - what a user may give
    """It is refused by name, rather than changed."""
    with pytest.raises(UsageError, match="the data of the Request for http://a.test/ is not JSON"):
        text_of(Request(URL, data=data))


def test_a_list_stays_a_list() -> None:
    """A state knows a sitemap from a page, and who named it."""
    request = ListRequest.of("http://h/m.xml", "sitemap_index", level=2)
    text = text_of(request)
    assert text is not None
    again = request_of(request.url, text)
    assert again == request
    assert isinstance(again, ListRequest)
    assert again != Request(request.url, key=request.key)
