"""A page's content as a document: its characters, its elements, its links.

Everything is worked out when it is first asked for, and once: a crawl that writes links
never collects text, and one that stores bodies never parses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from .._errors import ParseError, UsageError
from .._model import Headers
from .._policy import directives
from .._policy.kinds import FOLLOWED, chosen
from .anchors import anchor_links, document_base
from .cost import Cost, cost_of_document
from .decoding import decode_bytes, decodes_quickly
from .encoding import sniff
from .fields import header_links, refresh_of
from .kinds import FRAMES, element_links, matching_links, selector_of
from .links import MAX_OF_PAGE, LinkCache
from .media import parse_media_type
from .metadata import canonical_of, jsonld_of, language_of, meta_of, opengraph_of
from .namespaces import Namespaces
from .optional import XPathTree, main_text
from .sitemap import is_root_of_list, links_of_list
from .text import collapse, text_of
from .xml_root import LONGEST_PROLOG, is_xhtml, root_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selectolax.lexbor import LexborNode

    from .._model import Kinds, Link, LinkKind
    from .links import Base

_OTHERS: Final = frozenset({"base", "svg", "math", *FRAMES})
_FOREIGN: Final = frozenset({"svg", "math"})
_LINKS: Final = frozenset({"a", "area"})
_START_LENGTH: Final = 2048
_UNTRIED: Final = "it is not known yet what it takes to parse this page"
# Bytes that so many characters take in every encoding.
_START_BYTES: Final = 4 * _START_LENGTH
_LISTED: Final = frozenset({"sitemap", "sitemap_index", "feed"})

_NO_HEADERS: Final = Headers()


class HtmlDocument:
    """The content of one page; a `trio_crawl._model.Document`.

    Content that is not HTML has its characters, and is an empty document otherwise.

    Args:
        content: the body, with its content coding removed.
        content_type: the value of the ``Content-Type`` field, None if there was none.
        url: the URL that the content came from, after redirects.
        cache: what references lead to, shared by the pages of a crawl.
        headers: of the response, some of which refer to other pages.
        robots_tags: the values of the ``X-Robots-Tag`` fields.
        product: the crawler's product token, by which a page speaks to it.
        bounded: whether it is parsed only if that is known to take no more than 50 ms.
    """

    __slots__ = (
        *("_bounded", "_cache", "_chosen", "_content", "_content_type", "_cost"),
        *("_directives", "_encoding", "_framed", "_headers", "_html", "_known"),
        *("_links", "_product", "_refusal", "_robots_tags", "_tree", "_url"),
        *("_xpath", "links_dropped"),
    )

    def __init__(  # noqa: PLR0913 - what a response says of its content
        self,
        content: bytes,
        *,
        content_type: str | None,
        url: str,
        cache: LinkCache | None = None,
        headers: Headers = _NO_HEADERS,
        robots_tags: Sequence[str] = (),
        product: str = "robots",
        bounded: bool = False,
    ) -> None:
        self._content = content
        self.links_dropped = 0
        """Links of ``a`` and ``area`` that are not taken, since they are too long, or all together."""
        self._headers = headers
        self._framed = False
        self._content_type = content_type
        self._url = url
        self._cache = LinkCache() if cache is None else cache
        self._encoding: str | None = None
        self._html: str | None = None
        self._tree: LexborHTMLParser | None = None
        self._links: tuple[Link, ...] | None = None
        self._robots_tags = robots_tags
        self._product = product
        self._directives: frozenset[str] | None = None
        self._xpath: XPathTree | None = None
        self._bounded = bounded
        self._cost: Cost | None = None
        self._known: Mapping[str, Any] = {}
        self._chosen: Mapping[frozenset[LinkKind], list[Link]] = {}
        self._refusal: str | None = None

    def parts(self) -> dict[str, Any]:
        """Return what to make the same document of in another process."""
        return {
            "content": self._content,
            "content_type": self._content_type,
            "url": self._url,
            "headers": self._headers,
            "robots_tags": self._robots_tags,
            "product": self._product,
        }

    def settle(self, refusal: str | None, known: Mapping[str, Any]) -> None:
        """Take what was found out about the document in another process.

        Args:
            refusal: why it may not be parsed here; None: it may.
            known: its properties by name; ``links`` and ``chosen``, its links by kinds.
        """
        self._bounded = False
        self._refusal = refusal
        self._known = known
        self._links = tuple(known["links"]) if "links" in known else None
        self._chosen = known.get("chosen", {})

    @property
    def encoding(self) -> str:
        """The character encoding, by its WHATWG name."""
        if self._encoding is None:
            self._encoding = self._known.get("encoding") or sniff(self._content, self._content_type).encoding
        return self._encoding

    @property
    def html(self) -> str:
        """The content as characters; what can't be decoded is U+FFFD."""
        if self._html is None:
            if (self._bounded or self._refusal) and not decodes_quickly(self._content, self.encoding):
                raise ParseError(self._refusal or _UNTRIED)
            self._html = decode_bytes(self._content, self.encoding)
        return self._html

    @property
    def is_html(self) -> bool:
        """Whether the content is HTML or XHTML, by its media type or, without one, by its start."""
        media = parse_media_type(self._content_type)
        if media.is_html or not media.may_be_html:
            return media.is_html
        start = decode_bytes(self._content[:_START_BYTES], self.encoding)[:_START_LENGTH].lstrip()
        if media.is_xml or start.startswith("<?xml"):
            return is_xhtml(decode_bytes(self._content[: 4 * LONGEST_PROLOG], self.encoding))
        # Without a declaration, too, a list is none that says so by its root.
        return start.startswith("<") and not is_root_of_list(root_of(start))

    @property
    def cost(self) -> Cost:
        """What it takes to decode and parse the content, as far as it can be told without doing so."""
        if self._cost is None:
            self._cost = cost_of_document(self._content, self.encoding, is_html=self.is_html)
        return self._cost

    @property
    def title(self) -> str | None:
        """The text of the first ``title`` element with its white space collapsed; None if blank."""
        if "title" in self._known:
            known: str | None = self._known["title"]
            return known
        titles = self._parse().tags("title")
        namespaces = Namespaces()
        first = next((title for title in titles if _in_head(title) or namespaces.is_html(title)), None)
        return (collapse(first.text()) or None) if first is not None else None

    @property
    def directives(self) -> frozenset[str]:
        """What the page says to robots about itself; see `trio_crawl._policy.directives`."""
        if self._directives is None:
            self._directives = self._known.get("directives")
        if self._directives is None:
            tags = self._robots_tags
            of_header = directives.of_header(tags, self._product) if tags else frozenset()
            self._directives = of_header | directives.of_meta(self._metas(), self._product)
        return self._directives

    @property
    def meta(self) -> dict[str, str]:
        """The contents of the ``meta`` elements by name."""
        return meta_of(self._html_tags("meta"))

    @property
    def opengraph(self) -> dict[str, str]:
        """The Open Graph properties."""
        return opengraph_of(self._html_tags("meta"))

    @property
    def jsonld(self) -> list[Any]:
        """The values of the scripts of linked data."""
        return jsonld_of(self._parse())

    @property
    def canonical(self) -> str | None:
        """The canonical URL that the document names, absolute; None if that is no http or https URL."""
        reference = canonical_of(self._html_tags("link"))
        if reference is None:
            return None
        link = self._base(self._parse().tags("base")).link(reference, "link", "canonical")
        return None if link is None else link.url

    def language(self, content_language: str | None, /) -> str | None:
        """Return the document's language tag.

        Args:
            content_language: the value of the ``Content-Language`` field, which a document overrules.
        """
        return language_of(self._parse().root, self._html_tags("meta"), content_language)

    def css(self, selector: str, /) -> list[LexborNode]:
        """Return the elements that match *selector*, in document order.

        Raises:
            UsageError: it is no CSS selector that the parser knows.
        """
        try:
            found: list[LexborNode] = self._parse().css(selector)
        except SelectolaxError as error:
            message = f"{selector!r} is not a valid CSS selector; see which ones lexbor supports"
            raise UsageError(message) from error
        # Lexbor gives an element once for each selector of a list that it matches.
        return list({node.mem_id: node for node in found}.values()) if "," in selector else found

    def css_first(self, selector: str, /) -> LexborNode | None:
        """Return the first element that matches *selector*, or None; raises as `css` does."""
        try:
            found: LexborNode | None = self._parse().css_first(selector)
        except SelectolaxError as error:
            message = f"{selector!r} is not a valid CSS selector; see which ones lexbor supports"
            raise UsageError(message) from error
        return found

    def xpath(self, expression: str, /) -> Any:  # noqa: ANN401 - XPath has four types
        """Return what the XPath 1.0 *expression* comes to.

        Raises:
            MissingExtraError: lxml is not installed.
            UsageError: it is no XPath.
        """
        if self._xpath is None:
            self._xpath = XPathTree(self._parse())
        return self._xpath.find(expression)

    def links(self, selector: str | None = None, /, *, kinds: Kinds | None = None) -> list[Link]:
        """Return the http(s) links, in document order, each URL once, without fragments.

        Args:
            selector: the elements whose ``href``, or else ``src``, is taken. By default
                those are what a browser follows: HTML's ``a`` and ``area``.
            kinds: of links, each URL then once for each kind and language.

        Raises:
            UsageError: *selector* is no CSS selector that the parser knows, or there is no
                such kind of link.
        """
        if kinds is not None:
            wanted = chosen(kinds)
            if selector is None and wanted in self._chosen:
                return list(self._chosen[wanted])
            # What is followed by default is known already, but for what only few pages have.
            if selector is not None or wanted != FOLLOWED or self._has_frames():
                return self._links_of(wanted, selector)
        elif selector is not None:
            return matching_links(self.css(selector), self._base(self._parse().tags("base")))
        if self._links is None:
            self._links = tuple(self._followed_links())
        return list(self._links)

    def _has_frames(self) -> bool:
        if self._links is None:
            self._links = tuple(self._followed_links())
        return self._framed

    def text(self, *, main: bool = False) -> str:
        """Return the text a person reads: a line a block, without scripts and styles.

        Of content that is not HTML it is all of it if it is text, and empty otherwise.

        Args:
            main: without navigation, headers and footers.

        Raises:
            MissingExtraError: *main* needs Resiliparse, which is not installed.
        """
        if self.is_html:
            if main:
                return main_text(self._parse().html or "")
            tree = self._parse()
            root = tree.body or tree.root
            return "" if root is None else text_of(root)
        return self.html if parse_media_type(self._content_type).is_text else ""

    def _parse(self) -> LexborHTMLParser:
        """Return the tree; that of an empty document where the content is not HTML."""
        if self._tree is None:
            if self._bounded and self.cost is not Cost.CHEAP:
                raise ParseError(_UNTRIED)
            if self._refusal is not None:
                raise ParseError(self._refusal)
            self._tree = LexborHTMLParser(self.html if self.is_html else "")
        return self._tree

    def _metas(self) -> Iterator[tuple[str, str]]:
        """Yield name and content of each ``meta`` element of HTML that speaks to robots."""
        ours = {"robots", self._product.lower()}
        for node in self._parse().tags("meta"):
            attributes = node.attributes
            name = attributes.get("name")
            # Asked for on every page, of which few have such an element: its namespace comes last.
            if name and name.strip().lower() in ours and Namespaces().is_html(node):
                yield name, attributes.get("content") or ""

    def _html_tags(self, name: str) -> list[LexborNode]:
        namespaces = Namespaces()
        return [node for node in self._parse().tags(name) if namespaces.is_html(node)]

    def _followed_links(self) -> list[Link]:
        if not self.is_html:
            return []
        tree = self._parse()
        # One walk for all: to look each up by its name takes half as long again.
        nodes = tree.css("a, area, base, svg, math, iframe, frame")
        kinds = [node.tag or "" for node in nodes]
        base = self._base([node for node in nodes if node.tag == "base"] if "base" in kinds else [])
        if not _OTHERS.isdisjoint(kinds):
            self._framed = not FRAMES.isdisjoint(kinds)
            nodes = [node for node in nodes if node.tag in _LINKS]
            if not _FOREIGN.isdisjoint(kinds):
                namespaces = Namespaces()
                nodes = [node for node in nodes if namespaces.is_html(node)]
            kinds = [node.tag or "" for node in nodes]
        found = anchor_links(nodes, kinds, base)
        self.links_dropped = base.dropped
        return found

    def _links_of(self, kinds: frozenset[LinkKind], selector: str | None) -> list[Link]:
        found: dict[tuple[str, LinkKind, str | None], Link] = {}
        room = MAX_OF_PAGE
        for link in self._all_links(kinds, selector):
            if (key := (link.url, link.kind, link.hreflang)) not in found:
                room -= 0 if link.kind in _LISTED else len(link.url)  # lists have bounds of their own
                if room < 0:
                    break
                found[key] = link
        return list(found.values())

    def _all_links(self, kinds: frozenset[LinkKind], selector: str | None) -> Iterator[Link]:
        base = self._base(self._parse().tags("base"))
        if selector is not None:
            yield from element_links(self.css(selector), kinds, base)
            return
        if "header" in kinds:
            yield from header_links(self._headers, self._url)
        refresh = refresh_of(self._headers, base) if "refresh" in kinds else None
        if refresh is not None:
            yield refresh
        if not _LISTED.isdisjoint(kinds) and not self.is_html:
            listed = links_of_list(self._content, self._url, self._content_type)
            yield from (link for link in listed if link.kind in kinds)
        query = selector_of(kinds)
        if query:
            yield from element_links(self.css(query), kinds, base, refreshed=refresh is not None)

    def _base(self, elements: list[LexborNode]) -> Base:
        return self._cache.base(document_base(elements, self._url, self.encoding), self.encoding)


def _in_head(title: LexborNode) -> bool:
    # In foreign content no parser makes such an element (WHATWG HTML, section 13.2.6.5), so what is in
    # one is HTML; and that nearly every title is there saves looking at the tree.
    parent = title.parent
    return parent is not None and parent.tag == "head"
