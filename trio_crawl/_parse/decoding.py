"""Bytes to characters as the Encoding standard has it.

Python's codecs do the work. Where their tables differ from the standard's indexes, or
where they resume elsewhere after an error, this module puts that right. Compared with the
indexes, sequence by sequence, what is left are 160 rare characters of Big5 (of them 68
of HKSCS-2008), one of JIS X 0212 and one four-byte sequence of GB 18030.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import Final

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
_MULTI_BYTE: Final = {
    "big5": "big5hkscs",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
}
# Characters that Python's codec gives where the standard's index has another one.
_CHARACTERS: Final = {
    "big5": dict(zip("•､‾∼♁☉¥¢£", "‧﹑¯～⊕⊙￥￠￡", strict=True)),  # noqa: RUF001
    "euc-jp": dict(zip("〜‖−¢£¬", "～∥－￠￡￢", strict=True)),  # noqa: RUF001
    # GB 18030-2022 gave these a place of their own in Unicode.
    "gb18030": {
        "\ue5e5": "\u3000",
        **dict(zip(map(chr, range(0xE78D, 0xE797)), "︐︒︑︓︔︕︖︗︘︙", strict=True)),
        "\ue7c7": "ḿ",
        **dict(zip("\ue81e\ue826\ue82b\ue82c\ue832\ue843\ue854\ue864", "龴龵龶龷龸龹龺龻", strict=True)),
    },
    # Bytes that stand for nothing, which Python maps to the private use area.
    "shift_jis": dict.fromkeys("\uf8f0\uf8f1\uf8f2\uf8f3", _FFFD),
}
_CHARACTERS["gbk"] = _CHARACTERS["gb18030"]
_NEEDS_CHANGE: Final = {name: re.compile(f"[{''.join(table)}]") for name, table in _CHARACTERS.items()}
_CHANGES: Final = {name: str.maketrans(table) for name, table in _CHARACTERS.items()}

# Bytes of which each may be wrong, and repaired by itself, within 20 ms.
_SHORT: Final = 16 * 1024
_LONG: Final = 1024 * 1024
# What is wrong costs nothing in these, or nothing is.
_QUICK: Final = frozenset({"utf-8", "windows-1252", "replacement"})

# The ranges of bytes that the standard's decoders tell apart.
_C1: Final = range(0x80, 0xA0)
_LEADS: Final = range(0x81, 0xFF)
_SHIFT_JIS_LEADS: Final = range(0x81, 0xFD)
_EUC_CELLS: Final = range(0xA1, 0xFF)
_EUC_SHIFTS: Final = range(0x8E, 0x90)
_JIS_CELLS: Final = range(0x21, 0x7F)
_JIS_KANA: Final = range(0x21, 0x60)
_ROWS_BEFORE_KANA: Final = range(62)
_CELLS_BEFORE_DEL: Final = range(0x3F)
_BIG5_SIGNS: Final = "".join(map(chr, range(0x2400, 0x2420))) + "\u2421€"
_BIG5_CELLS: Final = range(0xC0, 0xE2)
# A well-formed sequence of GB 18030 that means nothing, or one that the end cuts short.
_FOUR_BYTES: Final = re.compile(rb"[\x81-\xfe][0-9](?:\Z|[\x81-\xfe](?:\Z|[0-9]))")

_ESCAPE: Final = re.compile(rb"\x1b(\([BJI]|\$[@B])")
_NOT_ASCII: Final = re.compile(r"[\x0e\x0f\x1b\x80-\U0010ffff]")


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
        return _decode_iso_2022_jp(body)
    if encoding in _MULTI_BYTE:
        return _decode_multi_byte(body, encoding)
    if encoding == "replacement":
        # The standard's answer to encodings that hide mark-up from who reads bytes.
        return _FFFD if body else ""
    return codecs.charmap_decode(body, "replace", single_byte_table(encoding))[0]


def decodes_quickly(body: bytes, encoding: str) -> bool:
    """Say whether `decode_bytes` takes no more than 30 ms a megabyte, as where nothing has to be repaired.

    Args:
        body: the content.
        encoding: the WHATWG name of an encoding, in lower case.
    """
    if len(body) <= _SHORT or encoding in _QUICK:
        return True
    if encoding == "iso-2022-jp" or len(body) > _LONG:
        return False
    try:
        if encoding in _MULTI_BYTE or encoding.startswith("utf-16"):
            body.decode(_MULTI_BYTE.get(encoding, encoding))
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


def _decode_multi_byte(body: bytes, encoding: str) -> str:
    text = body.decode(_MULTI_BYTE[encoding], f"trio_crawl.{encoding}")
    needs_change = _NEEDS_CHANGE.get(encoding)
    if needs_change is not None and needs_change.search(text):
        return text.translate(_CHANGES[encoding])
    return text


def _failed(error: UnicodeError) -> tuple[bytes, int]:
    """Return what was being decoded, and where it failed; any other error is raised."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object, error.start


