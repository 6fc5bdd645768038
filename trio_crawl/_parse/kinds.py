"""What elements refer to other pages, and as what kind of link."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from .anchors import anchor_reference, document_base
from .links import MAX_OF_PAGE
from .media import parse_media_type
from .refresh import target
from .srcset import candidates
from .tree import HTML, SVG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from turbohtml import Element

    from .._model import Link, LinkKind
    from .links import Base
    from .tree import Tree

Attributes: TypeAlias = "Callable[[str], str | None]"
"""Returns the value of an attribute by its name, None if there is none."""

_ASCII_SPACE: Final = "\t\n\f\r "

# A link element with several of these types counts as the first.
_LINK_TYPES: Final[dict[str, LinkKind]] = {
    "stylesheet": "stylesheet",
    "canonical": "canonical",
    "alternate": "alternate",
    "next": "next",
    "prev": "prev",
    "previous": "prev",
    "icon": "icon",
}

# What says by attributes of its own in which language and of which type its target is.
_DESCRIBED: Final = frozenset({*_LINK_TYPES.values(), "link", "header"})

LISTED: Final[frozenset[LinkKind]] = frozenset({"sitemap", "sitemap_index", "feed"})
"""Kinds of links that lists of pages have, within bounds of their own."""

FRAMES: Final = frozenset({"iframe", "frame"})


class Reference(NamedTuple):
    """One reference of an element.

    Args:
        kind: of link.
        value: as it is written.
    """

    kind: LinkKind
    value: str


def _attribute(name: str, kind: LinkKind) -> Callable[[Attributes], Iterator[Reference]]:
    """Return what reads the attribute *name*; in an empty one a browser sees no reference."""

    def read(attributes: Attributes) -> Iterator[Reference]:
        value = _stripped(attributes, name)
        if value:
            yield Reference(kind, value)

    return read


def _stripped(attributes: Attributes, name: str) -> str:
    return (attributes(name) or "").strip(_ASCII_SPACE)


def _anchor(kind: LinkKind) -> Callable[[Attributes], Iterator[Reference]]:
    """Return what reads an ``a`` or ``area``, whose empty reference is to the page itself."""

    def read(attributes: Attributes) -> Iterator[Reference]:
        if attributes("href") is not None:
            yield Reference(kind, _stripped(attributes, "href"))

    return read


def _srcset(name: str, attributes: Attributes) -> Iterator[Reference]:
    for value in candidates(attributes(name) or ""):
        yield Reference("srcset", value)


def _link(attributes: Attributes) -> Iterator[Reference]:
    value = _stripped(attributes, "href")
    if value and _stripped(attributes, "rel"):
        yield Reference(kind_of_link(attributes), value)
    yield from _srcset("imagesrcset", attributes)


def _frame(attributes: Attributes) -> Iterator[Reference]:
    value = _stripped(attributes, "src")
    if value and attributes("srcdoc") is None:
        yield Reference("iframe", value)


def _img(attributes: Attributes) -> Iterator[Reference]:
    value = _stripped(attributes, "src")
    if value:
        yield Reference("img", value)
    yield from _srcset("srcset", attributes)


def _source(attributes: Attributes) -> Iterator[Reference]:
    return _srcset("srcset", attributes)


def _meta(attributes: Attributes) -> Iterator[Reference]:
    if _stripped(attributes, "http-equiv").lower() == "refresh":
        value = target(attributes("content") or "")
        if value is not None:
            yield Reference("refresh", value)


_READERS: Final[Mapping[str, Callable[[Attributes], Iterator[Reference]]]] = {
    "a": _anchor("a"),
    "area": _anchor("area"),
    "iframe": _frame,
    "frame": _frame,
    "link": _link,
    "img": _img,
    "source": _source,
    "script": _attribute("src", "script"),
    "form": _attribute("action", "form"),
    "button": _attribute("formaction", "form"),
    "input": _attribute("formaction", "form"),
    "meta": _meta,
}

_TAGS: Final[Mapping[LinkKind, tuple[str, ...]]] = {
    "a": ("a",),
    "area": ("area",),
    "iframe": ("iframe", "frame"),
    **dict.fromkeys((*_LINK_TYPES.values(), "link"), ("link",)),
    "img": ("img",),
    "srcset": ("img", "source", "link"),
    "script": ("script",),
    "form": ("form", "button", "input"),
    "refresh": ("meta",),
}


def references(tag: str, attributes: Attributes) -> Iterator[Reference]:
    """Yield what an HTML element refers to."""
    reader = _READERS.get(tag)
    return _element(attributes) if reader is None else reader(attributes)


def _element(attributes: Attributes) -> Iterator[Reference]:
    value = _href_or_src(attributes)
    if value is not None:
        yield Reference("element", value)


def _href_or_src(attributes: Attributes) -> str | None:
    """Return what an element refers to: its ``href``, else its ``src``; None for neither."""
    value = attributes("href")
    if value is None:
        value = attributes("src")
    return None if value is None else value.strip(_ASCII_SPACE)


def _kind_of_element(tag: str, attributes: Attributes) -> LinkKind:
    if tag == "link":
        return kind_of_link(attributes)
    if tag in FRAMES:
        return "iframe"
    # Of which only these have a reference in `href` or `src` that makes a kind.
    kinds: dict[str, LinkKind] = {"a": "a", "area": "area", "img": "img", "script": "script"}
    return kinds.get(tag, "element")


def kind_of_link(attributes: Attributes) -> LinkKind:
    """Return the kind that a ``link`` element is of, by its link types."""
    types = (attributes("rel") or "").lower().split()
    return next((kind for name, kind in _LINK_TYPES.items() if name in types), "link")


@lru_cache(maxsize=64)
def names_of(kinds: frozenset[LinkKind]) -> tuple[str, ...]:
    """Return the names of the elements that may have links of *kinds*; empty if none may."""
    names = {name for kind in kinds for name in _TAGS.get(kind, ())}
    return tuple(sorted(names | {"iframe"})) if names else ()


def described(link: Link, attributes: Attributes) -> Link:
    """Return *link* with what a ``link`` element says of its target; others as they are."""
    if link.kind not in _DESCRIBED:
        return link
    language = _stripped(attributes, "hreflang") or None
    media = parse_media_type(attributes("type")).essence or None
    return replace(link, hreflang=language, type=media) if language or media else link


def document_links(
    tree: Tree, kinds: frozenset[LinkKind], base: Base, *, refreshed: bool = False
) -> Iterator[Link]:
    """Yield the links of *kinds* that a document has, in the order in which they are shown.

    Args:
        tree: the document; those in the ``srcdoc`` of its frames are read in their places.
        kinds: of links.
        base: joins references.
        refreshed: whether a header field leads to another page, so that no ``meta`` element does.
    """
    names = names_of(kinds)
    return _links(tree, tree.shown(*names), kinds, base, refreshed, names) if names else iter(())


def element_links(
    tree: Tree, elements: Iterable[Element], kinds: frozenset[LinkKind], base: Base
) -> Iterator[Link]:
    """Yield the links of *kinds* that *elements* have, which are in the document's order."""
    return _links(tree, elements, kinds, base, False, ())  # noqa: FBT003 - see below


