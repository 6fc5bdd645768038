r"""What a row is, and how it reads as a line of TSV, CSV or JSON.

A row is a mapping, or an object with named fields: a dataclass, a named tuple,
an attrs object, a msgspec struct, a pydantic model. They are known by how they
look, so none of those packages is imported.

Without a parser of the user's, TSV and CSV hold one row for each link of each
page, and JSON lines one object for each page and each failed URL. With one, the
rows are what it yields, and a table's columns are the fields of the first row.

TSV has no quotes: in a user's rows, a backslash, tab, line feed and carriage
return read ``\\``, ``\t``, ``\n`` and ``\r``. (URLs hold no white space, and
stand as they are.) CSV is RFC 4180: lines end in CR LF, and a value with a
comma, quote or line break is quoted.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Literal, Protocol, TypeAlias, final
from uuid import UUID

from .._errors import RowError
from .._model import Failure, Outcome

Format: TypeAlias = Literal["tsv", "csv", "jsonl"]
"""The formats of lines; each is also a file's suffix."""

_Reader: TypeAlias = Callable[[Any], Mapping[Any, Any]]

_LONGEST_QUOTE = 60
"""Characters of a value that an error message shows."""


@final
class Rows:
    """Tells the rows of one crawl's outcomes; one serves one crawl.

    They are what the user's parser yielded. Without one, the page is the row,
    and so is a URL that failed. (With one, failures make no row.)
    """

    def __init__(self) -> None:
        self.parsed = False
        """Whether a row of a user's parser, or a page that it yielded none for, was seen."""

    def of(self, outcome: Outcome) -> list[tuple[str, Any]]:
        """Return the rows of *outcome*, each after the words that name its place in error messages."""
        if isinstance(outcome, Failure):
            return [] if self.parsed else [(outcome.url, page_row(outcome))]
        if outcome.rows is None:
            return [(outcome.page.url, page_row(outcome))]
        self.parsed = True
        return [(f"row {number} of {outcome.page.url}", row) for number, row in enumerate(outcome.rows, 1)]


def page_row(outcome: Outcome) -> dict[str, Any]:
    """Return what is kept of a page, or of a URL that failed, as JSON can say it."""
    if isinstance(outcome, Failure):
        return {
            "url": outcome.url,
            "depth": outcome.depth,
            "referrer": outcome.referrer,
            "attempts": outcome.attempts,
            "error": {"kind": outcome.kind, "message": outcome.message},
        }
    page = outcome.page
    return {
        "url": page.url,
        "final_url": page.final_url,
        "status": page.status,
        "depth": page.depth,
        "referrer": page.referrer,
        "title": page.title,
        "content_type": page.content_type,
        "encoding": page.encoding,
        "bytes": len(page.content),
        "fetched_at": _rfc3339(page.fetched_at),
        "elapsed": round(page.elapsed, 6),
        "attempts": page.attempts,
        "links": [link.url for link in outcome.links],
    }


def require_row(row: object, *, place: str) -> None:
    """Do nothing if *row* is one.

    Raises:
        RowError: it is not; *place* says in the message where it came from.
    """
    if _reader(row) is None:
        raise RowError(_no_row(row, place))


def as_mapping(row: object, *, place: str) -> Mapping[str, Any]:
    """Return the fields of *row* by name, in their order, the values unchanged.

    (A pydantic model turns its values to JSON itself, since it may have been
    told how. A msgspec struct gives its fields the names that it encodes them by.)

    Args:
        row: a mapping or an object with named fields.
        place: where the row came from, for error messages.

    Raises:
        RowError: *row* is no such thing, or a field's name is no `str`.
    """
    reader = _reader(row)
    if reader is None:
        raise RowError(_no_row(row, place))
    try:
        mapping = reader(row)
    except (TypeError, ValueError) as error:
        raise RowError(f"{place}: the {type(row).__name__} can't be read: {error}") from error
    if not isinstance(mapping, Mapping):
        raise RowError(f"{place}: the {type(row).__name__} holds a {type(mapping).__name__}, not fields")
    for name in mapping:
        if not isinstance(name, str):
            raise RowError(f"{place}: the field {name!r} is named by a {type(name).__name__}; use a str")
    return mapping


