"""What is kept for as long as there is room: the least recently used goes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@final
class Shelf(Generic[T]):
    """Keeps values by name, within so many bytes.

    Args:
        most: bytes of all together. One that has more by itself is kept alone.
        size: returns about how many a value takes, the same each time.
    """

    def __init__(self, most: int, size: Callable[[T], int]) -> None:
        self._most = most
        self._size = size
        self._bytes = 0
        # In the order of their last use; a plain dict, since the values may be many and small.
        self._kept: dict[str, T] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"<Shelf of {len(self._kept):,}, {self._bytes:,} bytes>"

    def get(self, name: str) -> T | None:
        """Return what is kept by that *name*; None if it is not there, or not any more."""
        found = self._kept.pop(name, None)
        if found is not None:
            self._kept[name] = found
        return found

    def put(self, name: str, value: T) -> None:
        """Keep *value* by that *name*."""
        self.drop(name)
        self._kept[name] = value
        self._bytes += self._size(value)
        while self._bytes > self._most and len(self._kept) > 1:
            self.drop(next(iter(self._kept)))

    def drop(self, name: str) -> None:
        """Let go of what is kept by that *name*, if anything is."""
        found = self._kept.pop(name, None)
        if found is not None:
            self._bytes -= self._size(found)
