"""Takes a writer through all that a crawl may do to it, and sees that each row is there exactly once.

It is asked for no more than `trio_crawl.abc.Writer` promises, so that a writer of files
of lines, of databases and of archives goes through the same.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, TypeVarTuple, final

import trio

from .._errors import OutputError, RowError
from ..abc import Environment, Writer
from ._cancel import cancel_everywhere
from ._outcomes import page_of, pages, pages_with_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from .._model import Json, Outcome

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MakeWriter: TypeAlias = Callable[[Path], Writer[Any]]
ReadRows: TypeAlias = Callable[[Path], Sequence[object]]

_PREFIXES: Final = 24
"""Beginnings of a batch's bytes that are tried, at most."""


def check_writer(make: MakeWriter, read: ReadRows, folder: Path, *, of_users: bool = True) -> None:
    """Check that a writer keeps what `trio_crawl.abc.Writer` promises.

    ::

        def test_lines(tmp_path):
            check_writer(lambda path: Lines(path, format="jsonl"), read_json_lines, tmp_path)

    It is opened, given batches, closed, and gone on with from each of its
    positions: after the whole, after a part of the next batch, after all that a
    killed process leaves, and after a cancellation at each task step. Each time
    the rows have to be those of an output that was written in one go. Outputs
    that were deleted, cut short or changed have to be refused, and left alone; and
    `audit` has to find what was changed, is missing, foreign or repeated. Both
    kinds of rows are tried: pages and links, and those of a user's parser.

    It runs trio itself: call it from an ordinary function.

    Args:
        make: returns a new writer to the path, which does not exist or was written
            by another writer that this returned.
        read: returns the rows at a path, headers not counted, in whatever form
            compares; an empty list where there is nothing. The file may be missing.
        folder: an empty folder for outputs.
        of_users: whether it keeps the rows of a user's parser; if not, pages alone are tried,
            as for an archive.

    Raises:
        AssertionError: a promise is not kept; says which.
    """
    for own_rows in (False, True) if of_users else (False,):
        place = folder / ("rows" if own_rows else "pages")
        place.mkdir()
        check = _Check(make, read, place, own_rows=own_rows)
        check.batches()
        check.nothing_to_write()
        check.refusals()
        check.positions()
        check.damage()
        check.audits()
        check.cancellation()