def json_line(mapping: Mapping[str, Any], *, place: str) -> str:
    r"""Return *mapping* as one JSON object and ``\n``, its keys in their own order.

    Dates and times read as in ISO 8601; sets are lists, sorted; paths, UUIDs
    and decimals are strings; an enumeration's member is its value.

    Raises:
        RowError: a value that JSON can't say; names its field.
    """
    try:
        return _encode(mapping) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        for name, value in mapping.items():
            _field_text(name, value, place)
        raise RowError(f"{place}: it can't be written: {error}") from error


def cell(name: str, value: object, *, place: str) -> str:
    """Return *value* as the text of one cell of a table.

    None is empty, a `str` is itself, and anything else reads as in JSON; what
    JSON says by a string (a date, a decimal) stands without its quotes.

    Raises:
        RowError: a value that JSON can't say; *name* is its field.
    """
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    if value is None:
        return ""
    text = _field_text(name, value, place)
    return str(json.loads(text)) if text.startswith('"') else text


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _no_row(row: object, place: str) -> str:
    shown = repr(row)
    if len(shown) > _LONGEST_QUOTE:
        shown = shown[:_LONGEST_QUOTE] + "…"
    what = shown if row is None or isinstance(row, type) else f"a {type(row).__name__} ({shown})"
    hint = ""
    if isinstance(row, str | bytes):
        hint = "; to follow a URL, yield trio_crawl.Request(url)"
    elif isinstance(row, Iterable):
        hint = "; to yield each of several rows, use `yield from`"
    return (
        f"{place}: parse yielded {what}; a row is a dict, a dataclass, a named tuple, "
        f"or an attrs, msgspec or pydantic object{hint}"
    )


def _reader(value: object) -> _Reader | None:
    """Return what reads the fields of *value*, or None if it has none."""
    kind: Any = type(value)
    return _reader_of(kind)


@lru_cache(maxsize=256)
def _reader_of(kind: type) -> _Reader | None:
    """Return what reads the fields of a *kind* of object, or None if it has none."""
    if issubclass(kind, Mapping):
        return _itself
    if callable(getattr(kind, "model_dump", None)):
        return _dump_model
    pairs = _named_attributes(kind)
    if pairs is None:
        return None
    return lambda row: {name: getattr(row, attribute) for name, attribute in pairs}


def _itself(row: Mapping[Any, Any]) -> Mapping[Any, Any]:
    return row


def _dump_model(model: Any) -> Any:  # noqa: ANN401 - pydantic's class, known by its method only
    return model.model_dump(mode="json")


def _named_attributes(kind: type) -> list[tuple[str, str]] | None:
    """Return the fields of a *kind* of object, each with its attribute's name; None if it has none."""
    if is_dataclass(kind):
        return [(field.name, field.name) for field in fields(kind)]
    if (attributes := getattr(kind, "__attrs_attrs__", None)) is not None:
        return [(attribute.name, attribute.name) for attribute in attributes]
    if (names := getattr(kind, "__struct_fields__", None)) is not None:
        return list(zip(getattr(kind, "__struct_encode_fields__", names), names, strict=True))
    if issubclass(kind, tuple) and (names := getattr(kind, "_fields", None)) is not None:
        return [(name, name) for name in names]
    return None


def _field_text(name: str, value: object, place: str) -> str:
    try:
        return _encode(value)
    except (TypeError, ValueError) as error:
        raise RowError(f"{place}: the field {name!r} can't be written: {error}") from error
    except RecursionError as error:
        raise RowError(f"{place}: the field {name!r} can't be written: it is nested too deeply") from error


def _plain(value: object) -> object:
    """Return something that JSON knows for a *value* that it doesn't.

    Raises:
        TypeError: nothing stands for it.
    """
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, PurePath | UUID | Decimal):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return _in_order(value)
    if (reader := _reader(value)) is not None:
        mapping = reader(value)
        return dict(mapping) if isinstance(mapping, Mapping) else mapping
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("JSON has no bytes; decode them, or encode them by base64")
    raise TypeError(f"JSON has nothing for a {type(value).__name__}; turn it to text or a number")


