"""Which sitemaps and feeds a crawl reads for itself: of its seeds' sites, and those that these lead to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .._callbacks import log
from .._lease import ListRequest
from .._model import Link

if TYPE_CHECKING:
    from .._lease import Lease
    from .._policy.scope import Scope

MOST: Final = 5_000
"""Lists of one host: sitemaps for 250 million pages, and less than there is a comment feed for."""

MOST_NAMED: Final = 1_000
"""Sitemaps that one robots.txt names."""


@final
class Lists:
    """Says which lists of pages are asked for.

    Args:
        scope: what is followed.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._sites: set[str] = set()
        self._numbers: Counter[str] = Counter()
        self._full: set[str] = set()

    def of_site(self, origin: str, named: tuple[str, ...]) -> list[ListRequest]:
        """Return the sitemaps of a site where a seed was, the first time.

        Args:
            origin: of the page that the seed came to.
            named: the sitemaps that its robots.txt names, as it writes them; none if that was not read.
        """
        if origin in self._sites:
            return []
        self._sites.add(origin)
        urls = [_urls.join(f"{origin}/", name) for name in named[:MOST_NAMED]]
        found = [_urls.without_user_info(url) for url in urls if url is not None]
        return [ListRequest.of(url, "robots") for url in found or [f"{origin}/sitemap.xml"]]

    def has_room(self, request: ListRequest) -> bool:
        """Return whether one more list of its host may be asked for."""
        host = _urls.host(request.url)
        if self._numbers[host] < MOST:
            return True
        if host not in self._full:
            self._full.add(host)
            log.warning("%s has more than %s sitemaps and feeds; the others are not read", host, f"{MOST:,}")
        return False

    def admitted(self, request: ListRequest) -> None:
        """Take note that *request* is going to be asked for: only such lists count."""
        self._numbers[_urls.host(request.url)] += 1

    def allows(self, request: ListRequest, url: str, parent: Lease) -> bool:
        """Return whether *request* may be asked for at *url*, where it or a redirect of it leads.

        A robots.txt may name a sitemap on whatever host (sitemaps.org, "cross submits"), an index
        one on its own; other lists are followed as pages are. What ``exclude`` excludes is not read.

        Args:
            request: for a list.
            url: where it is asked for.
            parent: what led there.
        """
        named = request.named_by == "robots"
        beside = request.named_by == "sitemap_index" and _urls.host(url) == _urls.host(parent.url)
        link = Link(url=url, kind=request.named_by, lastmod=request.lastmod)
        return self._scope.allows_list(link, anywhere=named or beside)
