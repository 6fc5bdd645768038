"""What is to be done about what a hop brought: keep it, go on, try again, or give up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from .._errors import FetchError
from .._lease import Redirect
from .redirect import follow
from .retry import RetryPolicy, backoff, retry_after

if TYPE_CHECKING:
    from datetime import datetime

    from .._lease import Lease
    from .._model import Response

_TOO_MANY: Final = 429
_TOO_BUSY: Final = frozenset({_TOO_MANY, 503})
"""Statuses that speak for the host, not for the page (RFC 6585, section 4; RFC 9110, 15.6.4)."""


@dataclass(frozen=True, slots=True)
class Again:
    """Ask again, *wait* seconds from now."""

    wait: float


@dataclass(frozen=True, slots=True)
class Keep:
    """The response is the page, whatever its status."""

    response: Response


@dataclass(frozen=True, slots=True)
class GiveUp:
    """There will be no page, because of *error*."""

    error: FetchError


Verdict: TypeAlias = Again | Keep | GiveUp | Redirect
"""What to do with a lease whose hop has ended."""


def judge(  # noqa: PLR0913 (all are keywords, and a value to hold them would have no other use)
    lease: Lease,
    result: Response | FetchError,
    *,
    policy: RetryPolicy,
    max_redirects: int,
    now: datetime,
    may_differ: bool = False,
    may_repeat: bool = False,
) -> Verdict:
    """Return what to do with *lease*, now that its hop came to *result*.

    Args:
        lease: what was asked for, with the number of attempts and the redirects so far.
        result: the response, or why there is none.
        policy: whether, and when, to ask again.
        max_redirects: the length that a chain of redirects may reach.
        now: the present moment, for dates in ``Retry-After``.
        may_differ: whether cookies were set on the way, so that a URL of the chain may
            answer otherwise now.
        may_repeat: whether a redirect to itself is followed: not if the same request, with the
            same cookies, was answered by it before.
    """
    if isinstance(result, FetchError):
        wait = policy.decide(
            attempts=lease.attempts,
            outcome=result.kind,
            method=lease.method,
            key=lease.key,
            temporary=getattr(result, "temporary", True),
        )
        return GiveUp(result) if wait is None else Again(wait)
    wait = policy.decide(
        attempts=lease.attempts,
        outcome=result.status,
        method=lease.method,
        key=lease.key,
        retry_after=retry_after(result.headers.get("retry-after"), now),
    )
    if wait is not None:
        return Again(wait)
    try:
        target = _target(lease, result, max_redirects, may_differ=may_differ, may_repeat=may_repeat)
    except FetchError as error:
        return GiveUp(error)
    if target is None:
        return Keep(result)
    # RFC 9110, section 10.2.3: with a redirect, the least to wait before the next request.
    wait = retry_after(result.headers.get("retry-after"), now)
    return replace(target, wait=wait) if wait else target


def _target(
    lease: Lease, response: Response, max_redirects: int, *, may_differ: bool, may_repeat: bool
) -> Redirect | None:
    if not 300 <= response.status <= 399:  # noqa: PLR2004 - the class of redirects
        return None
    return follow(
        status=response.status,
        location=next(iter(response.headers.get_all("location")), None),
        url=lease.url,
        method=lease.method,
        chain=lease.chain,
        max_redirects=max_redirects,
        may_differ=may_differ,
        may_repeat=may_repeat,
    )


def rest(
    lease: Lease, result: Response | FetchError, now: datetime, *, adaptive: bool = True
) -> float | None:
    """Return for how many seconds the whole host should be left alone; None if it need not be.

    A host that answers 429 or 503 is left alone for as long as it says, or else
    as long as the back-off of this request; of a fixed pace after a 503 only if it says so.
    """
    if isinstance(result, FetchError) or result.status not in _TOO_BUSY:
        return None
    asked = retry_after(result.headers.get("retry-after"), now)
    if asked is None and (adaptive or result.status == _TOO_MANY):
        return backoff(lease.attempts, lease.key)
    return asked
