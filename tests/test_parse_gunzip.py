"""Gzipped files, in pieces."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, strategies as st

from trio_crawl._errors import FetchError
from trio_crawl._parse.gunzip import gunzipped, pieces


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(st.binary(max_size=300), st.binary(max_size=30), st.integers(1, 50), st.integers(0, 2))
def test_what_was_gzipped_comes_back(first: bytes, second: bytes, size: int, padding: int) -> None:
    """However it is cut, in one member or two, with padding behind."""
    data = gzip.compress(first) + gzip.compress(second) + bytes(padding)
    assert b"".join(gunzipped(cut(data, size))) == first + second


@pytest.mark.parametrize("length", [16 * 1024, 32 * 1024, 16 * 1024 + 1, 5_000_000])
def test_what_unfolds_far_comes_in_small_pieces(length: int) -> None:
    """So that nothing takes long, and who counts can end it."""
    found = list(gunzipped([gzip.compress(bytes(length))]))
    assert sum(map(len, found)) == length
    assert max(map(len, found)) <= 16 * 1024


@pytest.mark.parametrize("data", [b"", b"x", b"\x1f", b"<a/>" * 10_000])
def test_what_is_not_gzipped_stays(data: bytes) -> None:
    """In pieces as small."""
    found = list(gunzipped([data]))
    assert b"".join(found) == data
    assert max(map(len, found)) <= 16 * 1024
    assert b"".join(pieces(data)) == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (gzip.compress(b"x" * 1000, mtime=0)[:-5], "ends too early"),
        (b"\x1f\x8b\x08\x00", "ends too early"),
        (b"\x1f\x8bxxxxxxxx", "can't be read"),
        (gzip.compress(b"", mtime=0) * 1001, "more than 1,000 members"),
    ],
)
def test_a_damaged_file_is_a_failure_of_decoding(data: bytes, message: str) -> None:
    """Or one made to take long."""
    with pytest.raises(FetchError, match=message) as caught:
        list(gunzipped([data]))
    assert caught.value.kind == "decode"
