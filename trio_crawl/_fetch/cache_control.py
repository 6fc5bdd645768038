"""What a cache reads from header fields: directives, dates, ages and lifetimes (RFC 9111). Pure.

Nothing here reads a clock: moments are seconds since 1970, as ``time.time()`` counts them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_tz
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from .._model import Headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Directives: TypeAlias = "Mapping[str, str | None]"
"""What ``Cache-Control`` says: names in lower case; None for a directive without an argument."""

MOST_SECONDS: Final = 2**31
"""What a greater number of seconds is taken for (RFC 9111, section 1.2.2)."""

HEURISTIC_FRACTION: Final = 0.1
"""The part of the time since its last change for which a response counts as fresh (section 4.2.2)."""

HEURISTIC_MOST: Final = 7 * 24 * 3600.0
"""Seconds that a guessed lifetime has at most."""

HEURISTIC_STATUSES: Final = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})
"""Those whose lifetime may be guessed (RFC 9110, section 15.1)."""

# A name, then perhaps a quoted string, or whatever stands before the next comma: an argument that
# is not closed as it should be must not hide the directives behind it.
_DIRECTIVE: Final = re.compile(r'[\s,]*([^\s,=]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"\s*(?=,|$)|([^,]*)))?')
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
# The obsolete form of C's asctime() ends with the year, and names no zone.
_IN_GMT: Final = re.compile(r"(?:GMT|UTC|:[0-9]{2} [0-9]{4})\s*$", re.ASCII | re.IGNORECASE)
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)


def directives(headers: Headers) -> Directives:
    """Return what ``Cache-Control`` says (RFC 9111, section 5.2); of a repeated one, the first."""
    return _read(headers.get("cache-control") or "")


@lru_cache(maxsize=1024)  # sites say the same of all their pages
def _read(value: str) -> Directives:
    found: dict[str, str | None] = {}
    for name, quoted, bare in _DIRECTIVE.findall(value):
        argument = _ESCAPED.sub(r"\1", quoted) if quoted else bare.strip()
        found.setdefault(name.lower(), argument or None)
    return MappingProxyType(found)


def request_directives(headers: Headers) -> Directives:
    """Return the same of a request, in which ``Pragma: no-cache`` may say it (section 5.4)."""
    said = directives(headers)
    if headers.get("cache-control") is None and "no-cache" in (headers.get("pragma") or "").lower():
        return {"no-cache": None}
    return said


def seconds(said: Directives, name: str) -> int | None:
    """Return the argument of a directive; None if it is not there.

    One that is no number is 0: what can't be read counts as stale (section 4.2.1).
    """
    if name not in said:
        return None
    argument = said[name] or ""
    if not _DIGITS.fullmatch(argument):
        return 0
    # Without a look at its length int() would refuse more than 4,300 digits.
    return MOST_SECONDS if len(argument) > len(str(MOST_SECONDS)) else min(int(argument), MOST_SECONDS)


@lru_cache(maxsize=1024)  # each date is looked at several times
def moment(text: str) -> float | None:
    """Return the moment of an HTTP date (RFC 9110, section 5.6.7); None if it is none, or not in GMT."""
    try:
        parts = parsedate_tz(text)
        if parts is None or parts[9] or not _IN_GMT.search(text):
            return None
        return datetime(*parts[:6], tzinfo=UTC).timestamp()
    except (ValueError, IndexError, OverflowError):  # the 30th of February, the year 99999
        return None


def first_moment(headers: Headers, name: str) -> float | None:
    """Return the moment in the first field called *name*; None if there is none that can be read."""
    values = headers.get_all(name)
    return moment(values[0]) if values else None


def dated(headers: Headers, received: float) -> Headers:
    """Return *headers* with a ``Date`` that can be read: of the moment of receipt (RFC 9110, 6.6.1)."""
    if first_moment(headers, "date") is not None:
        return headers
    date = formatdate(received, usegmt=True).encode("ascii")
    return Headers((*without(headers, ("date",)).raw, (b"Date", date)))


def without(headers: Headers, names: Iterable[str]) -> Headers:
    """Return *headers* less the fields called *names*, which are in lower case."""
    dropped = {name.encode("latin-1", "replace") for name in names}
    return Headers(tuple(field for field in headers.raw if field[0].lower() not in dropped))


def lifetime(status: int, headers: Headers, received: float) -> float:
    """Return for how many seconds a response is fresh, for a private cache (section 4.2.1).

    Such a cache does not look at ``s-maxage``. Where nothing is said, a tenth of
    the time since ``Last-Modified`` is taken (section 4.2.2).

    Args:
        status: the status code.
        headers: the header fields.
        received: when it was received, which stands in for a missing ``Date``.

    Returns:
        0 or less if it was never fresh.
    """
    said = directives(headers)
    age = seconds(said, "max-age")
    if age is not None:
        return age
    date = first_moment(headers, "date")
    date = received if date is None else date
    if headers.get("expires") is not None:
        expires = first_moment(headers, "expires")
        # "0" and all else that is no date is in the past: section 5.3.
        return 0.0 if expires is None else expires - date
    changed = first_moment(headers, "last-modified")
    if changed is None or not (status in HEURISTIC_STATUSES or "public" in said):
        return 0.0
    return min(HEURISTIC_FRACTION * (date - changed), HEURISTIC_MOST)


def current_age(headers: Headers, requested: float, received: float, now: float) -> float:
    """Return the seconds since the origin made or validated a response (section 4.2.3).

    Args:
        headers: its header fields.
        requested: when it was asked for.
        received: when it was received.
        now: the present moment. A clock that was set back adds nothing.
    """
    date = first_moment(headers, "date")
    apparent = 0.0 if date is None else max(0.0, received - date)
    ages = headers.get_all("age")
    told = seconds({"age": ages[0].split(",")[0].strip()}, "age") if ages else 0
    corrected = (told or 0) + max(0.0, received - requested)
    return max(apparent, corrected) + max(0.0, now - received)


def seconds_left(fresh: float, age: float, asked: Directives, said: Directives) -> float:
    """Return for how many more seconds a stored response may answer a request unvalidated.

    Args:
        fresh: its lifetime in seconds.
        age: its age in seconds.
        asked: the directives of the request (section 5.2.1).
        said: those of the response (section 5.2.2).

    Returns:
        0 or less if it may not.
    """
    left = fresh - age
    oldest = seconds(asked, "max-age")
    if oldest is not None:
        left = min(left, oldest - age)
    left -= seconds(asked, "min-fresh") or 0
    if "max-stale" in asked and "must-revalidate" not in said:
        # Without an argument any staleness will do.
        left += MOST_SECONDS if asked["max-stale"] is None else seconds(asked, "max-stale") or 0
    return left
