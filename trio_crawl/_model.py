"""The values that travel through a crawl: frozen, and safe to keep or to send on.

Times are seconds as `float`, sizes are bytes as `int`, moments are aware
`datetime` values in UTC, URLs are `str` as the URL standard serialises them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from ._errors import ContentError

if TYPE_CHECKING:
    from datetime import datetime

    from selectolax.lexbor import LexborNode

    from ._conduct import HostReport

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""What JSON can say; the type of `Request.data`."""

FailureKind: TypeAlias = Literal[
    "dns",
    "connect",
    "tls",
    "timeout",
    "protocol",
    "decode",
    "too_large",
    "redirects",
    "blocked_address",
    "parse",
    "cancelled",
]
"""Why there is no page: the closed set of kinds of `Failure`."""

SkipReason: TypeAlias = Literal[
    "scope",
    "nofollow",
    "max_depth",
    "max_pages",
    "max_per_host",
    "trap_depth",
    "trap_repetition",
    "trap_pattern",
    "robots",
    "robots_unreachable",
    "host_given_up",
    "known_target",
    "bad_seed",
    "cancelled_host",
    "no_sitemap",
]
"""Why a URL that was found was not asked for, or not to its end.

``scope``: outside ``follow``, ``include`` or ``exclude``. ``nofollow``: every link to it
says ``rel`` "nofollow", "ugc" or "sponsored", or stands on a page that says "nofollow" or
"none" to robots. ``max_depth``, ``max_pages`` and ``max_per_host``: the limit of that name.
``trap_depth``: the URL has more than 30 segments, 40 parameters or 8,000 characters.
``trap_repetition``: its path goes round. ``trap_pattern``: it is one of pages without end that
say nothing new, and was found on such a page (see docs/traps.md).
``robots``: robots.txt disallows it.
``robots_unreachable``: robots.txt could not be had, which disallows everything
(RFC 9309, section 2.3.1.4). ``host_given_up``: its host failed twelve times in a
row (no connection, no answer in time, 5xx), with rests between. ``known_target``: it
redirects to a URL that the crawl knows already. ``bad_seed``: a line of a lazily read source is no URL.
``cancelled_host``: ``control.cancel_host()`` was called for its host. ``no_sitemap``: with
``sitemaps=True``, where a sitemap or feed was looked for there is none.
"""

LinkKind: TypeAlias = Literal[
    "a",
    "area",
    "iframe",
    "canonical",
    "alternate",
    "next",
    "prev",
    "icon",
    "stylesheet",
    "link",
    "img",
    "srcset",
    "script",
    "form",
    "refresh",
    "header",
    "sitemap",
    "sitemap_index",
    "feed",
    "robots",
    "element",
]
"""Where a link stands: the closed set of kinds of `Link`.

``a``, ``area``, ``script``: the element of that name. ``iframe``: an ``iframe`` or ``frame``.
``canonical``, ``alternate``, ``next``, ``prev``, ``icon``, ``stylesheet``: a ``link`` element of that
link type, whatever others it has; ``link``: one of another type. ``img``: the ``src`` of an
``img``; ``srcset``: a candidate of a ``srcset`` or ``imagesrcset``. ``form``: an ``action`` or
``formaction``. ``refresh``: a ``meta`` element or header field that leads to another page.
``header``: a ``Link`` field. ``sitemap`` and ``feed``: an entry of a sitemap, or of an RSS or
Atom feed; ``sitemap_index``: a sitemap that an index names. ``robots``: a sitemap that a
robots.txt names. ``element``: any other element that a selector matched.
"""

Kinds: TypeAlias = "LinkKind | Literal['all'] | Iterable[LinkKind]"
"""Kinds of links that are asked for: one, several, or ``"all"``."""

