"""Sets and maps of fingerprints: what a crawl has seen, in eight bytes a URL, and in sixteen a page."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterable

# 4,096 pieces: of ten million fingerprints each has 2,400, so an insertion moves 10 KB on average.
_PIECE_BITS: Final = 12
_SHIFT: Final = 64 - _PIECE_BITS


def fingerprint(key: str) -> int:
    """Return 64 bits that stand for *key*; the same in every process.

    Of ten million keys two have the same with a probability of three in a million.
    """
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest())


@final
class FingerprintSet:
    """A set of 64-bit numbers, each held in eight bytes.

    A `set` takes 77 bytes for each, and stops the world while it grows. Here the
    numbers stand in many sorted arrays, by their first bits.
    """

    __slots__ = ("_pieces", "_size", "_unsorted")

    def __init__(self) -> None:
        self._pieces: list[array[int] | None] = [None] * (1 << _PIECE_BITS)
        # Pieces that were filled and not asked for since, by their places; `_size` counts them as they are.
        self._unsorted: dict[int, array[int]] = {}
        self._size = 0

    def __len__(self) -> int:
        for place in list(self._unsorted):
            self._sort(place)
        return self._size

    def __repr__(self) -> str:
        return f"<FingerprintSet of {len(self):,}>"

    def __contains__(self, number: int) -> bool:
        piece = self._pieces[number >> _SHIFT] or self._sort(number >> _SHIFT)
        if piece is None:
            return False
        place = bisect_left(piece, number)
        return place < len(piece) and piece[place] == number

    def add(self, number: int) -> bool:
        """Add *number*, and return whether it is new."""
        piece = self._pieces[number >> _SHIFT] or self._sort(number >> _SHIFT)
        if piece is None:
            self._pieces[number >> _SHIFT] = array("Q", (number,))
            self._size += 1
            return True
        place = bisect_left(piece, number)
        if place < len(piece) and piece[place] == number:
            return False
        piece.insert(place, number)
        self._size += 1
        return True

    def discard(self, number: int) -> bool:
        """Take *number* out, and return whether it was there."""
        piece = self._pieces[number >> _SHIFT] or self._sort(number >> _SHIFT)
        place = 0 if piece is None else bisect_left(piece, number)
        if piece is None or place >= len(piece) or piece[place] != number:
            return False
        del piece[place]
        self._size -= 1
        return True

    def fill(self, numbers: Iterable[int]) -> None:
        """Take the place of what is held by *numbers*; one of them may come twice.

        Each piece is sorted when it is asked for first, so that a crawl which goes on with ten
        million need not wait for that.
        """
        pieces = [array("Q") for _ in self._pieces]
        appends = [piece.append for piece in pieces]
        for number in numbers:
            appends[number >> _SHIFT](number)
        self._pieces = [None] * len(pieces)
        self._unsorted = {place: piece for place, piece in enumerate(pieces) if piece}
        self._size = sum(map(len, pieces))

    def _sort(self, place: int) -> array[int] | None:
        """Return the piece at *place*, sorted now if it was filled; None if nothing is in it."""
        filled = self._unsorted.pop(place, None)
        if filled is None:
            return None
        piece = self._pieces[place] = array("Q", sorted(set(filled)))
        self._size -= len(filled) - len(piece)
        return piece


@final
class FingerprintMap:
    """A map of 64-bit numbers to such numbers, each pair held in sixteen bytes, as in `FingerprintSet`."""

    __slots__ = ("_keys", "_size", "_values")

    def __init__(self) -> None:
        self._keys: dict[int, array[int]] = {}
        self._values: dict[int, array[int]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"<FingerprintMap of {self._size:,}>"

    def get(self, key: int) -> int | None:
        """Return the value of *key*; None if it has none."""
        keys = self._keys.get(key >> _SHIFT)
        if keys is None:
            return None
        place = bisect_left(keys, key)
        return self._values[key >> _SHIFT][place] if place < len(keys) and keys[place] == key else None

    def add(self, key: int, value: int) -> None:
        """Let *key* have *value*, unless it has one."""
        piece = key >> _SHIFT
        keys = self._keys.setdefault(piece, array("Q"))
        place = bisect_left(keys, key)
        if place < len(keys) and keys[place] == key:
            return
        keys.insert(place, key)
        self._values.setdefault(piece, array("Q")).insert(place, value)
        self._size += 1
