"""Which page is being read in the crawl's own process at this moment: a mark that survives its end.

It is eight bytes in a file that is mapped to memory, beside the state: to set it takes no system call,
and the system keeps it when the process is killed.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from pathlib import Path

_MARK: Final = struct.Struct("=Q")

MOST_SUSPECTS: Final = 1_000
"""Pages that are remembered to have been read when a crawl ended without a word: the latest of them."""

POISON: Final = 2
"""So many times, from which on a page is read elsewhere. One such end may have had any reason; of two during
the same page, that page is the likeliest."""


@final
class Slot:
    """A file with room for one mark.

    Args:
        path: of the file; it is made if there is none.

    Raises:
        OSError: it can't be.

    Attributes:
        left: the mark that was found in it; 0 if there was none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = os.getpid()
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(path, flags, 0o600)
        try:
            if os.fstat(descriptor).st_size < _MARK.size:
                os.ftruncate(descriptor, _MARK.size)
            self._memory = mmap.mmap(descriptor, _MARK.size)
        finally:
            os.close(descriptor)
        (self.left,) = _MARK.unpack_from(self._memory)

    def __repr__(self) -> str:
        return f"Slot({str(self._path)!r})"

    def set(self, mark: int) -> None:
        """Put a mark into it, in the place of the one before; 0 is none."""
        _MARK.pack_into(self._memory, 0, mark)

    def close(self) -> None:
        """Close it, and remove the file: this was no unclean end. A child that was forked leaves it."""
        self._memory.close()
        if os.getpid() == self._process:
            self._path.unlink(missing_ok=True)


def suspected(suspects: dict[str, int], mark: int) -> dict[str, int]:
    """Return *suspects*, how often each was read at an unclean end, after one during *mark*."""
    name = f"{mark:016x}"
    others = {each: number for each, number in suspects.items() if each != name}
    latest = list(others.items())[1 - MOST_SUSPECTS :]
    return {**dict(latest), name: suspects.get(name, 0) + 1}


def poison(suspects: dict[str, int]) -> frozenset[int]:
    """Return the marks of those of *suspects* that are read elsewhere from now on."""
    return frozenset(int(name, 16) for name, number in suspects.items() if number >= POISON)
