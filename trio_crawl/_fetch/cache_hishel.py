"""Requests and responses in hishel's terms, such that its state machine decides by RFC 9111. Pure.

hishel decides: which stored response answers, which is validated, what a 304
updates, what may be stored, and which fields of it. What its version 2.0 does not
know, or gets wrong by the RFC, is settled here before it is asked, and it is told
the result in fields that it reads right:

- It reads the wall clock itself, counts a response without ``Date`` as new for
  ever, and takes no notice of ``Age`` and of what the transfer took (section
  4.2.3). So a stored response is shown to it as if made at this moment, its
  ``max-age`` being what is left of its lifetime (`as_if_new`).
- It takes no notice of the request's ``max-age``, ``min-fresh``, ``max-stale``,
  ``no-store``, ``only-if-cached`` and ``Pragma`` (5.2.1, 5.4). They are in that
  remainder, or looked at here.
- It loses directives behind an argument without quotes
  (``no-cache=Set-Cookie,no-store``), takes ``max-age=-1`` for not being there, and
  dates of any zone for GMT. Its ``Cache-Control`` is always one that was read by
  `cache_control` and written anew.
- It stores a response of ``must-understand`` whatever its status (5.2.2.3), fields
  that ``Connection`` names (3.1), and what could never be used again.
- It validates a response for another variant by ``If-Modified-Since``, which may
  bring the wrong one (4.1). It is shown those of the right variant only.
- It keeps ``Age`` and ``Date`` of the old response where a 304 has none.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Final
from uuid import UUID

import hishel

from .._model import Headers
from .cache_control import (
    MOST_SECONDS,
    current_age,
    directives,
    lifetime,
    request_directives,
    seconds_left,
    without,
)
from .cache_entry import ANY, VALIDATORS, request_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._model import Hop
    from .cache_control import Directives
    from .cache_entry import Stored

PRIVATE: Final[hishel.CacheOptions] = {"shared": False, "supported_methods": ["GET", "HEAD"]}
"""What hishel is to be: a cache for one user, of these methods."""

_RAW_VALIDATORS: Final = frozenset(name.encode() for name in VALIDATORS)

# The statuses whose rules for caching are followed: RFC 9110, section 15.
_UNDERSTOOD: Final = frozenset({200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501})

# A date that hishel takes for "just now" on every clock, and in which it finds the order of several.
_NEWEST: Final = "Fri, 31 Dec 9999 23:{minute:02}:{second:02} GMT"


def request_of(hop: Hop, fields: Headers, asked: Directives) -> hishel.Request:
    """Return *hop* in hishel's terms.

    Args:
        hop: a request.
        fields: its header fields.
        asked: its directives.
    """
    headers = with_control(without(fields, ("pragma",)), "no-cache" if "no-cache" in asked else "")
    return hishel.Request(hop.method, hop.url, listed(headers))


def as_if_new(
    stored: Stored, request: hishel.Request, asked: Directives, now: float, rank: int
) -> hishel.Entry:
    """Return *stored* as a response made at this moment, to be used for what is left of its lifetime.

    Args:
        stored: what is stored.
        request: what it would answer.
        asked: the directives of that request.
        now: the present moment, in seconds since 1970.
        rank: how many of those shown with it are newer.
    """
    said = directives(stored.headers)
    fresh = lifetime(stored.status, stored.headers, stored.received)
    age = current_age(stored.headers, stored.requested, stored.received, now)
    left = seconds_left(fresh, age, asked, said)
    # With an argument, it concerns fields, and they are not stored.
    validate = "no-cache" in said and said["no-cache"] is None
    control = "no-cache" if validate else f"max-age={min(max(ceil(left), 0), MOST_SECONDS - 1)}"
    minute, second = divmod(max(0, 59 * 60 - rank), 60)
    date = _NEWEST.format(minute=minute, second=second)
    # Besides the two it looks only at what the conditions are made from.
    validators = [field for field in stored.headers.raw if field[0].lower() in _RAW_VALIDATORS]
    shown = Headers((*validators, (b"Date", date.encode()), (b"Cache-Control", control.encode())))
    return entry_of(replace(stored, headers=shown), request)


def entry_of(stored: Stored, request: hishel.Request) -> hishel.Entry:
    """Return *stored* in hishel's terms, as it is."""
    # The request is the present one: `variant` has said already that it is as good as the first.
    return hishel.Entry(UUID(int=stored.id), request, hishel.Response(stored.status, listed(stored.headers)))


def with_control(headers: Headers, control: str) -> Headers:
    """Return *headers* with *control* as the only ``Cache-Control``; without any, if that is empty."""
    others = without(headers, ("cache-control",))
    return Headers((*others.raw, (b"Cache-Control", control.encode("latin-1")))) if control else others


def storing(hop: Hop, stored: Stored) -> str:
    """Return the ``Cache-Control`` that tells hishel what of *stored* may be stored, if any (section 3)."""
    said = directives(stored.headers)
    never = "no-store" in said
    if "must-understand" in said:
        # Where the status is understood, it lifts the `no-store` that is there for other caches.
        never = stored.status not in _UNDERSTOOD
    never = never or "no-store" in request_directives(request_headers(hop))
    never = never or ANY in stored.vary.split(",")
    if never or not _useful(stored):
        return "no-store"
    told = [name for name in ("public", "private") if name in said]
    if "max-age" in said:
        told.append("max-age=1")
    excluded = said.get("no-cache")
    if excluded is not None:
        told.append(f'no-cache="{_quotable(excluded)}"')
    return ", ".join(told)


def _useful(stored: Stored) -> bool:
    """Return whether *stored* can ever be used again: because it is fresh, or can be validated."""
    if any(stored.headers.get(name) for name in VALIDATORS):
        return True
    said = directives(stored.headers)
    unconditional = "no-cache" in said and said["no-cache"] is None
    return not unconditional and lifetime(stored.status, stored.headers, stored.received) > 0


def _quotable(argument: str) -> str:
    return argument.replace("\\", "").replace('"', "")


def end_to_end(headers: Headers) -> Headers:
    """Return *headers* without those that ``Connection`` names (section 3.1); hishel knows the others."""
    named = (name.strip().lower() for line in headers.get_all("connection") for name in line.split(","))
    return without(headers, named)


def listed(headers: Headers) -> hishel.Headers:
    """Return *headers* in hishel's terms: names in lower case, each with its values."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return hishel.Headers(found)


def rewritten(
    base: Headers, wanted: Mapping[str, str], extra: Headers | None = None, *, control: bool = False
) -> Headers:
    """Return the fields that hishel *wanted*, in the order and spelling in which they came.

    Args:
        base: the fields that it was given.
        wanted: those that it gave back.
        extra: those of a second response, whose values it may have put in the place of the first's.
        control: whether ``Cache-Control`` is that of *base*, whatever it wanted.
    """
    kept = [
        field
        for field in base.raw
        for name in [field[0].decode("latin-1").lower()]
        if (control and name == "cache-control")
        or (name in wanted and (extra is None or wanted[name] == base.get(name)))
    ]
    there = {field[0].lower() for field in kept}
    added = [] if extra is None else [field for field in extra.raw if field[0].lower() not in there]
    return Headers((*kept, *(field for field in added if field[0].decode("latin-1").lower() in wanted)))
