"""The encodings of two bytes and more, but for ISO-2022-JP.

Python's codecs do the work. Where their tables differ from the standard's indexes, or
where they resume elsewhere after an error, this module puts that right. Compared with the
indexes, sequence by sequence, what is left are 160 rare characters of Big5 (of them 68
of HKSCS-2008), one of JIS X 0212 and one four-byte sequence of GB 18030.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

_FFFD: Final = "\N{REPLACEMENT CHARACTER}"

MULTI_BYTE: Final = {
    "big5": "big5hkscs",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
}
"""Python's codec for each, by the WHATWG name of the encoding."""
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

# The ranges of bytes that the standard's decoders tell apart.
_LEADS: Final = range(0x81, 0xFF)
_SHIFT_JIS_LEADS: Final = range(0x81, 0xFD)
_EUC_CELLS: Final = range(0xA1, 0xFF)
_EUC_SHIFTS: Final = range(0x8E, 0x90)
_ROWS_BEFORE_KANA: Final = range(62)
_CELLS_BEFORE_DEL: Final = range(0x3F)
_BIG5_SIGNS: Final = "".join(map(chr, range(0x2400, 0x2420))) + "\u2421€"
_BIG5_CELLS: Final = range(0xC0, 0xE2)
# A well-formed sequence of GB 18030 that means nothing, or one that the end cuts short.
_FOUR_BYTES: Final = re.compile(rb"[\x81-\xfe][0-9](?:\Z|[\x81-\xfe](?:\Z|[0-9]))")


def decode_multi_byte(body: bytes, encoding: str) -> str:
    """Return the characters of *body*, which is in one of `MULTI_BYTE`."""
    return _corrected(body.decode(MULTI_BYTE[encoding], f"trio_crawl.{encoding}"), encoding)


class MultiByteDecoder:
    """Decodes what comes in pieces; the end of one may be in the middle of a character.

    Args:
        encoding: one of `MULTI_BYTE`.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(MULTI_BYTE[encoding])(f"trio_crawl.{encoding}")

    def decode(self, data: bytes, *, final: bool = False) -> str:
        """Return the characters that end in *data*; *final* says that no more will come."""
        text = self._decoder.decode(data, final)
        # Behind a character that is cut short, of which only a part is wrong, Python's decoder stops.
        while final and self._decoder.getstate()[0]:
            text += self._decoder.decode(b"", final)
        return _corrected(text, self._encoding)


def _corrected(text: str, encoding: str) -> str:
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
    return decode_multi_byte(bytes([lead, trail]), "shift_jis")[0]


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
