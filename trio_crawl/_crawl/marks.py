"""Marks on pages: the same content as another page, or the same as what does not exist."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .._errors import FetchError, ParseError
from .._frontier.shelf import Shelf
from .._model import Response
from .._policy.duplicates import Missing, content_hash
from .elsewhere import document_of

if TYPE_CHECKING:
    from datetime import datetime

    from .._frontier.contents import Contents
    from .._lease import Lease
    from .._model import Page
    from .pages import Pages

MISSING_BYTES: Final = 8 * 2**20
"""Bytes of what hosts say of URLs that can't exist, some thousands of them: those whose pages came last."""

_SUCCESS: Final = range(200, 300)
_MOST_BYTES: Final = 200_000
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A page whose content another one had before, the URL of which only the state knows.

    Args:
        page: the page.
        number: of the other one's discovery.
    """

    page: Page
    number: int


@final
class Marks:
    """Compares each page with those before, and with what its host says of a URL that can't exist.

    Args:
        contents: which page had a content first.
        pages: what makes pages of responses.
    """

    def __init__(self, contents: Contents, pages: Pages) -> None:
        self._contents = contents
        self._pages = pages
        self._missing: Shelf[Missing] = Shelf(MISSING_BYTES, lambda missing: missing.size)

    def mark(self, lease: Lease, page: Page) -> Page | Unnamed:
        """Return *page* with its marks; those that are no success, or empty, have none."""
        if page.status not in _SUCCESS or not page.content:
            return page
        lease.content = content_hash(page.content)
        missing = self._missing.get(_urls.host(page.final_url)) if len(self._missing) else None
        if missing is not None and _is_said(missing, page, lease.content):
            page = replace(page, soft_404=True)
        lease.original = self._contents.first(lease.content, lease.id, page.url)
        if lease.original is None:
            return page
        url = self._contents.url(lease.original)
        return Unnamed(page, lease.original) if url is None else replace(page, duplicate_of=url)

    def probed(self, lease: Lease, result: Response | FetchError, wall: datetime) -> None:
        """Take what a host said of a URL that can't exist.

        A status such as 404 says that it doesn't, and an error says nothing: its pages are not marked then.
        """
        if not isinstance(result, Response):
            return
        host = _urls.host(lease.url)
        location = result.headers.get("location")
        if result.status in _REDIRECTS and location is not None:
            target = _urls.join(lease.url, location)
            if target is not None:
                self._keep(host, Missing(location=target))
        elif result.status in _SUCCESS:
            decoding = self._pages.decoding(lease, result)
            try:
                if decoding.go_on():  # what is as large as to take longer says it of no page
                    page = self._pages.page(lease, result, decoding.content, wall)
                    if _is_short(page):
                        self._keep(host, Missing.of(page))
            except (FetchError, ParseError):
                return

    def _keep(self, host: str, missing: Missing) -> None:
        self._missing.put(host, missing)


def _is_said(missing: Missing, page: Page, content: int) -> bool:
    """Say whether *page* is what its host says of what does not exist; not if it may take long to read."""
    try:
        return _is_short(page) and missing.is_said_of(page, content)
    except ParseError:
        return False


def _is_short(page: Page) -> bool:
    """Say whether the text of *page* is read in no time; what a host says of what does not exist is."""
    return len(page.content) <= _MOST_BYTES and document_of(page).is_cheap()
