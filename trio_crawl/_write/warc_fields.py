"""Named fields of records, and the dates in them, as whoever wrote an archive wrote them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 30, tzinfo=UTC)
"""The latest moment that rows can hold."""

_DATE: Final = re.compile(
    r"\s*([0-9]{4}|[0-9]{5,9}(?=-))(?:-?([0-9]{2})(?:-?([0-9]{2})"
    r"(?:[Tt ]?\s*([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]+))?)?)?)?)?)?"
    r"\s*(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2})?)?\s*",
    re.ASCII,
)
_LONGEST_DATE: Final = 64


def parse_fields(data: bytes) -> list[tuple[str, str]]:
    """Return the named fields in *data*, their names in lower case; those that are folded are joined."""
    fields: list[tuple[str, list[str]]] = []
    for line in data.split(b"\n"):
        text = _decoded(line).rstrip("\r")
        if text[:1] in {" ", "\t"} and fields:
            fields[-1][1].append(text.strip())
            continue
        name, colon, value = text.partition(":")
        if colon:
            fields.append((name.strip().lower(), [value.strip()]))
    return [(name, " ".join(values).strip()) for name, values in fields]


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def moment_of(text: str | None) -> datetime | None:
    """Return the moment that a ``WARC-Date`` is, in UTC; None if it is none.

    It may be as coarse as a year, without a zone, which is UTC then, or beyond what rows can hold:
    then it is the nearest that they can.
    """
    found = _DATE.fullmatch((text or "")[:_LONGEST_DATE])
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, off_hours, off_minutes = found.groups()
    offset = timedelta(hours=int(off_hours or 0), minutes=int(off_minutes or 0))
    try:
        if int(year) > LATEST.year:
            return LATEST
        moment = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            min(int(second or 0), 59),  # a leap second
            int((fraction or "0")[:6].ljust(6, "0")),
            tzinfo=UTC,
        )
        return min(max(moment + (offset if sign == "-" else -offset), _EARLIEST), LATEST)
    except OverflowError:
        return _EARLIEST if int(year) < _EARLIEST.year else LATEST
    except ValueError:
        return None
