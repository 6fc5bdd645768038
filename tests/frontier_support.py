"""Leases and what they come to, for the tests of the frontier and of its state."""

from __future__ import annotations

from datetime import UTC, datetime

from trio_crawl._lease import Lease, order_of, rank_of
from trio_crawl._model import Failure, Headers, Page, Parsed, Request, Response
from trio_crawl._parse.html import HtmlDocument
from trio_crawl._parse.links import LinkCache

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


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
