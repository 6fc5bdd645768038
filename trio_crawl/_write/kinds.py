"""What a column of typed values holds, and rows brought to columns.

Each column has one kind from the first value on that is not None: files of columns that
belong together have one schema, so what came first decides. All of it is pure, and
needs no package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast, final

from .._errors import RowError, UsageError
from .._model import Failure
from .rows import Rows, as_mapping
from .values import Scalar, sayable, scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._model import Outcome

Kind: TypeAlias = str
"""``"null"`` (not known yet), one of `SCALARS`, or ``"list "`` and one of these."""

SCALARS: Final[Mapping[type, Kind]] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    datetime: "datetime",
    date: "date",
    time: "time",
}
_SIMPLE: Final[Mapping[type, Kind]] = {
    str: "str",
    float: "float",
    bool: "bool",
    bytes: "bytes",
    type(None): "null",
}
"""Kinds of which each value is as it is."""
NAIVE: Final = "naive datetime"
NULL: Final = "null"
LIST: Final = "list "

_LARGEST: Final = 2**63
_EXACT: Final = 2**53
"""Whole numbers up to this one are themselves as floats."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY: Final = date(1970, 1, 1).toordinal()
_MICROSECOND: Final = timedelta(microseconds=1)

PAGE_KINDS: Final[Mapping[str, Kind]] = {
    "url": "str",
    "final_url": "str",
    "status": "int",
    "depth": "int",
    "referrer": "str",
    "title": "str",
    "content_type": "str",
    "encoding": "str",
    "bytes": "int",
    "fetched_at": "datetime",
    "elapsed": "float",
    "attempts": "int",
    "links": LIST + "str",
    "error_kind": "str",
    "error_message": "str",
}
"""The columns of pages, and of URLs that failed."""

Row: TypeAlias = tuple[Any, ...]


