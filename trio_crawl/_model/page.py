"""A page, its links, and what its content is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from .._errors import ContentError

if TYPE_CHECKING:
    from datetime import datetime

    from turbohtml import Element

    from .exchange import Headers, Request
    from .words import Kinds, LinkKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A reference from a page to another URL.

    Args:
        url: the target, absolute, as the browser would ask for it.
        kind: where it stands, one of a closed set.
        rel: its link types (``rel``), in lower case, split at white space.
        hreflang: the language that the target is said to be in, as it is written; None if
            that is not said. Of ``a`` and ``area`` it is not read.
        type: the media type that the target is said to have, in lower case and without
            parameters; None likewise.
        lastmod: when the target was changed, in UTC, as a sitemap or feed says; None if it doesn't.
    """

    url: str
    kind: LinkKind = "a"
    rel: tuple[str, ...] = ()
    hreflang: str | None = None
    type: str | None = None
    lastmod: datetime | None = None


class Document(Protocol):
    """The content of a page, read as far as it was asked for."""

    @property
    def encoding(self) -> str: ...
    @property
    def html(self) -> str: ...
    @property
    def title(self) -> str | None: ...
    @property
    def directives(self) -> frozenset[str]: ...
    @property
    def meta(self) -> dict[str, str]: ...
    @property
    def opengraph(self) -> dict[str, str]: ...
    @property
    def jsonld(self) -> list[Any]: ...
    @property
    def canonical(self) -> str | None: ...
    def language(self, content_language: str | None, /) -> str | None: ...
    def css(self, selector: str, /) -> list[Element]: ...
    def css_first(self, selector: str, /) -> Element | None: ...
    def links(self, selector: str | None = None, /, *, kinds: Kinds | None = None) -> list[Link]: ...
    def text(self, *, main: bool = False) -> str: ...
    def xpath(self, expression: str, /) -> list[Any] | str | float | bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page that was fetched, whatever its status; what a parser is given.

    Args:
        id: names the page within its crawl, the same each time it is delivered.
        request: what was asked for.
        url: the URL that was asked for, first of all.
        final_url: the URL that answered, after redirects.
        redirects: every URL on the way from ``url`` to ``final_url``, without the last.
        status: the status code of the last response.
        headers: its header fields.
        content: the body, decoded (``Content-Encoding`` removed).
        depth: links from a seed: 0 for a seed itself.
        referrer: the URL of the page that led here; None for a seed.
        visit: 1, and greater by one each time that the page was asked for again for its age
            (``recrawl``). The ``id`` is the same.
        attempts: requests made for the last hop, 1 if nothing had to be retried.
        fetched_at: when the last response was complete, in UTC.
        elapsed: seconds that the last hop took.
        http_version: the protocol of the last response, as in `Response`.
        address: the IP address that answered, empty where there was no connection.
        duplicate_of: the URL of the first page of this crawl with the same content, byte for
            byte; None if this is it. Pages that are empty, or without a 2xx status, are not compared.
        soft_404: whether the host says the same, with a status of success, of a URL that can't exist. A host
            is asked for one when it has given 200 pages, and pages before that are not marked.
        truncated: whether ``content`` is only the beginning of what there was: an archive says so
            of a record that was cut off, or of which a segment is missing.
    """

    id: str
    request: Request
    url: str
    final_url: str
    redirects: tuple[str, ...] = ()
    status: int
    headers: Headers = field(repr=False)  # they may hold secrets
    content: bytes = field(repr=False)  # up to max_bytes of it
    depth: int
    referrer: str | None
    visit: int = 1
    attempts: int
    fetched_at: datetime
    elapsed: float
    http_version: str
    address: str
    duplicate_of: str | None = None
    soft_404: bool = False
    truncated: bool = False
    _document: Document = field(repr=False, compare=False)

    @property
    def content_type(self) -> str | None:
        """The media type, in lower case and without parameters; None if not declared."""
        value = self.headers.get("content-type")
        return value.split(";", 1)[0].strip().lower() or None if value else None

    @property
    def encoding(self) -> str:
        """The character encoding, by its WHATWG name (``"utf-8"``, ``"windows-1252"``)."""
        return self._document.encoding

    @property
    def html(self) -> str:
        """The content as characters; what can't be decoded is U+FFFD."""
        return self._document.html

    @property
    def title(self) -> str | None:
        """The document's title with its white space collapsed; None if it has none."""
        return self._document.title

    @property
    def directives(self) -> frozenset[str]:
        """What the page says to robots about itself, in lower case: ``"noindex"``, ``"nofollow"``, ...

        Gathered from all ``X-Robots-Tag`` fields and ``meta`` elements that speak to everybody
        or to the crawl's product token. ``"none"`` stands for itself, and for the two that it is
        short for. Those that have a value have it after a colon: ``"max-snippet:20"``,
        ``"unavailable_after:25 jun 2030 15:00:00 gmt"``.
        """
        return self._document.directives

    @property
    def meta(self) -> dict[str, str]:
        """The contents of the ``meta`` elements by their names, in lower case; of each name the first."""
        return self._document.meta

    @property
    def opengraph(self) -> dict[str, str]:
        """The Open Graph properties by their names (``"og:title"``); of each the first."""
        return self._document.opengraph

    @property
    def jsonld(self) -> list[Any]:
        """The JSON-LD values of the page, one a script, in order; what is no JSON is left out."""
        return self._document.jsonld

    @property
    def canonical(self) -> str | None:
        """The URL that the page's ``link`` of type "canonical" names (RFC 6596); None without one."""
        return self._document.canonical

    @property
    def language(self) -> str | None:
        """The language tag (BCP 47): ``lang``, else ``Content-Language``; None if none is declared."""
        return self._document.language(self.headers.get("content-language"))

    def json(self) -> Any:  # noqa: ANN401 - anything that JSON can say
        """Return the content as the JSON that it is (RFC 8259), in UTF-8, UTF-16 or UTF-32.

        Raises:
            ContentError: it is no JSON; the message says where.
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise ContentError(f"{self.final_url} is no JSON: {error}") from error

    def css(self, selector: str) -> list[Element]:
        """Return the elements that match the CSS *selector*, in document order.

        They are turbohtml's: ``element.text``, ``element.attr("href")``, ``element.select_one("b")``. What
        ``template`` elements and shadow roots hold is not among them, as in a browser.

        Raises:
            UsageError: it is no selector that the engine knows.
            ParseError: the page is of a shape that was made to be slow; ``html`` is there, and a parser
                gets all of it with ``parse_in="process"``.
        """
        return self._document.css(selector)

    def css_first(self, selector: str) -> Element | None:
        """Return the first element that matches the CSS *selector*, or None; raises as `css` does."""
        return self._document.css_first(selector)

    def xpath(self, expression: str) -> list[Any] | str | float | bool:
        """Return what the XPath 1.0 *expression* comes to: a list of elements and strings, or one value.

        Raises:
            UsageError: it is no XPath 1.0.
            ParseError: as for `css`.
        """
        return self._document.xpath(expression)

    def links(self, selector: str | None = None, *, kinds: Kinds | None = None) -> list[Link]:
        """Return the http(s) links of the page, in document order, without fragments.

        ::

            page.links()  # a and area: each URL once
            page.links("li.next a")  # the href, or else src, of the elements that match
            page.links(kinds="canonical")
            page.links("main img", kinds=("img", "srcset"))

        Args:
            selector: a CSS selector of the elements that are looked at.
            kinds: of links: one, several, or ``"all"``. A URL is there once for each kind
                and language then, and what header fields say comes first. By default
                ``a`` and ``area``, or with a *selector* whatever it matches.

        Raises:
            UsageError: *selector* is no CSS selector that the engine knows, or there is no such kind.
        """
        return self._document.links(selector, kinds=kinds)

    def text(self, *, main: bool = False) -> str:
        """Return the text of the page, a line a block, without mark-up, scripts and styles.

        Args:
            main: what the page is about alone, without navigation, headers, footers and
                advertisements, as well as that can be told; else its ``main``, ``article`` or ``body``.
        """
        return self._document.text(main=main)
