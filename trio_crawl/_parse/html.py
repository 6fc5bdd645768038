"""A page's content as a document: its characters, its elements, its links.

Everything is worked out when it is first asked for, and once: a crawl that writes links
never collects text, and one that stores bodies never parses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .._errors import ParseError, UsageError
from .._model import Headers
from .._policy import directives
from .._policy.kinds import FOLLOWED, chosen
from .anchors import anchor_links, document_base
from .cost import is_cheap, most_size, predict
from .decoding import decode_bytes, decodes_quickly
from .encoding import sniff
from .fields import header_links, refresh_of
from .kinds import FRAMES, LISTED, document_links, element_links, matching_links, once_each
from .links import LinkCache
from .media import parse_media_type
from .metadata import canonical_of, jsonld_of, language_of, meta_of, opengraph_of, robots_of
from .page_type import is_page, is_xml
from .sitemap import links_of_list
from .text import collapse, document_text, main_text
from .tree import SLOW_SHAPE, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from turbohtml import Element

    from .._model import Kinds, Link, LinkKind
    from .links import Base

_SLOW_DECODING: Final = (
    "decoding this page takes too long to be done on the event loop, as much in it is broken: "
    'page.content is what came, and with parse_in="process" a parser gets all of it'
)
_POISONED: Final = (
    "this page was being read when the crawl ended without a word, twice: it was read in a worker process, "
    "and is not read here"
)
# Characters that a title is read from; what is longer was made to be.
_LONGEST_TITLE: Final = 64 * 1024

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
        bounded: whether it is not decoded or parsed if it was made to take long.
        poison: whether it is read in another process alone, as this one may not survive it.
    """

    __slots__ = (
        *("_bounded", "_cache", "_chosen", "_content", "_content_type", "_directives", "_encoding"),
        *("_framed", "_headers", "_html", "_is_html", "_known", "_links", "_product"),
        *("_robots_tags", "_tree", "_url", "links_dropped", "poison"),
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
        poison: bool = False,
    ) -> None:
        self._content = content
        self.poison = poison
        self.links_dropped = 0
        """Links of ``a`` and ``area`` that are not taken, since they are too long, or all together."""
        self._headers = headers
        self._framed = False
        self._content_type = content_type
        self._url = url
        self._cache = LinkCache() if cache is None else cache
        self._encoding: str | None = None
        self._html: str | None = None
        self._is_html: bool | None = None
        self._tree: Tree | None = None
        self._links: tuple[Link, ...] | None = None
        self._robots_tags = robots_tags
        self._product = product
        self._directives: frozenset[str] | None = None
        self._bounded = bounded
        self._known: Mapping[str, Any] = {}
        self._chosen: Mapping[frozenset[LinkKind], list[Link]] = {}

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

    def settle(self, known: Mapping[str, Any], *, harmless: bool = False) -> None:
        """Take what was found out about the document in another process.

        Args:
            known: its properties by name; ``links`` and ``chosen``, its links by kinds.
            harmless: whether it may be read in this one from now on.
        """
        self.poison = self.poison and not harmless
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
            self._refuse_poison()
            if self._bounded and not decodes_quickly(self._content, self.encoding):
                raise ParseError(_SLOW_DECODING)
            self._html = decode_bytes(self._content, self.encoding)
        return self._html

    @property
    def is_html(self) -> bool:
        """Whether the content is HTML or XHTML: by its media type, its start, and in XML by its root."""
        if self._is_html is None:
            self._is_html = is_page(self._content, self._content_type, self.encoding)
        return self._is_html

    def is_cheap(self, *, every: bool = False) -> bool:
        """Say whether it may be decoded, parsed and read on the event loop, as far as can be predicted.

        Args:
            every: whether links are read beside those that a crawl follows.
        """
        if self.poison:
            return False
        if not (self._bounded and self.is_html):
            return True
        if len(self._content) > most_size(self.encoding):
            return False
        if self._tree is not None or not decodes_quickly(self._content, self.encoding):
            return False
        text = self.html
        xml = is_xml(text, self._content_type)
        if not is_cheap(text, xml=xml, every=every):
            return False
        self._tree = Tree(text, xml=xml, bounded=True)
        self._bounded = self._tree.left_by_frames() is None
        return not self._bounded

    @property
    def title(self) -> str | None:
        """The text of the first ``title`` element with its white space collapsed; None if blank."""
        if "title" in self._known:
            known: str | None = self._known["title"]
            return known
        titles = self._parse().tagged("title")
        return (collapse(titles[0].text[:_LONGEST_TITLE]) or None) if titles else None

    @property
    def directives(self) -> frozenset[str]:
        """What the page says to robots about itself; see `trio_crawl._policy.directives`."""
        if self._directives is None:
            self._directives = self._known.get("directives")
        if self._directives is None:
            tags = self._robots_tags
            of_header = directives.of_header(tags, self._product) if tags else frozenset()
            self._directives = of_header | directives.of_meta(
                robots_of(self._parse().tagged("meta"), self._product), self._product
            )
        return self._directives

    @property
    def meta(self) -> dict[str, str]:
        """The contents of the ``meta`` elements by name."""
        return meta_of(self._parse().tagged("meta"))

    @property
    def opengraph(self) -> dict[str, str]:
        """The Open Graph properties."""
        return opengraph_of(self._parse().tagged("meta"))

    @property
    def jsonld(self) -> list[Any]:
        """The values of the scripts of linked data."""
        return jsonld_of(self._parse().document)

    @property
    def canonical(self) -> str | None:
        """The canonical URL that the document names, absolute; None if that is no http or https URL."""
        reference = canonical_of(self._parse().tagged("link"))
        if reference is None:
            return None
        link = self._base().link(reference, "link", "canonical")
        return None if link is None else link.url

    def language(self, content_language: str | None, /) -> str | None:
        """Return the document's language tag.

        Args:
            content_language: the value of the ``Content-Language`` field, which a document overrules.
        """
        return language_of(self._parse().document.root, self._parse().tagged("meta"), content_language)

    def css(self, selector: str, /) -> list[Element]:
        """Return the elements that match *selector*, in document order.

        Raises:
            UsageError: it is no CSS selector that the engine knows.
        """
        try:
            return self._parse().document.select(selector)
        except ValueError as error:
            raise UsageError(f"{error}") from error

    def css_first(self, selector: str, /) -> Element | None:
        """Return the first element that matches *selector*, or None; raises as `css` does."""
        try:
            return self._parse().document.select_one(selector)
        except ValueError as error:
            raise UsageError(f"{error}") from error

    def xpath(self, expression: str, /) -> list[Any] | str | float | bool:
        """Return what the XPath 1.0 *expression* comes to.

        Raises:
            UsageError: it is no XPath 1.0.
        """
        document = self._parse().document
        try:
            return document.xpath(expression)
        except (ValueError, TypeError) as error:
            raise UsageError(f"{expression!r} is not a valid XPath 1.0 expression: {error}") from error

    def links(self, selector: str | None = None, /, *, kinds: Kinds | None = None) -> list[Link]:
        """Return the http(s) links, in document order, each URL once, without fragments.

        Args:
            selector: the elements whose ``href``, or else ``src``, is taken. By default
                those are what a browser follows: HTML's ``a`` and ``area``.
            kinds: of links, each URL then once for each kind and language.

        Raises:
            UsageError: *selector* is no CSS selector that the engine knows, or there is no
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
            return matching_links(self._parse(), self.css(selector), self._base())
        if self._links is None:
            self._links = tuple(self._followed_links())
        return list(self._links)

    def _has_frames(self) -> bool:
        self.links()
        return self._framed

    def text(self, *, main: bool = False) -> str:
        """Return the text a person reads: a line a block, without scripts and styles.

        Of content that is not HTML it is all of it if it is text, and empty otherwise.

        Args:
            main: without navigation, headers and footers.
        """
        if self.is_html:
            tree = self._parse()
            return main_text(tree) if main else document_text(tree)
        return self.html if parse_media_type(self._content_type).is_text else ""

    def _parse(self) -> Tree:
        """Return the tree; that of an empty document where the content is not HTML."""
        if self._tree is None:
            self._refuse_poison()
            if not self.is_html:
                self._tree = Tree("")
                return self._tree
            text = self.html
            xml = is_xml(text, self._content_type)
            if self._bounded and predict(text, xml=xml).is_slow:
                raise ParseError(SLOW_SHAPE)
            self._tree = Tree(text, xml=xml, bounded=self._bounded)
        return self._tree

    def _refuse_poison(self) -> None:
        if self.poison:
            raise ParseError(_POISONED)

    def _followed_links(self) -> list[Link]:
        if not self.is_html:
            return []
        tree = self._parse()
        self._framed = tree.has(*FRAMES)
        base = self._base()
        found = anchor_links(tree, base)
        self.links_dropped = base.dropped
        return found

    def _links_of(self, kinds: frozenset[LinkKind], selector: str | None) -> list[Link]:
        return once_each(self._all_links(kinds, selector))

    def _all_links(self, kinds: frozenset[LinkKind], selector: str | None) -> Iterator[Link]:
        tree, base = self._parse(), self._base()
        if selector is not None:
            yield from element_links(tree, self.css(selector), kinds, base)
            return
        if "header" in kinds:
            yield from header_links(self._headers, self._url)
        refresh = refresh_of(self._headers, base) if "refresh" in kinds else None
        if refresh is not None:
            yield refresh
        if not LISTED.isdisjoint(kinds) and not self.is_html:
            listed = links_of_list(self._content, self._url, self._content_type)
            yield from (link for link in listed if link.kind in kinds)
        yield from document_links(tree, kinds, base, refreshed=refresh is not None)

    def _base(self) -> Base:
        return self._cache.base(document_base(self._parse(), self._url, self.encoding), self.encoding)
