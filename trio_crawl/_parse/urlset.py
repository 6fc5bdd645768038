"""The entries of a sitemap in XML, and of an index of sitemaps (sitemaps.org)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from .dates import moment_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .list_links import EntryKind, ListLinks
    from .xml import Name

SITEMAP_ROOTS: Final = frozenset({"urlset", "sitemapindex"})
"""The roots of sitemaps, whatever their namespace is: no other format has these names."""

_ENTRIES: Final[Mapping[str, EntryKind]] = {"url": "sitemap", "sitemap": "sitemap_index"}
_STANDARD: Final = re.compile(
    r"https?://(?:www\.)?(?:sitemaps\.org|google\.com)/schemas/sitemap/[0-9.]+/?", re.IGNORECASE
)

_HELD: Final = 100
"""References of one entry that are held until its end, which may name the date of its change."""


@final
class Sitemap:
    """Finds the entries of a sitemap or of an index, and of one in the other.

    Args:
        url: of the sitemap, which references are relative to.
        links: gathers what is found.
    """

    def __init__(self, url: str, links: ListLinks) -> None:
        self._url = url
        self._links = links
        self._lists: list[tuple[int, str]] = []
        self._entry = -1
        self._kind: EntryKind = "sitemap"
        self._namespace = ""
        self._changed = ""
        self._held: list[tuple[str, str | None]] = []
        self._page: str | None = None

    def start(self, depth: int, name: Name, attributes: Mapping[str, str]) -> None:
        """Take the beginning of an element."""
        if name.local in SITEMAP_ROOTS:
            # A list in an entry of another stands in that entry's place.
            self._entry = -1
            self._lists.append((depth, name.namespace))
        elif self._entry < 0:
            kind = _ENTRIES.get(name.local)
            if kind is not None and self._lists and depth == self._lists[-1][0] + 1:
                self._begin_entry(depth, kind, name.namespace)
        elif name.local == "link" and "href" in attributes and _is_alternate(attributes):
            self._hold(attributes["href"], attributes.get("hreflang", ""))

    def _begin_entry(self, depth: int, kind: EntryKind, namespace: str) -> None:
        self._namespace = ""
        if not self._is_own(namespace):
            self._links.entries += 1  # that can't be read, as nobody knows what it is
            return
        self._entry, self._kind, self._namespace = depth, kind, namespace
        self._changed = ""
        self._page = None
        self._held.clear()

    def end(self, depth: int, name: Name, text: str) -> None:
        """Take the end of an element."""
        if self._entry >= 0:
            if depth == self._entry:
                self._entry = -1
                self._links.entries += 1
                self._let_go()
            elif depth == self._entry + 1 and self._is_own(name.namespace):
                self._child(name.local, text.strip())
        elif self._lists and self._lists[-1][0] == depth:
            self._lists.pop()

    def _child(self, local: str, text: str) -> None:
        if local == "loc" and text:
            self._hold(text, None)
        elif local == "lastmod":
            self._changed = text

    def _is_own(self, namespace: str) -> bool:
        """Say whether an element is the sitemap's; others have another meaning (an image's ``loc``)."""
        return (
            namespace in {"", self._namespace, self._lists[-1][1]}
            or _STANDARD.fullmatch(namespace) is not None
        )

    def _hold(self, reference: str, language: str | None) -> None:
        self._held.append((reference, language))
        if len(self._held) >= _HELD:
            self._let_go()

    def _let_go(self) -> None:
        """Add what is held: pages first, then their other versions."""
        changed = moment_of(self._changed)
        self._held.sort(key=_is_version)
        for reference, language in self._held:
            url = self._links.add(
                self._url, reference, self._kind, lastmod=changed, language=language, but=self._page
            )
            if url is not None and language is None:
                self._page = url
        self._held.clear()


def _is_version(held: tuple[str, str | None]) -> bool:
    return held[1] is not None


def _is_alternate(attributes: Mapping[str, str]) -> bool:
    return "alternate" in attributes.get("rel", "").lower().split()
