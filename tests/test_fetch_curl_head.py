"""The heads of requests and responses, between our values and libcurl's lines."""

from __future__ import annotations

from traceback import format_exception

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl._errors import FetchError
from trio_crawl._fetch.curl_head import (
    MAX_HEAD,
    MAX_INTERIM,
    fields,
    final_head,
    is_token,
    request_lines,
    resolve_line,
    target_of,
)

URL = "http://site.test/"
UNASKED = (b"user-agent:", b"accept:")
UNASKED_WITH_CONTENT = (*UNASKED, b"content-type:", b"expect:")


@pytest.mark.parametrize(
    ("origin", "target"),
    [
        ("http://site.test", ("site.test", "site.test", 80, False)),
        ("https://site.test:8443", ("site.test", "site.test", 8443, False)),
        ("https://127.0.0.1", ("127.0.0.1", "127.0.0.1", 443, True)),
        ("http://[::1]:81", ("::1", "[::1]", 81, True)),
    ],
)
def test_where_an_origin_leads_to(origin: str, target: tuple[str, str, int, bool]) -> None:
    """Host and port are known, and whether there is a name to resolve."""
    assert target_of(origin) == target


def test_resolved_addresses_as_libcurl_takes_them() -> None:
    """All addresses of a name are one entry, those of IPv6 in brackets."""
    line = resolve_line("site.test", 443, ("::1", "127.0.0.1"))
    assert line == "+site.test:443:[::1],127.0.0.1"


def test_request_fields_keep_their_order() -> None:
    """The given ones come first, then those that libcurl is told to leave out."""
    headers = (("B", "1"), ("A", "2"))
    assert request_lines(headers, content=False) == (b"B: 1", b"A: 2", *UNASKED)
    assert request_lines(headers, content=True) == (b"B: 1", b"A: 2", *UNASKED_WITH_CONTENT)


def test_a_given_field_is_not_left_out() -> None:
    """A field that libcurl has a default for is sent if it is given."""
    lines = request_lines((("User-Agent", "x/1"), ("ACCEPT", "*/*")), content=True)
    assert lines == (b"User-Agent: x/1", b"ACCEPT: */*", b"content-type:", b"expect:")


def test_an_empty_value_is_sent() -> None:
    """It is written in the notation which does not mean to leave the field out."""
    assert request_lines((("X", ""),), content=False)[0] == b"X;"


@pytest.mark.parametrize(
    "field",
    [("", "a"), ("a b", "a"), ("a:", "a"), ("a", "b\nc"), ("a", "b\rc"), ("a", "b\0"), ("a", "\u20ac")],
)
def test_a_field_that_cannot_be_sent(field: tuple[str, str]) -> None:
    """A name that is no token, and a value that would begin another field, are refused."""
    with pytest.raises(FetchError) as caught:
        request_lines((field,), content=False)
    assert caught.value.kind == "protocol"


@pytest.mark.parametrize("value", ["secret\n", "secret\u20ac"])
def test_a_value_that_cannot_be_sent_is_not_told(value: str) -> None:
    """It may be a password, and failures are logged."""
    with pytest.raises(FetchError) as caught:
        request_lines((("Authorization", value),), content=False)
    assert "'Authorization'" in str(caught.value)
    assert "secret" not in "".join(format_exception(caught.value))


@pytest.mark.parametrize(
    ("text", "token"),
    [("GET", True), ("VERSION-CONTROL", True), ("", False), ("A B", False), ("\u00c4", False)],
)
def test_a_token(text: str, token: bool) -> None:
    """Letters, digits and some signs make one."""
    assert is_token(text) is token


@given(st.lists(st.tuples(st.from_regex(r"\A[A-Za-z-]{1,9}\Z"), st.text(max_size=20)), max_size=5))
@settings(max_examples=60, deadline=None)
def test_no_value_begins_a_field_of_its_own(headers: list[tuple[str, str]]) -> None:
    """Whatever is given is refused, or makes one line a field."""
    try:
        lines = request_lines(tuple(headers), content=True)
    except FetchError:
        return
    assert all(b"\n" not in line and b"\r" not in line for line in lines)
    assert len(lines) <= len(headers) + len(UNASKED_WITH_CONTENT)


HEAD = [b"HTTP/1.1 200 OK\r\n", b"A: 1\r\n", b"\r\n"]


def test_the_final_head_is_the_one() -> None:
    """What came before, and the trailers after it, are left out."""
    early = [b"HTTP/1.1 103 Early Hints\r\n", b"Link: </a>\r\n", b"\r\n"]
    late = [b"Late: 1\r\n", b"\r\n"]
    assert final_head(early + early + HEAD + late, URL) == ("1.1", 200, ((b"A", b"1"),))


