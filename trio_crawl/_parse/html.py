"""A page's content as a document: its characters, its elements, its links.

Everything is worked out when it is first asked for, and once: a crawl that writes links
never collects text, and one that stores bodies never parses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from .. import _urls
from .._errors import ParseError, UsageError
from .._policy import directives
from .cost import LARGE_SIZE, Cost, cost_of
from .decoding import decode_bytes, decodes_quickly
from .encoding import sniff
from .links import LinkCache, reference_of
from .media import parse_media_type
from .metadata import canonical_of, jsonld_of, language_of, meta_of, opengraph_of
from .namespaces import Namespaces
from .optional import XPathTree, main_text
from .query import encode_query
from .text import collapse, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selectolax.lexbor import LexborNode

    from .._model import Link
    from .links import Base

_OTHERS: Final = frozenset({"base", "svg", "math"})
_LINKS: Final = frozenset({"a", "area"})
# Where an XML document that is XHTML says so.
_XHTML_START: Final = 2048
_UNTRIED: Final = "it is not known yet what it takes to parse this page"
# Bytes that so many characters take in every encoding.
_START_BYTES: Final = 4 * _XHTML_START
# In these the bytes below 128 may be something else than ASCII.
_NO_ASCII: Final = frozenset({"utf-16le", "utf-16be", "iso-2022-jp", "replacement"})
_XHTML: Final = "http://www.w3.org/1999/xhtml"


class HtmlDocument:
    """The content of one page; a `trio_crawl._model.Document`.

    Content that is not HTML has its characters, and is an empty document otherwise.

    Args:
        content: the body, with its content coding removed.
        content_type: the value of the ``Content-Type`` field, None if there was none.
        url: the URL that the content came from, after redirects.
        cache: what references lead to, shared by the pages of a crawl.
        robots_tags: the values of the ``X-Robots-Tag`` fields.
        product: the crawler's product token, by which a page speaks to it.
        bounded: whether it is parsed only if that is known to take no more than 50 ms.
    """

    __slots__ = (
        "_bounded",
        "_cache",
        "_content",
        "_content_type",
        "_cost",
        "_directives",
        "_encoding",
        "_html",
        "_known",
        "_links",
        "_product",
        "_refusal",
        "_robots_tags",
        "_tree",
        "_url",
        "_xpath",
    )

    def __init__(  # noqa: PLR0913 - what a response says of its content
        self,
        content: bytes,
        *,
        content_type: str | None,
        url: str,
        cache: LinkCache | None = None,
        robots_tags: Sequence[str] = (),
        product: str = "robots",
        bounded: bool = False,
    ) -> None:
        self._content = content
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
        self._refusal: str | None = None

    def parts(self) -> dict[str, Any]:
        """Return what to make the same document of in another process."""
        return {
            "content": self._content,
            "content_type": self._content_type,
            "url": self._url,
            "robots_tags": self._robots_tags,
            "product": self._product,
        }

    def settle(self, refusal: str | None, known: Mapping[str, Any]) -> None:
        """Take what was found out about the document in another process.

        Args:
            refusal: why it may not be parsed here; None: it may.
            known: its properties by name, and its links.
        """
        self._bounded = False
        self._refusal = refusal
        self._known = known
        self._links = tuple(known["links"]) if "links" in known else None

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
        start = decode_bytes(self._content[:_START_BYTES], self.encoding)[:_XHTML_START].lstrip()
        if media.is_xml or start.startswith("<?xml"):
            return _XHTML in start
        return start.startswith("<")

    @property
    def cost(self) -> Cost:
        """What it takes to decode and parse the content, as far as it can be told without doing so."""
        if self._cost is None:
            self._cost = self._find_cost()
        return self._cost

    def _find_cost(self) -> Cost:
        if len(self._content) > LARGE_SIZE and self.is_html:
            return Cost.LARGE
        if not decodes_quickly(self._content, self.encoding):
            return Cost.DUBIOUS
        if not self.is_html:
            return Cost.CHEAP
        return cost_of(self.html.encode() if self.encoding in _NO_ASCII else self._content)

    @property
    def title(self) -> str | None:
        """The text of the first ``title`` element with its white space collapsed; None if blank."""
        if "title" in self._known:
            known: str | None = self._known["title"]
            return known
        titles = self._parse().tags("title")
        namespaces = Namespaces()
        first = next((title for title in titles if namespaces.is_html(title)), None)
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

    def links(self, selector: str | None = None, /) -> list[Link]:
        """Return the http(s) links, in document order, each URL once, without fragments.

        Args:
            selector: the elements whose ``href``, or else ``src``, is taken. By default
                those are what a browser follows: HTML's ``a`` and ``area``.

        Raises:
            UsageError: *selector* is no CSS selector that the parser knows.
        """
        if selector is not None:
            return self._matching_links(selector)
        if self._links is None:
            self._links = tuple(self._followed_links())
        return list(self._links)

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
        nodes = tree.css("a, area, base, svg, math")
        kinds = [node.tag or "" for node in nodes]
        base = self._base([node for node in nodes if node.tag == "base"] if "base" in kinds else [])
        if not _OTHERS.isdisjoint(kinds):
            namespaces = Namespaces()
            nodes = [node for node in nodes if node.tag in _LINKS and namespaces.is_html(node)]
            kinds = [node.tag or "" for node in nodes]
        known, known_on_site = base.known, base.known_on_site
        found: dict[str, Link] = {}
        for node, kind in zip(nodes, kinds, strict=True):
            attributes = node.attributes
            reference = attributes.get("href")
            if reference is None:
                if "href" not in attributes:
                    continue
                reference = ""
            # Nearly every link is known from another page, so the loop asks for it without a call.
            if kind == "a" and "rel" not in attributes:
                link = known_on_site.get(reference) or known.get(reference)
            else:
                link = None
            if link is None:
                link = base.link(reference, kind, attributes.get("rel"))
            if link is not None and link.url not in found:
                found[link.url] = link
        return list(found.values())

    def _matching_links(self, selector: str) -> list[Link]:
        nodes = self.css(selector)
        resolve = self._base(self._parse().tags("base")).link
        found: dict[str, Link] = {}
        for node in nodes:
            attributes = node.attributes
            reference = reference_of(attributes)
            if reference is not None:
                link = resolve(reference, (node.tag or "").lower(), attributes.get("rel"))
                if link is not None and link.url not in found:
                    found[link.url] = link
        return list(found.values())

    def _base(self, elements: list[LexborNode]) -> Base:
        """Return what joins references (HTML standard, "document base URL").

        Args:
            elements: the document's ``base`` elements, in order.

        The first ``base`` with an ``href`` counts alone, even if that is of no use.
        """
        url = self._url
        namespaces = Namespaces()
        for element in elements:
            attributes = element.attributes
            if "href" in attributes and namespaces.is_html(element):
                reference = encode_query(attributes["href"] or "", self.encoding)
                named = _urls.resolve(self._url, reference)
                if named is not None and not named.startswith(("data:", "javascript:")):
                    url = named
                break
        return self._cache.base(url, self.encoding)
