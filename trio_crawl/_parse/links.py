"""From the references on a page to `Link`s, each joined once a crawl."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from .. import _urls
from .._model import Link
from .query import UTF_8_QUERIES, encode_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model import LinkKind, Request

MAX_OF_PAGE: Final = 2 * 1024 * 1024
"""Characters of the URLs of one page, all together: 10,000 of 200."""

# Characters of queries that one page may have encoded in its own encoding, each of which takes 0.4 µs.
_MOST_ENCODED: Final = 50_000

LinkT = TypeVar("LinkT", "Link", "Link | Request")

_LIMIT: Final = 50_000
# Longer ones, which hardly repeat, are joined anew for each page.
_LONGEST: Final = 512
# These lead to the same from everywhere on a site, whatever follows.
_OF_SITE: Final = ("/", "http://", "https://")
# "http:x" is relative to an http base, and "http:?x" to more of it than the directory.
_OF_PAGE: Final = ("?", "http:", "https:")
_REMOVED: Final = frozenset("\t\n\r")

# References that the URL parser would leave as they are: any number of "../", then segments
# without anything that it escapes, unescapes or reads as a dot segment, then a plain query.
# They are most of all there are, and put together here they cost a third of what joining does.
_PLAIN: Final = re.compile(
    r"(?P<up>(?:\.\./)*)(?P<path>/?(?:[\w~-][\w.~-]*(?:/[\w~-][\w.~-]*)*/?)?)(?P<query>(?:\?[\w.~=&%+/:@,;-]*)?)",
    re.ASCII,
)

_SLASH: Final = re.compile("/")

_Key: TypeAlias = str | tuple[str, str, str]
References: TypeAlias = dict[_Key, Link | None]
"""What each reference leads to; None for what is not followed.

