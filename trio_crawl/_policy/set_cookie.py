"""One ``Set-Cookie`` field, read leniently, and by everyone alike (RFC 6265, sections 5.1 and 5.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES: Final = 4096
"""Bytes of a name and its value together; a larger cookie is ignored, as by browsers (RFC 6265, 6.1)."""

MAX_ATTRIBUTE: Final = 1024
"""Characters of an attribute's value; a longer one is ignored (RFC 6265bis, section 5.6)."""

MAX_FIELD: Final = 16 * 1024
"""Characters of a field that is read; in one that is longer something is ignored anyway."""

MAX_ATTRIBUTES: Final = 50
"""Attributes of one field that are read, known or not; there are seven."""

MAX_LIFETIME: Final = 400 * 24 * 3600.0
"""Seconds for which a cookie is kept at most (RFC 6265bis, section 5.5)."""

_WHITE: Final = " \t"
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MAX_AGE: Final = re.compile(r"-?[0-9]+", re.ASCII)
_DIGITS: Final = 18
"""Digits of a ``Max-Age`` that are looked at: int() refuses thousands, and so many are for ever anyway."""

# RFC 6265, section 5.1.1: a token is the first of these that it can be and that is not there yet.
_DELIMITERS: Final = re.compile(r"[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TOKENS: Final = 32  # of which a date has five
_TIME: Final = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY: Final = re.compile(r"([0-9]{1,2})(?![0-9])")
_YEAR: Final = re.compile(r"([0-9]{2,4})(?![0-9])")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIRST_YEAR: Final = 1601
_PARTS: Final = 6
_TWO_DIGITS_OF_19: Final = range(70, 100)
_TWO_DIGITS_OF_20: Final = range(70)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCookie:
    """What a ``Set-Cookie`` field says.

    Args:
        name: the cookie's name; case counts.
        value: its value, as it stood there, quotes included.
        domain: the ``Domain`` in lower case, without a leading dot; empty for none.
        path: the ``Path``; None for none, or one that does not begin with a slash.
        secure: whether it is for https alone.
        expires: when it ends, in seconds since 1970; None with the crawl.
    """

    name: str
    value: str = field(repr=False)
    domain: str = ""
    path: str | None = None
    secure: bool = False
    expires: float | None = None


def parse(text: str, now: float) -> SetCookie | None:
    """Return what the field value *text* says (RFC 6265, section 5.2).

    Args:
        text: the value of one field, decoded as Latin-1.
        now: the present moment, in seconds since 1970.

    Returns:
        None if it is to be ignored: it has no name, is too large, or has a control
        character in it (RFC 6265bis, section 5.6), which could not be sent back.
    """
    if len(text) > MAX_FIELD or _CONTROL.search(text):
        return None
    pair, _, rest = text.partition(";")
    name, equals, value = pair.partition("=")
    name, value = name.strip(_WHITE), value.strip(_WHITE)
    if not equals or not name or len(name) + len(value) > MAX_BYTES:
        return None
    said = _attributes(rest)
    expires = said.get("expires")
    if "max-age" in said:
        expires = now + said["max-age"]
    if expires is not None:
        expires = min(expires, now + MAX_LIFETIME)
    return SetCookie(
        name=name,
        value=value,
        domain=said.get("domain", ""),
        path=said.get("path") or None,
        secure="secure" in said,
        expires=expires,
    )


def _attributes(text: str) -> dict[str, Any]:
    """Return what the first attributes say; of several of one name the last that can be read counts."""
    said: dict[str, Any] = {}
    for attribute in text.split(";", MAX_ATTRIBUTES)[:MAX_ATTRIBUTES] if text else ():
        key, _, value = attribute.partition("=")
        read = _READERS.get(key.strip(_WHITE).lower())
        value = value.strip(_WHITE)
        if read is not None and len(value) <= MAX_ATTRIBUTE:
            found = read(value)
            if found is not None:
                said[key.strip(_WHITE).lower()] = found
    return said


def _max_age(text: str) -> float | None:
    """Return a ``Max-Age`` in seconds; None if it is no number (section 5.2.2)."""
    return float(text[:_DIGITS]) if _MAX_AGE.fullmatch(text) else None


def _domain(text: str) -> str | None:
    return text.removeprefix(".").lower() or None


def _path(text: str) -> str:
    """Return a ``Path``; nothing for one that stands for the default one (section 5.2.4)."""
    return text if text.startswith("/") else ""


def _secure(_: str) -> bool:
    return True


def parse_date(text: str) -> float | None:
    """Return the moment of a cookie's date, in whatever order its parts come (RFC 6265, section 5.1.1).

    Returns:
        Seconds since 1970, negative before; None if it is no date.
    """
    hour = minute = second = day = month = year = None
    for token in _DELIMITERS.split(text, maxsplit=_TOKENS)[:_TOKENS]:
        if hour is None and (found := _TIME.match(token)):
            hour, minute, second = map(int, found.groups())
        elif day is None and (found := _DAY.match(token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := _YEAR.match(token)):
            year = _full_year(int(found[1]))
    parts = [part for part in (year, month, day, hour, minute, second) if part is not None]
    if len(parts) < _PARTS or parts[0] < _FIRST_YEAR:
        return None
    try:
        return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type] # six numbers
    except ValueError:
        # The thirtieth of February, or the 25th hour: no date, so the attribute says nothing.
        return None


def _full_year(year: int) -> int:
    if year in _TWO_DIGITS_OF_19:
        return 1900 + year
    return 2000 + year if year in _TWO_DIGITS_OF_20 else year


_READERS: Final[dict[str, Callable[[str], object]]] = {
    "expires": parse_date,
    "max-age": _max_age,
    "domain": _domain,
    "path": _path,
    "secure": _secure,
}