Ended: TypeAlias = Literal["done", "stopped", "max_time", "left"]
"""How a crawl ended: nothing was left to do, ``control.stop()`` was called,
``max_time`` passed, or the consumer of the stream, or of a channel, left it."""


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in the order of arrival, repeated ones kept.

    Names are compared without case (RFC 9110, section 5.1). Values are decoded
    as Latin-1, which loses nothing; `raw` has the bytes.
    """

    raw: tuple[tuple[bytes, bytes], ...] = ()

    def get_all(self, name: str) -> list[str]:
        """Return the value of every field called *name*, in order."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for key, value in self.raw if key.lower() == wanted]

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the fields called *name*, joined by a comma and a space (RFC 9110, 5.3)."""
        values = self.get_all(name)
        return ", ".join(values) if values else default

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((key.decode("latin-1"), value.decode("latin-1")) for key, value in self.raw)

    def __len__(self) -> int:
        return len(self.raw)


@dataclass(frozen=True, slots=True)
class Request:
    """A page to ask for.

    Args:
        url: an absolute http or https URL; a relative one is joined to the
            page's base when a parser yields it.
        label: names the function of a ``parse`` mapping that gets the page.
        data: anything JSON can say; travels with the page as ``page.request.data``.
        priority: higher ones are asked for first. Within one priority a crawl
            goes breadth first.
        method: the HTTP method.
        headers: pairs of name and value, sent with this request.
        body: the request's content.
        key: what makes two requests the same; by default the method, the URL
            without its fragment, and a hash of the body.
    """

    url: str
    _: KW_ONLY
    label: str | None = None
    data: Json = None
    priority: int = 0
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # they may hold secrets
    body: bytes | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One exchange that a fetcher is asked for: one request, one response.

    Args:
        url: where to, absolute, without a fragment.
        method: the HTTP method.
        headers: every field to send, but for ``Host`` and those that frame the body.
        body: the request's content, or None.
        max_bytes: a body of more bytes than this, as they come over the wire
            (transfer-decoded, content-coded), is a `FetchError` of kind ``too_large``.
        addresses: the IP addresses of the host, judged already, the preferred
            one first; empty for a fetcher that opens no connections.
    """

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # they may hold secrets
    body: bytes | None = None
    max_bytes: int = 10 * 1024 * 1024
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What one hop brought: any final status, redirects included.

    Args:
        url: the URL that was asked for in this hop.
        status: the status code, 200 to 999: beyond 599 it means nothing, but servers send it.
        headers: the header fields of the final response.
        body: the content, transfer-decoded and still content-coded.
        http_version: ``"1.0"``, ``"1.1"``, ``"2"`` or ``"3"``.
        address: the IP address that answered; empty where there was no connection.
        elapsed: seconds from the start of the hop to the last byte.
        fetched_at: when the last byte came, where that was not just now: an archive says it.
    """

    url: str
    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    http_version: str = "1.1"
    address: str = ""
    elapsed: float = 0.0
    fetched_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One hop that was made, or could not be, as an archive keeps it.

    Args:
        hop: what was asked for.
        response: what came back; None if nothing did.
        kind: what went wrong instead, None if nothing did.
        message: the same in words.
        ended: when it came to its end.
    """

    hop: Hop
    response: Response | None = None
    kind: FailureKind | None = None
    message: str = ""
    ended: datetime


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
    def css(self, selector: str, /) -> list[LexborNode]: ...
    def css_first(self, selector: str, /) -> LexborNode | None: ...
    def links(self, selector: str | None = None, /, *, kinds: Kinds | None = None) -> list[Link]: ...
    def text(self, *, main: bool = False) -> str: ...
    def xpath(self, expression: str, /) -> Any: ...  # noqa: ANN401 - XPath has four types


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

    def css(self, selector: str) -> list[LexborNode]:
        """Return the elements that match the CSS *selector*, in document order.

        Raises:
            UsageError: it is no selector that lexbor knows.
        """
        return self._document.css(selector)

    def css_first(self, selector: str) -> LexborNode | None:
        """Return the first element that matches the CSS *selector*, or None; raises as `css` does."""
        return self._document.css_first(selector)

    def xpath(self, expression: str) -> Any:  # noqa: ANN401 - XPath has four types
        """Return what the XPath 1.0 *expression* comes to: lxml's elements and strings, or one value.

        It needs ``trio-crawl[xpath]``. The page is parsed a second time for it, so ``css``, where it
        can say the same, is the quicker one.

        Raises:
            MissingExtraError: lxml is not installed.
            UsageError: it is no XPath 1.0.
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
            UsageError: *selector* is no CSS selector that the parser knows, or there is no such kind.
        """
        return self._document.links(selector, kinds=kinds)

    def text(self, *, main: bool = False) -> str:
        """Return the text of the page, a line a block, without mark-up, scripts and styles.

        Args:
            main: what the page is about alone, without navigation, headers, footers and
                advertisements, as well as that can be told; needs ``trio-crawl[text]``.

        Raises:
            MissingExtraError: for *main*, Resiliparse is not installed.
        """
        return self._document.text(main=main)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A URL for which there is no page, or whose page could not be parsed.

    Args:
        id: names the page within its crawl, as `Page.id` does.
        request: what was asked for.
        url: the URL that was asked for, first of all.
        kind: what went wrong, one of a closed set.
        message: the same in words.
        depth: links from a seed.
        referrer: the page that led here; None for a seed.
        attempts: requests made for the last hop; 0 if none could be.
        traceback: for kind ``parse``, the traceback of the user's exception.
        exchanges: as in `Parsed`.
    """

    id: str
    request: Request
    url: str
    kind: FailureKind
    message: str
    depth: int
    referrer: str | None
    attempts: int
    traceback: str | None = None
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.url}: {self.kind}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A page with what was found on it; what writers are given.

    Args:
        page: the page.
        links: every http(s) link of ``a`` and ``area``, in order, each once.
        rows: what the user's ``parse`` yielded to be written; None where there is
            no such parser, and the page itself is the row.
        follow: what the page leads to: what such a parser yielded to be followed, or the links
            of ``a``, ``area`` and ``iframe``.
        chosen: every link of the kinds that an output asked for, in order; none if none did.
        exchanges: the hops that led to the page, the last one's last; none where no output wants them.
    """

    page: Page
    links: tuple[Link, ...]
    rows: tuple[Any, ...] | None = None
    follow: tuple[Link | Request, ...] = ()
    chosen: tuple[Link, ...] = ()
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False, compare=False)


