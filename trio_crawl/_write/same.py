"""Whether two things of a crawl are one file: by what is there, what leads there, or what will be made."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, final

from .._errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_Identity: TypeAlias = tuple[str, tuple[int, int] | None]
"""Where a file really is, and what it is: device and inode, if it is there."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A file, or several, that a crawl reads or writes.

    Args:
        what: how its user knows it.
        path: absolute; of a template, any of its files.
        around: of a template, what stands before and behind the number in a file's name.
        parts: the files that there are of a template.
        folder: whether all in it is the thing's own.
        beside: what is added to the name for files that it has beside it.
        read: whether it is only read.
    """

    what: str
    path: Path
    around: tuple[str, str] | None = None
    parts: Sequence[Path] = ()
    folder: bool = False
    beside: tuple[str, ...] = ()
    read: bool = False
    found: os.stat_result | None = field(default=None, repr=False)

    @property
    def paths(self) -> list[Path]:
        """Its files, as far as they have names already."""
        own = list(self.parts) if self.around is not None else [self.path]
        return [*own, *(self.path.with_name(self.path.name + more) for more in self.beside)]


SQLITE_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite puts beside a database."""


def standard_output() -> Thing | None:
    """Return where standard output goes, if that is a file."""
    try:
        found = os.fstat(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    what = "standard output ('-')"
    return Thing(what=what, path=Path("/dev/stdout"), found=found) if stat.S_ISREG(found.st_mode) else None


def forbid_same(things: Iterable[Thing]) -> None:
    """Look whether no two of them are, or come to be, the same.

    Raises:
        UsageError: two are; it names both.
    """
    told = [(thing, _identities(thing)) for thing in things]
    for (one, ones), (other, others) in combinations(told, 2):
        if one.read and other.read:
            continue
        how = _clash(one, ones, other, others)
        if how is not None:
            raise UsageError(f"{one.what} and {other.what} are {how}, given twice; each needs one of its own")


def _clash(one: Thing, ones: Sequence[_Identity], other: Thing, others: Sequence[_Identity]) -> str | None:
    if any(_same(a, b) for a in ones for b in others):
        return "the same file" if not one.folder else "the same folder"
    for template, that in ((one, other), (other, one)):
        if template.around is not None and _in_one_folder(template.path, that.path):
            names = [path.name for path in that.paths]
            if that.around is None and any(_is_part(template.around, name) for name in names):
                return "the same file, once the one has so many"
            if that.around is not None and _overlap(template.around, that.around):
                return "the same files, for some numbers"
    for folder, that in ((one, other), (other, one)):
        inside = [path for path in [that.path, *that.paths] if _is_in(path, folder.path)]
        if folder.folder and inside and that.found is None:
            return f"one in the other's folder ({folder.path})"
    return None


def _identities(thing: Thing) -> list[_Identity]:
    """Return of each file where it really is, and what; of a device or a pipe nothing."""
    if thing.found is not None:
        return [("", (thing.found.st_dev, thing.found.st_ino))]
    told: list[_Identity] = []
    for path in thing.paths:
        try:
            found = path.stat()
        except OSError:
            told.append((_real(path), None))
            continue
        if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
            told.append((_real(path), (found.st_dev, found.st_ino)))
    return told


def _same(one: _Identity, other: _Identity) -> bool:
    return (bool(one[0]) and one[0] == other[0]) or (one[1] is not None and one[1] == other[1])


def _real(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


def _in_one_folder(one: Path, other: Path) -> bool:
    return _real(one.parent) == _real(other.parent)


def _is_in(path: Path, folder: Path) -> bool:
    inner, outer = _real(path), _real(folder)
    return inner != outer and os.path.commonpath([inner, outer]) == outer


def _is_part(around: tuple[str, str], name: str) -> bool:
    before, behind = around
    inside = name[len(before) : len(name) - len(behind)]
    return name.startswith(before) and name.endswith(behind) and inside.isdecimal() and inside.isascii()


def _overlap(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Return whether there may be a name that both templates give: what one has more of is digits."""
    (before, behind), (other_before, other_behind) = one, other
    short, long = sorted((before, other_before), key=len)
    if not long.startswith(short) or (long != short and not long[len(short) :].isdecimal()):
        return False
    short, long = sorted((behind, other_behind), key=len)
    more = long[: len(long) - len(short)]
    return long.endswith(short) and (not more or more.isdecimal())
