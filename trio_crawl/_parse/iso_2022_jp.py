"""ISO-2022-JP, whose escape sequences name what the bytes behind them are."""

from __future__ import annotations

import re
from typing import Final

from .multi_byte import decode_multi_byte

_FFFD: Final = "\N{REPLACEMENT CHARACTER}"
_JIS_CELLS: Final = range(0x21, 0x7F)
_JIS_KANA: Final = range(0x21, 0x60)

_ESCAPE: Final = re.compile(rb"\x1b(\([BJI]|\$[@B])")
_HALF_ESCAPE: Final = re.compile(rb"\x1b[($]?\Z")
_NOT_ASCII: Final = re.compile(r"[\x0e\x0f\x1b\x80-\U0010ffff]")
_PAIRS: Final = re.compile(rb"(?:[\x21-\x7e]{2})++")
_TO_EUC: Final = bytes(byte | 0x80 for byte in range(256))
_ASCII: Final = b"(B"
_ROMAN: Final = b"(J"
_KANA: Final = b"(I"


class Iso2022JpDecoder:
    """Decodes what comes in pieces; see `MultiByteDecoder`."""

    def __init__(self) -> None:
        self._set = _ASCII
        self._rest = b""

    def decode(self, data: bytes, *, final: bool = False) -> str:
        """Return the characters that end in *data*; *final* says that no more will come."""
        data = self._rest + data
        self._rest = b""
        half = None if final else _HALF_ESCAPE.search(data)
        if half is not None:
            data = data[: half.start()]
        # Runs between escape sequences, each in the set that the sequence before it names.
        first, *others = _ESCAPE.split(data)
        parts = []
        run = first
        for named, following in zip(others[::2], others[1::2], strict=True):
            parts.append(self._run(run, final=True))
            self._set, run = named, following
        parts.append(self._run(run, final=final))
        if half is not None:
            self._rest += half[0]
        return "".join(parts)

    def _run(self, run: bytes, *, final: bool) -> str:
        if self._set == _ASCII:
            return _NOT_ASCII.sub(_FFFD, run.decode("latin-1"))
        if self._set == _ROMAN:
            return _NOT_ASCII.sub(_FFFD, run.decode("latin-1")).translate({0x5C: "¥", 0x7E: "‾"})
        if self._set == _KANA:
            return "".join([chr(0xFF40 + byte) if byte in _JIS_KANA else _FFFD for byte in run])
        return self._pairs(run, final=final)

    def _pairs(self, run: bytes, *, final: bool) -> str:
        """Decode rows and cells of JIS X 0208; a byte that can't begin one is an error of its own."""
        characters = []
        position = 0
        while position < len(run):
            pairs = _PAIRS.match(run, position)
            if pairs:
                characters.append(decode_multi_byte(pairs[0].translate(_TO_EUC), "euc-jp"))
                position = pairs.end()
                continue
            if run[position] in _JIS_CELLS:
                if position + 1 == len(run) and not final:
                    self._rest = run[position:]
                    break
                position += 1
            characters.append(_FFFD)
            position += 1
        return "".join(characters)
