"""From a response to a page, and from a page to what was found on it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, final

import trio

from .. import _urls
from .._callbacks import log
from .._errors import ParseError, StateError, message_of
from .._fetch.decode import ACCEPT_ENCODING, Decoding
from .._lease import ListRequest
from .._model import Failure, Hop, Link, Page, Parsed, Request
from .._parse.elsewhere import RemoteError
from .._parse.html import HtmlDocument
from .._parse.links import LinkCache, fitting
from .._parse.sitemap import MAX_BYTES as LIST_BYTES
from .._parse.user import Found, ParserFormError, UserParser, collect, collect_async, is_async
from .._policy.cookies import cookie_jar
from .._policy.credentials import Credentials, check_fields, is_exposed, own_fields
from .._policy.directives import forbids_following
from .._policy.kinds import FOLLOWED
from .._policy.revisit import conditions
from .._policy.robots import product_token
from .elsewhere import document_of
from .lists import lists_of
from .told import ONE_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from .._frontier.journal import Changes
    from .._lease import Lease
    from .._model import FailureKind, Headers, LinkKind, Response
    from .course import ToAwait
    from .elsewhere import Elsewhere
    from .options import Options
    from .reading import ReadingMark
    from .tasks import Turns
    from .turns import Turn

FoundT = TypeVar("FoundT", "Link", "Link | Request")

Fields: TypeAlias = tuple[tuple[str, str], ...]

_ACCEPT = "text/html,application/xhtml+xml,*/*;q=0.8"

ROBOTS_BYTES: Final = 512 * 1024
"""Bytes that a robots.txt may have, however little a page may: RFC 9309, section 2.5, wants 500 KiB read."""

_ELSEWHERE: Final = object()

# How many times as large as the body its content is, for it to be decoded twice rather than kept.
_PACKED: Final = 2

_SET_COOKIE: Final = b"set-cookie"
_SET_COOKIE_LENGTH: Final = len(_SET_COOKIE)


@final
class Pages:
    """Makes hops, pages and failures of leases, keeps the cookies, and runs the parser.

    Args:
        options: of the crawl.
        elsewhere: takes the pages that are not parsed on the event loop.
        reading: says which page is being read.
        kinds: of links that an output wants beside those of ``a`` and ``area``.

    Raises:
        UsageError: the parser, the headers, the cookies or the credentials can't be right.
    """

    def __init__(
        self,
        options: Options,
        elsewhere: Elsewhere,
        reading: ReadingMark,
        *,
        kinds: frozenset[LinkKind] = frozenset(),
    ) -> None:
        self._elsewhere = elsewhere
        self._reading = reading
        self._kinds = kinds
        self._sitemaps = options.sitemaps
        self._parser = None if options.parse is None else UserParser(options.parse)
        self._record = options.parse_errors == "record"
        self._max_links = options.max_links
        self._max_bytes = options.max_bytes
        self._cache = LinkCache()
        self._robots = options.robots
        self._product = product_token(options.user_agent)
        ours = (
            ("User-Agent", options.user_agent),
            ("Accept", _ACCEPT),
            ("Accept-Encoding", ACCEPT_ENCODING),
        )
        self._headers = _over(ours, check_fields(options.headers))
        self._credentials = Credentials(options.auth)
        self._jar = cookie_jar(options.cookies)
        self.links_dropped: int = 0

    @property
    def workers(self) -> int:
        """Worker processes at once."""
        return self._elsewhere.workers.most

    @property
    def own_rows(self) -> bool:
        """Whether a parser of the user's makes the rows."""
        return self._parser is not None

    def hop(self, lease: Lease, wall: datetime) -> Hop:
        """Return what to ask the fetcher for at the moment *wall*."""
        headers = self._headers
        if lease.request.headers or self._jar or self._credentials:
            headers = self._personal(lease, wall)
        if lease.validators is not None:
            added = conditions(lease, headers)
            lease.conditional = bool(added)
            headers += added
        return Hop(
            url=lease.url,
            method=lease.method,
            headers=headers,
            body=lease.body,
            max_bytes=self._limit(lease),
            addresses=lease.addresses,
        )

    def _personal(self, lease: Lease, wall: datetime) -> Fields:
        """Return the fields of every request, with those for the origin, and the request's own over all."""
        told: list[tuple[str, str]] = []
        lease.cookie = None
        if not is_exposed(lease.url, lease.chain):
            authorization = self._credentials.header(lease.url)
            if authorization is not None:
                told.append(("Authorization", authorization))
            lease.cookie = self._jar.header(lease.url, wall) if self._jar else None
            if lease.cookie is not None:
                told.append(("Cookie", lease.cookie))
        own = own_fields(
            lease.request.headers,
            asked=lease.request.url,
            url=lease.url,
            chain=lease.chain,
            with_body=lease.body is not None,
        )
        return _over((*self._headers, *told), own)

    def take_cookies(self, lease: Lease, response: Response, wall: datetime) -> bool:
        """Keep the cookies that *response* sets, of whichever hop; return whether that makes a difference."""
        if self._jar is None:
            return False
        # The length first, as this is done for every response, and most set none.
        fields = [
            value.decode("latin-1")
            for name, value in response.headers.raw
            if len(name) == _SET_COOKIE_LENGTH and name.lower() == _SET_COOKIE
        ]
        return bool(fields) and self._jar.take(lease.url, fields, wall)

    # What a state is told, and tells

    @property
    def unsaved(self) -> bool:
        """Whether cookies have changed that a state does not know of."""
        return self._jar is not None and self._jar.changed

    def tell(self, changes: Changes) -> None:
        """Put cookies that have changed into *changes*."""
        if self._jar is not None and self._jar.changed:
            changes.cookies = {
                site: None if said is None else json.dumps(said) for site, said in self._jar.changes().items()
            }

    def resume(self, cookies: Iterable[str]) -> None:
        """Go on with the cookies of an earlier crawl, as they were told.

        Raises:
            StateError: they are none.
        """
        if self._jar is None:
            return
        try:
            self._jar.resume([json.loads(site) for site in cookies])
        except (ValueError, TypeError) as error:
            raise StateError(f"the cookies in the state can't be read ({error}): it is damaged") from error

    def _limit(self, lease: Lease) -> int:
        if isinstance(lease.request, ListRequest):
            return max(self._max_bytes, LIST_BYTES)
        return max(self._max_bytes, ROBOTS_BYTES) if lease.robots_of else self._max_bytes

    def decoding(self, lease: Lease, response: Response) -> Decoding:
        """Return what removes the content coding of the body, a part at a time."""
        if lease.method == "HEAD":
            return Decoding(b"", None, 0)
        coding = response.headers.get("content-encoding")
        return Decoding(response.body, coding, self._limit(lease), truncated=response.truncated)

    def page(self, lease: Lease, response: Response, content: bytes, fetched_at: datetime) -> Page:
        """Return the page that *response* is.

        Args:
            lease: what was asked for.
            response: the last one.
            content: its body, without content codings.
            fetched_at: the present moment, which is the page's unless the response has one.
        """
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
            visit=lease.visit,
            attempts=lease.attempts,
            fetched_at=response.fetched_at or fetched_at,
            elapsed=response.elapsed,
            http_version=response.http_version,
            address=response.address,
            truncated=response.truncated,
            _document=self._document(lease, content, response.headers),
        )

    def _document(self, lease: Lease, content: bytes, headers: Headers) -> HtmlDocument:
        return HtmlDocument(
            content,
            content_type=headers.get("content-type"),
            url=lease.url,
            cache=self._cache,
            headers=headers,
            robots_tags=headers.get_all("x-robots-tag"),
            product=self._product,
            bounded=True,
            poison=self._reading.is_poison(lease),
        )

    def _with_content(self, lease: Lease, page: Page, content: bytes) -> Page:
        document = self._document(lease, content, page.headers)
        return replace(page, content=content, _document=document)

    @staticmethod
    def is_packed(page: Page, result: object, response: Response) -> bool:
        """Return whether *page*, which waits for a worker process, takes much less as *response*."""
        return result is _ELSEWHERE and len(page.content) > _PACKED * len(response.body)

    def emptied(self, lease: Lease, page: Page) -> Page:
        """Return *page* without its content, which is made of its response again."""
        return self._with_content(lease, page, b"")

    async def _refilled(self, lease: Lease, page: Page, response: Response) -> Page:
        decoding = self.decoding(lease, response)
        while True:
            if decoding.go_on():
                return self._with_content(lease, page, decoding.content)
            await trio.lowlevel.checkpoint()

    def failure(self, lease: Lease, kind: FailureKind, message: str, *, trace: str | None = None) -> Failure:
        """Return that there is no page for *lease*, and log it."""
        # Fetchers begin with the URL of the hop, which a failure shows anyway.
        message = message_of(message.removeprefix(f"{lease.request.url}: "))
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
        tell = log.debug if ONE_PAGE.get() else log.warning
        tell("%s", failure)
        return failure

    def parse(self, page: Page) -> Parsed | object:
        """Return what was found on *page*, or else what `parse_async` awaits."""
        return _ELSEWHERE if self._elsewhere.wants(page) else self._parse_here(page)

    def _parse_here(self, page: Page) -> Parsed | object:
        if self._parser is None:
            return self._parsed(page, None)
        result = self._parser.call(page)
        if is_async(result):
            return result
        found = Found(page, links_too=is_success(page.status))
        collect(result, found)
        return self._parsed(page, found)

    @staticmethod
    def turn(waiting: ToAwait, turns: Turns) -> Turn:
        """Return the turn that `parse_async` has to have."""
        page, response = waiting.page, waiting.response
        kind = turns.workers if waiting.result is _ELSEWHERE else turns.parsers
        return kind.ask(_urls.host(page.final_url), len(page.content if response is None else response.body))

    async def parse_async(self, lease: Lease, waiting: ToAwait, turn: Turn, turns: Turns) -> Parsed:
        """Return what an async parser, or a worker process, finds on a page, when its *turn* has come."""
        page, result, response = waiting.page, waiting.result, waiting.response
        if result is _ELSEWHERE:
            async with turn:
                if response is not None:
                    page = await self._refilled(lease, page, response)
                if self._elsewhere.runs_parser_of(page):
                    found = Found(page, links_too=is_success(page.status))
                    await self._elsewhere.parse(page, found)
                    return self._parsed(page, found)
                # First the one, then the other: others are counted while this is waited for.
                dropped = await self._elsewhere.read(page)
            self.links_dropped += dropped
            result = self._parse_here(page)
            if isinstance(result, Parsed):
                return result
            turn = turns.parsers.ask(_urls.host(page.final_url), len(page.content))
        found = Found(page, links_too=is_success(page.status))
        try:
            async with turn:
                await collect_async(result, found)
        finally:
            # Of one that was not begun nobody else does it; it has nothing to say to that.
            if isinstance(result, Coroutine):
                result.close()
        return self._parsed(page, found)

    def _parsed(self, page: Page, found: Found | None) -> Parsed:
        lists = lists_of(page) if self._sitemaps and is_success(page.status) else []
        if found is not None:
            self.links_dropped += found.dropped
            yielded = self._bounded(found.follow)
            follow = self._as_page_says(page, (*yielded, *lists))
            rows = tuple(found.rows)
            return Parsed(page=page, links=(), rows=rows, follow=follow, found=len(yielded))
        links = page.links()
        self.links_dropped += document_of(page).links_dropped
        # Links are followed from pages that are what was asked for, not from error pages.
        followed = page.links(kinds=FOLLOWED) if is_success(page.status) else []
        bounded = self._bounded(links)
        # As long only where there is no more in it.
        cut: tuple[Link, ...] = bounded
        if len(followed) != len(links):
            cut = self._cut(followed)
        return Parsed(
            page=page,
            links=bounded,
            follow=self._as_page_says(page, (*cut, *lists) if lists else cut),
            chosen=self._cut(page.links(kinds=self._kinds)) if self._kinds else (),
        )

    def _as_page_says(self, page: Page, follow: tuple[Link | Request, ...]) -> tuple[Link | Request, ...]:
        """Return what the page leads to, where it asks robots not to follow its links as if each said so.

        A `Request` is no link of the page, but the user's own wish; but for a feed.
        """
        if not self._robots or not any(isinstance(item, Link | ListRequest) for item in follow):
            return follow
        if not forbids_following(page.directives):
            return follow
        return tuple(
            replace(item, rel=(*item.rel, "nofollow")) if isinstance(item, Link) else item
            for item in follow
            if not isinstance(item, ListRequest)
        )

    def _bounded(self, found: list[FoundT]) -> tuple[FoundT, ...]:
        """Return *found* as far as it counts, and count the rest."""
        found = _plain(found)
        kept = tuple(fitting(found[: self._max_links]))
        self.links_dropped += len(found) - len(kept)
        return kept

    def _cut(self, found: list[Link]) -> tuple[Link, ...]:
        return tuple(fitting(_plain(found)[: self._max_links]))

    def parse_failure(self, lease: Lease, error: Exception) -> Failure:
        """Return the failure that an exception of the parser is, or that a page can't be parsed.

        Raises:
            Exception: *error* itself, if it is to end the crawl: no page can do that, but a parser.
        """
        if isinstance(error, RemoteError):
            if not self._record:
                raise error
            return self.failure(lease, "parse", str(error), trace="".join(error.__notes__))
        if isinstance(error, ParseError):
            return self.failure(lease, "parse", str(error))
        if not self._record or isinstance(error, ParserFormError):
            raise error
        trace = "".join(traceback.format_exception(error))
        return self.failure(lease, "parse", f"{type(error).__name__}: {error}", trace=trace)


def is_success(status: int) -> bool:
    """Return whether *status* says that this is what was asked for."""
    return 200 <= status <= 299  # noqa: PLR2004 - the class of success


def _over(below: Fields, above: Fields) -> Fields:
    """Return the fields of both, but of a name that both have those of *above* alone."""
    if not above:
        return below
    names = {name.lower() for name, _ in above}
    return (*[field for field in below if field[0].lower() not in names], *above)


def _plain(found: list[FoundT]) -> list[FoundT]:
    return _without_user_info(found) if any("@" in item.url for item in found) else found


def _without_user_info(found: list[FoundT]) -> list[FoundT]:
    """Return links and requests without user names and passwords; each URL of a link once.

    Whoever wrote the page chose them; whom the crawl poses as is for its user to say.
    """
    kept: list[FoundT] = []
    linked: set[str] = set()
    for item in found:
        url = _urls.without_user_info(item.url)
        if not isinstance(item, Request):
            if url in linked:
                continue
            linked.add(url)
        kept.append(item if url == item.url else replace(item, url=url))
    return kept
