"""Which elements are HTML's, and not those of the same name in SVG or MathML.

The parser knows, but does not tell. It can be worked out from an element's ancestors, since
a start tag in foreign content makes a foreign element but for the places that the HTML
standard names (section 13.2.6, "HTML integration point" and "MathML text integration point").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_HTML: Final = "html"
_SVG: Final = "svg"
_MATH: Final = "math"
_ANNOTATION: Final = "annotation-xml"
_MATH_TEXT: Final = "math text"
_SVG_INTEGRATION: Final = frozenset({"foreignobject", "desc", "title"})
_MATH_INTEGRATION: Final = frozenset({"mi", "mo", "mn", "ms", "mtext"})
_MATH_IN_TEXT: Final = frozenset({"mglyph", "malignmark"})
_HTML_ENCODINGS: Final = frozenset({"text/html", "application/xhtml+xml"})


class _Place(NamedTuple):
    """The namespace of an element, and what decides on that of its children.

    Args:
        own: ``"html"``, ``"svg"`` or ``"math"``.
        inside: one of these, or which of the places in MathML it is that have rules of their own.
    """

    own: str
    inside: str


class Namespaces:
    """Tells HTML elements from foreign ones in one tree, as long as that is not changed."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, _Place] = {}

    def is_html(self, node: LexborNode) -> bool:
        """Say whether the element *node* is in the HTML namespace.

        Each element of the tree is looked at once, however often this is asked.
        """
        unknown: list[LexborNode] = []
        current: LexborNode | None = node
        while current is not None and current.mem_id not in self._known:
            unknown.append(current)
            current = current.parent
        place = _Place(_HTML, _HTML) if current is None else self._known[current.mem_id]
        for element in reversed(unknown):
            place = _place(element, place.inside)
            self._known[element.mem_id] = place
        return place.own == _HTML


def _place(element: LexborNode, around: str) -> _Place:
    tag = (element.tag or "").lower()
    own = _namespace(tag, around)
    if own == _SVG and tag in _SVG_INTEGRATION:
        return _Place(own, _HTML)
    if own == _MATH and tag in _MATH_INTEGRATION:
        return _Place(own, _MATH_TEXT)
    if own == _MATH and tag == _ANNOTATION:
        encoding = (element.attributes.get("encoding") or "").lower()
        return _Place(own, _HTML if encoding in _HTML_ENCODINGS else _ANNOTATION)
    return _Place(own, own)


def _namespace(tag: str, around: str) -> str:
    if around == _ANNOTATION:
        return _SVG if tag == _SVG else _MATH
    if around == _MATH_TEXT and tag in _MATH_IN_TEXT:
        return _MATH
    if around in {_HTML, _MATH_TEXT}:
        return {_SVG: _SVG, _MATH: _MATH}.get(tag, _HTML)
    return around
