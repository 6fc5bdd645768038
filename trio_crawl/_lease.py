"""What passes between a frontier and the crawl: leases, and the answers to "what next?"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from ._model import LinkKind, Request
from ._urls import request_key

if TYPE_CHECKING:
    from datetime import datetime

    from ._errors import FetchError
    from ._model import Exchange


_NUMBER_BITS: Final = 48
_NUMBER: Final = (1 << _NUMBER_BITS) - 1
_DEPTH_BITS: Final = 24
_DEEPEST: Final = (1 << _DEPTH_BITS) - 1
_MOST_PRIORITY: Final = 1 << 38  # so that a rank fits into 64 bits


def rank_of(priority: int, depth: int) -> int:
    """Return the rank of a page with *priority* at *depth*: smaller goes first."""
    priority = max(-_MOST_PRIORITY, min(priority, _MOST_PRIORITY))
    return (-priority << _DEPTH_BITS) + min(depth, _DEEPEST)


def order_of(rank: int, number: int) -> int:
    """Return rank and number of discovery as one number, by which pages are queued.

    It takes a third of the memory of a tuple, of which a crawl may hold millions.
    """
    return (rank << _NUMBER_BITS) | number


def rank_in(order: int) -> int:
    """Return the rank in what `order_of` returned."""
    return order >> _NUMBER_BITS


def number_in(order: int) -> int:
    """Return the number of discovery in what `order_of` returned."""
    return order & _NUMBER


def depth_in(order: int) -> int:
    """Return the depth in what `order_of` returned."""
    return (order >> _NUMBER_BITS) & _DEEPEST


@dataclass(frozen=True, slots=True)
class ListRequest(Request):
    """A sitemap or feed that a crawl reads for itself: no page, but a list of pages.

    Args:
        named_by: the kind of link that led there; ``"robots"`` for one that was guessed, too.
        level: the indexes that led there, one naming the other.
    """

    named_by: LinkKind = "robots"
    level: int = 0

    @classmethod
    def of(
        cls, url: str, named_by: LinkKind, *, level: int = 0, lastmod: datetime | None = None
    ) -> ListRequest:
        """Return the request for the list at *url*, which is another than that for the page there."""
        return cls(url, key=list_key(url), named_by=named_by, level=level, lastmod=lastmod)


def list_key(url: str) -> str:
    """Return what makes two requests for the list at *url* the same."""
    return f"list {url}"


class Validators(NamedTuple):
    """What a page's last visit left to ask with whether it has changed (RFC 9110, section 8.8).

    Args:
        url: the URL that answered, to which alone they mean anything.
        etag: its ``ETag``.
        modified: its ``Last-Modified``.
    """

    url: str
    etag: str | None
    modified: str | None


class Unchanged(NamedTuple):
    """A page that is as it was at its last visit: the server answered 304 to what asked for that.

    Args:
        validators: those of the last visit, or what the answer has instead (RFC 9111, section 4.3.4).
        fetched_at: when the answer was complete, in seconds since 1970.
    """

    validators: Validators
    fetched_at: float


class Before(NamedTuple):
    """What a page was before the visit that it waits for.

    Args:
        status: the status code of its last response.
        unchanged: whether that said that it was as at the visit before.
    """

    status: int
    unchanged: bool


class Kept(NamedTuple):
    """A page that stays what it was, since another visit brought nothing of it.

    Args:
        why: whether it was redirected to what is another page, or out of the crawl's scope, as by a
            session that is over; or could not be had.
        moment: when that was, in seconds since 1970.
    """

    why: Literal["redirected", "failed"]
    moment: float


@dataclass(slots=True, eq=False, kw_only=True)
class Lease:
    """One URL on its way through the crawl, lent out for one hop at a time.

    Args:
        request: what was asked for, first of all.
        url: where the next hop goes.
        method: the method of the next hop; a redirect may change it.
        body: the content of the next hop.
        depth: links from a seed.
        referrer: the page that led here.
        order: smaller goes first, by priority, depth and number of its discovery (see `order_of`).
        chain: the URLs that redirected here, the first one first.
        attempts: hops made to `url` so far.
        number: of the present lease; each lease of a crawl has a greater one.
        started: when the last hop began, in seconds of trio's clock.
        addresses: those of the host that may be connected to, judged.
        robots_of: the origin whose robots.txt this is; None for a page.
        aliases: fingerprints of where it was redirected to.
        exchanges: the hops that it has made, where an output wants them.
        visit: 1 for the first; greater where the page is asked for again after that.
        was: what it is, if this visit brings nothing of it; None at the first.
        validators: of the last visit, None if that had none.
        own: fingerprints of where it was redirected to in the last visit.
        conditional: whether the last hop asked only for what has changed since.
        probe: whether this asks what its host says of a URL that can't exist.
        fruitful: whether it led to a new URL of another kind than its own.
        content: the hash of its content, once that is there, of a page with a 2xx status.
        original: the number of the first page with that content, where it is another one.
        changed: where in its chain it was when cookies came, with which a URL may answer otherwise.
        cookie: the ``Cookie`` field of the last hop.
        itself: the method, URL and cookies of the last hop that was redirected to itself.
        astray: whether it waits for a further hop, and counts as one of its host's that do.
        charged: whether the failure of its last hop counts as an attempt; not where another hop, out at
            the same time, had failed before, which told already that its host can't be reached.
    """

    request: Request
    url: str
    method: str
    body: bytes | None
    depth: int
    referrer: str | None
    order: int
    chain: tuple[str, ...] = ()
    attempts: int = 0
    number: int = 0
    started: float = 0.0
    addresses: tuple[str, ...] = ()
    robots_of: str | None = None
    aliases: tuple[int, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    visit: int = 1
    was: Before | None = None
    validators: Validators | None = None
    own: tuple[int, ...] = ()
    conditional: bool = False
    probe: bool = False
    fruitful: bool = False
    content: int | None = None
    original: int | None = None
    changed: int | None = None
    cookie: str | None = None
    itself: tuple[str, str, str | None] | None = None
    astray: bool = False
    charged: bool = True

    @classmethod
    def new(cls, order: int, url: str, referrer: str | None, request: Request | None) -> Lease:
        """Return a page that nothing has been done about yet; without a *request* it is a plain GET."""
        request = request or Request(url)
        return cls(
            request=request,
            url=url,
            method=request.method,
            body=request.body,
            depth=depth_in(order),
            referrer=referrer,
            order=order,
        )

    @property
    def is_page(self) -> bool:
        """Whether it is a URL of the crawl, which has an outcome; no robots.txt, and no probe."""
        return self.robots_of is None and not self.probe

    @property
    def is_list(self) -> bool:
        """Whether it is a sitemap or feed, which is read and is no page."""
        return isinstance(self.request, ListRequest)

    @property
    def begun(self) -> bool:
        """Whether it is a page for which a hop was made that led to a further one."""
        return self.is_page and bool(self.attempts or self.chain)

    @property
    def seed(self) -> bool:
        """Whether it is a seed, whose redirects widen the scope."""
        return self.depth == 0

    @property
    def key(self) -> str:
        """What the frontier knows the request by."""
        request = self.request
        return request.key or request_key(request.method, request.url, request.body)

    @property
    def id(self) -> int:
        """The number of its discovery."""
        return self.order & _NUMBER


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """The next hop.

    Args:
        url: where to, absolute and without a fragment.
        method: the HTTP method to use there.
        keep_body: whether the request's body, and the fields that describe it, go along.
        wait: seconds to wait before, which the redirect asked for.
    """

    url: str
    method: str
    keep_body: bool
    wait: float = 0.0


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
class Gone:
    """The *lease*, which has made hops, is not asked for any further: it was skipped."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Lookup:
    """The addresses of *host* are needed; answer with ``frontier.resolved``."""

    host: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Pages of a host that are in the state and not in memory.

    Args:
        host: the name of the host.
        after: the order after which they come.
        most: how many of them are wanted.
    """

    host: str
    after: int
    most: int


@dataclass(frozen=True, slots=True)
class Load:
    """Pages are needed of the state; answer with ``frontier.loaded``."""

    wanted: tuple[Wanted, ...]


class Stored(NamedTuple):
    """A page that waits in the state.

    Args:
        order: as in `Lease`.
        url: where to.
        referrer: the URL of the page that led here.
        request: what was asked for, where a plain GET of the URL would not say it; the lease
            itself of a page that was visited before.
    """

    order: int
    url: str
    referrer: str | None
    request: Request | Lease | None


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing can start before the moment *until*; None: before something is given back or added."""

    until: float | None


@dataclass(frozen=True, slots=True)
class Drained:
    """Nothing is queued, nothing is lent out, and no seed is to come."""


Decision: TypeAlias = Start | Refuse | Gone | Lookup | Load | Idle | Drained
"""What to do next."""
