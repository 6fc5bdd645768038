"""What is kept for as long as there is room: the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar, final

T = TypeVar("T")


@final
class Shelf(Generic[T]):
    """Keeps values by name, within so many bytes.

    Args:
        most: bytes of all together. One that has more by itself is kept alone.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[T, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"<Shelf of {len(self._kept):,}, {self._bytes:,} bytes>"

    def get(self, name: str) -> T | None:
        """Return what is kept by that *name*; None if it is not there, or not any more."""
        found = self._kept.get(name)
        if found is None:
            return None
        self._kept.move_to_end(name)
        return found[0]

    def put(self, name: str, value: T, size: int) -> None:
        """Keep *value* by that *name*, which takes about *size* bytes."""
        self.drop(name)
        self._kept[name] = value, size
        self._bytes += size
        while self._bytes > self._most and len(self._kept) > 1:
            _, (_, gone) = self._kept.popitem(last=False)
            self._bytes -= gone

    def drop(self, name: str) -> None:
        """Let go of what is kept by that *name*, if anything is."""
        found = self._kept.pop(name, None)
        if found is not None:
            self._bytes -= found[1]
