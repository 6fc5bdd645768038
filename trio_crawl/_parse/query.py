"""The query of a link in the document's encoding (URL standard, "query state").

A browser writes the query of a link in the encoding of the page that it stands on, so
``?q=é`` asks for ``?q=%E9`` from a page in windows-1252. All of this is a table look-up
away from `decoding`: an encoder is its decoder, read backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from .decoding import decode_bytes, single_byte_table

UTF_8_QUERIES: Final = frozenset({"utf-8", "utf-16le", "utf-16be", "replacement"})
"""Encodings whose documents write queries in UTF-8 (Encoding standard, "output encoding")."""

_MULTI_BYTE: Final = frozenset({"big5", "euc-jp", "euc-kr", "gb18030", "gbk", "shift_jis"})
_IGNORED: Final = str.maketrans("", "", "\t\n\r")
_C0_OR_SPACE: Final = "".join(map(chr, range(0x21)))
_PERCENT_ENCODED: Final = frozenset({*range(0x21), *b"\"#<>'", *range(0x7F, 0x100)})
_ESCAPED: Final = [f"%{byte:02X}" if byte in _PERCENT_ENCODED else chr(byte) for byte in range(256)]
_MINUS: Final = "\N{MINUS SIGN}"
_FULL_WIDTH_MINUS: Final = "\N{FULLWIDTH HYPHEN-MINUS}"
# Big5 has these twice; the second is the one to write.
_LAST_IN_BIG5: Final = frozenset("═╞╡╪十卅")

Encode = Callable[[str], bytes | None]
"""Encodes one character; None if the encoding lacks it."""


def encode_query(reference: str, encoding: str) -> str:
    """Return *reference* with its query percent-encoded in *encoding*.

    Args:
        reference: what an ``href`` holds.
        encoding: the WHATWG name of the document's encoding, in lower case.
    """
    if encoding in UTF_8_QUERIES or "?" not in reference:
        return reference
    if reference.isascii() and encoding != "iso-2022-jp":
        return reference
    # What the URL parser would remove must not be encoded before it can.
    clean = reference.strip(_C0_OR_SPACE).translate(_IGNORED)
    before, mark, fragment = clean.partition("#")
    path, question, query = before.partition("?")
    if not question:
        return reference
    encoded = _iso_2022_jp(query) if encoding == "iso-2022-jp" else _stateless(query, encoder(encoding))
    return f"{path}?{encoded}{mark}{fragment}"


def _stateless(query: str, encode: Encode) -> str:
    written = []
    for character in query:
        found = character.encode() if character.isascii() else encode(character)
        written.append(_missing(ord(character)) if found is None else _percent_encoded(found))
    return "".join(written)


def _percent_encoded(data: bytes) -> str:
    return "".join([_ESCAPED[byte] for byte in data])


def _missing(code_point: int) -> str:
    """Return a character that the encoding lacks, as a percent-encoded character reference."""
    return f"%26%23{code_point}%3B"


def encoder(encoding: str) -> Encode:
    """Return what encodes one non-ASCII character in *encoding*."""
    if encoding in {"gb18030", "gbk"}:
        return _encode_gb18030 if encoding == "gb18030" else _encode_gbk
    if encoding in {"euc-jp", "shift_jis"}:
        return _japanese(_table(encoding))
    return _table(encoding).get


def _encode_gbk(character: str) -> bytes | None:
    return b"\x80" if character == "€" else _table("gbk").get(character)


def _encode_gb18030(character: str) -> bytes | None:
    if character == "\ue5e5":
        return None
    found = _table("gb18030").get(character)
    if found is not None:
        return found
    if character == "\ue7c7":
        # Python's codec still has it where the standard of 2022 put another character.
        return b"\x81\x35\xf4\x37"
    return None if "\ud800" <= character <= "\udfff" else character.encode("gb18030")


def _japanese(table: Mapping[str, bytes]) -> Encode:
    """Return the encoder of Shift_JIS or EUC-JP, which write three signs as others that look alike."""
    alike = {"¥": b"\x5c", "‾": b"\x7e", _MINUS: table[_FULL_WIDTH_MINUS]}
    return lambda character: alike.get(character) or table.get(character)


@lru_cache(maxsize=8)
def _table(encoding: str) -> Mapping[str, bytes]:
    """Return the bytes of every non-ASCII character: those that come first in the standard's index."""
    if encoding not in _MULTI_BYTE:
        table = {character: bytes([byte]) for byte, character in enumerate(single_byte_table(encoding))}
        table.pop("\ufffe", None)
        return MappingProxyType(table)
    pairs: dict[str, bytes] = {}
    sequences = _sequences(encoding)
    # A line feed ends whatever went wrong before it, so one call decodes them all.
    characters = decode_bytes(b"\n".join(sequences), encoding).split("\n")
    for sequence, character in zip(sequences, characters, strict=True):
        if len(character) != 1 or character == "\N{REPLACEMENT CHARACTER}":
            continue
        if encoding == "big5" and character in _LAST_IN_BIG5:
            pairs[character] = sequence
        else:
            pairs.setdefault(character, sequence)
    return MappingProxyType(pairs)