A key is the reference alone for an ``a`` without ``rel``, as nearly all are, else it is the
reference, the kind of link and its ``rel``.
"""

# A relative path of which the same is true.
_PLAIN_PATH: Final = re.compile(r"((?:\.\./)*)([\w~-][\w.~-]*(?:/[\w~-][\w.~-]*)*/?)", re.ASCII).fullmatch


class LinkCache:
    """What references lead to, remembered for the length of one crawl.

    The pages of a site repeat their navigation; joining a reference again costs 50 times
    as much as finding it here. It is bounded: it starts anew when it is full.

    Args:
        limit: references to remember, and directories that they are relative to.
    """

    __slots__ = ("_known", "_limit", "_size")

    def __init__(self, *, limit: int = _LIMIT) -> None:
        self._known: dict[tuple[str, str], References] = {}
        self._limit = limit
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def base(self, base: str, encoding: str) -> Base:
        """Return the joiner of references on a page.

        Args:
            base: the URL that they are relative to.
            encoding: the WHATWG name of the document's encoding, which their queries are in.
        """
        if self._size >= self._limit:
            self._known.clear()
            self._size = 0
        return Base(self, base, "utf-8" if encoding in UTF_8_QUERIES else encoding)

    def references(self, base: str, encoding: str) -> References:
        """Return what is remembered of references from pages whose URL begins with *base*."""
        key = (base, encoding)
        known = self._known.get(key)
        if known is None:
            known = {}
            if len(base) <= _LONGEST:
                self._known[key] = known
                self._size += 1
        return known

    def count(self) -> None:
        """Take note that one reference more is remembered."""
        self._size += 1


class Base:
    """Joins the references of one page.

    Args:
        cache: remembers what depends on the page's site or directory only.
        base: the URL that references are relative to, as the URL standard serialises it.
        encoding: the WHATWG name of the encoding that their queries are in.
    """

    __slots__ = (
        *("_base", "_cache", "_encoding", "_folder", "_folders", "_own", "_root", "_slashes", "_to_encode"),
        *("dropped", "known", "known_on_site", "room"),
    )

    def __init__(self, cache: LinkCache, base: str, encoding: str) -> None:
        self._cache = cache
        self._base = base
        self._encoding = encoding
        self._root = self._folder = ""
        directory = site = base
        if base.startswith(("http://", "https://")):
            directory = base.partition("#")[0].partition("?")[0].rpartition("/")[0] + "/"
            # With user name and password, which a reference inherits.
            site = "/".join(base.split("/", 3)[:3])
            if len(directory) > len(site):  # a base that has a path, as each has that was serialised
                self._root, self._folder = site, directory
        self.known_on_site = cache.references(site, encoding)
        """What references lead to that are the same from all of the site."""
        self.known = cache.references(directory, encoding)
        """What other references from this directory lead to."""
        self._own: References = {}
        self._to_encode = _MOST_ENCODED
        self._slashes: list[int] = []
        self._folders: dict[int, str] = {}
        self.room = MAX_OF_PAGE
        """Characters that URLs may have which `fits` is yet to be asked about."""
        self.dropped = 0
        """Links that are not taken, since they are too long, or all together."""

    @property
    def url(self) -> str:
        """The URL that references are relative to."""
        return self._base

    def inner(self, url: str) -> Base:
        """Return what joins the references of a document in a frame, which has what room is left.

        Args:
            url: that they are relative to.
        """
        base = self._cache.base(url, "utf-8")
        base.room, base.dropped = self.room, self.dropped
        return base

    def fits(self, url: str) -> bool:
        """Take note of a URL that is kept; return whether it is not too much, else it is counted."""
        self.room -= len(url)
        self.dropped += self.room < 0
        return self.room >= 0

    def anchor(self, reference: str) -> Link | None:
        """Do what `link` does of an ``a`` without ``rel``: at once where it is known by its whole path."""
        if ":" not in reference and self._folder:
            up = 0
            while reference.startswith("../", up):
                up += 3
            if reference[up : up + 1].isalnum():
                folder = self._folders.get(up)
                if folder is None:
                    folder = self._folders[up] = self._above(up // 3)
                link = self.known_on_site.get(folder + reference[up:])
                if link is not None:
                    return link
        return self.link(reference, "a", None)

    def link(self, reference: str, kind: LinkKind, rel: str | None) -> Link | None:
        """Return where *reference* leads; None if that is not an http or https URL.

        Args:
            reference: as it is written.
            kind: of link.
            rel: the value of its ``rel``, None if there is none.
        """
        if self._folder and len(reference) <= _LONGEST and (plain := _PLAIN_PATH(reference)):
            # The same target is written in as many ways as there are folders; so it is known by one.
            up, path = plain.groups()
            reference = self._above(len(up) // 3) + path
        rel = rel and rel[:_LONGEST]
        key = reference if kind == "a" and not rel else (reference, kind, rel or "")
        for known in (self.known_on_site, self.known, self._own):
            if key in known:
                return known[key]
        return self._remembered(key, reference, kind, rel)

    def _above(self, steps: int) -> str:
        """Return the path of the folder so many steps up; the root's if there are not so many."""
        start = len(self._root)
        if not self._slashes:
            self._slashes = [found.end() for found in _SLASH.finditer(self._folder, start)]
        return self._folder[start : self._slashes[max(0, len(self._slashes) - 1 - steps)]]

    def _remembered(self, key: _Key, reference: str, kind: LinkKind, rel: str | None) -> Link | None:
        """Join *reference*, unless another directory of the site did; remember it where it holds."""
        if "#" in reference:
            reference = _without_fragment(reference)
        of_site = reference.startswith(_OF_SITE)
        if len(reference) > _LONGEST or not (of_site or _is_of_directory(reference)):
            link = self._own[key] = self._join(reference, kind, rel)
            return link
        shared = self.known_on_site if of_site else self.known
        without_fragment = reference if isinstance(key, str) else (reference, *key[1:])
        if without_fragment not in shared:
            shared[without_fragment] = self._join(reference, kind, rel)
            self._cache.count()
        link = shared[without_fragment]
        if key not in shared:
            shared[key] = link
            self._cache.count()
        return link

    def _join(self, reference: str, kind: LinkKind, rel: str | None) -> Link | None:
        url = self._put_together(reference) if len(reference) <= _urls.MAX_LENGTH else None
        if url is None:
            encoded = _urls.shortened(reference)
            if encoded is not None and self._encoding != "utf-8":
                encoded = self._encoded(encoded)
                if encoded is None:
                    return None
            url = None if encoded is None else _urls.join(self._base, encoded)
            if url is None:
                self.dropped += _urls.is_too_long(self._base, encoded or reference)
                return None
        return Link(url=url, kind=kind, rel=tuple(rel.lower().split()) if rel else ())

    def _encoded(self, reference: str) -> str | None:
        """Return *reference*, its query in the document's encoding; None, and count it, if that is much."""
        if "?" not in reference or (reference.isascii() and self._encoding != "iso-2022-jp"):
            return reference
        self._to_encode -= len(reference)
        if self._to_encode < 0:
            self.dropped += 1
            return None
        return encode_query(reference, self._encoding)

    def _put_together(self, reference: str) -> str | None:
        """Return the URL of a plain reference; None if it takes the URL parser to tell."""
        plain = _PLAIN.fullmatch(reference)
        if plain is None or not self._folder:
            return None
        up, path, query = plain.groups()
        if path.startswith("/"):
            url = self._root + path + query
            return url if not up and len(url) <= _urls.MAX_LENGTH else None
        if not path and not up:
            return None
        url = self._root + self._above(len(up) // 3) + path + query
        return url if len(url) <= _urls.MAX_LENGTH else None


def fitting(found: Sequence[LinkT]) -> Sequence[LinkT]:
    """Return the first of *found* whose URLs are no more than `MAX_OF_PAGE`."""
    if len(found) * _urls.MAX_LENGTH <= MAX_OF_PAGE:
        return found
    room = MAX_OF_PAGE
    for number, item in enumerate(found):
        room -= len(item.url)
        if room < 0:
            return found[:number]
    return found


def _without_fragment(reference: str) -> str:
    """Return *reference* without its fragment, which no URL is asked for with.

    White space before the fragment stays in the URL, but would be cut off at its end.
    """
    before = reference.partition("#")[0]
    return reference if before[-1:] <= " " and before else before


def _is_of_directory(reference: str) -> bool:
    """Say whether all pages of one directory agree on where *reference* leads.

    They don't on an empty one and a query, whatever white space and control characters the
    URL parser would remove before it sees that; so those are not shared.
    """
    if not reference or reference[0] <= " " or not _REMOVED.isdisjoint(reference):
        return False
    return not reference[:6].lower().startswith(_OF_PAGE)
