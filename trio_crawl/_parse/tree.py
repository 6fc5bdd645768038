"""The tree of a document: as a browser builds it, with what it would show and run no script for.

A page is parsed with scripting on, as browsers do: so what is broken in a ``noscript`` does not
swallow what follows. What each of them holds is then put in its place, since a crawl runs no
scripts. What ``template`` elements hold is no part of a document, and is left out.

This is the one module that makes trees; the engine is imported when the first one is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeGuard

from .._errors import ParseError
from .cost import MOST_MEMORY, MOST_SECONDS, is_cheap, predict
from .xhtml import XmlTree, parse_xhtml, without_subset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from turbohtml import Document, Element, Node

MOST_FRAMES: Final = 3
"""Documents in ``srcdoc`` that are in one another, at most."""

# Seconds that a document in a frame takes, most of which are small.
_OF_FRAME: Final = 35e-6
_OF_CHARACTER: Final = 60e-9

_SHADOW_MODES: Final = frozenset({"open", "closed"})
_NOT_FOREIGN: Final[Mapping[Element, str]] = {}
HTML: Final = "html"
SLOW_SHAPE: Final = (
    "this page is of a shape that was made to be slow, so it is not parsed on the event loop: its links and "
    "its title are there as far as they could be found, page.html is what it is made of, and with "
    'parse_in="process" a parser gets all of it'
)
SVG: Final = "svg"


class Tree:
    """A document as the engine has it.

    Args:
        text: its characters.
        xml: whether it is XHTML, which is parsed as XML where it is well-formed.
        depth: documents that it is in, as the ``srcdoc`` of a frame.
        bounded: whether those in its own frames are not parsed if they were made to be slow.
    """

    __slots__ = ("_bounded", "_depth", "_foreign", "_frames", "document", "mixed", "shadowed")

    def __init__(self, text: str, *, xml: bool = False, depth: int = 0, bounded: bool = False) -> None:
        parsed = parse_xhtml(text) if xml else None
        self.shadowed = False
        """Whether there are shadow roots, so that what is shown is not the tree of the elements."""
        self._foreign = _NOT_FOREIGN
        self.document: Document
        """The elements: what selectors and XPath see."""
        if parsed is None:
            self._parse_html(without_subset(text) if xml else text)
        else:
            self._take_xml(parsed)
        self._depth = depth
        self._bounded = bounded
        self._frames: dict[Element, Tree] = {}
        document = self.document
        self.mixed = bool(self._foreign or document.select("svg") or document.select("math"))

    def _parse_html(self, text: str) -> None:
        import turbohtml  # noqa: PLC0415 - 50 ms, for which nobody waits who reads no page

        document = turbohtml.parse(
            text, positions=False, scripting=True, allow_declarative_shadow_roots=False
        )
        if any(map(_is_shadow, document.select("template"))):
            document = turbohtml.parse(text, positions=False, scripting=True)
            self.shadowed = True
        self.document = document
        for template in document.select("template"):
            template.clear()
        for noscript in document.select("noscript"):
            self._graft(noscript)
        if self.shadowed:
            # Those in shadow roots, which no selector sees.
            for element in list(self._shown("noscript")):
                if not any(map(_is_element, element.children)):
                    self._graft(element)

    def _graft(self, noscript: Element) -> None:
        """Put what a ``noscript`` holds as text in its place as elements."""
        import turbohtml  # noqa: PLC0415 - it is there already

        text = noscript.text
        if noscript.namespace.value != HTML or ("<" not in text and "&" not in text):
            return
        part = turbohtml.parse_fragment(text, "noscript", positions=False)
        templates = part.select("template")
        if any(map(_is_shadow, templates)):
            part = turbohtml.parse_fragment(
                text, "noscript", positions=False, allow_declarative_shadow_roots=True
            )
            self.shadowed = True
            templates = part.select("template")
        for template in templates:
            template.clear()
        noscript.clear()
        noscript.extend(list(part.children))

    def _take_xml(self, parsed: XmlTree) -> None:
        self.document, self._foreign = parsed.document, parsed.foreign
        for template in self.document.select("template"):
            if template not in self._foreign:
                template.clear()

    def namespace(self, element: Element) -> str:
        """Return ``"html"``, ``"svg"``, ``"math"``, or the URI of another namespace in XML."""
        if not self.mixed:
            return HTML
        return self._foreign.get(element) or element.namespace.value

    def is_html(self, element: Element) -> bool:
        """Say whether *element* is in the HTML namespace."""
        return not self.mixed or self.namespace(element) == HTML

    def tagged(self, name: str) -> list[Element]:
        """Return HTML's elements of one name, in the order of the document, without shadow roots."""
        found = self.document.select(name)
        return [element for element in found if self.is_html(element)] if self.mixed else found

    def frame(self, element: Element) -> Tree | None:
        """Return the document that an ``iframe`` has in itself, None if there is none, or not so deep.

        Raises:
            ParseError: it was made to be slow.
        """
        if self._depth >= MOST_FRAMES:
            return None
        if element not in self._frames:
            text = element.attr("srcdoc")
            if text is None or not self.is_html(element):
                return None
            if self._bounded and predict(text).is_slow:
                raise ParseError(SLOW_SHAPE)
            self._frames[element] = Tree(text, depth=self._depth + 1, bounded=self._bounded)
        return self._frames[element]

    def left_by_frames(
        self, seconds: float = MOST_SECONDS, memory: float = MOST_MEMORY
    ) -> tuple[float, float] | None:
        """Parse what the frames have in themselves, as far as it may hold the event loop.

        Returns:
            What is left of *seconds* and bytes of *memory*; None if it takes more.
        """
        if not self.has("iframe"):
            return seconds, memory
        for element in self.shown("iframe"):
            text = element.attr("srcdoc") or ""
            if not is_cheap(text):
                return None
            predicted = predict(text)
            seconds -= predicted.seconds + _OF_FRAME + _OF_CHARACTER * len(text)
            memory -= predicted.memory
            if seconds < 0 or memory < 0:
                return None
            inner = self.frame(element)
            left = (seconds, memory) if inner is None else inner.left_by_frames(seconds, memory)
            if left is None:
                return None
            seconds, memory = left
        return seconds, memory

    def has_only_plain_anchors(self) -> bool:
        """Say whether all links that are followed are HTML's ``a``, without ``rel``, in the tree itself."""
        if self.mixed or self.shadowed:
            return False
        document = self.document
        return not (document.select("area") or document.select("iframe") or document.select_one("a[rel]"))

    def hrefs(self) -> list[str]:
        """Return the ``href`` of each ``a`` that has one, in order; to ask each by itself takes longer."""
        return self.document.xpath("//a/@href")  # type: ignore[return-value]  # it says so

    def has(self, *names: str) -> bool:
        """Say whether there is an element of one of these names that is shown."""
        if self.shadowed:
            return next(self._shown(*names), None) is not None
        return any(self.document.select(name) for name in names)

    def shown(self, *names: str) -> Iterator[Element]:
        """Yield the elements of *names*, of any namespace, in the order in which they are shown.

        Where there are shadow roots, these take the place of what is not slotted into them.
        """
        if self.shadowed:
            return self._shown(*names)
        if len(names) == 1:
            return iter(self.document.select(names[0]))
        return self.document.iter_elements(names)

    def _shown(self, *names: str) -> Iterator[Element]:
        wanted = frozenset(names)
        stack: list[Node] = [self.document]
        while stack:
            node = stack.pop()
            if _is_element(node):
                if node.tag in wanted:
                    yield node
                if node.tag == "template":
                    continue
            elif node is not self.document:
                continue
            stack.extend(reversed(node.flattened_children))


def _is_element(node: Node) -> TypeGuard[Element]:
    return hasattr(node, "tag")


def _is_shadow(template: Element) -> bool:
    return (template.attr("shadowrootmode") or "").lower() in _SHADOW_MODES
