"""Where a database ends: how far each of its tables is written, and what the last batch was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast, final

from .._errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._model import Json


class Extent(NamedTuple):
    """The rows of a table that a batch added: those after *before*, up to *last*."""

    before: int
    last: int
    columns: int
    """How many columns it had then."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The end of a batch in a database.

    Args:
        run: which crawl made the database, a random name.
        batch: the number of the batch there, 0 before the first.
        sum: the checksum of its rows, in hexadecimal digits.
        own_rows: whether rows are those of a user's parser; if not, they are pages and failures.
        tables: how far each table is written, by its name.
    """

    run: str
    batch: int
    sum: str
    own_rows: bool
    tables: Mapping[str, Extent]

    @classmethod
    def of(cls, position: Json) -> Mark | None:
        """Return what `to_json` said; None for None.

        Raises:
            OutputError: that was not said by `to_json`.
        """
        if position is None:
            return None
        said = cast("Mapping[str, Any]", position)
        try:
            tables = {str(name): Extent(*map(int, extent)) for name, extent in said["tables"].items()}
            return cls(
                run=str(said["run"]),
                batch=int(said["batch"]),
                sum=str(said["sum"]),
                own_rows=bool(said["own_rows"]),
                tables=tables,
            )
        except (TypeError, KeyError, ValueError, AttributeError):
            raise OutputError(
                f"{position!r} is no position in a database: the state is damaged, or not its own"
            ) from None

    def to_json(self) -> Json:
        """Return the same as JSON can say it."""
        tables: dict[str, Json] = {name: list(extent) for name, extent in self.tables.items()}
        return {
            "run": self.run,
            "batch": self.batch,
            "sum": self.sum,
            "own_rows": self.own_rows,
            "tables": tables,
        }

    def rows(self) -> int:
        """Return how many rows the batch has."""
        pages = {"pages", "failures"}
        counted = set(self.tables) - pages if self.own_rows else pages
        return sum(self.tables[name].last - self.tables[name].before for name in counted)
