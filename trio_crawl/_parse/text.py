"""The text that a person reads on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from turbohtml import Element, Node

    from .tree import Tree

_UNREAD: Final = frozenset({"script", "style", "template", "iframe", "noembed", "noframes", "head", "title"})
_ASIDE: Final = frozenset({"nav", "aside", "header", "footer"})
_MAIN: Final = "main, [role=main], article"
# How many times longer all of the text may be than what the page is about.
_LEAST_SHARE: Final = 3
_MOST_STEPS: Final = 8
_PREFORMATTED: Final = frozenset({"pre", "textarea", "listing", "plaintext", "xmp"})
# Elements that the standard's style sheet for rendering shows as blocks of their own.
_BLOCK_NAMES: Final = """
    address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset
    figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu
    nav ol optgroup option p search section select summary table tbody tfoot thead tr ul
"""
_BLOCKS: Final = _PREFORMATTED.union(_BLOCK_NAMES.split())
_CELLS: Final = frozenset({"td", "th"})
_SPACES: Final = str.maketrans("\t\n\f\r", "    ")


def collapse(text: str) -> str:
    """Return *text* with each run of ASCII white space as one space, and none at the ends."""
    # Not split() without an argument, which takes no-break spaces too.
    return " ".join([word for word in text.translate(_SPACES).split(" ") if word])


def text_of(tree: Tree, root: Element, *, main: bool = False) -> str:
    """Return the text below *root*: a line a block, without scripts, styles and blank lines.

    White space is collapsed; preformatted text keeps its lines.

    Args:
        tree: the document.
        root: the element.
        main: without navigation, what stands beside, and headers and footers but those of articles.
    """
    from turbohtml import CData, Element, Text  # noqa: PLC0415 - there is a tree, so it is there

    pieces: list[str] = []
    # What is still to be read, the next one last: nodes, and text to put after them.
    stack: list[tuple[Node, bool] | str] = [(root, False)]
    while stack:
        top = stack.pop()
        if isinstance(top, str):
            pieces.append(top)
            continue
        node, preformatted = top
        if isinstance(node, Element):
            tag = node.tag
            if tag in _UNREAD:
                if tag == "iframe":
                    pieces.append(_framed(tree, node))
                continue
            if main and tag in _ASIDE and not (tag == "header" and node.closest(_MAIN)):
                continue
            around = _around(tag)
            pieces.append(around)
            stack.append(around)
            inside = preformatted or tag in _PREFORMATTED
            children = node.flattened_children if tree.shadowed else node.children
            stack.extend((child, inside) for child in reversed(children))
        elif isinstance(node, Text | CData):
            pieces.append(node.data if preformatted else node.data.translate(_SPACES))
    lines = map(collapse, "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def document_text(tree: Tree) -> str:
    """Return the text of a whole document."""
    body = tree.document.select_one("body") or tree.document.root
    return "" if body is None else text_of(tree, body)


def _framed(tree: Tree, frame: Element) -> str:
    inner = tree.frame(frame)
    return "" if inner is None else f"\n{document_text(inner)}\n"


def main_text(tree: Tree) -> str:
    """Return the text of what a page is about, without navigation, headers and footers.

    That is the element that has most words for its links, or the ``main`` or ``article`` around it;
    and, where that is less than a third of what the page says, what is around that.
    """
    body = tree.document.select_one("body") or tree.document.root
    if body is None:
        return ""
    element = tree.document.main_content()
    if element is None:
        element = next((found[0] for name in ("main", "article") if (found := tree.tagged(name))), body)
    else:
        element = element.closest(_MAIN) or element
    text, whole = text_of(tree, element, main=True), text_of(tree, body, main=True)
    for _ in range(_MOST_STEPS):
        if _LEAST_SHARE * len(text) >= len(whole):
            return text
        parent = element.parent
        if element is body or not isinstance(parent, type(body)):
            break
        element = parent
        text = text_of(tree, element, main=True)
    return whole


def _around(tag: str) -> str:
    """Return what stands before and after an element in the text."""
    if tag in _BLOCKS:
        return "\n"
    return " " if tag in _CELLS else ""
