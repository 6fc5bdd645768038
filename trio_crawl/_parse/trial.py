"""A document, parsed to see what that takes: the work of a worker process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .html import HtmlDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._model import Link

CHEAP_SECONDS: Final = 0.025
"""Seconds of processor time, to decode a page and read its links, up to which it may be parsed on
the event loop: half of what nothing may take there, as a machine may be slower at times."""

REFUSAL: Final = (
    "parsing this page takes too long to be done on the event loop ({seconds:.2f} s): "
    "its links and its title are there, and parse_in='process' gives a parser all of it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a document was found to be.

    Args:
        seconds: of processor time that it took, with all of what follows.
        links: the links that are followed, no more than were asked for.
        more: how many there are beyond those.
        known: other properties of the document, by name.
    """

    seconds: float
    links: list[Link]
    more: int
    known: Mapping[str, Any]


def try_document(content: bytes, *, content_type: str | None, url: str, most: int) -> Trial:
    """Parse *content*, and return what was found.

    Args:
        content: the body, decoded.
        content_type: the value of the ``Content-Type`` field, None if there was none.
        url: where it came from.
        most: links to return.
    """
    began = time.process_time()
    document = HtmlDocument(content, content_type=content_type, url=url)
    links = document.links()
    known = {name: getattr(document, name) for name in ("encoding", "title")}
    # To free a tree takes its time, too.
    del document
    seconds = time.process_time() - began
    return Trial(seconds=seconds, links=links[:most], more=max(0, len(links) - most), known=known)
