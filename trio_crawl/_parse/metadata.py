"""What a page says of itself: its metas, its Open Graph, its linked data, its language, its canonical URL.

Sites write these by hand and by plug-in, so whatever is malformed is left out, never an error.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from .text import collapse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from turbohtml import Document, Element

_OPEN_GRAPH: Final = re.compile(r"(?:og|article|book|profile|music|video|fb):\S+")

# BCP 47, section 2.1: subtags of letters and digits, of at most eight.
_LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")


def robots_of(metas: Iterable[Element], product: str) -> Iterator[tuple[str, str]]:
    """Yield name and content of each ``meta`` element that speaks to all robots, or to a *product*."""
    ours = {"robots", product.lower()}
    for meta in metas:
        name = meta.attr("name")
        if name and name.strip().lower() in ours:
            yield name, meta.attr("content") or ""


def meta_of(metas: Iterable[Element]) -> dict[str, str]:
    """Return the contents of the ``meta`` elements by their names, in lower case; of each the first."""
    return _contents(metas, "name")


def opengraph_of(metas: Iterable[Element]) -> dict[str, str]:
    """Return the Open Graph properties, prefix and all; of each the first, as its protocol prefers.

    Many sites write ``name`` for ``property``, which who reads Open Graph takes as well.
    """
    metas = list(metas)
    found = _contents(metas, "property")
    for name, content in _contents(metas, "name").items():
        found.setdefault(name, content)
    return {name: content for name, content in found.items() if _OPEN_GRAPH.fullmatch(name)}


def _contents(metas: Iterable[Element], key: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for meta in metas:
        name = collapse(meta.attr(key) or "").lower()
        content = meta.attr("content")
        if name and content is not None:
            found.setdefault(name, content.strip("\t\n\f\r "))
    return found


def jsonld_of(document: Document) -> list[Any]:
    """Return what the scripts of linked data say (JSON-LD 1.1, section 7), each as one value, in order.

    Control characters in strings are let pass, since templates put line feeds there.
    """
    found = []
    for script in document.select("script[type]"):
        kind = (script.attr("type") or "").partition(";")[0]
        if kind.strip("\t\n\f\r ").lower() != "application/ld+json":
            continue
        try:
            found.append(json.loads(script.text, strict=False))
        except (ValueError, RecursionError):
            continue
    return found


def language_of(root: Element | None, metas: Iterable[Element], content_language: str | None) -> str | None:
    """Return the language of the document (HTML standard, "the lang and xml:lang attributes").

    Args:
        root: the ``html`` element.
        metas: the ``meta`` elements, of which one may be a pragma.
        content_language: the value of the ``Content-Language`` field, which counts if it names one language.
    """
    declared = [] if root is None else [root.attr("lang"), root.attr("xml:lang")]
    pragmas = [
        meta.attr("content") or ""
        for meta in metas
        if (meta.attr("http-equiv") or "").lower() == "content-language"
    ]
    # A pragma that names several is ignored, and of one that doesn't the first word counts.
    declared += [words[0] for value in pragmas if "," not in value and (words := value.split())][:1]
    declared.append(content_language)
    for value in declared:
        if value is not None:
            tag = value.strip("\t\n\f\r ")
            return tag if _LANGUAGE_TAG.fullmatch(tag) else None
    return None


def canonical_of(links: Iterable[Element]) -> str | None:
    """Return the reference of the first ``link`` whose ``rel`` says "canonical" (RFC 6596)."""
    for link in links:
        reference = link.attr("href")
        if reference and "canonical" in (link.attr("rel") or "").lower().split():
            return reference
    return None
