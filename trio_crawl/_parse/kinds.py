"""What refers to other pages, beside ``a`` and ``area``: elements by their attributes, and header fields."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from .. import _urls
from .._model import Headers, Link, LinkKind
from .link_header import parse_links
from .links import reference_of
from .media import parse_media_type
from .refresh import target
from .srcset import candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .links import Base

Attributes: TypeAlias = "Mapping[str, str | None]"

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
    return (attributes.get(name) or "").strip(_ASCII_SPACE)


def _anchor(kind: LinkKind) -> Callable[[Attributes], Iterator[Reference]]:
    """Return what reads an ``a`` or ``area``, whose empty reference is to the page itself."""

    def read(attributes: Attributes) -> Iterator[Reference]:
        if "href" in attributes:
            yield Reference(kind, _stripped(attributes, "href"))

    return read


def _srcset(name: str, attributes: Attributes) -> Iterator[Reference]:
    for value in candidates(attributes.get(name) or ""):
        yield Reference("srcset", value)


def _link(attributes: Attributes) -> Iterator[Reference]:
    value = _stripped(attributes, "href")
    if value and _stripped(attributes, "rel"):
        yield Reference(kind_of_link(attributes), value)
    yield from _srcset("imagesrcset", attributes)


def _frame(attributes: Attributes) -> Iterator[Reference]:
    value = _stripped(attributes, "src")
    if value and "srcdoc" not in attributes:
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
        value = target(attributes.get("content") or "")
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
    value = reference_of(attributes)
    if value is not None:
        yield Reference("element", value)


def main_reference(tag: str, attributes: Attributes) -> Reference | None:
    """Return what an element that was named by hand refers to: its ``href``, or else ``src``."""
    value = reference_of(attributes)
    return None if value is None else Reference(_kind_of_element(tag, attributes), value)


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
    types = (attributes.get("rel") or "").lower().split()
    return next((kind for name, kind in _LINK_TYPES.items() if name in types), "link")


@lru_cache(maxsize=64)
def selector_of(kinds: frozenset[LinkKind]) -> str:
    """Return what selects the elements that may have links of *kinds*; empty if none may."""
    tags = {tag for kind in kinds for tag in _TAGS.get(kind, ())}
    return ", ".join(sorted(tags))


def described(link: Link, attributes: Attributes) -> Link:
    """Return *link* with what the element says of its target."""
    language = _stripped(attributes, "hreflang") or None
    media = parse_media_type(attributes.get("type")).essence or None
    return replace(link, hreflang=language, type=media) if language or media else link


def header_links(headers: Headers, url: str) -> Iterator[Link]:
    """Yield the links of the ``Link`` fields.

    A link whose ``anchor`` is another document is that document's, and left out.

    Args:
        headers: of the response.
        url: of the response, which references are relative to: a ``base`` element is not
            heeded (RFC 8288, section 3.1).
    """
    for field in headers.get_all("link"):
        for reference, parameters in parse_links(field):
            anchor = parameters.get("anchor")
            if anchor is not None and _urls.join(url, anchor) != url.partition("#")[0]:
                continue
            types = tuple(parameters.get("rel", "").lower().split())
            found = _urls.join(url, reference) if types else None
            if found is not None:
                yield described(Link(url=found, kind="header", rel=types), parameters)


def refresh_of(headers: Headers, base: Base) -> Link | None:
    """Return where the first ``Refresh`` field leads that says when; None if it is nowhere."""
    for field in headers.get_all("refresh"):
        reference = target(field)
        if reference is not None:
            return base.link(reference, "refresh", None)
    return None
