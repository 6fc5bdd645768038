"""Bytes to characters where Python's codecs and the Encoding standard differ."""

from __future__ import annotations

from itertools import cycle

import pytest
import webencodings  # type: ignore[import-untyped]  # it has no annotations
from hypothesis import given, settings, strategies as st
from webencodings.labels import LABELS  # type: ignore[import-untyped]  # it has no annotations

from trio_crawl._parse.decoding import decode_bytes, decoder, single_byte_table

ENCODINGS = sorted(set(LABELS.values()))


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        ("windows-1252", b"\x80\x81\x9d\xff", "€\x81\x9dÿ"),
        ("windows-1253", b"\x81\xaa\xff", "\x81\ufffd\ufffd"),
        ("windows-1255", b"\xca", "\u05ba"),
        ("koi8-u", b"\xae\xbe", "ўЎ"),
        ("iso-8859-8-i", b"\xe0", "א"),
        ("macintosh", b"\x8e", "é"),
        ("x-user-defined", b"a\x80\xff", "a\uf780\uf7ff"),
        ("gbk", b"\x80", "€"),
        ("gbk", b"\xa8\xbf\x81\x30\x81\x30", "ǹ\x80"),
        ("gb18030", b"\xa3\xa0\xa6\xd9", "\u3000︐"),
        ("gb18030", b"\x84\x32\x81\x30<", "\ufffd<"),
        ("gb18030", b"\x81\x30\x81", "\ufffd"),
        ("gb18030", b"\x81\x30<", "\ufffd0<"),
        ("shift_jis", b"\x87\x40\xa0\xfd\x80", "①\ufffd\ufffd\x80"),
        ("shift_jis", b"\x81<\x85\x9f", "\ufffd<\ufffd"),
        ("euc-jp", b"\xad\xa1\xa1\xc1\xf9\xa1", "①～纊"),  # noqa: RUF001
        ("euc-jp", b"\x8f\xa2\xaf\x8e\xb1", "˘ｱ"),
        ("euc-jp", b"\xa4<\x8f\xa1\xa1<", "\ufffd<\ufffd<"),
        ("euc-kr", b"\xc7\xd1\xfe<\xc9\xff", "한\ufffd<\ufffd"),
        ("big5", b"\xa4\xa4\xa3\xe1\x88\x62", "中€Ê̄"),
        ("big5", b"\xa1\xfe\xa2\xff<", "／\ufffd<"),  # noqa: RUF001
        ("utf-8", b"\xef\xbb\xbfa\xe3\xab<", "a\ufffd<"),
        ("utf-16le", b"\xff\xfea\0\0\xd8", "a\ufffd"),
        ("utf-16be", b"\0a\0", "a\ufffd"),
        ("replacement", b"anything", "\ufffd"),
        ("replacement", b"", ""),
    ],
)
def test_bytes_are_decoded_as_the_standard_says(encoding: str, body: bytes, expected: str) -> None:
    """Each is a sequence that Python's own codec decodes otherwise, or goes on after otherwise."""
    assert decode_bytes(body, encoding) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\x1b$B\x46\x7c\x4b\x5c\x1b(B<a>", "日本<a>"),
        (b"\x1b$@\x2d\x21\x1b(J\\~", "①¥‾"),
        (b"\x1b(I\x31\x60", "ｱ\ufffd"),
        (b"\x0e\x80\x1bx", "\ufffd\ufffd\ufffdx"),
        (b"\x1b$B\x46", "\ufffd"),
    ],
)
def test_iso_2022_jp_changes_sets_by_escape_sequences(body: bytes, expected: str) -> None:
    """The Roman and the half-width set are among them, and NEC's row in the kanji."""
    assert decode_bytes(body, "iso-2022-jp") == expected


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_of_the_standard_decodes_any_byte(encoding: str) -> None:
    """No byte raises, after which ASCII goes on as it is."""
    for byte in range(256):
        text = decode_bytes(bytes([byte]) + b"\n<", encoding)
        text.encode()
        if not encoding.startswith(("utf-16", "replacement")):
            assert text.endswith("\n<")


@given(st.sampled_from(ENCODINGS), st.binary(max_size=30))
@settings(max_examples=200, deadline=None)
def test_no_sequence_raises(encoding: str, body: bytes) -> None:
    """Errors are U+FFFD, never an exception or a lone surrogate."""
    decode_bytes(body, encoding).encode()


def test_a_table_has_each_of_256_bytes() -> None:
    """ASCII is itself in all of them."""
    assert single_byte_table("windows-1251")[:128] == "".join(map(chr, range(128)))
    assert len(single_byte_table("windows-1251")) == 256
    assert webencodings.lookup("cp1251").name == "windows-1251"


WORDS = [
    *(b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x1b(I", b"\x1b", b"\x1b$", b"<a>", b"0"),
    *(b"\x81\x30\x81\x30", b"\x84\x32\x81\x30", b"\x8f\xa2\xaf", b"\x8e\xb1", b"\xa4\xa4"),
    *(b"\xa3\xe1", b"\x88\x62", b"\xad\xa1", b"\xf9\xa1", b"\x80", b"\xff"),
    *(b"\xd8\x00", b"\x00\xd8", b"\xe3\x81\x82", b"\xf0\x9f\x98\x80"),
]


@settings(max_examples=1_000)
@given(
    st.sampled_from(ENCODINGS),
    st.lists(st.one_of(st.sampled_from(WORDS), st.binary(min_size=1, max_size=2)), max_size=12),
    st.lists(st.integers(1, 5), min_size=1),
)
def test_pieces_make_no_difference(encoding: str, words: list[bytes], sizes: list[int]) -> None:
    """Wherever a document is cut, in the middle of a character or of what is none."""
    body = rest = b"".join(words)
    pieces = decoder(encoding)
    text = ""
    for size in cycle(sizes):
        text += pieces.decode(rest[:size])
        rest = rest[size:]
        if not rest:
            break
    text += pieces.decode(b"", final=True)
    assert (text.removeprefix("\ufeff") if encoding.startswith("utf-") else text) == decode_bytes(
        body, encoding
    )
