"""Parsing that is not done on the event loop: of pages that may take long, and by parsers that may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import trio

from .._errors import UsageError
from .._parse.elsewhere import fields_of, names_of
from .._parse.html import HtmlDocument
from .._parse.reading import unpacked
from .._parse.worker import Workers
from .._policy.kinds import FOLLOWED
from .lists import LIST_KINDS

if TYPE_CHECKING:
    from .._model import LinkKind, Page
    from .._parse.elsewhere import Names
    from .._parse.user import Found
    from .options import Options

SPARE_WORKERS: Final = 1
"""Worker processes that no host has which has others."""


@final
class Elsewhere:
    """Says which pages go to a worker process, and brings them there.

    Args:
        options: of the crawl.
        kinds: of links that an output wants beside those of ``a`` and ``area``.
        virtual: whether its clock is.

    Raises:
        UsageError: the parser can't go there.
    """

    def __init__(
        self, options: Options, *, kinds: frozenset[LinkKind] = frozenset(), virtual: bool = False
    ) -> None:
        self._names = names_of(options.parse) if options.parse_in == "process" else None
        self._own_names = self._names or _names_if_any(options.parse)
        self._max_links = options.max_links
        self._lists = [LIST_KINDS] if options.sitemaps else []
        self._kinds = [FOLLOWED, *([kinds] if kinds else []), *self._lists]
        self._every = bool(kinds - FOLLOWED)
        self._parserless = options.parse is None
        # One more, for a host that has none at work: see `FairTurns`.
        self.workers = Workers(virtual=virtual, spare=SPARE_WORKERS)

    @property
    def runs_parser(self) -> bool:
        """Whether the parser of the user's runs there."""
        return self._names is not None

    def runs_parser_of(self, page: Page) -> bool:
        """Whether the parser of the user's runs there for *page*, as for poison, if it can."""
        return self.runs_parser or (document_of(page).poison and self._own_names is not None)

    def wants(self, page: Page) -> bool:
        """Say whether *page* has to go there before anything is asked of it."""
        document = document_of(page)
        return self.runs_parser or not document.is_cheap(every=self._every)

    async def read(self, page: Page) -> int:
        """Let a worker process parse *page*, which has what was found from then on.

        Returns:
            How many links it has beyond ``max_links``.

        Raises:
            ParseError: it takes too much time or memory.
        """
        document = document_of(page)
        known, packed, dropped = await self.workers.do("read", document.parts(), self._kinds, self._max_links)
        for _ in unpacked(known, packed):
            await trio.lowlevel.checkpoint()
        # A parser that can't go to a worker process is given what one has read without harm.
        document.settle(known, harmless=not self._parserless)
        return int(dropped)

    async def parse(self, page: Page, found: Found) -> None:
        """Let the user's parser run there, and add what it yields to *found*.

        Raises:
            RemoteError: it raised an exception.
            ParseError: it took too much time or memory.
            ParserFormError: it can't be run.
            RowError: it yielded what can't come back.
        """
        document = document_of(page)
        follow, rows, known = await self.workers.do(
            "parse", self._own_names, fields_of(page), document.parts(), self._lists, self._max_links
        )
        document.settle(known)
        for item in follow:
            found.add(item)
        found.rows.extend(rows)


def _names_if_any(parse: object) -> Names | None:
    """Return how a worker process finds a parser; None if it can't, or there is none."""
    try:
        return None if parse is None else names_of(parse)
    except UsageError:
        return None


def document_of(page: Page) -> HtmlDocument:
    """Return what *page* has as its content, as a crawl made it."""
    document = page._document  # noqa: SLF001 - a crawl made it
    assert isinstance(document, HtmlDocument)  # noqa: S101
    return document
