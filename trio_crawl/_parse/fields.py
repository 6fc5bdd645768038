"""What header fields refer to other pages: ``Link`` and ``Refresh``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _urls
from .._model import Link
from .kinds import described
from .link_header import parse_links
from .refresh import target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._model import Headers
    from .links import Base


def header_links(headers: Headers, url: str) -> Iterator[Link]:
    """Yield the links of the ``Link`` fields.

    A link whose ``anchor`` is another document is that document's, and left out.

    Args:
        headers: of the response.
        url: of the response, which references are relative to: a ``base`` element is not
            heeded (RFC 8288, section 3.1).
    """
    for reference, parameters in parse_links(headers.get_all("link")):
        anchor = parameters.get("anchor")
        if anchor is not None and _urls.join(url, anchor) != url.partition("#")[0]:
            continue
        types = tuple(parameters.get("rel", "").lower().split())
        found = _urls.join(url, reference) if types else None
        if found is not None:
            yield described(Link(url=found, kind="header", rel=types), parameters.get)


def refresh_of(headers: Headers, base: Base) -> Link | None:
    """Return where the first ``Refresh`` field leads that says when; None if it is nowhere."""
    for field in headers.get_all("refresh"):
        reference = target(field)
        if reference is not None:
            return base.link(reference, "refresh", None)
    return None