def _after_pair(body: bytes, start: int, leads: range) -> int:
    """Return where to go on after a bad sequence of two bytes.

    An ASCII byte in the second place is kept, so that no mark-up is swallowed.
    """
    if body[start] not in leads:
        return start + 1
    trail = body[start + 1 : start + 2]
    return start + (2 if trail and not trail.isascii() else 1)


def _repair_two_byte(error: UnicodeError) -> tuple[str, int]:
    body, start = _failed(error)
    return _FFFD, _after_pair(body, start, _LEADS)


def _repair_shift_jis(error: UnicodeError) -> tuple[str, int]:
    body, start = _failed(error)
    return _FFFD, _after_pair(body, start, _SHIFT_JIS_LEADS)


def _repair_big5(error: UnicodeError) -> tuple[str, int]:
    """Add the end of a row that Python's codec lacks, with the euro sign of code page 950."""
    body, start = _failed(error)
    if body.startswith(b"\xa3", start) and start + 1 < len(body) and body[start + 1] in _BIG5_CELLS:
        return _BIG5_SIGNS[body[start + 1] - _BIG5_CELLS.start], start + 2
    return _FFFD, _after_pair(body, start, _LEADS)


def _repair_euc_jp(error: UnicodeError) -> tuple[str, int]:
    """Add the rows of NEC and IBM, which Python's codec has in Shift_JIS only."""
    body, start = _failed(error)
    lead, trail = body[start], body[start + 1] if start + 1 < len(body) else 0
    if trail not in _EUC_CELLS:
        return _FFFD, _after_pair(body, start, _EUC_CELLS if lead in _EUC_CELLS else _EUC_SHIFTS)
    if lead in _EUC_CELLS:
        return _from_shift_jis(lead - 0xA1, trail - 0xA1), start + 2
    if body.startswith(b"\x8f", start):
        # JIS X 0212, whose characters take three bytes.
        return _FFFD, _after_pair(body, start + 1, _EUC_CELLS)
    return _FFFD, _after_pair(body, start, _EUC_SHIFTS)


def _from_shift_jis(row: int, cell: int) -> str:
    """Return the character of JIS X 0208 with the extensions of code page 932, both counted from 0."""
    lead = row // 2 + (0x81 if row in _ROWS_BEFORE_KANA else 0xC1)
    # No trail byte is DEL.
    trail = cell + 0x9F if row % 2 else cell + 0x40 + (cell not in _CELLS_BEFORE_DEL)
    return _decode_multi_byte(bytes([lead, trail]), "shift_jis")[0]


def _repair_gb18030(error: UnicodeError) -> tuple[str, int]:
    body, start = _failed(error)
    if body.startswith(b"\x80", start):
        # The euro sign of code page 936.
        return "€", start + 1
    odd = _FOUR_BYTES.match(body, start)
    return _FFFD, odd.end() if odd else _after_pair(body, start, _LEADS)


for _name, _repair in {
    "big5": _repair_big5,
    "euc-jp": _repair_euc_jp,
    "euc-kr": _repair_two_byte,
    "gb18030": _repair_gb18030,
    "gbk": _repair_gb18030,
    "shift_jis": _repair_shift_jis,
}.items():
    codecs.register_error(f"trio_crawl.{_name}", _repair)


def _decode_iso_2022_jp(body: bytes) -> str:
    """Decode runs between escape sequences, each in the set that the sequence before it names."""
    pieces = _ESCAPE.split(body)
    parts = [_decode_run(pieces[0], b"(B")]
    parts += [_decode_run(run, named) for named, run in zip(pieces[1::2], pieces[2::2], strict=True)]
    return "".join(parts)


def _decode_run(run: bytes, character_set: bytes) -> str:
    if character_set == b"(B":
        return _NOT_ASCII.sub(_FFFD, run.decode("latin-1"))
    if character_set == b"(J":
        return _NOT_ASCII.sub(_FFFD, run.decode("latin-1")).translate({0x5C: "¥", 0x7E: "‾"})
    if character_set == b"(I":
        return "".join(chr(0xFF40 + byte) if byte in _JIS_KANA else _FFFD for byte in run)
    return _decode_pairs(run)


def _decode_pairs(run: bytes) -> str:
    """Decode rows and cells of JIS X 0208; a byte that can't begin one is an error of its own."""
    characters = []
    position = 0
    while position < len(run):
        row, cell = run[position], run[position + 1 : position + 2]
        if row not in _JIS_CELLS:
            characters.append(_FFFD)
            position += 1
            continue
        if cell and cell[0] in _JIS_CELLS:
            characters.append(_decode_multi_byte(bytes([row | 0x80, cell[0] | 0x80]), "euc-jp"))
        else:
            characters.append(_FFFD)
        position += 2
    return "".join(characters)
