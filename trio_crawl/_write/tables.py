"""Outcomes as rows of tables: pages, links and failures, and what a user's parser yielded.

Rows of a class have a table of the class's name, mappings the table ``rows``. Columns
are added as they come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from math import isnan
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from .._errors import RowError
from .._model import Failure
from .rows import Rows, as_mapping, page_row
from .values import sayable, scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._model import Outcome

Stored: TypeAlias = int | float | str | bytes | None
"""What a cell of SQLite holds."""

Cells: TypeAlias = tuple[str, tuple[str, ...], tuple[Stored, ...]]
"""A row: the name of its table, its fields, their values."""

OWN_TABLES: Final = ("pages", "links", "failures")
"""Tables that are there in any case."""

ROWS: Final = "rows"
"""The table of what has no class of its own."""

_RESERVED: Final = {*OWN_TABLES, "found"}
_ADDED: Final = ("_id", "_page")
"""Columns that each table of rows has beside its fields."""

_MOST_COLUMNS: Final = 2000 - len(_ADDED)  # SQLITE_MAX_COLUMN, as it is compiled by default
_LARGEST: Final = 2**63

_PAGE: Final = (
    *("url", "final_url", "status", "depth", "referrer", "title", "content_type", "encoding", "bytes"),
    *("fetched_at", "elapsed", "attempts"),
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One outcome, as the database takes it.

    Args:
        page: the columns of its page, None if there is none.
        links: the URLs of its links, in order.
        failure: the columns of its failure.
        rows: what the user's parser yielded: for each the name of its table, its fields, their values.
        size: about how many bytes that is.
    """

    page: tuple[Stored, ...] | None = None
    links: Sequence[str] = ()
    failure: tuple[Stored, ...] | None = None
    rows: Sequence[Cells] = ()
    size: int = 0

    def __len__(self) -> int:
        return self.size


@final
class Tables:
    """Turns outcomes to entries; one serves one crawl, and knows the columns that there are.

    Args:
        own_rows: whether a parser of the user's makes the rows.
    """

    def __init__(self, *, own_rows: bool) -> None:
        self._rows = Rows(parsed=own_rows)
        self._columns: dict[str, set[str]] = {}
        self._shapes: set[tuple[str, ...]] = set()
        """Tables with the fields that one of their rows had, so that few rows are looked at closely."""

    def resume(self, columns: Mapping[str, Iterable[str]]) -> None:
        """Go on with tables that have these *columns*."""
        self._columns = {fold(name): {fold(column) for column in its} for name, its in columns.items()}

    def encode(self, outcome: Outcome) -> tuple[Entry, int]:
        """Return the entry of *outcome*, and how many rows it counts for.

        Raises:
            RowError: a row that a table can't hold. Nothing of its page is kept.
        """
        if isinstance(outcome, Failure):
            failure = (
                *(outcome.url, outcome.depth, outcome.referrer, outcome.attempts),
                *(outcome.kind, sayable(outcome.message)),
            )
            return Entry(failure=failure, size=len(outcome.url) + len(outcome.message)), not self._rows.parsed
        values = page_row(outcome)
        links: list[str] = values["links"]
        page = tuple([_said(values[name]) for name in _PAGE])
        size = len(outcome.page.url) + sum(map(len, links)) + len(outcome.page.title or "")
        if outcome.rows is None:
            return Entry(page=page, links=links, size=size), 1
        rows = self._encode_rows(self._rows.of(outcome))
        size += sum(_size(values) for _, _, values in rows)
        return Entry(page=page, links=links, rows=rows, size=size), len(rows)

    def _encode_rows(self, rows: Iterable[tuple[str, Any]]) -> list[Cells]:
        found: list[Cells] = []
        columns: dict[str, set[str]] = {}
        shapes: set[tuple[str, ...]] = set()
        for place, row in rows:
            mapping = as_mapping(row, place=place, typed=True)
            table = ROWS if isinstance(row, Mapping) else type(row).__name__
            names = tuple(mapping)
            shape = (table, *names)
            if shape not in self._shapes and shape not in shapes:
                known = columns.setdefault(fold(table), set(self._columns.get(fold(table), ())))
                _check_table(table, place)
                _add_columns(known, mapping, place)
                shapes.add(shape)
            found.append((table, names, tuple([stored(name, mapping[name], place) for name in names])))
        # Only now, so that a page with a row that is refused leaves no trace.
        self._columns.update(columns)
        self._shapes |= shapes
        return found


def fold(name: str) -> str:
    """Return what is the same for names that are the same to SQLite, which are those alike in ASCII."""
    if name.isascii():
        return name.lower()
    return "".join([letter.lower() if letter.isascii() else letter for letter in name])


def stored(name: str, value: object, place: str) -> Stored:
    """Return *value* as a cell holds it: dates and times are text, as in ISO 8601.

    Raises:
        RowError: it can't be held; *name* is its field.
    """
    held = scalar(name, value, place=place)
    if isinstance(held, date | time):
        return held.isoformat()
    if isinstance(held, int) and not -_LARGEST <= held < _LARGEST:
        raise RowError(f"{place}: the field {name!r} can't be written: it has more than 64 bits; use a str")
    if isinstance(held, float) and isnan(held):
        raise RowError(f"{place}: the field {name!r} can't be written: SQLite has no NaN; use None")
    return int(held) if isinstance(held, bool) else held


def _said(value: object) -> Stored:
    return sayable(value) if isinstance(value, str) else value  # type: ignore[return-value] # a page's are plain


def _size(values: Iterable[Stored]) -> int:
    return sum([len(value) if isinstance(value, str | bytes) else 8 for value in values])


def _check_table(name: str, place: str) -> None:
    if fold(name) in _RESERVED or fold(name).startswith(("sqlite_", "trio_crawl")):
        raise RowError(f"{place}: the class {name} can't name a table: the name is taken; rename the class")


def _add_columns(known: set[str], mapping: Mapping[str, Any], place: str) -> None:
    """Add the fields of *mapping* to those that are known.

    Raises:
        RowError: they can't be columns of one table.
    """
    if not mapping:
        raise RowError(f"{place}: it has no fields")
    folded = [fold(name) for name in mapping]
    for name, key in zip(mapping, folded, strict=True):
        if key in _ADDED:
            raise RowError(f"{place}: the field {name!r} is a column that each table has; rename it")
        if "\0" in name or sayable(name) != name:
            raise RowError(f"{place}: the field {name!r} is no name of a column; rename it")
        if folded.count(key) > 1:
            raise RowError(f"{place}: the field {name!r} has a twin: columns don't differ by case; rename it")
    known.update(folded)
    if len(known) > _MOST_COLUMNS:
        most = f"{_MOST_COLUMNS:,} at most"
        raise RowError(f"{place}: the field {name!r} makes {len(known):,} columns of its table; {most}")
