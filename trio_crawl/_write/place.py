"""Where a file of rows ends: how far it is written, and what its last batch was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast, final

from .._errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from .._model import Json

Bytes: TypeAlias = bytes  # in `Place` the name is a field's
_PIECE: Final = 1024 * 1024


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The end of a batch in a file.

    Args:
        bytes: the size of the file there.
        batch: bytes of the last batch.
        sum: the checksum of the last batch, in hexadecimal digits.
        columns: of a table whose header is written.
        part: which of the files of a numbered output it is; 0 if the output is one file.
    """

    bytes: int = 0
    batch: int = 0
    sum: str = ""
    columns: tuple[str, ...] = ()
    part: int = 0

    @classmethod
    def of(cls, position: Json) -> Place | None:
        """Return what `to_json` said; None for None.

        Raises:
            OutputError: that was not said by `to_json`.
        """
        if position is None:
            return None
        said = cast("Mapping[str, Any]", position)
        try:
            size, batch, sum_ = int(said["bytes"]), int(said["batch"]), str(said["sum"])
            columns, part = tuple(map(str, said.get("columns", ()))), int(said.get("part", 0))
        except (TypeError, KeyError, ValueError, AttributeError):
            size, batch, sum_, columns, part = -1, 0, "", (), 0
        if not 0 <= batch <= size or part < 0:
            raise OutputError(
                f"{position!r} is no position in a file of lines: the state is damaged, or not its own"
            )
        return cls(bytes=size, batch=batch, sum=sum_, columns=columns, part=part)

    def to_json(self) -> Json:
        """Return the same as JSON can say it."""
        columns = {"columns": self.columns} if self.columns else {}
        part = {"part": self.part} if self.part else {}
        return {"bytes": self.bytes, "batch": self.batch, "sum": self.sum, **columns, **part}

    def after(self, data: Bytes, columns: tuple[str, ...]) -> Place:
        """Return the place after one more batch."""
        size = self.bytes + len(data)
        return replace(self, bytes=size, batch=len(data), sum=checksum((data,)), columns=columns)

    def same_end(self, other: Place) -> bool:
        """Return whether nothing was written between this and *other*, in the same file."""
        return (self.bytes, self.batch, self.sum) == (other.bytes, other.batch, other.sum)

    def in_next_part(self) -> Place:
        """Return the beginning of the file that follows."""
        return Place(part=self.part + 1, columns=self.columns)

    def check(self, path: Path) -> None:
        """Look whether the file at *path* is, up to here, as it was written; of its batches, the last.

        Raises:
            OutputError: it is not, or can't be read.
        """
        try:
            size = path.stat().st_size
            if size >= self.bytes and (not self.batch or self._last_sum(path) == self.sum):
                return
        except FileNotFoundError:
            if not self.bytes:
                return
            raise OutputError(f"{path} is gone, and the state has rows in it; {CURE}") from None
        except OSError as error:
            raise OutputError(f"{path} can't be read: {error.strerror}") from error
        if size < self.bytes:
            raise OutputError(
                f"{path} is shorter ({size:,} bytes) than what was written ({self.bytes:,} bytes); {CURE}"
            )
        raise OutputError(f"{path} was changed: its last rows are not those that were written; {CURE}")

    def _last_sum(self, path: Path) -> str:
        with path.open("rb") as file:
            file.seek(self.bytes - self.batch)
            return checksum(_pieces(file.read, self.batch))


CURE: Final = "put it back as it was, or begin again with another state and an empty output"
"""What to do where an output is not as it was written."""


def _pieces(read: Any, size: int) -> Iterator[bytes]:  # noqa: ANN401 - a file's method
    while size > 0 and (piece := read(min(size, _PIECE))):
        size -= len(piece)
        yield piece


def checksum(pieces: Iterable[bytes]) -> str:
    """Return the checksum of *pieces*, one after the other."""
    digest = blake2b(digest_size=16)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
