"""The links of a list of pages, gathered within the bounds of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from .. import _urls
from .._model import Link

if TYPE_CHECKING:
    from datetime import datetime

MAX_ENTRIES: Final = 50_000
"""Entries of a list, read well or not: as many as sitemaps.org allows."""

MAX_SITEMAPS: Final = 1_000
"""Sitemaps that one index names; sitemaps.org has 50,000, for lists of 2.5 billion pages."""

MAX_ADDED: Final = 4 * 1024 * 1024
"""Characters that the URLs of a list may have beyond what is written in it: 80 for each of 50,000.

A short reference becomes as long as its base, so that kilobytes of them would make hundreds of megabytes.
"""

_PERCENT_ENCODED: Final = 3

EntryKind: TypeAlias = Literal["sitemap", "sitemap_index", "feed"]
"""What is an entry of which list."""


@final
class ListLinks:
    """Gathers links, counts what was read, and says when that is enough."""

    def __init__(self) -> None:
        self._found: list[Link] = []
        self._sitemaps = 0
        self._others = 0
        self._room = MAX_ADDED
        self.entries = 0
        """Entries of which all was told."""
        self.any = False
        """Whether one of them had a URL, be it one that was dropped."""
        self.dropped = 0
        """Links that are not taken, since they are too long, or all together."""
        self.cut = False
        """Whether there are more than count; what follows need not be told."""

    def take(self) -> list[Link]:
        """Return the links that were found since the last call."""
        found, self._found = self._found, []
        return found

    def add(  # noqa: PLR0913 - what a list says of a page
        self,
        base: str,
        reference: str,
        kind: EntryKind,
        *,
        lastmod: datetime | None = None,
        language: str | None = None,
        but: str | None = None,
    ) -> str | None:
        """Add what *reference* leads to, and return it.

        Args:
            base: the URL that it is relative to.
            reference: as it is written.
            kind: of the link.
            lastmod: when the page changed last.
            language: of an alternate version; None for a page itself.
            but: a URL that is there already.

        Returns:
            None if that is no http or https URL, is too long, or beyond the bounds.
        """
        if not self._counts(kind):
            return None
        absolute = _urls.is_absolute(reference)
        if self._room < 0 and not absolute:
            self._drop()
            return None
        url = _urls.join(base, reference)
        if url is None:
            if _urls.is_too_long(base, reference):
                self._drop()
            return None
        self.any = True
        if url == but:
            return url
        self._room -= max(0, len(url) - _PERCENT_ENCODED * _size(reference))
        if self._room < 0 and not absolute:
            self._drop()
            return None
        rel = () if language is None else ("alternate",)
        self._found.append(Link(url=url, kind=kind, rel=rel, hreflang=language or None, lastmod=lastmod))
        return url

    def _counts(self, kind: EntryKind) -> bool:
        """Count a reference of *kind*; return whether it is one of those that are read."""
        if kind == "sitemap_index":
            self._sitemaps += 1
            self.cut = self.cut or self._sitemaps > MAX_SITEMAPS
            return self._sitemaps <= MAX_SITEMAPS
        self._others += 1
        self.cut = self.cut or self._others > MAX_ENTRIES
        return self._others <= MAX_ENTRIES

    def _drop(self) -> None:
        self.any = True
        self.dropped += 1


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
