"""Whether to ask again, and how long to wait before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, final

from .._errors import UsageError

if TYPE_CHECKING:
    from .._model import FailureKind

FIRST_WAIT: Final = 1.0
"""Seconds before the second attempt, jitter aside; each further wait is twice the one before."""

LONGEST_WAIT: Final = 60.0
"""Seconds at which the doubling ends, jitter aside."""

MAX_RETRY_AFTER: Final = 3600.0
"""The longest ``Retry-After`` that is waited for, in seconds.

Servers under maintenance ask for minutes; a value of years, by mistake or by
malice, must not keep a crawl from ending.
"""

RETRIED_KINDS: Final = frozenset[str]({"timeout", "connect", "protocol", "dns"})
"""Failures that may pass. A bad certificate, an oversized or undecodable body, a
refused address and a loop of redirects are the same the next time."""

RETRIED_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
"""Statuses that say "later" (RFC 9110, section 15.6; RFC 6585, section 4; RFC 8470,
section 5.2), and those of Cloudflare for an origin that is down (520 to 524)."""

# RFC 9110, section 9.2.2.
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})

# Nothing of the request was sent, so even a POST can be sent again.
_NOTHING_SENT: Final = frozenset[str]({"dns", "connect"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Decides about further attempts at one hop.

    Args:
        retries: attempts after the first one, 0 or more.

    Raises:
        UsageError: *retries* is no such number.
    """

    retries: int = 2

    def __post_init__(self) -> None:
        if isinstance(self.retries, bool) or not isinstance(self.retries, int) or self.retries < 0:
            message = f"retries= is {self.retries!r}; give the number of further attempts, 0 for none"
            raise UsageError(message)

    def decide(  # noqa: PLR0913 (all are keywords, and a value to hold them would have no other use)
        self,
        *,
        attempts: int,
        outcome: FailureKind | int,
        method: str,
        key: str,
        retry_after: float | None = None,
        temporary: bool = True,
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up.

        Args:
            attempts: attempts made so far, the one that came to *outcome* included.
            outcome: the kind of failure, or the status code of the response.
            method: the HTTP method; one that is not idempotent is only repeated
                if nothing was sent (RFC 9110, section 9.2.2).
            key: names the request. The jitter depends on nothing but it and
                *attempts*, so that a crawl on a virtual clock is repeatable.
            retry_after: seconds that the response asked for, as `retry_after` reads them.
            temporary: whether the failure said so of itself; False for a name that does not exist.
        """
        if attempts > self.retries or not temporary or not _may_pass(outcome, method):
            return None
        wait = backoff(attempts, key)
        return wait if retry_after is None else max(wait, retry_after)


def _may_pass(outcome: FailureKind | int, method: str) -> bool:
    """Return whether another attempt could end otherwise, and would do no harm."""
    if isinstance(outcome, int):
        return outcome in RETRIED_STATUSES and method in _IDEMPOTENT
    return outcome in RETRIED_KINDS and (method in _IDEMPOTENT or outcome in _NOTHING_SENT)


def backoff(attempts: int, key: str) -> float:
    """Return the seconds to wait after *attempts* attempts: doubled each time, times 0.5 to 1.5.

    The jitter keeps requests that failed together from coming back together.
    """
    wait = min(FIRST_WAIT * 2.0 ** min(attempts - 1, 30), LONGEST_WAIT)
    digest = blake2b(f"{attempts} {key}".encode("utf-8", "surrogatepass"), digest_size=6).digest()
    return wait * (0.5 + int.from_bytes(digest) / 2**48)


_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME: Final = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_MONTH: Final = r"(?P<month>[a-z]{3})"

# RFC 9110, section 5.6.7: IMF-fixdate, and the two obsolete forms that a recipient must accept.
_DATES: Final = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        rf"[a-z]{{3}}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        rf"[a-z]{{6,9}}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        rf"[a-z]{{3}} {_MONTH} (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` field asks for (RFC 9110, section 10.2.3).

    Args:
        value: the field's value: a number of seconds, or an HTTP date; None if there is no such field.
        now: the present moment, aware.

    Returns:
        Seconds from *now*, 0 for a date in the past, at most `MAX_RETRY_AFTER`;
        None if the field is absent or can't be read.
    """
    if value is None:
        return None
    value = value.strip(" \t")
    if value.isascii() and value.isdigit():
        # A float, since int() refuses more than 4,300 digits.
        return min(float(value), MAX_RETRY_AFTER)
    moment = _http_date(value, now)
    if moment is None:
        return None
    return min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_AFTER)


def _http_date(value: str, now: datetime) -> datetime | None:
    """Return the moment of an HTTP date in any of its three forms, None if it is none."""
    match = next(filter(None, (pattern.fullmatch(value) for pattern in _DATES)), None)
    if match is None or match["month"].lower() not in _MONTHS:
        return None
    try:
        return datetime(
            _full_year(match["year"], now.year),
            _MONTHS.index(match["month"].lower()) + 1,
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            # A leap second, the 60th, is valid on the wire and unknown to Python.
            int(match["second"].replace("60", "59")),
            tzinfo=UTC,
        )
    except ValueError:
        # The thirtieth of February: no date, so the field says nothing.
        return None


def _full_year(digits: str, this_year: int) -> int:
    """Return the year meant; of two digits, the last one not over 50 years ahead (RFC 9110, 5.6.7)."""
    year = int(digits)
    if len(digits) > len("94"):
        return year
    latest = this_year + 50
    return latest - (latest - year) % 100
