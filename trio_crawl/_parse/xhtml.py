"""XHTML by the rules of XML: its tree, and the namespaces of its elements."""

from __future__ import annotations

import re
from html.entities import html5
from typing import TYPE_CHECKING, Final, NamedTuple

from .xml_root import XHTML

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turbohtml import Document, Element, Node

_NAMES: Final = {
    XHTML: "html",
    "http://www.w3.org/2000/svg": "svg",
    "http://www.w3.org/1998/Math/MathML": "math",
}

# For these, and no other document types, browsers define the entities of HTML, whatever they
# would find at the addresses (HTML standard, section 14.2, "parsing XML documents").
_PUBLIC_IDENTIFIERS: Final = frozenset(
    {
        "-//W3C//DTD XHTML 1.0 Transitional//EN",
        "-//W3C//DTD XHTML 1.1//EN",
        "-//W3C//DTD XHTML 1.0 Strict//EN",
        "-//W3C//DTD XHTML 1.0 Frameset//EN",
        "-//W3C//DTD XHTML Basic 1.0//EN",
        "-//W3C//DTD XHTML 1.1 plus MathML 2.0//EN",
        "-//W3C//DTD XHTML 1.1 plus MathML 2.0 plus SVG 1.1//EN",
        "-//W3C//DTD MathML 2.0//EN",
        "-//WAPFORUM//DTD XHTML Mobile 1.0//EN",
    }
)
# Which are copied for each element that declares one more.
_MOST_PREFIXES: Final = 100
_OWN: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})

# All of it is possessive: what is long is looked through once.
_QUOTED: Final = r""""[^"]*+"|'[^']*+'"""
_ASIDE: Final = r"<!--(?:[^-]++|-(?!->))*+-->|<\?(?:[^?]++|\?(?!>))*+\?>"
_DOCTYPE: Final = re.compile(
    rf"(?P<before>\s*+(?:(?:{_ASIDE})\s*+)*+)<!DOCTYPE(?P<names>(?:{_QUOTED}|[^\[\"'<>])*+)"
    rf"(?P<subset>\[(?:{_ASIDE}|{_QUOTED}|(?!<!--|<\?)[^\]\"'])*+\]\s*+)?+>"
)
_PUBLIC: Final = re.compile(r"""\s+PUBLIC\s+(?:"([^"]*)"|'([^']*)')""")
# A reference, or what has none in it, up to the end where that is not closed: no end is looked for twice.
_REFERENCE: Final = re.compile(
    r"&([A-Za-z][A-Za-z0-9]*+);|<!--(?:[^-]++|-(?!->))*+(?:-->|\Z)|<\?(?:[^?]++|\?(?!>))*+(?:\?>|\Z)"
    r"|<!\[CDATA\[(?:[^\]]++|\](?!\]>))*+(?:\]\]>|\Z)"
)


class XmlTree(NamedTuple):
    """A document that is well-formed.

    Args:
        document: its elements, named without prefixes.
        foreign: the namespaces of the others: ``"svg"``, ``"math"``, or a URI.
    """

    document: Document
    foreign: Mapping[Element, str]


def parse_xhtml(text: str) -> XmlTree | None:
    """Return the tree of *text*; None if that is not well-formed, or its root is not XHTML's."""
    import turbohtml  # noqa: PLC0415 - 50 ms, for which nobody waits who reads no page

    try:
        document = turbohtml.parse_xml(_prepared(text))
    except turbohtml.HTMLParseError:
        return None
    root = document.root
    if root is None:
        return None
    # As nearly all documents have it: one namespace, which the root declares.
    foreign = {} if text.count("xmlns") == 1 and root.attr("xmlns") == XHTML else _foreign(document)
    return None if foreign is None or root in foreign else XmlTree(document, foreign)


def without_subset(text: str) -> str:
    """Return *text* without the internal subset of its document type, which HTML knows nothing of."""
    found = _DOCTYPE.match(text)
    if found is None or found["subset"] is None:
        return text
    return text[: found.start("subset")] + text[found.end("subset") :]


def _prepared(text: str) -> str:
    """Return *text* with HTML's named references as characters, where they mean these."""
    found = _DOCTYPE.match(text)
    if found is None:
        return text
    named = _PUBLIC.search(found["names"])
    # What a subset declares is not read; of what it may declare, HTML's names are the usual ones.
    if found["subset"] is None and (named is None or (named[1] or named[2]) not in _PUBLIC_IDENTIFIERS):
        return text
    start = found.end("names")
    return text[:start] + ">" + _REFERENCE.sub(_character, text[found.end() :])


def _character(found: re.Match[str]) -> str:
    name = found[1]
    if name is None or name in _OWN:
        return found[0]
    characters = html5.get(f"{name};")
    return found[0] if characters is None else "".join(f"&#{ord(character)};" for character in characters)


def _foreign(document: Document) -> dict[Element, str] | None:
    """Return the namespaces of elements that are not HTML's, and name all without prefixes, as selectors do.

    None stands for a document with more prefixes than anybody writes.
    """
    scopes: dict[Node, Mapping[str, str]] = {document: {"": ""}}
    found: dict[Element, str] = {}
    for element in document.iter_elements():
        parent = element.parent
        assert parent is not None  # noqa: S101 - it is in the document
        prefixes = scopes[parent]
        declared = [name for name in element.attrs if name == "xmlns" or name.startswith("xmlns:")]
        if declared:
            if len(prefixes) + len(declared) > _MOST_PREFIXES:
                return None
            prefixes = {**prefixes, **{name.partition(":")[2]: element.attr(name) or "" for name in declared}}
        scopes[element] = prefixes
        prefix, _, local = element.tag.rpartition(":")
        namespace = prefixes.get(prefix, "")
        name = _NAMES.get(namespace, namespace or "none")
        if name != "html":
            found[element] = name
        if prefix:
            element.tag = local
    return found
