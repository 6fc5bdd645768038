"""The links of ``a`` and ``area``, which every page is asked for, and what they are relative to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _urls
from .namespaces import Namespaces
from .query import encode_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selectolax.lexbor import LexborNode

    from .._model import Link
    from .links import Base


def anchor_links(nodes: Sequence[LexborNode], tags: Sequence[str], base: Base) -> list[Link]:
    """Return where *nodes* lead, in order, each URL once, as far as they fit.

    Args:
        nodes: HTML's ``a`` and ``area`` elements.
        tags: which of them is which.
        base: joins references.
    """
    known, known_on_site = base.known, base.known_on_site
    found: dict[str, Link] = {}
    for number, (node, tag) in enumerate(zip(nodes, tags, strict=True)):
        attributes = node.attributes
        reference = attributes.get("href")
        if reference is None:
            if "href" not in attributes:
                continue
            reference = ""
        # Nearly every link is known from another page, so the loop asks for it without a call.
        if tag == "a" and "rel" not in attributes:
            link = known_on_site.get(reference) or known.get(reference)
        else:
            link = None
        if link is None:
            link = base.link(reference, "a" if tag == "a" else "area", attributes.get("rel"))
        if link is not None and link.url not in found:
            if not base.fits(link.url):
                base.dropped += len(nodes) - number - 1  # the rest is counted, not joined
                break
            found[link.url] = link
    return list(found.values())


def document_base(elements: Sequence[LexborNode], url: str, encoding: str) -> str:
    """Return the URL that references are relative to (HTML standard, "document base URL").

    The first ``base`` with an ``href`` counts alone, even if that is of no use.

    Args:
        elements: the document's ``base`` elements, in order.
        url: of the document.
        encoding: its encoding, by its WHATWG name.
    """
    namespaces = Namespaces()
    for element in elements:
        attributes = element.attributes
        if "href" in attributes and namespaces.is_html(element):
            href = attributes["href"] or ""
            if len(href) <= _urls.MAX_LENGTH:
                href = encode_query(href, encoding)
            named = _urls.base_of(url, href)
            if named is not None and not named.startswith(("data:", "javascript:")):
                return named
            break
    return url
