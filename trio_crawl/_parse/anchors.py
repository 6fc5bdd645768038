"""The links of ``a`` and ``area``, which every page is asked for, and what they are relative to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .. import _urls
from .query import encode_query
from .tree import HTML, SVG

if TYPE_CHECKING:
    from turbohtml import Element

    from .._model import Link
    from .links import Base
    from .tree import Tree

# Of several elements that are looked for, those that there are none of cost nothing.
_NAMES: Final = ("a", "area", "iframe")
# Links that are joined before it is looked whether all of them are too long together.
_AT_ONCE: Final = 500


def anchor_links(tree: Tree, base: Base) -> list[Link]:
    """Return where HTML's ``a`` and ``area`` elements lead, and SVG's ``a``; in order, as far as they fit.

    Each URL is there once. The links of documents in a ``srcdoc`` stand in the place of their frame.

    Args:
        tree: the document.
        base: joins its references.
    """
    found: dict[str, Link] = {}
    _gather(tree, base, found)
    return list(found.values())


def _gather(tree: Tree, base: Base, found: dict[str, Link]) -> None:
    if tree.has_only_plain_anchors():
        _gather_plain(tree.hrefs(), base, found)
        return
    for element in tree.shown(*_NAMES):
        tag = element.tag
        if tag == "iframe":
            inner = tree.frame(element)
            if inner is not None:
                within = base.inner(document_base(inner, base.url, "utf-8"))
                _gather(inner, within, found)
                base.dropped, base.room = within.dropped, within.room
            continue
        reference = anchor_reference(tree, element)
        if reference is None:
            continue
        if base.room < 0:
            base.dropped += 1  # what is too much is counted, and not joined
            continue
        link = base.link(reference, "a" if tag == "a" else "area", element.attr("rel"))
        if link is not None and link.url not in found and base.fits(link.url):
            found[link.url] = link


def _gather_plain(references: list[str], base: Base, found: dict[str, Link]) -> None:
    """Do the same on nearly all pages: there are no links but those of ``a``, and those have no ``rel``."""
    for start in range(0, len(references), _AT_ONCE):
        some = references[start : start + _AT_ONCE]
        # Nearly every link is known from another page, so all are asked for without a call for each.
        links = list(map(base.known_on_site.get, some))
        if None in links:
            links = [link or base.anchor(some[place]) for place, link in enumerate(links)]
        # Two that have the same URL are the same.
        fresh = {link.url: link for link in links if link is not None}
        if found:
            fresh = {url: link for url, link in fresh.items() if url not in found}
        base.room -= sum(map(len, fresh))
        if base.room < 0:
            _cut(fresh, base)
            base.dropped += len(references) - start - len(some)  # they are counted, and not joined
            found |= fresh
            return
        found |= fresh


def _cut(fresh: dict[str, Link], base: Base) -> None:
    """Take links away from the end until they fit, and count them."""
    while base.room < 0:
        url, _ = fresh.popitem()
        base.room += len(url)
        base.dropped += 1
    base.room = -1  # so that no more are taken


def anchor_reference(tree: Tree, element: Element) -> str | None:
    """Return what an ``a`` or ``area`` refers to; None for nothing, or if it is no link in its namespace."""
    namespace = tree.namespace(element)
    if namespace == HTML:
        return element.attr("href")
    if namespace != SVG or element.tag != "a":
        return None
    reference = element.attr("href")
    return element.attr("xlink:href") if reference is None else reference


def document_base(tree: Tree, url: str, encoding: str) -> str:
    """Return the URL that references are relative to (HTML standard, "document base URL").

    The first ``base`` with an ``href`` counts alone, even if that is of no use.

    Args:
        tree: the document.
        url: its URL.
        encoding: its encoding, by its WHATWG name.
    """
    for element in tree.tagged("base"):
        href = element.attr("href")
        if href is not None:
            if len(href) <= _urls.MAX_LENGTH:
                href = encode_query(href, encoding)
            named = _urls.base_of(url, href)
            if named is not None and not named.startswith(("data:", "javascript:")):
                return named
            break
    return url
