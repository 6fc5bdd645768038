"""The records of WARC files (ISO 28500:2017), whoever wrote them, within bounds. It blocks.

A record that can't be read is left out, and those behind it are found again: in a compressed file at
the next member, in a plain one where the next record begins. No more of a record is in memory than
its header, and what is asked for of its block.
"""

from __future__ import annotations

import io
import re
from typing import IO, TYPE_CHECKING, Final, TypeAlias, final

from .._errors import UsageError
from .warc_fields import parse_fields
from .warc_stream import PIECE, BrokenError, Packing, Plain, search

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from .warc_stream import Member, Stream

    OnBad: TypeAlias = Callable[[Path, int, str], None]
    """Called with a file, the offset of a record that is left out, and why."""

LARGEST_HEADER: Final = 128 * 1024
"""Bytes that the fields of a record may have: the longest URLs that browsers take are shorter."""

_VERSION: Final = re.compile(rb"WARC/[0-9]+\.[0-9]+[ \t]*\r?\n")
_BEGIN: Final = re.compile(rb"WARC/[0-9]{1,3}\.[0-9]{1,3}[ \t]{0,8}\r?\n[A-Za-z]")
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_BETWEEN: Final = b"\r\n \t"
_TICK: Final = 1024 * 1024
_TRIAL: Final = 512
_MOST_TRIALS: Final = 20_000  # places that look like the beginning of a member, and are none

CUT_SHORT: Final = "the file ends in it"
NO_RECORD: Final = "what stands there is no record"
TOO_SHORT: Final = "it has fewer bytes than it says"


