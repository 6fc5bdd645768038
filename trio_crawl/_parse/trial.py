"""A document, parsed to see what that takes: the work of a worker process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .html import HtmlDocument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._model import Kinds

CHEAP_SECONDS: Final = 0.025
"""Seconds of processor time, to decode a page and read its links, up to which it may be parsed on
the event loop: half of what nothing may take there, as a machine may be slower at times."""

REFUSAL: Final = (
    "parsing this page takes too long to be done on the event loop ({seconds:.2f} s): "
    "its links and its title are there, and parse_in='process' gives a parser all of it"
)

KNOWN: Final = ("encoding", "title", "directives")
"""Properties that a crawl asks of each page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a document was found to be.

    Args:
        seconds: of processor time that it took.
        more: links that it has beyond those that were asked for.
        known: its properties by name, ``links``, and ``chosen``: those of other kinds.
    """

    seconds: float
    more: int
    known: Mapping[str, Any]


def known_of(document: HtmlDocument, kinds: Sequence[Kinds], most: int) -> dict[str, Any]:
    """Return what a crawl asks of a page.

    Args:
        document: of the page.
        kinds: of links, each a set.
        most: links to return of each.
    """
    known = {name: getattr(document, name) for name in KNOWN}
    return {**known, "chosen": {frozenset(wanted): document.links(kinds=wanted)[:most] for wanted in kinds}}


def try_document(parts: Mapping[str, Any], kinds: Sequence[Kinds], most: int) -> Trial:
    """Parse a document, and return what was found.

    Args:
        parts: what it is made of, as `HtmlDocument.parts` returns them.
        kinds: of links, each a set, that are wanted beside those of ``a`` and ``area``.
        most: links to return of each.
    """
    began = time.process_time()
    document = HtmlDocument(**parts)
    links = document.links()
    known = {**known_of(document, kinds, most), "links": links[:most]}
    more = max(0, len(links) - most) + document.links_dropped
    # To free a tree takes its time, too.
    del document
    seconds = time.process_time() - began
    return Trial(seconds=seconds, more=more, known=known)