def _sequences(encoding: str) -> list[bytes]:
    """Return the sequences that an encoder may write, in the order of the index."""
    single = [bytes([byte]) for byte in (0x80, *range(0xA1, 0xE0))] if encoding == "shift_jis" else []
    if encoding == "euc-jp":
        single = [bytes([0x8E, byte]) for byte in range(0xA1, 0xE0)]
    # Big5's leads below 0xA1 are Hong Kong's own, which is read and not written.
    first_lead = 0xA1 if encoding in {"big5", "euc-jp"} else 0x81
    # Shift_JIS has NEC's copy of IBM's characters, and places for private use, for reading only.
    unwritten = {0xED, 0xEE, *range(0xF0, 0xFA)} if encoding == "shift_jis" else frozenset()
    leads = [lead for lead in range(first_lead, 0xFF) if lead not in unwritten]
    return single + [bytes([lead, trail]) for lead in leads for trail in range(0x40, 0xFF)]


def _iso_2022_jp(query: str) -> str:
    """Write *query* in ISO-2022-JP, which changes between sets by escape sequences."""
    kanji = _table("euc-jp")
    written: list[str] = []
    state = b"(B"
    for character in query:
        wanted, data = _in_set(character, state, kanji)
        if wanted != state:
            written.append(_percent_encoded(b"\x1b" + wanted))
            state = wanted
        if data is None:
            # The standard names the replacement character, where the real one could escape.
            named = 0xFFFD if character in "\x0e\x0f\x1b" else ord(character)
            written.append(_missing(named))
        else:
            written.append(_percent_encoded(data))
    if state != b"(B":
        written.append(_percent_encoded(b"\x1b(B"))
    return "".join(written)


def _in_set(character: str, state: bytes, kanji: Mapping[str, bytes]) -> tuple[bytes, bytes | None]:
    """Return the set that has *character*, and its bytes there; None if there is no such set."""
    if character in "\x0e\x0f\x1b":
        return _unless_kanji(state), None
    if character.isascii() and not (state == b"(J" and character in "\\~"):
        return _unless_kanji(state), character.encode()
    if character.isascii():
        return b"(B", character.encode()
    if character in "¥‾":
        return b"(J", b"\x5c" if character == "¥" else b"\x7e"
    character = _HALF_WIDTH_KANA.get(character, _FULL_WIDTH_MINUS if character == _MINUS else character)
    pair = kanji.get(character)
    if pair is None:
        return _unless_kanji(state), None
    return b"$B", bytes(byte & 0x7F for byte in pair)


def _unless_kanji(state: bytes) -> bytes:
    """Return the set to be in for an ASCII character: the Roman one will do, the kanji don't."""
    return b"(B" if state == b"$B" else state


# U+FF61 to U+FF9F, in that order.
_FULL_WIDTH_KANA: Final = (
    "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテト"
    "ナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン゛゜"
)
_HALF_WIDTH_KANA: Final = dict(zip(map(chr, range(0xFF61, 0xFFA0)), _FULL_WIDTH_KANA, strict=True))