@final
class Record:
    """One record; its block is read from it while it is the newest.

    Args:
        offset: where in the file it begins, or the member that it is in.
        fields: names, in lower case, and values.
        stream: what its block is read from.

    Attributes:
        kind: its type, in lower case.
        length: bytes of its block.
        judged: whether it was read to its end.
        problem: what is wrong with it, known then; None if nothing is.
        end: where it ends in the file, known likewise.
    """

    def __init__(self, offset: int, fields: list[tuple[str, str]], stream: Stream) -> None:
        self.offset = offset
        self._fields = fields
        self._stream = stream
        self.kind = (self.get("warc-type") or "").lower()
        declared = self.get("content-length") or ""
        self.problem: str | None = None
        if not (declared.isascii() and declared.isdigit() and len(declared) < 19):  # noqa: PLR2004 - 2 ** 63
            self.problem = "its Content-Length is missing, or no number"
            declared = "0"
        self.length = self._left = int(declared)
        self.judged = False
        self.end = offset

    def get(self, name: str) -> str | None:
        """Return the first field of this *name*, which is in lower case; None if there is none."""
        return next((value for key, value in self._fields if key == name), None)

    def get_all(self, name: str) -> list[str]:
        """Return every field of this *name*, which is in lower case."""
        return [value for key, value in self._fields if key == name]

    @property
    def url(self) -> str:
        """What it is about; the angle brackets are left out that WARC 1.0 has, to the letter."""
        url = self.get("warc-target-uri") or ""
        return url[1:-1] if url.startswith("<") and url.endswith(">") else url

    @property
    def of_web(self) -> bool:
        """Whether it is about an http(s) URL."""
        return self.url[:8].lower().startswith(("http://", "https://"))

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes of the block, fewer only at its end."""
        parts: list[bytes] = []
        while size > 0 and self._left and self.problem is None:
            try:
                part = self._stream.read(min(size, self._left, PIECE))
            except BrokenError as error:
                self.problem = str(error)
                break
            if not part:
                self.problem = TOO_SHORT if self._stream.complete else CUT_SHORT
                break
            parts.append(part)
            size -= len(part)
            self._left -= len(part)
        return b"".join(parts)

    def rest(self) -> Generator[None, None, None]:
        """Read what is left of it, and yield again and again."""
        while self._left and self.problem is None:
            self.read(min(_TICK, self._left))
            yield


@final
class Reader:
    """Reads the records of a file.

    Args:
        path: of the file; compressed or not, its first bytes say.
        on_bad: called for each record that is left out.
        held: what the file holds, where it need not be opened.

    Attributes:
        good: records that were read to their end.
    """

    def __init__(self, path: Path, on_bad: OnBad, *, held: bytes | None = None) -> None:
        self._path = path
        self._held = held
        self._on_bad = on_bad
        self.good = 0

    def records(self) -> Generator[Record | None, None, None]:
        """Yield each record twice: to be read from, and when it is judged.

        In between, and elsewhere, it yields None, where a cancellation may get in.

        Raises:
            UsageError: the file can't be read, or is no archive.
        """
        bad = 0
        told = self._on_bad

        def on_bad(path: Path, offset: int, problem: str) -> None:
            nonlocal bad
            bad += problem != CUT_SHORT
            told(path, offset, problem)

        self._on_bad = on_bad
        try:
            with self._path.open("rb") if self._held is None else io.BytesIO(self._held) as file:
                packing = Packing(file)
                yield from self._packed(file, packing) if packing.magic else self._plain(file)
        except OSError as error:
            raise UsageError(f"{self._path} can't be read: {error.strerror}") from error
        except BrokenError as error:
            raise UsageError(f"{self._path} is no archive, or damaged: {error}") from error
        if bad and not self.good:
            raise UsageError(f"{self._path} is no archive, or damaged: no record in it can be read")

    def _plain(self, file: IO[bytes]) -> Generator[Record | None, None, None]:
        offset: int | None = 0
        while offset is not None:
            stream = Plain(file, offset)
            yield from _skip_between(stream)
            if not stream.peek(1):
                return
            offset = stream.offset
            head = _head(stream)
            if head is None:
                begun = stream.peek(LARGEST_HEADER)
                cut = len(begun) < LARGEST_HEADER and begun[:5] == b"WARC/"[: len(begun)]
                behind = offset
                offset = yield from search(file, behind + 1, _BEGIN)
                self._on_bad(self._path, behind, CUT_SHORT if cut and offset is None else NO_RECORD)
                continue
            record, behind = Record(offset, head, stream), stream.offset
            yield record
            yield from record.rest()
            record.end = stream.offset
            if record.problem is None and not _ends(stream):
                if stream.peek(4) == b"\r\n\r\n":  # the record is whole, and what follows is none
                    yield self._judged(record)
                    self._on_bad(self._path, record.end, NO_RECORD)
                    offset = yield from search(file, record.end, _BEGIN)
                    continue
                record.problem = "its length is wrong"
            if record.problem is None:
                yield from _skip_between(stream)
                offset = stream.offset
            else:
                offset = yield from search(file, behind, _BEGIN)
                if record.problem == TOO_SHORT and offset is None:
                    record.problem = CUT_SHORT
            yield self._judged(record)

    def _judged(self, record: Record) -> Record:
        record.judged = True
        if record.problem is None:
            self.good += 1
        else:
            self._on_bad(self._path, record.offset, record.problem)
        return record

    def _packed(self, file: IO[bytes], packing: Packing) -> Generator[Record | None, None, None]:
        offset: int | None = 0
        size = file.seek(0, io.SEEK_END)
        while offset is not None and offset < size:
            behind = packing.skipped(file, offset)
            if behind != offset:
                offset = behind
                continue
            member = packing.member(file, offset)
            yield from self._member(member, offset)
            if member.complete:
                offset = member.end
            else:
                offset = yield from self._next_member(file, packing, offset)

    def _member(self, member: Member, offset: int) -> Generator[Record | None, None, None]:
        """Yield the record of a member, if it has one."""
        record: Record | None = None
        try:
            yield from _skip_between(member)
            head = _head(member)
            if head is not None:
                record = Record(offset, head, member)
                yield record
                yield from record.rest()
            elif not member.peek(1) and member.complete:
                return  # nothing but line ends
            problem = NO_RECORD if record is None else record.problem
            said = problem
            while piece := member.read(PIECE):
                more = piece.strip(_BETWEEN)
                if more and said is None:
                    problem = self._more_than_one(more)
                yield None
            if not member.complete and problem in {None, TOO_SHORT, NO_RECORD}:
                problem = CUT_SHORT
        except BrokenError as error:
            problem = str(error)
        if record is None:
            self._on_bad(self._path, offset, problem or "")
            return
        record.problem, record.end = problem, member.end
        yield self._judged(record)

    def _more_than_one(self, more: bytes) -> str:
        """Return what is wrong with a record that has something behind it in its member.

        Raises:
            UsageError: it is the first one, as where all are compressed together.
        """
        if not self.good and more.startswith(b"WARC/"):
            raise UsageError(
                f"{self._path} is no archive whose records can be found one by one: it is compressed "
                "as a whole; uncompress it, and name the .warc file"
            )
        return "its length is wrong, or it is not alone in its member"

    @staticmethod
    def _next_member(file: IO[bytes], packing: Packing, offset: int) -> Generator[None, None, int | None]:
        """Return where behind *offset* the next member begins that has a record; None if there is none."""
        pattern = re.compile(re.escape(packing.magic))
        for _ in range(_MOST_TRIALS):
            at = yield from search(file, offset + 1, pattern)
            if at is None:
                return None
            offset = at
            try:
                if packing.member(file, at, _TRIAL).peek(5) == b"WARC/":
                    return at
            except BrokenError:
                pass
            yield
        return None


def record_at(file: IO[bytes], packing: Packing, offset: int) -> Record:
    """Return the record of an archive that begins at *offset*.

    Raises:
        BrokenError: there is none any more.
    """
    stream: Stream = packing.member(file, offset) if packing.magic else Plain(file, offset)
    for _ in _skip_between(stream):
        pass
    head = _head(stream)
    if head is None:
        raise BrokenError("there is no record any more")
    return Record(offset, head, stream)


def _skip_between(stream: Stream) -> Generator[None, None, None]:
    while stream.skip(_BETWEEN):
        yield


def _head(stream: Stream) -> list[tuple[str, str]] | None:
    """Take the fields of the record that begins here; None if none begins, or it has too many."""
    size = 4096
    while True:
        data = stream.peek(size)
        if _VERSION.match(data) is None:
            return None
        end = _END_OF_HEAD.search(data)
        if end is not None:
            break
        if len(data) < size or size >= LARGEST_HEADER:
            return None
        size *= 2
    taken = 0
    while taken < end.end():
        taken += len(stream.read(end.end() - taken))
    return parse_fields(data[: end.start()].split(b"\n", 1)[-1])


def _ends(stream: Plain) -> bool:
    """Return whether the file ends behind the line ends that follow, or a record begins there."""
    data = stream.peek(256)
    rest = data.lstrip(_BETWEEN)
    return rest.startswith(b"WARC/") or (not rest and len(data) < 256)  # noqa: PLR2004 - as above
