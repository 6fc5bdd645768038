"""What passes between a frontier and the crawl: leases, and the answers to "what next?"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ._errors import FetchError
    from ._model import Request


@dataclass(slots=True, eq=False, kw_only=True)
class Lease:
    """One URL on its way through the crawl, lent out for one hop at a time.

    Args:
        request: what was asked for, first of all.
        key: what the frontier knows the request by.
        url: where the next hop goes.
        method: the method of the next hop; a redirect may change it.
        body: the content of the next hop.
        depth: links from a seed.
        referrer: the page that led here.
        seed: whether it is a seed, whose redirects widen the scope.
        order: smaller goes first: minus the priority, the depth, the number of its discovery.
        chain: the URLs that redirected here, the first one first.
        attempts: hops made to `url` so far.
        number: of the present lease; each lease of a crawl has a greater one.
        addresses: those of the host that may be connected to, judged.
        robots_of: the origin whose robots.txt this is; None for a page.
    """

    request: Request
    key: str
    url: str
    method: str
    body: bytes | None
    depth: int
    referrer: str | None
    seed: bool
    order: tuple[int, int, int]
    chain: tuple[str, ...] = ()
    attempts: int = 0
    number: int = 0
    addresses: tuple[str, ...] = ()
    robots_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """The next hop.

    Args:
        url: where to, absolute and without a fragment.
        method: the HTTP method to use there.
        keep_body: whether the request's body, and the fields that describe it, go along.
    """

    url: str
    method: str
    keep_body: bool


@dataclass(frozen=True, slots=True)
class Start:
    """Make a hop for *lease* now: its host's turn has come."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Refuse:
    """The *lease* can't be asked for at all, because of *error*."""

    lease: Lease
    error: FetchError


@dataclass(frozen=True, slots=True)
class Lookup:
    """The addresses of *host* are needed; answer with ``frontier.resolved``."""

    host: str


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing can start before the moment *until*; None: before something is given back or added."""

    until: float | None


@dataclass(frozen=True, slots=True)
class Drained:
    """Nothing is queued, nothing is lent out, and no seed is to come."""


Decision: TypeAlias = Start | Refuse | Lookup | Idle | Drained
"""What to do next."""
