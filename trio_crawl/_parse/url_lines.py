"""A list of pages as a text: one URL a line (sitemaps.org)."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from .. import _urls
from .xml import MAX_TEXT

if TYPE_CHECKING:
    from .list_links import ListLinks


@final
class UrlLines:
    """Finds the URLs of a text.

    Args:
        links: gathers what is found.
    """

    def __init__(self, links: ListLinks) -> None:
        self._links = links
        self._rest = ""
        self._long = False
        self._seen = False
        self.is_none = False
        """Whether it does not begin with a URL, as a page without mark-up, or a picture."""

    def feed(self, text: str) -> None:
        """Read on."""
        *lines, rest = (self._rest + text.replace("\r", "\n")).split("\n")
        for line in lines:
            if not self._long:
                self._line(line.strip())
            self._long = False
        if not self._long and len(rest) > MAX_TEXT:
            self._line(rest.lstrip()[:MAX_TEXT])
            self._long = True
        self._rest = "" if self._long else rest

    def _line(self, line: str) -> None:
        if not line or self.is_none:
            return
        if _urls.is_absolute(line):
            self._links.add(_urls.NOWHERE, line, "sitemap")
        self.is_none = not (self._seen or self._links.any)
        self._seen = True
