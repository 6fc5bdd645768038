"""A file of rows held against the positions of its batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from .._errors import OutputError
from .parts import Parts
from .place import Place, checksum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO, TypeAlias

    from .._model import Json

    Counter: TypeAlias = Callable[[bytes], int]

_NEAR: Final = 50
"""Batches before and after one that is not where it should be, among which its place is looked for."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The bytes of one batch.

    Args:
        batch: its number in the state.
        begin: where it begins.
        place: its end.
        rows: how many its outcomes have, None if that is not known.
        header: whether the columns of a table stand before its rows.
    """

    batch: int
    begin: int
    place: Place
    rows: int | None
    header: bool

    def __str__(self) -> str:
        return f"batch {self.batch} (bytes {self.begin:,} to {self.place.bytes:,})"


def _stretches(
    positions: Mapping[int, Json], rows: Mapping[int, int], problems: list[str]
) -> Iterator[Stretch]:
    """Yield the stretches of a file in order; add to *problems* where one does not begin at another's end.

    Raises:
        OutputError: a position that is none of a file of lines.
    """
    last = Place()
    for number in sorted(positions):
        place = Place.of(positions[number]) or Place()
        if place.same_end(last):
            if rows.get(number):
                problems.append(f"batch {number} has no bytes, and should have {rows[number]:,} rows")
            continue
        begin = place.bytes - place.batch
        if begin != last.bytes:
            problems.append(
                f"batch {number} begins at byte {begin:,}, the one before it ends at {last.bytes:,}: the "
                "state lacks a batch, or has a foreign one"
            )
        yield Stretch(
            batch=number,
            begin=begin,
            place=place,
            rows=rows.get(number, 0) if rows else None,
            header=bool(place.columns) and not last.columns,
        )
        last = place


def audit_parts(  # noqa: PLR0913 - the files, and all that is known of them
    parts: Parts,
    counter: Counter | None,
    positions: Mapping[int, Json],
    rows: Mapping[int, int],
    total: int,
    *,
    finished: bool,
) -> list[str]:
    """Return how the files of an output differ from what was written, with the bytes in question.

    Blocks, and reads all of them once.

    Args:
        parts: the files.
        counter: counts the rows in the bytes of a batch, a header included; None if that can't be done.
        positions: what `write` returned, by the number of the batch in the state.
        rows: by that number, the rows that the output should have of it; empty if that is not known.
        total: the rows that it should have in all.
        finished: whether nothing may stand behind the last batch.

    Raises:
        OutputError: a file can't be read, or is not what the positions are of.
    """
    by_part: dict[int, dict[int, Json]] = {parts.first: {}}
    for number in sorted(positions):
        by_part.setdefault((Place.of(positions[number]) or Place()).part, {})[number] = positions[number]
    last = max(by_part)
    problems: list[str] = []
    found = 0
    for part, said in by_part.items():
        path = parts.path(part)
        wrong, number = _audit_file(path, counter, said, rows, finished=finished or part != last)
        # Which file it is goes without saying where there is but one.
        problems += [f"{path.name}: {problem}" for problem in wrong] if parts.numbered else wrong
        found += number
    if parts.numbered and finished:
        foreign = [parts.path(number).name for number in parts.found() if number > last]
        problems += [f"{name} is foreign: {parts.path(last).name} should be the last" for name in foreign]
    if counter is not None and not problems and found != total:
        problems.append(f"it has {found:,} rows, and its pages in the state {total:,}")
    return problems


def audit_file(
    path: Path,
    positions: Mapping[int, Json],
    rows: Mapping[int, int],
    total: int,
    *,
    finished: bool,
) -> list[str]:
    """Return the same of one file of a format that is not known: its bytes are compared, no rows counted."""
    return audit_parts(Parts(str(path)), None, positions, rows, total, finished=finished)


def _audit_file(
    path: Path,
    counter: Counter | None,
    positions: Mapping[int, Json],
    rows: Mapping[int, int],
    *,
    finished: bool,
) -> tuple[list[str], int]:
    """Return what is wrong with one file, and how many rows it has."""
    problems: list[str] = []
    expected = list(_stretches(positions, rows, problems))
    end = expected[-1].place.bytes if expected else 0
    found = 0
    try:
        size = path.stat().st_size
        if size < end:
            problems.append(f"it has {size:,} bytes, and should have {end:,}")
        with path.open("rb") as file:
            found, shift = _compare(file, expected, counter, size - end, problems)
    except FileNotFoundError:
        return ([*problems, f"it is gone, and should have {end:,} bytes"] if end else problems), 0
    except OSError as error:
        raise OutputError(f"{path} can't be read: {error.strerror}") from error
    if finished and size > end + shift:
        problems.append(f"bytes {end + shift:,} to {size:,} are foreign: it should end before them")
    return problems, found


def _compare(
    file: BinaryIO,
    expected: Sequence[Stretch],
    counter: Counter | None,
    surplus: int,
    problems: list[str],
) -> tuple[int, int]:
    """Add to *problems* what is not as *expected*; return the rows, and how far the end has moved."""
    shift = 0  # of what follows, by bytes that were put in or taken out before it
    total = 0
    for index, stretch in enumerate(expected):
        data = _standing(file, stretch, stretch.begin + shift)
        if data is None:
            problem, shift = _moved(file, expected, index, shift, surplus)
            problems.append(problem)
            continue
        if counter is not None:
            found = counter(data) - stretch.header
            total += found
            if stretch.rows not in {None, found}:
                problems.append(f"{stretch} has {found:,} rows, and its pages in the state {stretch.rows:,}")
    return total, shift


def _moved(
    file: BinaryIO, expected: Sequence[Stretch], index: int, shift: int, surplus: int
) -> tuple[str, int]:
    """Return in words what became of the batch at *index*, and the shift of what follows."""
    stretch = expected[index]
    here = stretch.begin + shift
    for other in expected[index + 1 : index + 1 + _NEAR]:
        if _standing(file, other, here) is not None:
            # Those between are missing, too, and are found to be so one after the other.
            return f"{stretch} is missing: batch {other.batch} stands there", shift - stretch.place.batch
    for other in expected[max(index - _NEAR, 0) : index]:
        beyond = here + other.place.batch
        repeated = _standing(file, other, here) is not None
        if repeated and _standing(file, stretch, beyond) is not None:
            problem = f"bytes {here:,} to {beyond:,} repeat batch {other.batch}; {stretch} should begin there"
            return problem, shift + other.place.batch
    # All of it may have moved by what the file has too much, or too little.
    if surplus != shift and _standing(file, stretch, stretch.begin + surplus) is not None:
        if surplus < shift:
            return f"{shift - surplus:,} bytes before byte {here:,} are missing: {stretch} has moved", surplus
        foreign = f"bytes {here:,} to {stretch.begin + surplus:,} are foreign"
        return f"{foreign}: {stretch} should begin at byte {here:,}", surplus
    return f"{stretch} was changed; its checksum should be {stretch.place.sum}", shift


def _standing(file: BinaryIO, stretch: Stretch, begin: int) -> bytes | None:
    """Return the bytes of *stretch* if they stand in the file from *begin* on."""
    if begin < 0:
        return None
    file.seek(begin)
    data = file.read(stretch.place.batch)
    return data if len(data) == stretch.place.batch and checksum((data,)) == stretch.place.sum else None