def _links(  # noqa: PLR0913, PLR0917 - they change as frames are entered
    tree: Tree,
    elements: Iterable[Element],
    kinds: frozenset[LinkKind],
    base: Base,
    refreshed: bool,  # noqa: FBT001 - of two callers
    within: tuple[str, ...],
) -> Iterator[Link]:
    for element in elements:
        tag = element.tag
        attributes = element.attr
        if tag == "iframe" and within and (inner := tree.frame(element)) is not None:
            inner_base = base.inner(document_base(inner, base.url, "utf-8"))
            yield from _links(inner, inner.shown(*within), kinds, inner_base, False, within)  # noqa: FBT003
            continue
        namespace = tree.namespace(element)
        if namespace == HTML and not (tag == "meta" and refreshed):
            found = references(tag, attributes)
        elif namespace == SVG and (reference := anchor_reference(tree, element)) is not None:
            found = iter((Reference("a", reference.strip(_ASCII_SPACE)),))
        else:
            continue
        for kind, value in found:
            refreshed = refreshed or kind == "refresh"  # a browser heeds the first alone
            link = base.link(value, kind, attributes("rel")) if kind in kinds else None
            if link is not None:
                yield described(link, attributes)


def once_each(links: Iterable[Link]) -> list[Link]:
    """Return *links*, each URL once for each kind and language, as far as they fit."""
    found: dict[tuple[str, LinkKind, str | None], Link] = {}
    room = MAX_OF_PAGE
    for link in links:
        if (key := (link.url, link.kind, link.hreflang)) not in found:
            room -= 0 if link.kind in LISTED else len(link.url)
            if room < 0:
                break
            found[key] = link
    return list(found.values())


def matching_links(tree: Tree, elements: Iterable[Element], base: Base) -> list[Link]:
    """Return where elements that were named by hand lead, by ``href`` or else ``src``; each URL once."""
    found: dict[str, Link] = {}
    for element in elements:
        attributes = element.attr
        reference = _href_or_src(attributes)
        if reference is None and element.tag == "a" and tree.namespace(element) == SVG:
            reference = attributes("xlink:href")
        if reference is not None:
            link = base.link(reference, _kind_of_element(element.tag, attributes), attributes("rel"))
            if link is not None and link.url not in found:
                if not base.fits(link.url):
                    break
                found[link.url] = described(link, attributes)
    return list(found.values())
