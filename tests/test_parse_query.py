"""Queries in the encoding of the page that they stand on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl._parse.decoding import decode_bytes
from trio_crawl._parse.query import encode_query, encoder

ENCODINGS = [
    "big5",
    "euc-jp",
    "euc-kr",
    "gb18030",
    "gbk",
    "shift_jis",
    "windows-1251",
    "koi8-u",
    "iso-8859-2",
]


@pytest.mark.parametrize(
    ("encoding", "reference", "expected"),
    [
        ("utf-8", "?é", "?é"),
        ("utf-16le", "?é", "?é"),
        ("windows-1252", "é?é", "é?%E9"),
        ("windows-1252", "?é#é", "?%E9#é"),
        ("windows-1252", "é#?é", "é#?é"),
        ("windows-1252", "?†&€%41'", "?%86&%80%41%27"),
        ("windows-1252", " ?é\n日\x01", "?%E9%26%2326085%3B"),
        ("iso-8859-2", "?¢", "?%26%23162%3B"),
        ("koi8-u", "?ў", "?%AE"),
        ("gbk", "?€中😀", "?%80%D6%D0%26%23128512%3B"),
        ("gb18030", "?€😀\ue5e5", "?%A2%E3%949%FC6%26%2358853%3B"),
        ("gb18030", "?\ue7c7\ue78d", "?%815%F47%A6%D9"),
        ("shift_jis", "?−¥‾ｱ∵", "?%81|\\~%B1%81%E6"),  # noqa: RUF001
        ("shift_jis", "?\ue000", "?%26%2357344%3B"),
        ("euc-jp", "?−ｱ①纊", "?%A1%DD%8E%B1%AD%A1%F9%A1"),  # noqa: RUF001
        ("euc-jp", "?丂", "?%26%2319970%3B"),
        ("euc-kr", "?한", "?%C7%D1"),
        ("big5", "?中€十", "?%A4%A4%A3%E1%A4Q"),
        ("big5", "?㐵", "?%26%2313365%3B"),
        ("iso-2022-jp", "?‾\\", "?%1B(J~%1B(B\\"),
        ("iso-2022-jp", "?日a", "?%1B$BF|%1B(Ba"),
        ("iso-2022-jp", "?日", "?%1B$BF|%1B(B"),
        ("iso-2022-jp", "?ｱ#", "?%1B$B%%22%1B(B#"),
        ("iso-2022-jp", "?日é", "?%1B$BF|%1B(B%26%23233%3B"),
        ("iso-2022-jp", "?\x0eA", "?%26%2365533%3BA"),
    ],
)
def test_a_query_is_encoded_as_a_browser_does(encoding: str, reference: str, expected: str) -> None:
    """Only the query is; what the encoding lacks becomes a character reference."""
    assert encode_query(reference, encoding) == expected


@given(st.sampled_from(ENCODINGS), st.characters(min_codepoint=0x80, exclude_categories=["Cs", "Co"]))
@settings(max_examples=300, deadline=None)
def test_what_is_encoded_decodes_to_the_same(encoding: str, character: str) -> None:
    """An encoder is its decoder read backwards, but for signs that are written as others that look alike."""
    written = encoder(encoding)(character)
    assert written is None or decode_bytes(written, encoding) == character or character in "¥‾−"  # noqa: RUF001


@given(st.sampled_from([*ENCODINGS, "iso-2022-jp", "replacement"]), st.text(max_size=20))
@settings(max_examples=200, deadline=None)
def test_no_reference_raises(encoding: str, reference: str) -> None:
    """Without a question mark nothing changes."""
    encoded = encode_query(reference, encoding)
    assert encoded == reference or "?" in reference
