"""Bytes to characters as the Encoding standard has it.

Python's codecs do the work; where the standard has it otherwise, this module, `multi_byte`
and `iso_2022_jp` put that right.
"""

from __future__ import annotations

import codecs
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

from .iso_2022_jp import Iso2022JpDecoder
from .multi_byte import MULTI_BYTE, MultiByteDecoder, decode_multi_byte

if TYPE_CHECKING:
    from collections.abc import Callable

_FFFD: Final = "\N{REPLACEMENT CHARACTER}"

_SINGLE_BYTE: Final = {
    "iso-8859-8-i": "iso8859-8",
    "macintosh": "mac-roman",
    "windows-874": "cp874",
    "x-mac-cyrillic": "mac-cyrillic",
}
_SINGLE_BYTE_FIXES: Final = {
    "koi8-u": {0xAE: "ў", 0xBE: "Ў"},
    "windows-1255": {0xCA: "\u05ba"},
    "x-user-defined": {byte: chr(0xF700 + byte) for byte in range(0x80, 0x100)},
}
# Bytes of which each may be wrong, and repaired by itself, within 20 ms.
_SHORT: Final = 16 * 1024
# What is wrong costs nothing in these, or nothing is.
_QUICK: Final = frozenset({"utf-8", "windows-1252", "replacement", "iso-2022-jp"})
# The range of bytes that stand for control characters where they stand for nothing else.
_C1: Final = range(0x80, 0xA0)


def decode_bytes(body: bytes, encoding: str) -> str:
    """Return the characters of *body*, without a byte order mark.

    Args:
        body: the content; nothing in it raises, what means nothing is U+FFFD.
        encoding: the WHATWG name of an encoding, in lower case.
    """
    if encoding == "utf-8":
        return body.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    if encoding in {"utf-16le", "utf-16be"}:
        mark = codecs.BOM_UTF16_LE if encoding == "utf-16le" else codecs.BOM_UTF16_BE
        return body.removeprefix(mark).decode(encoding, "replace")
    if encoding == "iso-2022-jp":
        return Iso2022JpDecoder().decode(body, final=True)
    if encoding in MULTI_BYTE:
        return decode_multi_byte(body, encoding)
    if encoding == "replacement":
        # The standard's answer to encodings that hide mark-up from who reads bytes.
        return _FFFD if body else ""
    return codecs.charmap_decode(body, "replace", single_byte_table(encoding))[0]


class Decoder(Protocol):
    """Decodes what comes in pieces; the end of one may be in the middle of a character."""

    def decode(self, data: bytes, *, final: bool = False) -> str:
        """Return the characters that end in *data*, a byte order mark among them.

        Args:
            data: what follows on what was decoded before; nothing in it raises.
            final: whether no more will come.
        """


def decoder(encoding: str) -> Decoder:
    """Return what decodes in pieces as `decode_bytes` does in one.

    Args:
        encoding: the WHATWG name of an encoding, in lower case.
    """
    if encoding == "iso-2022-jp":
        return Iso2022JpDecoder()
    return MultiByteDecoder(encoding) if encoding in MULTI_BYTE else _PlainDecoder(encoding)


class _PlainDecoder:
    """Decodes UTF-8, UTF-16, ``replacement`` and the encodings of one byte."""

    def __init__(self, encoding: str) -> None:
        self._replaced = False
        self._decode: Callable[[bytes, bool], str]
        if encoding == "replacement":
            self._decode = self._replace
        elif encoding.startswith("utf-"):
            self._decode = codecs.getincrementaldecoder(encoding)("replace").decode
        else:
            table = single_byte_table(encoding)
            self._decode = lambda data, _final: codecs.charmap_decode(data, "replace", table)[0]

    def decode(self, data: bytes, *, final: bool = False) -> str:
        return self._decode(data, final)

    def _replace(self, data: bytes, _final: bool) -> str:  # noqa: FBT001 - as codecs have it
        if self._replaced or not data:
            return ""
        self._replaced = True
        return _FFFD


def decodes_quickly(body: bytes, encoding: str) -> bool:
    """Say whether `decode_bytes` takes no more than 60 ms a megabyte, as where nothing has to be repaired.

    Args:
        body: the content.
        encoding: the WHATWG name of an encoding, in lower case.
    """
    if len(body) <= _SHORT or encoding in _QUICK:
        return True
    try:
        if encoding in MULTI_BYTE or encoding.startswith("utf-16"):
            body.decode(MULTI_BYTE.get(encoding, encoding))
        else:
            codecs.charmap_decode(body, "strict", single_byte_table(encoding))
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=32)
def single_byte_table(encoding: str) -> str:
    """Return the 256 characters of a single-byte encoding; U+FFFE where a byte means nothing."""
    if encoding == "x-user-defined":
        characters = list(map(chr, range(256)))
    else:
        codec = _SINGLE_BYTE.get(encoding, encoding)
        characters = [bytes([byte]).decode(codec, "replace") for byte in range(256)]
    for byte, character in enumerate(characters):
        if character == _FFFD:
            # An unassigned byte is its control character, but only in the range of these.
            characters[byte] = chr(byte) if byte in _C1 else "\ufffe"
    for byte, character in _SINGLE_BYTE_FIXES.get(encoding, {}).items():
        characters[byte] = character
    return "".join(characters)
