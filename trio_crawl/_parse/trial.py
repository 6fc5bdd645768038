"""A document, parsed to see what that takes: the work of a worker process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .html import HtmlDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

CHEAP_SECONDS: Final = 0.025
"""Seconds of processor time, to decode a page and read its links, up to which it may be parsed on
the event loop: half of what nothing may take there, as a machine may be slower at times."""

REFUSAL: Final = (
    "parsing this page takes too long to be done on the event loop ({seconds:.2f} s): "
    "its links and its title are there, and parse_in='process' gives a parser all of it"
)

KNOWN: Final = ("encoding", "title", "directives")
"""What a crawl asks of each page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a document was found to be.

    Args:
        seconds: of processor time that it took.
        more: links that it has beyond those that were asked for.
        known: its properties by name, and ``links``.
    """

    seconds: float
    more: int
    known: Mapping[str, Any]


def try_document(parts: Mapping[str, Any], most: int) -> Trial:
    """Parse a document, and return what was found.

    Args:
        parts: what it is made of, as `HtmlDocument.parts` returns them.
        most: links to return.
    """
    began = time.process_time()
    document = HtmlDocument(**parts)
    links = document.links()
    known = {name: getattr(document, name) for name in KNOWN}
    # To free a tree takes its time, too.
    del document
    seconds = time.process_time() - began
    return Trial(seconds=seconds, more=max(0, len(links) - most), known={**known, "links": links[:most]})
