"""What a row is, and what its fields read as.

A row is a mapping, or an object with named fields: a dataclass, a named tuple,
an attrs object, a msgspec struct, a pydantic model. They are known by how they
look, so none of those packages is imported.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any, TypeAlias, final
from uuid import UUID

from .._errors import RowError
from .._model import Failure, Outcome

_Reader: TypeAlias = Callable[[Any], Mapping[Any, Any]]

_SHORT = 10**20
"""A number of which Python always makes text: there is a limit to its digits."""

_LONGEST_QUOTE = 60
"""Characters of a value that an error message shows."""


@final
class Rows:
    """Tells the rows of one crawl's outcomes; one serves one crawl.

    They are what the user's parser yielded. Without one, the page is the row,
    and so is a URL that failed. (With one, failures make no row.)

    Args:
        parsed: whether there is such a parser; if that is not known, the first of
            its pages tells.
    """

    def __init__(self, *, parsed: bool = False) -> None:
        self.parsed = parsed
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


def page_line(outcome: Outcome) -> str:
    r"""Return `page_row` as one JSON object and ``\n``."""
    row = page_row(outcome)
    links: list[str] = row.pop("links", [])
    line = _encode(row)
    if isinstance(outcome, Failure):
        return line + "\n"
    # URLs hold no quote, and seldom a backslash: what JSON would escape of them. Its encoder takes as long
    # for sixty of them as all the rest of the writing does.
    joined = '","'.join(links)
    said = f'["{joined}"]' if links and "\\" not in joined and joined.isascii() else _encode(links)
    return f'{line[:-1]},"links":{said}}}\n'


def is_row(value: object) -> bool:
    """Say whether *value* has named fields."""
    return _reader(value) is not None


def require_row(row: object, *, place: str) -> None:
    """Do nothing if *row* is one.

    Raises:
        RowError: it is not; *place* says in the message where it came from.
    """
    if _reader(row) is None:
        raise RowError(_no_row(row, place))


def as_mapping(row: object, *, place: str, typed: bool = False) -> Mapping[str, Any]:
    """Return the fields of *row* by name, in their order, the values unchanged.

    (A pydantic model turns its values to JSON itself, since it may have been
    told how. A msgspec struct gives its fields the names that it encodes them by.)

    Args:
        row: a mapping or an object with named fields.
        place: where the row came from, for error messages.
        typed: for an output that has more types than JSON: of a pydantic model, too, the
            values are what they are.

    Raises:
        RowError: *row* is no such thing, or a field's name is no `str`.
    """
    reader = _reader(row)
    if reader is None:
        raise RowError(_no_row(row, place))
    try:
        mapping = _dump_values(row) if typed and reader is _dump_model else reader(row)
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

    Dates and times read as in ISO 8601, a span of time is its seconds; sets are lists,
    sorted; paths, UUIDs and decimals are strings, and so are bytes, by base64 (RFC 4648,
    section 4); an enumeration's member is its value.

    Raises:
        RowError: a value that JSON can't say; names its field.
    """
    try:
        return _encode(mapping) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        for name, value in mapping.items():
            field_text(name, value, place)
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
    if type(value) is int and -_SHORT < value < _SHORT:
        return str(value)
    if value is None:
        return ""
    text = field_text(name, value, place)
    return str(json.loads(text)) if text.startswith('"') else text


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _no_row(row: object, place: str) -> str:
    try:
        shown = repr(row)
    except Exception:  # noqa: BLE001 - of the user's class, or of a number with thousands of digits
        shown = object.__repr__(row)
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


def _dump_values(model: Any) -> Any:  # noqa: ANN401 - likewise
    return model.model_dump(mode="python")


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


def field_text(name: str, value: object, place: str) -> str:
    """Return *value* as JSON.

    Raises:
        RowError: JSON can't say it; *name* is its field.
    """
    try:
        return _encode(value)
    except (TypeError, ValueError) as error:
        raise RowError(f"{place}: the field {name!r} can't be written: {error}") from error
    except RecursionError as error:
        raise RowError(f"{place}: the field {name!r} can't be written: it is nested too deeply") from error


def _plain(value: object) -> object:  # noqa: PLR0911 - one for each kind
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
        return b64encode(value).decode("ascii")
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"JSON has nothing for a {type(value).__name__}; turn it to text or a number")


def _in_order(values: set[Any] | frozenset[Any]) -> list[Any]:
    """Return the members of a set in one order, which hashing differs about from run to run."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=_encode)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode
