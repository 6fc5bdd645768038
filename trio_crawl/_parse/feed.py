"""The entries of RSS (0.9 to 2.0) and Atom (RFC 4287) feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .._model import Link
from .dates import moment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FEED_ROOTS: Final = frozenset({"rss", "RDF", "feed"})
"""The roots of feeds, without their prefix."""

_ITEMS: Final = frozenset({"item", "entry"})
# By their element; what comes first tells when the entry was changed last.
_DATES: Final = {"updated": 0, "modified": 1, "date": 2, "pubDate": 3, "published": 4, "issued": 5}


@final
class Feed:
    """Finds the entries of a feed.

    Args:
        url: of the feed, which references are relative to unless it says otherwise.
        found: is given each entry.
    """

    def __init__(self, url: str, found: Callable[[Link], None]) -> None:
        self._found = found
        self._bases = [(-1, url)]
        self._item = -1
        self._link = self._guid = ""
        self._dates: dict[int, str] = {}

    def start(self, depth: int, name: str, attributes: Mapping[str, str]) -> None:
        """Take the beginning of an element."""
        base = attributes.get("xml:base")
        if base is not None:
            self._bases.append((depth, _urls.join(self._bases[-1][1], base) or self._bases[-1][1]))
        local = name.rpartition(":")[2]
        if self._item < 0:
            if local in _ITEMS:
                self._item = depth
                self._link = self._guid = ""
                self._dates.clear()
        elif depth == self._item + 1:
            # Atom's, which stands in RSS as well, for other relations.
            if local == "link" and "href" in attributes:
                if not self._link and attributes.get("rel", "alternate") == "alternate":
                    self._link = self._joined(attributes["href"])
            elif local == "guid" and attributes.get("isPermaLink", "true") == "false":
                self._guid = " "  # it is a name and no URL

    def end(self, depth: int, name: str, text: str) -> None:
        """Take the end of an element."""
        if depth == self._item + 1 and self._item >= 0:
            self._child(name.rpartition(":")[2], name, text.strip())
        elif depth == self._item:
            self._end_item()
        if self._bases[-1][0] == depth:
            self._bases.pop()

    def _child(self, local: str, name: str, text: str) -> None:
        if name == "link" and text and not self._link:
            self._link = self._joined(text)
        elif local == "guid" and not self._guid:
            self._guid = text
        elif local in _DATES:
            self._dates.setdefault(_DATES[local], text)

    def _joined(self, reference: str) -> str:
        return _urls.join(self._bases[-1][1], reference) or ""

    def _end_item(self) -> None:
        self._item = -1
        url = self._link or _urls.parse(self._guid)
        if url:
            moments = (moment_of(self._dates[rank]) for rank in sorted(self._dates))
            self._found(Link(url=url, kind="feed", lastmod=next(filter(None, moments), None)))
