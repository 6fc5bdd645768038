"""Dates as sitemaps and feeds write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_YEAR_OR_MONTH: Final = re.compile(r"(\d{4})(?:-(\d\d))?", re.ASCII)
_LONGEST: Final = 64


def moment_of(text: str) -> datetime | None:
    """Return the moment that *text* is, in UTC; None if it is none.

    It may be a date of W3C's profile of ISO 8601 (a year, a month, a day, or a time in it), or
    of e-mail (RFC 5322, section 3.3). What names no zone is in UTC.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    coarse = _YEAR_OR_MONTH.fullmatch(text)
    try:
        if coarse is not None:
            return datetime(int(coarse[1]), int(coarse[2] or 1), 1, tzinfo=UTC)
        return _in_utc(datetime.fromisoformat(text) if text[0].isdigit() and "-" in text[:5] else _mail(text))
    except (ValueError, OverflowError):
        return None


def _mail(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text)
    except (TypeError, IndexError) as error:
        raise ValueError(text) from error


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
