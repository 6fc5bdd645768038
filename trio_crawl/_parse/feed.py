"""The entries of RSS (0.9 to 2.0) and Atom (0.3, RFC 4287) feeds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .dates import moment_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .list_links import ListLinks
    from .xml import Name

# By the root; an RDF document that has neither may be about anything.
_ITEMS: Final = {"rss": "item", "RDF": "item", "feed": "entry"}
_CHANNEL: Final = "channel"
# Of Atom, in any of its versions; "atom" is a prefix that is not declared.
_ATOM: Final = re.compile(
    r"|atom|https?://www\.w3\.org/2005/atom/?|https?://purl\.org/atom/.*", re.IGNORECASE
)
_RSS: Final = re.compile(
    r"|https?://(?:purl\.org/(?:net/)?rss|my\.netscape\.com/(?:rdf|publish)|backend\.userland\.com|"
    r"(?:www\.)?rssboard\.org|cyber\.(?:law\.)?harvard\.edu|blogs\.law\.harvard\.edu)/.*",
    re.IGNORECASE,
)
_HELD: Final = 4
"""Links of one entry that are tried, until one is of use."""

_ALTERNATE: Final = frozenset({"alternate", "http://www.iana.org/assignments/relation/alternate"})
# By their element; what comes first tells when the entry was changed last.
_DATES: Final = {"updated": 0, "modified": 1, "date": 2, "pubDate": 3, "published": 4, "issued": 5}


def is_feed(root: Name) -> bool:
    """Say whether a document with this *root* may be a feed."""
    if root.local == "feed":
        return _ATOM.fullmatch(root.namespace) is not None
    return root.local in _ITEMS


@final
class Feed:
    """Finds the entries of a feed.

    Args:
        url: of the feed, which references are relative to unless it says otherwise.
        root: the name of its root, of which `is_feed` is true.
        links: gathers what is found.
    """

    def __init__(self, url: str, root: Name, links: ListLinks) -> None:
        self._links = links
        self._entry = _ITEMS[root.local]
        # What entries stand in, by depth, and its namespace.
        self._around = {0: root.namespace}
        self._bases = _Bases(url)
        self._item = -1
        self._namespace = ""
        self._references: list[tuple[str, str]] = []
        self._guid = ""
        self._dates: dict[int, str] = {}
        self.certain = root.local != "RDF"
        """Whether it is a feed beyond doubt."""

    def start(self, depth: int, name: Name, attributes: Mapping[str, str]) -> None:
        """Take the beginning of an element."""
        base = attributes.get("xml:base")
        if base is not None:
            self._bases.begin(depth, base)
        if self._item < 0:
            if name.local == _CHANNEL:
                self.certain = True
                self._around[depth] = name.namespace
            elif name.local == self._entry and depth - 1 in self._around:
                # What an item of RSS 1.0 is about is what it links to.
                self._begin_item(depth, name.namespace, attributes.get("rdf:about", ""))
        elif depth == self._item + 1:
            # Atom's, which stands in RSS as well, for other relations.
            if name.local == "link" and "href" in attributes:
                if self._leads(name.namespace, attributes.get("rel", "alternate")):
                    self._refer(attributes["href"])
            elif name.local == "guid" and attributes.get("isPermaLink", "true").strip().lower() == "false":
                self._guid = " "  # it is a name and no URL

    def _begin_item(self, depth: int, namespace: str, about: str) -> None:
        self.certain = True
        if not self._is_own(namespace):
            self._links.entries += 1  # that can't be read, as nobody knows what it is
            return
        self._item, self._namespace = depth, namespace
        self._references.clear()
        self._guid = about.strip()
        self._dates.clear()

    def end(self, depth: int, name: Name, text: str) -> None:
        """Take the end of an element."""
        if depth == self._item + 1 and self._item >= 0:
            self._child(name, text.strip())
        elif depth == self._item:
            self._end_item()
        self._bases.end(depth)

    def _is_own(self, namespace: str) -> bool:
        """Say whether an element is the feed's, and not of an extension."""
        known = _ATOM if self._entry == "entry" else _RSS
        return namespace in self._around.values() or known.fullmatch(namespace) is not None

    def _refer(self, reference: str) -> None:
        if reference.strip() and len(self._references) < _HELD:
            self._references.append((self._bases.current(), reference))

    def _leads(self, namespace: str, rel: str) -> bool:
        atoms = namespace == self._namespace or _ATOM.fullmatch(namespace) is not None
        return atoms and rel.strip().lower() in _ALTERNATE

    def _child(self, name: Name, text: str) -> None:
        own = name.namespace in {"", self._namespace}
        if name.local == "link" and own:
            self._refer(text)
        elif name.local == "guid" and own and not self._guid:
            self._guid = text
        elif name.local in _DATES:
            self._dates.setdefault(_DATES[name.local], text)

    def _end_item(self) -> None:
        self._item = -1
        self._links.entries += 1
        moments = (moment_of(self._dates[rank]) for rank in sorted(self._dates))
        changed = next(filter(None, moments), None)
        if _urls.is_absolute(self._guid):
            self._references.append((_urls.NOWHERE, self._guid))
        for base, reference in self._references:
            if self._links.add(base, reference, "feed", lastmod=changed) is not None:
                break


@final
class _Bases:
    """What references are relative to (XML Base), joined when a reference is there."""

    def __init__(self, url: str) -> None:
        # Where each begins to hold, as it is written, and joined as far as that was asked for.
        self._written: list[tuple[int, str]] = []
        self._joined = [url]

    def begin(self, depth: int, reference: str) -> None:
        """Let *reference* be the base of what is in the element at *depth*."""
        self._written.append((depth, reference))

    def end(self, depth: int) -> None:
        """Take note that the element at *depth* ends."""
        if self._written and self._written[-1][0] == depth:
            self._written.pop()
            del self._joined[len(self._written) + 1 :]

    def current(self) -> str:
        """Return the base that holds."""
        for _, reference in self._written[len(self._joined) - 1 :]:
            outer = self._joined[-1]
            inner = _urls.base_of(outer, reference)
            usable = inner is not None and (inner == _urls.NOWHERE or _urls.is_absolute(inner))
            self._joined.append(inner if inner is not None and usable else outer)
        return self._joined[-1]
