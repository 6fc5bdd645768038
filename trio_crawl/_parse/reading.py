"""What a crawl asks of a page, read in a worker process."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Final

from .._errors import ParseError
from . import wire
from .html import HtmlDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .._model import Kinds, Link, LinkKind

_SLICE: Final = 500
"""Links that are taken in at once."""

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


def read_document(
    parts: Mapping[str, Any], kinds: Sequence[Kinds], most: int
) -> tuple[dict[str, Any], list[bytes], int]:
    """Parse a document, and return what was found, for `unpacked`, and how many links it has beyond that.

    Args:
        parts: what it is made of, as `HtmlDocument.parts` returns them.
        kinds: of links, each a set, that are wanted beside those of ``a`` and ``area``.
        most: links to return of each.
    """
    document = HtmlDocument(**parts)
    links = document.links()
    known = known_of(document, kinds, most)
    chosen = known.pop("chosen")
    lists = [(None, links[:most]), *chosen.items()]
    packed = [
        wire.dumps((wanted, found[start : start + _SLICE]))
        for wanted, found in lists
        for start in range(0, len(found) or 1, _SLICE)
    ]
    return known, packed, max(0, len(links) - most) + document.links_dropped


def unpacked(known: dict[str, Any], packed: list[bytes]) -> Iterator[None]:
    """Add the links that `read_document` found to what else is *known*: some, then it yields, then more.

    Raises:
        ParseError: they are none.
    """
    chosen: dict[frozenset[LinkKind], list[Link]] = {}
    links: list[Link] = []
    for some in packed:
        try:
            wanted, found = wire.loads(some)
            (links if wanted is None else chosen.setdefault(wanted, [])).extend(found)
        except (pickle.UnpicklingError, TypeError, ValueError) as error:
            raise ParseError(f"the process that parsed it sent what it should not: {error}") from error
        yield
    known.update(links=links, chosen=chosen)