Outcome: TypeAlias = Parsed | Failure
"""What a page came to, as writers see it."""

Parse: TypeAlias = Callable[[Page], Any]
"""A user's parser: a function, generator, async function or async generator of a page."""


def _nothing() -> Mapping[Any, int]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The numbers of a crawl at one moment; all count from its start.

    ``discovered`` is always the sum of ``pages``, ``sitemaps``, ``failed``, ``skipped`` and ``pending``.

    Args:
        discovered: distinct URLs that were found, seeds included.
        pages: those that are done: fetched, parsed and written.
        unchanged: of the pages, those whose last visit found them as they were before (a 304
            to a conditional request), and wrote no row.
        sitemaps: sitemaps and feeds that were read; they are URLs, and no pages.
        failed: those that ended without a page, by kind of `Failure`.
        skipped: those that were not asked for, by reason.
        pending: those that no outcome is known for yet.
        in_flight: pages being fetched, parsed or written at this moment.
        statuses: pages by the status code of their last response.
        rows: rows written, of all outputs together.
        links: links found on pages, each once a page.
        links_dropped: links beyond ``max_links`` of their page.
        requests: hops made, each retry and redirect counted.
        retries: hops that had to be made again.
        redirects: redirects followed.
        robots: robots.txt files asked for.
        probes: URLs asked for that can't exist, one of a host, to know its soft 404s.
        bytes: bytes of response bodies as they came over the wire.
        elapsed: seconds since the crawl began.
    """

    discovered: int = 0
    pages: int = 0
    unchanged: int = 0
    sitemaps: int = 0
    failed: Mapping[FailureKind, int] = field(default_factory=_nothing)
    skipped: Mapping[SkipReason, int] = field(default_factory=_nothing)
    pending: int = 0
    in_flight: int = 0
    statuses: Mapping[int, int] = field(default_factory=_nothing)
    rows: int = 0
    links: int = 0
    links_dropped: int = 0
    requests: int = 0
    retries: int = 0
    redirects: int = 0
    robots: int = 0
    probes: int = 0
    bytes: int = 0
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Statistics):
    """What a crawl came to.

    Args:
        ended: how it ended.
        outputs: the outputs, as they were named.
        hosts: how hosts were treated: at most a hundred, first those where a rule was not
            kept, which there should be none of, then the busiest.
    """

    ended: Ended = "done"
    outputs: tuple[str, ...] = ()
    hosts: tuple[HostReport, ...] = ()

    def __post_init__(self) -> None:
        """Check the books: each URL that was discovered has one outcome."""
        ended = self.pages + self.sitemaps + sum(self.failed.values()) + sum(self.skipped.values())
        accounted = ended + self.pending
        if (
            accounted != self.discovered
            or self.pages != sum(self.statuses.values())
            or not 0 <= self.unchanged <= self.statuses.get(304, 0)
        ):
            raise AssertionError(f"the numbers of a crawl don't add up: {accounted} outcomes of {self!r}")

    def __str__(self) -> str:
        rate = f", {self.pages / self.elapsed:,.1f} pages a second" if self.elapsed >= 1 else ""
        lines = [
            f"Crawl {_ENDINGS[self.ended]} after {self.elapsed:,.1f} s{rate}",
            _line("URLs discovered", self.discovered, {}),
            _line("  pages", self.pages, {**self.statuses, "unchanged": self.unchanged}),
            *([_line("  sitemaps", self.sitemaps, {})] if self.sitemaps else []),
            _line("  failed", sum(self.failed.values()), self.failed),
            _line("  skipped", sum(self.skipped.values()), self.skipped),
            _line("  pending", self.pending, {}),
            _line(
                "requests",
                self.requests,
                {
                    "retries": self.retries,
                    "redirects": self.redirects,
                    "robots.txt": self.robots,
                    "probes": self.probes,
                },
            ),
            _line("links found", self.links, {"dropped by max_links": self.links_dropped}),
            _line("rows written", self.rows, {})
            + (f"  to {', '.join(self.outputs)}" if self.outputs else ""),
            f"{'bytes received':<16}{self.bytes:>11,}",
        ]
        return "\n".join(lines)


_ENDINGS = {
    "done": "done",
    "stopped": "stopped by request",
    "max_time": "stopped at max_time",
    "left": "left by its consumer",
}


def _line(name: str, number: int, parts: Mapping[Any, int]) -> str:
    """Return one line of a report: the number, and what it consists of."""
    shown = ", ".join(f"{key}: {count:,}" for key, count in parts.items() if count)
    return f"{name:<16}{number:>11,}" + (f"  ({shown})" if shown else "")
