"""The text that a person reads on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_UNREAD: Final = frozenset({"script", "style", "template", "iframe", "noembed", "noframes", "head", "title"})
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
_TEXT: Final = "-text"


def collapse(text: str) -> str:
    """Return *text* with each run of ASCII white space as one space, and none at the ends."""
    # Not split() without an argument, which takes no-break spaces too.
    return " ".join([word for word in text.translate(_SPACES).split(" ") if word])


def text_of(root: LexborNode) -> str:
    """Return the text below *root*: a line a block, without scripts, styles and blank lines.

    White space is collapsed; preformatted text keeps its lines.
    """
    pieces: list[str] = []
    # What is still to be read, the next one last: elements, and text to put after them.
    stack: list[tuple[LexborNode, bool] | str] = [(root, False)]
    while stack:
        top = stack.pop()
        if isinstance(top, str):
            pieces.append(top)
            continue
        node, preformatted = top
        tag = node.tag or ""
        if tag == _TEXT:
            text = node.text_content or ""
            pieces.append(text if preformatted else text.translate(_SPACES))
        elif tag not in _UNREAD:
            around = _around(tag)
            pieces.append(around)
            stack.append(around)
            inside = preformatted or tag in _PREFORMATTED
            stack.extend((child, inside) for child in reversed(list(node.iter(include_text=True))))
    lines = map(collapse, "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def _around(tag: str) -> str:
    """Return what stands before and after an element in the text."""
    if tag in _BLOCKS:
        return "\n"
    return " " if tag in _CELLS else ""
