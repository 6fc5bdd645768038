"""Leases and what they come to, for the tests of the frontier and of its state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trio_crawl._frontier.ledger import Ledger
from trio_crawl._frontier.limits import Limits
from trio_crawl._frontier.memory import MemoryFrontier
from trio_crawl._lease import Lease, Start, order_of, rank_of
from trio_crawl._model import Failure, Headers, Link, Page, Parsed, Request, Response
from trio_crawl._parse.html import HtmlDocument
from trio_crawl._parse.links import LinkCache
from trio_crawl._policy.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_crawl._lease import Decision
    from trio_crawl._policy.scope import Follow

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

SITE = "https://a.test/"
SHARED = "192.0.2.1"


def lease_of(url: str, *, number: int = 1, priority: int = 0, depth: int = 0) -> Lease:
    """Return the lease of a plain GET of *url*."""
    return Lease.new(order_of(rank_of(priority, depth), number), url, None, None)


def answer_of(lease: Lease) -> Response:
    """Return what a server answers *lease* that is well."""
    return Response(url=lease.url, status=200)


def page_of(lease: Lease, *, status: int = 200) -> Parsed:
    """Return *lease* as a page without links."""
    page = Page(
        id=lease.key,
        request=lease.request,
        url=lease.request.url,
        final_url=lease.url,
        status=status,
        headers=Headers(),
        content=b"",
        depth=lease.depth,
        referrer=lease.referrer,
        attempts=1,
        fetched_at=EPOCH,
        elapsed=0.0,
        http_version="1.1",
        address="",
        _document=HtmlDocument(b"", content_type=None, url=lease.url, cache=LinkCache()),
    )
    return Parsed(page=page, links=())


def failure_of(lease: Lease) -> Failure:
    """Return *lease* as a failure."""
    return Failure(
        id=lease.key,
        request=Request(lease.url),
        url=lease.url,
        kind="connect",
        message="refused",
        depth=lease.depth,
        referrer=lease.referrer,
        attempts=1,
    )


class Doorkeeper:
    """A guard that refuses the addresses it was given."""

    def __init__(self, refused: Sequence[str] = ()) -> None:
        self.refused = set(refused)
        self.asked: list[tuple[str, int, str]] = []

    def refusal(self, host: str, port: int, address: str) -> str | None:
        self.asked.append((host, port, address))
        return f"{address} is not for {host}" if address in self.refused else None


def frontier(
    *,
    guard: Doorkeeper | None = None,
    robots_txt: bool = False,
    follow: Follow = "any",
    **limits: Any,  # noqa: ANN401 - those of Limits
) -> tuple[MemoryFrontier, Ledger]:
    """Return a frontier and its books."""
    ledger = Ledger()
    given: dict[str, Any] = {
        "per_host": 1,
        "per_address": 8,
        "delay": 1.0,
        "max_depth": None,
        "max_pages": None,
        **limits,
    }
    scope = Scope(follow)
    return MemoryFrontier(scope, Limits(**given), ledger, guard=guard, robots=robots_txt), ledger


def seeded(*urls: str, **keywords: Any) -> MemoryFrontier:  # noqa: ANN401 - those of `frontier`
    """Return a frontier with these seeds and no others."""
    made, _ = frontier(**keywords)
    for url in urls:
        made.add_seed(Request(url), 0)
    made.seeds_exhausted()
    return made


def started(decision: Decision) -> Lease:
    assert isinstance(decision, Start)
    return decision.lease


def parent(depth: int) -> Lease:
    """Return the lease of a page at *depth* that links are found on."""
    return lease_of(SITE, depth=depth)


def fetched(made: MemoryFrontier, lease: Lease, now: float, *links: str) -> None:
    """Bring *lease* back as a page that leads to *links*."""
    made.hop_ended(lease, now, answer_of(lease))
    found = [Link(url=url) for url in links]
    made.add_found(found, lease, now)
    made.finish(lease, page_of(lease))


def accounts(made: MemoryFrontier, ledger: Ledger, *, pages: int) -> bool:
    """Return whether each URL that was discovered is a page, skipped, queued or lent."""
    return ledger.discovered == pages + sum(ledger.skipped.values()) + made.queued + made.lent