@final
@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one outcome.

    Args:
        rows: their values, in the order of the columns, as `plain` says them.
        size: about how many bytes they are.
    """

    rows: Sequence[Row]
    size: int

    def __len__(self) -> int:
        return self.size


def kinds_of(columns: Mapping[str, object]) -> dict[str, Kind]:
    """Return the kinds that a user's *columns* name by Python's types.

    Raises:
        UsageError: one is no type that a column can have.
    """
    return {name: _declared(name, kind) for name, kind in columns.items()}


def _declared(name: str, kind: object) -> Kind:
    inner = kind
    prefix = ""
    if isinstance(kind, GenericAlias) and kind.__origin__ is list and len(kind.__args__) == 1:
        prefix, inner = LIST, kind.__args__[0]
    if isinstance(inner, type) and inner in SCALARS:
        return prefix + SCALARS[inner]
    known = ", ".join(known.__name__ for known in SCALARS)
    raise UsageError(
        f"columns= has {kind!r} for {name!r}; it takes {known}, or a list of one, such as list[str]"
    )


@final
class Columns:
    """Turns outcomes to rows of one schema; one serves one crawl.

    Args:
        own_rows: whether a parser of the user's makes the rows.
        declared: the columns, if they are known; otherwise the first row's fields are.
    """

    def __init__(self, *, own_rows: bool, declared: Mapping[str, Kind] | None = None) -> None:
        self._rows = Rows(parsed=own_rows)
        self.kinds: dict[str, Kind] = dict(declared or {})

    def encode(self, outcome: Outcome) -> Block | None:
        """Return the rows of *outcome*, None if it has none.

        Raises:
            RowError: a row that does not go with those before it. Nothing of its page is kept.
        """
        kinds = dict(self.kinds)
        rows: list[Row] = []
        for place, row in self._rows.of(outcome):
            if isinstance(outcome, Failure) or outcome.rows is None:
                kinds = kinds or dict(PAGE_KINDS)
                rows.append(self._row(_of_page(row, outcome), kinds, place))
                continue
            mapping = as_mapping(row, place=place, typed=True)
            kinds = kinds or dict.fromkeys(mapping, NULL)
            if not kinds:
                raise RowError(f"{place}: it has no fields; the first row's are the columns")
            rows.append(self._row(mapping, kinds, place))
        # Only now, so that a page with a row that is refused leaves no trace.
        self.kinds = kinds
        return Block(rows, sum(map(_size, rows))) if rows else None

    def _row(self, mapping: Mapping[str, Any], kinds: dict[str, Kind], place: str) -> Row:
        for name in mapping:
            if name not in kinds:
                raise RowError(
                    f"{place}: the field {name!r} has no column; the columns are {', '.join(kinds)}. Yield "
                    f"every field in the first row, as None where there is no value, or name them by columns="
                )
        row: list[Any] = []
        for name, known in kinds.items():
            value, kind = plain(name, mapping.get(name), place)
            if kind not in {known, NULL}:
                value, kinds[name] = _fitted(name, value, kind, known, place)
            row.append(value)
        return tuple(row)

    def settle(self) -> Mapping[str, Kind]:
        """Return the columns as they stay from now on: those of which nothing is known are text."""
        self.kinds = settled(self.kinds)
        return self.kinds


def settled(kinds: Mapping[str, Kind]) -> dict[str, Kind]:
    """Return *kinds* with text for what is not known."""
    return {name: kind.replace(NULL, "str") for name, kind in kinds.items()}


def _of_page(row: Mapping[str, Any], outcome: Outcome) -> Mapping[str, Any]:
    """Return the row of a page in the columns of `PAGE_KINDS`."""
    if isinstance(outcome, Failure):
        kept = {name: value for name, value in row.items() if name != "error"}
        return {**kept, "error_kind": outcome.kind, "error_message": outcome.message}
    return {**row, "fetched_at": outcome.page.fetched_at}


def plain(name: str, value: object, place: str) -> tuple[Any, Kind]:
    """Return *value* and its kind; moments and times are numbers of microseconds, dates numbers of days.

    Numbers are from 1970-01-01, in UTC or without a time zone, or from midnight. A list is
    one if its members are of one kind; otherwise, as all that is nested, it is JSON.

    Raises:
        RowError: no column can hold it; *name* is its field.
    """
    kind = _SIMPLE.get(type(value))
    if kind is not None:  # nearly always
        return sayable(value) if kind == "str" else value, kind  # type: ignore[arg-type] # it is one
    if isinstance(value, list | tuple | set | frozenset) and not hasattr(value, "_fields"):
        members = [_numbered(name, member, place) for member in value if not _nested(member)]
        kinds = {kind for _, kind in members if kind != NULL}
        if len(members) == len(value) and len(kinds) <= 1 and not isinstance(value, set | frozenset):
            return [member for member, _ in members], LIST + (kinds.pop() if kinds else NULL)
    return _numbered(name, value, place)


def _nested(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset | Mapping)


def _numbered(name: str, value: object, place: str) -> tuple[Any, Kind]:
    held = scalar(name, value, place=place)
    if held is None:
        return None, NULL
    kind = _kind_of(held)
    if kind == "int" and not -_LARGEST <= cast("int", held) < _LARGEST:
        raise RowError(f"{place}: the field {name!r} can't be written: it has more than 64 bits; use a str")
    if kind == "time" and cast("time", held).tzinfo is not None:
        raise RowError(
            f"{place}: the field {name!r} can't be written: a column's times have no zone; use a str"
        )
    number = _NUMBERS.get(kind)
    return (held if number is None else number(held)), kind


def _kind_of(held: Scalar) -> Kind:
    if isinstance(held, datetime):
        return "datetime" if held.tzinfo is not None else NAIVE
    for known, kind in SCALARS.items():
        if isinstance(held, known):
            return kind
    raise AssertionError(held)  # `scalar` returns nothing else


def _microseconds(moment: time) -> int:
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return seconds * 1_000_000 + moment.microsecond


_NUMBERS: Final[Mapping[Kind, Callable[[Any], int]]] = {
    "datetime": lambda moment: (moment - _EPOCH) // _MICROSECOND,
    NAIVE: lambda moment: (moment.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND,
    "date": lambda day: day.toordinal() - _FIRST_DAY,
    "time": _microseconds,
}


def _fitted(name: str, value: Any, kind: Kind, known: Kind, place: str) -> tuple[Any, Kind]:  # noqa: ANN401 - a cell
    """Return *value* as the column holds it, and the column's kind from now on.

    Raises:
        RowError: they don't go together.
    """
    if known == NULL or (known == LIST + NULL and kind.startswith(LIST)):
        return value, kind
    if kind == LIST + NULL and known.startswith(LIST):
        return value, known
    if (kind, known) == ("int", "float") and abs(value) <= _EXACT:
        return float(value), known
    if (kind, known) == (LIST + "int", LIST + "float") and all(abs(one or 0) <= _EXACT for one in value):
        return [None if one is None else float(one) for one in value], known
    raise RowError(
        f"{place}: the field {name!r} is {_words(kind)}, and its column is {_words(known)}: a column has "
        f"one type, that of its first value; turn the values to one type, or name it by columns="
    )


def _words(kind: Kind) -> str:
    return f"a list of {kind.removeprefix(LIST)}" if kind.startswith(LIST) else f"of type {kind}"


def _size(row: Iterable[Any]) -> int:
    return sum([_size_of(value) for value in row])


def _size_of(value: object) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    return _size(value) if isinstance(value, list) else 8