def _in_order(values: set[Any] | frozenset[Any]) -> list[Any]:
    """Return the members of a set in one order, which hashing differs about from run to run."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=_encode)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode


class Encoder(Protocol):
    """Outcomes to text; one serves one crawl, and knows what came before."""

    def encode(self, outcome: Outcome, /) -> tuple[str, int]:
        """Return the lines of *outcome*, and how many rows they are."""

    def ending(self) -> str:
        """Return what the output still lacks when the crawl is over."""


@final
class JsonLines:
    """One JSON object a line."""

    def __init__(self) -> None:
        self._rows = Rows()

    def encode(self, outcome: Outcome, /) -> tuple[str, int]:
        lines = [json_line(as_mapping(row, place=at), place=at) for at, row in self._rows.of(outcome)]
        return "".join(lines), len(lines)

    def ending(self) -> str:
        return ""


_LINK_COLUMNS = ("source_url", "parsed_url")


@final
class Table:
    """Columns under a header, which comes with the first row.

    Args:
        lines: turns rows of cells to text.
        links: turns a page's URL and those of its links to text.
    """

    def __init__(
        self, lines: Callable[[Iterable[Sequence[str]]], str], links: Callable[[str, list[str]], str]
    ) -> None:
        self._lines = lines
        self._links = links
        self._rows = Rows()
        self._columns: tuple[str, ...] = ()

    def encode(self, outcome: Outcome, /) -> tuple[str, int]:
        if isinstance(outcome, Failure):
            return "", 0
        if outcome.rows is not None:
            return self._encode_rows(self._rows.of(outcome))
        if not outcome.links:
            return "", 0
        text = self._links(outcome.page.url, [link.url for link in outcome.links])
        return self._link_header() + text, len(outcome.links)

    def _encode_rows(self, rows: Collection[tuple[str, Any]]) -> tuple[str, int]:
        columns = self._columns
        table: list[Sequence[str]] = []
        for place, row in rows:
            mapping = as_mapping(row, place=place)
            if not columns:
                columns = tuple(mapping)
                if not columns:
                    raise RowError(f"{place}: it has no fields; the first row's are the table's columns")
                table.append(columns)
            for name in mapping:
                if name not in columns:
                    raise RowError(_no_column(name, columns, place))
            table.append([cell(name, mapping.get(name), place=place) for name in columns])
        # Only now, so that a page with a row that is refused leaves no trace.
        self._columns = columns
        return self._lines(table), len(rows)

    def ending(self) -> str:
        return "" if self._rows.parsed else self._link_header()

    def _link_header(self) -> str:
        if self._columns:
            return ""
        self._columns = _LINK_COLUMNS
        return self._lines([_LINK_COLUMNS])


def _no_column(name: str, columns: tuple[str, ...], place: str) -> str:
    return (
        f"{place}: the field {name!r} has no column; the first row's fields are the columns "
        f"({', '.join(columns)}). Yield every field in the first row, as None where there is no value, "
        f"or write .jsonl"
    )


_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _tsv(table: Iterable[Sequence[str]]) -> str:
    return "".join(["\t".join([_escaped(text) for text in row]) + "\n" for row in table])


def _escaped(text: str) -> str:
    # Asking first is three times as quick as translating what needs no escape.
    return text.translate(_ESCAPES) if "\\" in text or not text.isprintable() else text


def _tsv_links(url: str, links: list[str]) -> str:
    return f"{url}\t" + f"\n{url}\t".join(links) + "\n"


def _csv(table: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(table)
    return text.getvalue()


def _csv_links(url: str, links: list[str]) -> str:
    # Most URLs need no quotes, and the csv module takes ten times as long to see that.
    joined = "".join([url, *links])
    if "," in joined or '"' in joined:
        return _csv([(url, link) for link in links])
    return f"{url}," + f"\r\n{url},".join(links) + "\r\n"


ENCODERS: Mapping[Format, Callable[[], Encoder]] = {
    "tsv": lambda: Table(_tsv, _tsv_links),
    "csv": lambda: Table(_csv, _csv_links),
    "jsonl": JsonLines,
}
