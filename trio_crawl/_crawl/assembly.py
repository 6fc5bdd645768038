"""Parts of a crawl, made of its keywords."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._fetch.addresses import AddressGuard
from .._frontier.limits import Limits
from .._frontier.memory import MemoryFrontier
from .._policy.robots import product_token
from .._policy.scope import Scope
from ..abc import RecordedFetcher

if TYPE_CHECKING:
    from .._frontier.journal import Journal
    from .._frontier.ledger import Ledger
    from ..abc import Fetcher, Guard
    from .options import AllowPrivate, Options


def make_frontier(
    options: Options, ledger: Ledger, fetcher: Fetcher, *, guard: Guard, journal: Journal | None
) -> MemoryFrontier:
    """Return the frontier of a crawl with these *options* and this *fetcher*, empty."""
    delay = options.delay_kept
    return MemoryFrontier(
        Scope(options.follow, include=options.include, exclude=options.exclude),
        Limits(
            per_host=options.per_host,
            per_address=options.per_address,
            delay=delay.seconds,
            per_address_delay=delay.by == "address",
            adaptive=options.pace == "adaptive",
            retries=options.retries,
            max_depth=options.max_depth,
            max_pages=options.max_pages,
            paced=not (isinstance(fetcher, RecordedFetcher) and fetcher.recorded),
            sitemaps=options.sitemaps,
            max_per_host=options.max_per_host,
            traps=options.traps,
        ),
        ledger,
        guard=guard if fetcher.opens_connections else None,
        robots=options.robots,
        journal=journal,
        product=product_token(options.user_agent),
    )


def make_guard(allow_private: AllowPrivate) -> AddressGuard:
    """Return the judge of addresses.

    Raises:
        UsageError: *allow_private* can't be right.
    """
    if isinstance(allow_private, bool | str):
        return AddressGuard(allow_private)  # it says what is wrong with a str
    return AddressGuard(list(allow_private))
