"""From a response to a page, and from a page to what was found on it."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Final, TypeVar, final

from .. import _urls
from .._fetch.decode import ACCEPT_ENCODING, decode_body
from .._model import Failure, Hop, Page, Parsed
from .._parse.html import HtmlDocument
from .._parse.links import LinkCache
from .._parse.user import Found, ParserFormError, UserParser, collect, collect_async, is_async

if TYPE_CHECKING:
    from datetime import datetime

    from .._lease import Lease
    from .._model import FailureKind, Response
    from .options import Options

T = TypeVar("T")

log = logging.getLogger("trio_crawl")

_ACCEPT = "text/html,application/xhtml+xml,*/*;q=0.8"

ROBOTS_BYTES: Final = 512 * 1024
"""Bytes that a robots.txt may have, however little a page may: RFC 9309, section 2.5, wants 500 KiB read."""

# What is only for the origin that it was meant for (the Fetch standard, 4.4, and RFC 9110, 15.4).
_FOR_ONE_ORIGIN = frozenset({"authorization", "cookie", "proxy-authorization"})
# What describes a body that a redirect dropped.
_OF_BODY = frozenset({"content-type", "content-encoding", "content-language", "content-location"})


@final
class Pages:
    """Makes hops, pages and failures of leases, and runs the parser.

    Args:
        options: of the crawl.
    """

    def __init__(self, options: Options) -> None:
        self._parser = None if options.parse is None else UserParser(options.parse)
        self._record = options.parse_errors == "record"
        self._max_links = options.max_links
        self._max_bytes = options.max_bytes
        self._cache = LinkCache()
        self._headers: tuple[tuple[str, str], ...] = (
            ("User-Agent", options.user_agent),
            ("Accept", _ACCEPT),
            ("Accept-Encoding", ACCEPT_ENCODING),
        )
        self.links_dropped = 0

    @property
    def own_rows(self) -> bool:
        """Whether a parser of the user's makes the rows."""
        return self._parser is not None

    def hop(self, lease: Lease) -> Hop:
        """Return what to ask the fetcher for."""
        headers = self._headers
        if lease.request.headers:
            headers = self._merged(lease)
        return Hop(
            url=lease.url,
            method=lease.method,
            headers=headers,
            body=lease.body,
            max_bytes=self._limit(lease),
            addresses=lease.addresses,
        )

    def _merged(self, lease: Lease) -> tuple[tuple[str, str], ...]:
        """Return our fields with the request's own, which count more, as far as they may go along."""
        dropped: frozenset[str] = frozenset()
        if lease.chain and any(
            _urls.origin(url) != _urls.origin(lease.request.url) for url in (*lease.chain, lease.url)
        ):
            dropped |= _FOR_ONE_ORIGIN
        if lease.body is None:
            dropped |= _OF_BODY
        own = tuple((name, value) for name, value in lease.request.headers if name.lower() not in dropped)
        names = {name.lower() for name, _ in own}
        return tuple(field for field in self._headers if field[0].lower() not in names) + own

    def _limit(self, lease: Lease) -> int:
        return max(self._max_bytes, ROBOTS_BYTES) if lease.robots_of else self._max_bytes

    def content(self, lease: Lease, response: Response) -> bytes:
        """Return the body with its content coding removed.

        Raises:
            FetchError: it can't be decoded, or is too large then.
        """
        coding = response.headers.get("content-encoding")
        return decode_body(response.body, coding, self._limit(lease))

    def page(self, lease: Lease, response: Response, fetched_at: datetime) -> Page:
        """Return the page that *response* is; raises as `content` does."""
        content = b"" if lease.method == "HEAD" else self.content(lease, response)
        return Page(
            id=_urls.page_id(lease.key),
            request=lease.request,
            url=lease.request.url,
            final_url=lease.url,
            redirects=lease.chain,
            status=response.status,
            headers=response.headers,
            content=content,
            depth=lease.depth,
            referrer=lease.referrer,
            attempts=lease.attempts,
            fetched_at=fetched_at,
            elapsed=response.elapsed,
            http_version=response.http_version,
            address=response.address,
            _document=HtmlDocument(
                content,
                content_type=response.headers.get("content-type"),
                url=lease.url,
                cache=self._cache,
            ),
        )

    def failure(self, lease: Lease, kind: FailureKind, message: str, *, trace: str | None = None) -> Failure:
        """Return that there is no page for *lease*, and log it."""
        # Fetchers begin with the URL of the hop, which a failure shows anyway.
        message = message.removeprefix(f"{lease.request.url}: ")
        failure = Failure(
            id=_urls.page_id(lease.key),
            request=lease.request,
            url=lease.request.url,
            kind=kind,
            message=message,
            depth=lease.depth,
            referrer=lease.referrer,
            attempts=lease.attempts,
            traceback=trace,
        )
        log.warning("%s", failure)
        return failure

    def parse(self, page: Page) -> Parsed | object:
        """Return what was found on *page*, or, of an async parser, what `parse_async` awaits."""
        if self._parser is None:
            return self._parsed(page, None)
        result = self._parser.call(page)
        if is_async(result):
            return result
        found = Found(page, links_too=_is_success(page))
        collect(result, found)
        return self._parsed(page, found)

    async def parse_async(self, page: Page, result: object) -> Parsed:
        """Return what an async parser finds on *page*."""
        found = Found(page, links_too=_is_success(page))
        await collect_async(result, found)
        return self._parsed(page, found)

    def _parsed(self, page: Page, found: Found | None) -> Parsed:
        if found is not None:
            return Parsed(page=page, links=(), rows=tuple(found.rows), follow=self._bounded(found.follow))
        links = self._bounded(page.links())
        # Links are followed from pages that are what was asked for, not from error pages.
        return Parsed(page=page, links=links, follow=links if _is_success(page) else ())

    def _bounded(self, found: list[T]) -> tuple[T, ...]:
        self.links_dropped += max(0, len(found) - self._max_links)
        return tuple(found[: self._max_links])

    def parse_failure(self, lease: Lease, error: Exception) -> Failure:
        """Return the failure that an exception of the parser is.

        Raises:
            Exception: *error* itself, if it is to end the crawl.
        """
        if not self._record or isinstance(error, ParserFormError):
            raise error
        trace = "".join(traceback.format_exception(error))
        return self.failure(lease, "parse", f"{type(error).__name__}: {error}", trace=trace)


def _is_success(page: Page) -> bool:
    return 200 <= page.status <= 299  # noqa: PLR2004 - the class of success
