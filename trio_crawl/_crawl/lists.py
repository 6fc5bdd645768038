"""Sitemaps and feeds, from a response to what the crawl follows of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from .. import _urls
from .._callbacks import log
from .._errors import FetchError
from .._fetch.decode import decode_pieces
from .._lease import ListRequest
from .._parse.sitemap import MAX_BYTES, ListReader, NoListError, read_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .._lease import Lease
    from .._model import Link, LinkKind, Page, Request, Response, SkipReason

MAX_LEVEL: Final = 2
"""Indexes that may lead to a sitemap, one naming the other: the standard has one."""

_FEED_TYPES: Final = frozenset({"application/rss+xml", "application/atom+xml", "application/rdf+xml"})
LIST_KINDS: Final[frozenset[LinkKind]] = frozenset({"alternate", "link", "header"})
"""Of the links that may lead to a sitemap or feed."""

_PER_PAGE: Final = 10
"""Sitemaps and feeds that one page leads to."""

_AT_ONCE: Final = 500
"""Links that go to the frontier at once."""


@dataclass(frozen=True, slots=True)
class ToRead:
    """A response that is a sitemap or feed, to be read in pieces."""

    response: Response


@dataclass(frozen=True, slots=True)
class Piece:
    """What a piece of a list leads to; *taken* is set when that is in the frontier."""

    links: list[Link | Request]
    taken: trio.Event = field(default_factory=trio.Event)


@dataclass(frozen=True, slots=True)
class ListEnd:
    """A list was read; or why it was not, or not to its end.

    Args:
        reason: why; None if it was read.
        dropped: links that it has and that are not taken, since they are too long, or all together.
    """

    reason: FetchError | SkipReason | None
    dropped: int = 0


Reading: TypeAlias = Piece | ListEnd
"""What comes of reading a list, one after the other."""


async def read_list(lease: Lease, response: Response, lay_down: Callable[[Reading], None]) -> None:
    """Read the list that *response* is, in steps of milliseconds between which others get their turn.

    Args:
        lease: of the list.
        response: of any size.
        lay_down: is given each `Piece`, which is waited for until it is taken, and then the `ListEnd`.
    """
    reason: FetchError | SkipReason | None = None
    reader = ListReader(lease.url, response.headers.get("content-type"))
    try:
        for piece in _pieces(lease, response, reader):
            if piece is None:
                await trio.lowlevel.checkpoint()
            else:
                lay_down(piece)
                await piece.taken.wait()
    except NoListError:
        reason = "no_sitemap"
    except FetchError as error:
        reason = error
    lay_down(ListEnd(reason, reader.dropped))


def _pieces(lease: Lease, response: Response, reader: ListReader) -> Iterator[Piece | None]:
    """Yield what the list leads to, piece by piece, of which some have nothing."""
    assert isinstance(lease.request, ListRequest)  # noqa: S101 - others are not read
    coding = response.headers.get("content-encoding")
    for links in read_on(reader, decode_pieces(response.body, coding, MAX_BYTES)):
        found = list(_followed(lease.request, links))
        for first in range(0, len(found), _AT_ONCE):
            yield Piece(found[first : first + _AT_ONCE])
        if not found:
            yield None
    if reader.cut:
        log.warning("%s has more entries than count; the others are not read", lease.url)


def _followed(request: ListRequest, links: Iterable[Link]) -> Iterator[Link | Request]:
    for link in links:
        url = _urls.without_user_info(link.url)
        if link.kind != "sitemap_index":
            yield link if url == link.url else replace(link, url=url)
        elif request.level < MAX_LEVEL:
            level = request.level + 1
            yield ListRequest.of(url, "sitemap_index", level=level, lastmod=link.lastmod)


def lists_of(page: Page) -> list[Request]:
    """Return the feeds and sitemaps that *page* says there are, by ``link`` elements and fields."""
    found = [
        ListRequest.of(_urls.without_user_info(link.url), "alternate")
        for link in page.links(kinds=LIST_KINDS)
        if "sitemap" in link.rel or ("alternate" in link.rel and link.type in _FEED_TYPES)
    ]
    return [*found[:_PER_PAGE]]
