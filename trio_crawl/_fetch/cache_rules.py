"""What RFC 9111 says of a request and its response. Pure: what is stored, and the moment, are arguments.

The state machine is hishel's; `cache_hishel` says where it needs help.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

import hishel

from .. import _urls
from .._model import Headers
from .cache_control import current_age, dated, first_moment, request_directives, seconds, without
from .cache_entry import VALIDATORS, Stored, request_headers, variant_of, vary_of
from .cache_hishel import (
    PRIVATE,
    as_if_new,
    end_to_end,
    entry_of,
    listed,
    request_of,
    rewritten,
    storing,
    with_control,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model import Hop, Response

Waiting: TypeAlias = hishel.CacheMiss | hishel.NeedRevalidation

_CACHED_METHODS: Final = frozenset({"GET", "HEAD"})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# What asks for a part, or for an answer that depends on what the one who asks has already.
_CONDITIONS: Final = frozenset(
    {"range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"}
)
_SELECTED_BY: Final = (*VALIDATORS, "content-length")

_OK: Final = 200
_NOT_MODIFIED: Final = 304
_ERRORS_FROM: Final = 400
_GONE: Final = frozenset({404, 410})

# RFC 9309, section 2.4: a robots.txt is not to be used for longer, whatever its server says.
_ROBOTS_PATH: Final = "/robots.txt"
_ROBOTS_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The stored response is the answer.

    Args:
        stored: it.
        headers: its fields, with its ``Age``.
    """

    stored: Stored
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The server is to be asked.

    Args:
        hop: what to ask, with conditions if a stored response is to be validated.
        original: what was asked for.
        found: the stored responses that belong to it.
        state: hishel's, which goes on with the answer.
    """

    hop: Hop
    original: Hop
    found: tuple[Stored, ...]
    state: Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """The request takes a stored response only, and none may be used (section 5.2.1.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an answer means for the store, and for the one who asked.

    Args:
        forget: the numbers of the stored responses to delete.
        keep: what to store.
        answer: the stored response that is the answer, updated; None if the server's is.
        again: what to ask now, because the answer was about no stored response.
    """

    forget: tuple[int, ...] = ()
    keep: Stored | None = None
    answer: Stored | None = None
    again: Ask | None = None


def is_cached(hop: Hop) -> bool:
    """Return whether the cache has to do with *hop*: a GET or HEAD of a whole thing, unconditional."""
    return (
        hop.method in _CACHED_METHODS
        and not hop.body
        and not any(name.lower() in _CONDITIONS for name, _ in hop.headers)
    )


def decide(hop: Hop, found: Sequence[Stored], now: float) -> Use | Ask | Unavailable:
    """Return how *hop* is answered (section 4).

    Args:
        hop: a request that `is_cached`.
        found: what is stored for its URL, method and variant.
        now: the present moment, in seconds since 1970.
    """
    fields = request_headers(hop)
    asked = dict(request_directives(fields))
    if _urls.split(hop.url).path == _ROBOTS_PATH:
        age = seconds(asked, "max-age")
        asked["max-age"] = str(_ROBOTS_SECONDS if age is None else min(age, _ROBOTS_SECONDS))
    request = request_of(hop, fields, asked)
    by_date = sorted(found, key=lambda stored: first_moment(stored.headers, "date") or 0.0, reverse=True)
    state = hishel.IdleClient(PRIVATE).next(
        request, [as_if_new(stored, request, asked, now, rank) for rank, stored in enumerate(by_date)]
    )
    if isinstance(state, hishel.FromCache):
        return _use(_of(state.entry, found), now)
    if "only-if-cached" in asked:
        return Unavailable()
    return _ask(hop, found, request, state)


def _use(stored: Stored, now: float) -> Use:
    age = int(current_age(stored.headers, stored.requested, stored.received, now))
    headers = Headers((*without(stored.headers, ("age",)).raw, (b"Age", b"%d" % age)))
    return Use(stored=stored, headers=headers)


def _ask(hop: Hop, found: Sequence[Stored], request: hishel.Request, state: Waiting) -> Ask:
    conditions: tuple[tuple[str, str], ...] = ()
    if isinstance(state, hishel.NeedRevalidation):
        # What is validated, and updated by a 304, is the response as it is and not as it was shown.
        entries = [entry_of(_of(entry, found), request) for entry in state.revalidating_entries]
        state = replace(state, revalidating_entries=entries)
        names = ("If-None-Match", "If-Modified-Since")
        conditions = tuple(
            (name, state.request.headers[name]) for name in names if name in state.request.headers
        )
    if not conditions:
        state = hishel.CacheMiss(PRIVATE, request)
    sent = replace(hop, headers=hop.headers + conditions) if conditions else hop
    return Ask(hop=sent, original=hop, found=tuple(found), state=state)


def judge(ask: Ask, response: Response, requested: float, received: float) -> Verdict:
    """Return what the server's *response* comes to (sections 3 and 4.3).

    Args:
        ask: what it answers.
        response: it.
        requested: when it was asked for, in seconds since 1970.
        received: when it was complete.
    """
    headers = dated(end_to_end(response.headers), received)
    fresh = _stored(ask.original, response, headers, requested, received)
    if response.status == _NOT_MODIFIED:
        shown = headers
    else:
        shown = with_control(headers, storing(ask.original, fresh))
    state: hishel.AnyState = ask.state.next(hishel.Response(response.status, listed(shown)))
    forget: list[int] = []
    while True:
        match state:
            case hishel.InvalidateEntries():
                forget += [entry_id.int for entry_id in state.entry_ids]
                state = state.next()
            case hishel.NeedToBeUpdated():
                state = state.next()
            case hishel.FromCache():
                old = _of(state.entry, ask.found)
                kept = rewritten(without(old.headers, ("age",)), state.entry.response.headers, headers)
                return _validated(ask, replace(old, headers=kept, requested=requested, received=received))
            case hishel.StoreAndUse():
                # Directives were shown in our words; they are kept in the server's.
                stored = replace(fresh, headers=rewritten(headers, state.response.headers, control=True))
                return Verdict(forget=_ids(ask.found), keep=stored)
            case hishel.CouldNotBeStored():
                return Verdict(forget=_ids(ask.found) if _replaces(response.status) else ())
            case hishel.CacheMiss():
                again = replace(ask, hop=ask.original, found=(), state=state)
                return Verdict(forget=tuple(forget), again=again)
            case hishel.IdleClient() | hishel.NeedRevalidation():  # pragma: no cover - where it begins
                raise AssertionError(state)
            case _:
                assert_never(state)


def _validated(ask: Ask, stored: Stored) -> Verdict:
    """Return that *stored* is the answer, and whether it stays in the store with its new fields."""
    vary = vary_of(stored.headers)
    stored = replace(stored, vary=vary, variant=variant_of(vary, request_headers(ask.original)))
    if stored.body is None:  # it is larger than the answer may be, and was not read
        return Verdict(answer=stored)
    keep = stored if storing(ask.original, stored) != "no-store" else None
    return Verdict(forget=_ids(ask.found), keep=keep, answer=stored)


def invalidated(hop: Hop, response: Response) -> tuple[str, ...]:
    """Return the URLs whose stored responses an unsafe request has made invalid (section 4.4)."""
    if hop.method in _SAFE_METHODS or response.status >= _ERRORS_FROM:
        return ()
    named = [
        _urls.join(hop.url, value)
        for name in ("location", "content-location")
        for value in response.headers.get_all(name)
    ]
    origin = _urls.origin(hop.url)
    return (hop.url, *(url for url in named if url is not None and _urls.origin(url) == origin))


def contradicted(head: Response, stored: Sequence[Stored]) -> tuple[int, ...]:
    """Return which *stored* responses to GET are no longer those that a HEAD tells of (section 4.3.5)."""
    if head.status != _OK:
        return ()
    return tuple(
        entry.id
        for entry in stored
        for told in [[(head.headers.get(name), entry.headers.get(name)) for name in _SELECTED_BY]]
        if any(new is not None and old is not None and new != old for new, old in told)
    )


def _stored(hop: Hop, response: Response, headers: Headers, requested: float, received: float) -> Stored:
    vary = vary_of(headers)
    return Stored(
        url=hop.url,
        method=hop.method,
        vary=vary,
        variant=variant_of(vary, request_headers(hop)),
        status=response.status,
        http_version=response.http_version,
        headers=headers,
        body=response.body,
        requested=requested,
        received=received,
    )


def _replaces(status: int) -> bool:
    """Return whether an answer that can't be stored itself says that the stored one is outdated."""
    return status < _ERRORS_FROM or status in _GONE


def _of(entry: hishel.Entry, found: Sequence[Stored]) -> Stored:
    return next(stored for stored in found if stored.id == entry.id.int)


def _ids(found: Sequence[Stored]) -> tuple[int, ...]:
    return tuple(stored.id for stored in found)
