"""Where a folder of Parquet files ends: in which part, after how many of its rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast, final

from .._errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._model import Json
    from .kinds import Kind, Row


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """The end of a batch in a folder of Parquet files.

    Args:
        part: the number of the part that the batch is in, from 1 on.
        rows: of that part, up to the end of the batch.
        batch: rows of the batch.
        sum: the checksum of these, in hexadecimal digits.
        bytes: of the spool, up to the end of the batch.
        kinds: the columns, and what they are known to hold.
    """

    part: int = 1
    rows: int = 0
    batch: int = 0
    sum: str = ""
    bytes: int = 0
    kinds: Mapping[str, Kind] = field(default_factory=dict)

    @classmethod
    def of(cls, position: Json) -> Spot | None:
        """Return what `to_json` said; None for None.

        Raises:
            OutputError: that was not said by `to_json`.
        """
        if position is None:
            return None
        said = cast("Mapping[str, Any]", position)
        try:
            return cls(
                part=int(said["part"]),
                rows=int(said["rows"]),
                batch=int(said["batch"]),
                sum=str(said["sum"]),
                bytes=int(said["bytes"]),
                kinds={str(name): str(kind) for name, kind in said["kinds"]},
            )
        except (TypeError, KeyError, ValueError, AttributeError):
            raise OutputError(
                f"{position!r} is no position in Parquet files: the state is damaged, or not its own"
            ) from None

    def to_json(self) -> Json:
        """Return the same as JSON can say it; the columns as pairs, since their order counts."""
        kinds: list[Json] = [[name, kind] for name, kind in self.kinds.items()]
        return {
            "part": self.part,
            "rows": self.rows,
            "batch": self.batch,
            "sum": self.sum,
            "bytes": self.bytes,
            "kinds": kinds,
        }

    def after(self, rows: Sequence[Row], size: int, kinds: Mapping[str, Kind]) -> Spot:
        """Return the spot after one more batch, of so many bytes in the spool."""
        return replace(
            self,
            rows=self.rows + len(rows),
            batch=len(rows),
            sum=checksum(rows),
            bytes=self.bytes + size,
            kinds=dict(kinds),
        )

    def in_next_part(self) -> Spot:
        """Return the beginning of the part that follows."""
        return Spot(part=self.part + 1, kinds=self.kinds)


def checksum(rows: Sequence[Row]) -> str:
    """Return the checksum of *rows*, each as Python writes it."""
    return hashlib.blake2b("".join(map(repr, rows)).encode(), digest_size=16).hexdigest()
