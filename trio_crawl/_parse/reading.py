"""What a crawl asks of a page, read in a worker process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .html import HtmlDocument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._model import Kinds

KNOWN: Final = ("encoding", "title", "directives")
"""Properties that a crawl asks of each page."""


def known_of(document: HtmlDocument, kinds: Sequence[Kinds], most: int) -> dict[str, Any]:
    """Return what a crawl asks of a page.

    Args:
        document: of the page.
        kinds: of links, each a set.
        most: links to return of each.
    """
    known = {name: getattr(document, name) for name in KNOWN}
    return {**known, "chosen": {frozenset(wanted): document.links(kinds=wanted)[:most] for wanted in kinds}}


def read_document(parts: Mapping[str, Any], kinds: Sequence[Kinds], most: int) -> tuple[dict[str, Any], int]:
    """Parse a document, and return what was found, and how many links it has beyond that.

    Args:
        parts: what it is made of, as `HtmlDocument.parts` returns them.
        kinds: of links, each a set, that are wanted beside those of ``a`` and ``area``.
        most: links to return of each.
    """
    document = HtmlDocument(**parts)
    links = document.links()
    known = {**known_of(document, kinds, most), "links": links[:most]}
    return known, max(0, len(links) - most) + document.links_dropped
