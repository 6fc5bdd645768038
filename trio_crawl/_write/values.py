"""What the fields of a row are to an output that has types of its own: a database, a file of columns.

JSON's types, and bytes, dates and times beside them. Everything else is what it is
in JSON: a number, a text, or JSON's text where it is nested.
"""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Final, TypeAlias

from .rows import field_text

Scalar: TypeAlias = bool | int | float | str | bytes | datetime | date | time | None

_AS_THEY_ARE: Final = frozenset({type(None), bool, int, float, bytes, datetime, date, time})


def scalar(name: str, value: object, *, place: str) -> Scalar:
    """Return what *value* is.

    Text is text that UTF-8 can say: half of a surrogate pair reads as an escape. A decimal,
    a UUID and a path are text, a span of time is its seconds, an enumeration's member
    its value, and what is nested is JSON.

    Raises:
        RowError: it is nothing that an output can hold; *name* is its field.
    """
    kind = type(value)
    if kind is str:
        return sayable(value)  # type: ignore[arg-type] # that is what it is
    if kind in _AS_THEY_ARE:
        return value  # type: ignore[return-value] # likewise
    if isinstance(value, Enum):
        return scalar(name, value.value, place=place)
    return _of_a_subclass(name, value, place)


def _of_a_subclass(name: str, value: object, place: str) -> Scalar:  # noqa: PLR0911 - one for each kind
    if isinstance(value, str):
        return sayable(str.__str__(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, date | time):  # a datetime is a date
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    text = field_text(name, value, place)
    # Text without quotes: a decimal, a UUID, a path.
    return sayable(str(json.loads(text)) if text.startswith('"') else text)


def sayable(text: str) -> str:
    """Return *text* with what UTF-8 can't say as an escape."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