@final
class _Check:
    """One kind of rows, through one kind of writer."""

    def __init__(self, make: MakeWriter, read: ReadRows, folder: Path, *, own_rows: bool) -> None:
        self._make = make
        self._read = read
        self._folder = folder
        self._own_rows = own_rows
        self._outcomes = pages_with_rows() if own_rows else pages()
        self._numbers = count(1)
        path = self._path()
        self._write(path, [self._outcomes])
        self._expected = list(read(path))
        _require(self._expected, "a writer that was given pages has no row")

    def _path(self) -> Path:
        """Return a path that is new, in a folder of its own: an output may be more than one file."""
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        return folder / "output"

    # What a crawl does

    @asynccontextmanager
    async def _opened(self, writer: Writer[Any], position: Json) -> AsyncIterator[None]:
        raised: Exception | None = None
        async with trio.open_nursery() as nursery:
            environment = Environment(
                own_rows=self._own_rows,
                nursery=nursery,
                guard=_NoGuard(),
                concurrency=1,
                run_in_thread=_run_in_thread,
            )
            try:
                async with writer.open(environment, position):
                    yield
            except Exception as error:  # noqa: BLE001 - raised below: out there it is in no group
                raised = error
            nursery.cancel_scope.cancel(reason="the output is closed")
        if raised is not None:
            raise raised

    async def _go_on(  # noqa: PLR0913 - the ways in which a crawl uses an output
        self,
        path: Path,
        batches: Iterable[Sequence[Outcome]],
        position: Json = None,
        *,
        whole: bool = True,
        snapshots: Path | None = None,
        positions: list[Json] | None = None,
    ) -> list[Json]:
        """Write *batches* from *position* on; return the positions, the one before them first."""
        writer = self._make(path)
        writer.check(position)
        positions = [] if positions is None else positions
        async with self._opened(writer, position):
            _require(writer.rows == 0, "rows are counted from the opening of an output")
            positions.append(_as_json(await writer.write(())))
            for batch in batches:
                items = [item for outcome in batch if (item := writer.encode(outcome)) is not None]
                positions.append(_as_json(await writer.write(items)))
                if snapshots is not None:
                    shutil.copytree(path.parent, snapshots / str(len(positions) - 1))
            ending = writer.ending() if whole else None
            if ending is not None:
                positions.append(_as_json(await writer.write([ending])))
            if position is None and whole:
                await trio.lowlevel.checkpoint()
                self._counted = writer.rows
        return positions

    def _write(self, path: Path, batches: Iterable[Sequence[Outcome]], position: Json = None) -> list[Json]:
        return trio.run(partial(self._go_on, path, list(batches), position))

    def _cut(self, path: Path, position: Json) -> list[object]:
        """Open the output at *position*, close it, and return its rows."""
        trio.run(partial(self._go_on, path, [], position, whole=False))
        return list(self._read(path))

    def _ones(self) -> list[list[Outcome]]:
        return [[outcome] for outcome in self._outcomes]

    # What is checked

    def batches(self) -> None:
        """Batch the rows in different ways: they are the same, in the order in which they came."""
        for batches in (self._ones(), [self._outcomes[:3], [], self._outcomes[3:], []]):
            path = self._path()
            self._write(path, batches)
            _require(list(self._read(path)) == self._expected, "rows depend on how they are batched")
            _require(self._counted == len(self._expected), f"{self._counted} rows counted, others read")

    def nothing_to_write(self) -> None:
        """Write nothing: there is no row; and an ending comes once, however often that is resumed."""
        path = self._path()
        position = self._write(path, [])[-1]
        _require(list(self._read(path)) == [], "an output that was given nothing has rows")
        before = _sizes(path.parent)
        again = self._write(path, [], position)[-1]
        _require(list(self._read(path)) == [], "an output that was given nothing has rows when resumed")
        if isinstance(again, dict) and set(before) == {path}:
            _require(_sizes(path.parent) == before, "an output that is resumed has its ending twice")
        position = self._write(path, self._ones(), again)[-1]
        _require(list(self._read(path)) == self._expected, "rows are not as expected after an empty crawl")

    def refusals(self) -> None:
        """Look that nothing is written over, a row that is refused leaves no trace, and one crawl has it."""
        path = self._path()
        self._write(path, [self._outcomes])
        self._refused(path, None, "an output that has rows and is not overwritten")
        trio.run(self._refuse_rows)
        trio.run(self._refuse_a_second_crawl)

    def _refused(self, path: Path, position: Json, what: str) -> None:
        before = _contents(path.parent)
        try:
            self._make(path).check(position)
        except OutputError:
            _require(_contents(path.parent) == before, f"check changed {what}")
            return
        raise AssertionError(f"check did not refuse {what}")

    async def _refuse_rows(self) -> None:
        if not self._own_rows:
            return
        path = self._path()
        writer = self._make(path)
        async with self._opened(writer, None):
            bad = page_of("http://site.test/bad", rows=[{"text": "held", "number": 0}, object()])
            try:
                writer.encode(bad)
            except RowError:
                _require(writer.rows == 0, "a page with a row that can't be held is counted")
            else:
                raise AssertionError("object() was taken for a row")
            items = [item for one in self._outcomes if (item := writer.encode(one)) is not None]
            await writer.write(items)
        _require(list(self._read(path)) == self._expected, "a page that was refused left a trace")

    async def _refuse_a_second_crawl(self) -> None:
        writer = self._make(self._path())
        async with self._opened(writer, None):
            try:
                async with self._opened(writer, None):
                    pass
            except trio.BusyResourceError:
                return
        raise AssertionError("a writer was opened twice at once")

    def positions(self) -> None:
        """Go on from each position, whatever a killed crawl left behind it."""
        path, snapshots = self._path(), self._path()
        ones = self._ones()
        marks = trio.run(partial(self._go_on, path, ones, snapshots=snapshots))[: len(ones) + 1]
        cut = [self._rows_at(snapshots, number, mark) for number, mark in enumerate(marks)]
        for number, (earlier, later) in enumerate(pairwise(cut)):
            # An output of several tables is read one after the other, so it need not end with what came last.
            gone = Counter(map(repr, earlier)) - Counter(map(repr, later))
            _require(not gone, f"batch {number + 1} changed rows before it")
        _require(cut[-1] == self._expected, "rows that were written are not durable: a copy lacks them")
        for number, mark in enumerate(marks):
            for left in range(max(number, 1), len(marks)):
                copied = self._copied(snapshots / str(left))
                self._write(copied, ones[number:], mark)
                what = f"resumed after batch {number}, where {left} were written"
                _require(list(self._read(copied)) == self._expected, f"rows are not as expected, {what}")
        for number in range(1, len(ones)):
            self._torn(snapshots, number, marks[number])

    def _rows_at(self, snapshots: Path, number: int, mark: Json) -> list[object]:
        if not number:
            return []
        return self._cut(self._copied(snapshots / str(number)), mark)

    def _copied(self, folder: Path) -> Path:
        path = self._path()
        shutil.copytree(folder, path.parent, dirs_exist_ok=True)
        return path

    def _torn(self, snapshots: Path, number: int, mark: Json) -> None:
        """Tear the batch after *number* at many places, if the output is one file that is appended to."""
        before, after = (_contents(snapshots / str(one)) for one in (number, number + 1))
        if len(before) != 1 or len(after) != 1:
            return
        (start,), (longer,) = before.values(), after.values()
        if start is None or longer is None or not longer.startswith(start):
            return
        size = len(longer) - len(start)
        for cut in sorted({*range(0, size, max(size // _PREFIXES, 1)), 1, size - 1} - {-1}):
            path = self._copied(snapshots / str(number))
            path.write_bytes(longer[: len(start) + cut])
            self._write(path, self._ones()[number:], mark)
            what = f"after {cut} of the {size} bytes of batch {number + 1}"
            _require(list(self._read(path)) == self._expected, f"rows are not as expected, resumed {what}")

    def damage(self) -> None:
        """Look that outputs that are gone, cut or changed are refused, and strange positions as well."""
        whole = self._path()
        marks = self._write(whole, [self._outcomes[:3], self._outcomes[3:]])
        path = self._copied(whole.parent)
        self._refused(path, {"no": "position"}, "a position of another kind")
        shutil.rmtree(path.parent)
        path.parent.mkdir()
        self._refused(path, marks[-1], "an output that is gone")
        path = self._copied(whole.parent)
        if not path.is_file():
            return
        data = path.read_bytes()
        for size in (0, len(data) // 2):
            path.write_bytes(data[:size])
            self._refused(path, marks[-1], f"an output that is cut to {size} of its {len(data)} bytes")
        path.write_bytes(data)
        self._make(path).check(marks[-1])
        if self._is_appended_to(data):
            path.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
            self._refused(path, marks[-1], "an output of which the last batch was changed")

    def _is_appended_to(self, data: bytes) -> bool:
        """Return whether the last batch is known to stand at the end of the output."""
        path = self._path()
        trio.run(partial(self._go_on, path, [self._outcomes[:3]], whole=False))
        return data.startswith(path.read_bytes())

    def audits(self) -> None:
        """Hold outputs against what a state would know of them: all that is wrong is found."""
        ones = self._ones()
        whole = self._path()
        marks = self._write(whole, ones)
        rows = [len(self._rows_after(ones[: number + 1])) for number in range(len(ones))]
        known = [after - before for before, after in pairwise((0, *rows))]
        _require(not self._audit(whole, marks, known), "audit finds fault with an output as it was written")
        _require(not self._audit(whole, marks[:1], []), "audit finds fault with an output that goes on")
        foreign = self._other()
        first, *_, last = (number for number, count in enumerate(known) if count)
        for batches, what in (
            ([*ones[:first], foreign, *ones[first + 1 :]], "of which a batch was changed"),
            ([*ones[:first], *ones[first + 1 :]], "of which a batch is missing"),
            ([*ones[:first], foreign, *ones[first:]], "with a foreign batch"),
            ([*ones[: first + 1], *ones[first:]], "with a batch that is repeated"),
            (ones[:last], "of which the last batch is missing"),
            ([*ones, foreign], "with a foreign batch behind the last"),
        ):
            path = self._path()
            self._write(path, batches)
            _require(self._audit(path, marks, known), f"audit does not see an output {what}")
        _require(self._audit(whole, marks, [*known[:-1], known[-1] + 1]), "audit does not count rows")
        _require(self._audit(self._path(), marks, known), "audit does not see that an output is gone")

    def _rows_after(self, batches: Sequence[Sequence[Outcome]]) -> list[object]:
        path = self._path()
        self._write(path, batches)
        return list(self._read(path))

    def _other(self) -> list[Outcome]:
        if self._own_rows:
            return [page_of("http://site.test/other", rows=[{"text": "foreign", "number": 7}])]
        return [page_of("http://site.test/other", ["http://other.test/foreign"])]

    def _audit(self, path: Path, marks: Sequence[Json], known: Sequence[int]) -> list[str]:
        """Return what an output is found wrong with, whose state has these batches; an error is a finding."""
        positions = dict(enumerate(marks, 1))
        rows = dict(enumerate(known, 2))  # the first position is of the beginning
        before = _contents(path.parent)
        try:
            return self._make(path).audit(positions, rows, sum(known), finished=len(marks) > 1)
        except OutputError as error:
            return [str(error)]
        finally:
            _require(_contents(path.parent) == before, "audit changed an output")

    def cancellation(self) -> None:
        """Cancel at each task step, and go on from the last position that was returned."""
        ones = self._ones()
        tried: list[tuple[Path, list[Json]]] = []

        async def make() -> None:
            tried.append((self._path(), []))
            path, positions = tried[-1]
            await self._go_on(path, ones, positions=positions)

        def check(_step: int, _result: object) -> None:
            path, positions = tried[-1]
            number = max(min(len(positions), len(ones) + 1) - 1, 0)
            # Without a position nothing was committed, and such a crawl begins anew.
            position = positions[number] if positions else None
            self._write(path, ones[number:], position)
            _require(list(self._read(path)) == self._expected, f"rows are not as expected after {number}")

        cancel_everywhere(make, clock=lambda: None, check=check)


class _NoGuard:
    """Lets every address be connected to: a writer connects to none."""

    def refusal(self, _host: str, _port: int, _address: str) -> str | None:
        return None


async def _run_in_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


def _as_json(position: Json) -> Json:
    """Return *position* as a state gives it back."""
    found: Json = json.loads(json.dumps(position))
    return found


def _contents(folder: Path) -> dict[Path, bytes | None]:
    """Return what is in *folder*: files with their bytes, folders with None."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def _sizes(folder: Path) -> dict[Path, int]:
    """Return the same with their sizes: a database counts how often it was opened."""
    return {path: len(data or b"") for path, data in _contents(folder).items()}


def _require(condition: object, message: str) -> None:
    if not condition:
        raise AssertionError(message)