@pytest.mark.parametrize(
    ("line", "version", "status"),
    [
        (b"HTTP/1.0 404 No\r\n", "1.0", 404),
        (b"HTTP/1.1 999\r\n", "1.1", 999),
        (b"HTTP/1.1 204\n", "1.1", 204),
        (b"HTTP/1.1 203\tOK\r\n", "1.1", 203),
        (b"HTTP/2.0 200 OK\r\n", "1.1", 200),
        (b"HTTP/2 200 \r\n", "2", 200),
        (b"HTTP/3 301 \r\n", "3", 301),
    ],
)
def test_version_and_status(line: bytes, version: str, status: int) -> None:
    """They stand in the status line, as libcurl writes it for each version."""
    assert final_head([line, b"a: 1\r\n", b"\r\n"], URL) == (version, status, ((b"a", b"1"),))


def test_lines_may_end_with_lf_alone() -> None:
    """The first blank line of either kind ends a head."""
    assert final_head([b"HTTP/1.1 200 OK\n", b"A: 1\n", b"\n", b"T: 1\r\n", b"\r\n"], URL)[2] == (
        (b"A", b"1"),
    )
    mixed = [b"HTTP/1.1 100 Go on\n", b"\n", *HEAD]
    assert final_head(mixed, URL)[2] == ((b"A", b"1"),)


@pytest.mark.parametrize("lines", [[], HEAD[:2], [b"\r\n"], [b"HTTP/1.1 100 Go on\r\n", b"\r\n"]])
def test_a_head_that_is_not_complete(lines: list[bytes]) -> None:
    """Without a final head there is no response."""
    with pytest.raises(FetchError, match="complete head"):
        final_head(lines, URL)


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 9999 OK\r\n",
        b"HTTP/1.1 OK\r\n",
        b"A: 1\r\n",
        b"HTTP/1.1 20 OK\r\n",
        b"HTTP/1.1 200OK\r\n",
        b"HTTP/1.1 200.5 OK\r\n",
    ],
)
def test_a_status_line_of_no_status(line: bytes) -> None:
    """A code that has not three digits is none, nor is one with something else behind it than white space."""
    with pytest.raises(FetchError, match="status line"):
        final_head([line, b"\r\n"], URL)


def test_a_status_below_100() -> None:
    """It is none of HTTP (RFC 9110, section 15)."""
    with pytest.raises(FetchError, match="no status"):
        final_head([b"HTTP/1.1 099 OK\r\n", b"\r\n"], URL)


def test_as_many_interim_responses_as_are_allowed() -> None:
    """One more is a failure."""
    interim = [b"HTTP/1.1 102 Wait\r\n", b"\r\n"]
    assert final_head(interim * MAX_INTERIM + HEAD, URL)[2] == ((b"A", b"1"),)
    with pytest.raises(FetchError, match="interim"):
        final_head(interim * (MAX_INTERIM + 1) + HEAD, URL)


def test_as_large_a_header_as_is_allowed() -> None:
    """One byte more is a failure."""
    room = MAX_HEAD - sum(map(len, HEAD)) - len(b"X: \r\n")
    assert len(final_head([*HEAD[:2], b"X: " + b"a" * room + b"\r\n", b"\r\n"], URL)[2]) == 2
    with pytest.raises(FetchError, match="larger"):
        final_head([*HEAD[:2], b"X: " + b"a" * (room + 1) + b"\r\n", b"\r\n"], URL)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"A:b\r\n", b"C:  d \t\r\n"], ((b"A", b"b"), (b"C", b"d"))),
        ([b"A: b: c\r\n"], ((b"A", b"b: c"),)),
        ([b"A:\r\n"], ((b"A", b""),)),
        ([b"A : b\r\n"], ((b"A", b"b"),)),
        ([b"A: b\r\n", b" c\r\n", b"\td\r\n", b"E: f\r\n"], ((b"A", b"b c d"), (b"E", b"f"))),
        ([b"A:\r\n", b"  b\r\n"], ((b"A", b"b"),)),
        ([b" lost\r\n", b"A: b\r\n"], ((b"A", b"b"),)),
        ([b"no colon\r\n", b"A: b\r\n"], ((b"A", b"b"),)),
        ([b"no colon\r\n", b"A: b\r\n", b" c\r\n"], ((b"A", b"b c"),)),
        ([], ()),
    ],
)
def test_fields(lines: list[bytes], expected: tuple[tuple[bytes, bytes], ...]) -> None:
    """Names and values are told apart; a folded value is one, alone and in a whole head."""
    assert fields(lines) == expected
    assert final_head([b"HTTP/1.1 200 OK\r\n", *lines, b"\r\n"], URL)[2] == expected


@given(st.lists(st.sampled_from([b"A: 1\r\n", b"B :2 \r\n", b" more\r\n", b"no\r\n", b"C:3\n"]), max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_head_of_usual_lines_is_read_as_any_other(lines: list[bytes]) -> None:
    """What is done at once for most heads comes to what is done line by line for the others."""
    assert final_head([b"HTTP/1.1 200 OK\r\n", *lines, b"\r\n"], URL)[2] == fields(lines)
