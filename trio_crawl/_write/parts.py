"""The files that one output is: a single one, or numbered parts by a template such as ``pages-{n}.jsonl``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from .._errors import OutputError, UsageError
from .target import absolute, check_file, occupied

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .place import Place

PART_SIZE: Final = 1024 * 1024 * 1024
"""Bytes after which a numbered part is full, unless told otherwise: few enough to move about, and to hold
in memory if it must be; large enough that a crawl of a terabyte makes a thousand of them."""

_NUMBER: Final = re.compile(r"\{n(?::0(\d))?\}")


@final
class Parts:
    """Names the files of an output.

    Args:
        name: a path. If its last component has ``{n}`` in it, or ``{n:05}`` (five digits
            and more), it is a template: of parts, which are numbered from 1 on.

    Raises:
        UsageError: ``{n}`` stands there more than once, or in a folder's name.
    """

    def __init__(self, name: str) -> None:
        self._path = absolute(name)
        found = _NUMBER.split(self._path.name)
        self.numbered = len(found) > 1
        if len(found) > 3 or _NUMBER.search(str(Path(name).parent)):  # noqa: PLR2004 - before, width, behind
            raise UsageError(
                f"{name}: {{n}} numbers the files of one folder; give it once, in the file's name"
            )
        self._around = found[0], found[-1]
        self._digits = int(found[1] or 1) if self.numbered else 0

    @property
    def first(self) -> int:
        """The number of the first part; 0 if the output is one file."""
        return 1 if self.numbered else 0

    @property
    def around(self) -> tuple[str, str]:
        """What stands before and behind the number of a part."""
        return self._around

    def found_paths(self) -> list[Path]:
        """Return the parts that there are; none, where there is no such folder."""
        return [self.path(number) for number in self.found()] if self._path.parent.is_dir() else []

    def path(self, number: int) -> Path:
        """Return the path of a part; 0 is that of an output that is one file."""
        if not self.numbered:
            return self._path
        before, behind = self._around
        return self._path.with_name(f"{before}{number:0{self._digits}}{behind}")

    def found(self) -> list[int]:
        """Return the numbers of the parts that there are, in order.

        Raises:
            OutputError: the folder can't be read.
        """
        before, behind = map(re.escape, self._around)
        pattern = re.compile(f"{before}([0-9]{{{self._digits},}}){behind}")
        try:
            names = [path.name for path in self._path.parent.iterdir()]
        except OSError as error:
            raise OutputError(f"{self._path.parent} can't be read: {error.strerror}") from error
        numbers = [int(found[1]) for name in names if (found := pattern.fullmatch(name))]
        # ``pages-01`` is no part by the template ``pages-{n}``, whose first is ``pages-1``.
        return sorted({number for number in numbers if number and self.path(number).name in names})

    def check(self, place: Place | None, *, overwrite: bool) -> None:
        """Look whether the output can be written, from *place* on if there is one; change nothing.

        Raises:
            OutputError: it can't, or what is up to *place* is not what was written.
        """
        number = self.first if place is None else place.part
        if bool(number) != self.numbered:
            raise OutputError(f"{self._path}: its position is another output's: the state is not its own")
        check_file(self.path(number), overwrite=overwrite or place is not None)
        if place is not None:
            place.check(self.path(number))
            for earlier in range(self.first, number):
                if not self.path(earlier).is_file():
                    raise OutputError(
                        f"{self.path(earlier)} is gone, and the state has rows in it; put it back"
                    )
        elif self.numbered and not overwrite:
            for other in self.found():
                if self.path(other).stat().st_size:
                    raise OutputError(occupied(self.path(other)))

    def stale(self, place: Place | None) -> Iterator[Path]:
        """Yield what has to be removed before writing begins.

        Where a crawl goes on, these are the parts that follow *place* without a gap: the others
        with larger numbers were not made by it. Where one begins (over what was there before,
        by the user's own word), these are all parts.
        """
        if not self.numbered:
            return
        if place is None:
            yield from (self.path(number) for number in self.found())
            return
        number = place.part + 1
        while self.path(number).is_file():
            yield self.path(number)
            number += 1
