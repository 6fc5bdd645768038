"""The references in HTML and CSS, each replaced by what another function says. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

import turbohtml

from .. import _urls
from .._parse.cost import predict
from .._parse.tree import MOST_FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from turbohtml import Element, Node

Replace: TypeAlias = "Callable[[str], tuple[str, bool]]"
"""Takes an absolute URL, with its fragment; returns what stands for it, and whether that is in the mirror."""

_ATTRIBUTES: Final = ("href", "src", "poster", "data", "action", "formaction", "background", "xlink:href")
_BEARERS: Final = ", ".join(f"[{name}]" for name in _ATTRIBUTES if ":" not in name) + ", use, image"

# What a browser would refuse a file for: it has no origin, and is not byte for byte what was signed.
_GUARDS: Final = ("integrity", "crossorigin", "nonce")

# A comment, or a reference in one of its forms (CSS Syntax, section 4.3.6).
_CSS: Final = re.compile(
    r"/\*.*?(?:\*/|\Z)"
    r"|url\(\s*(?:\"(?P<double>[^\"\n]*)\"|'(?P<single>[^'\n]*)'|(?P<bare>[^\"'()\s]+))\s*\)"
    r"|@import\s+(?:\"(?P<import_double>[^\"\n]*)\"|'(?P<import_single>[^'\n]*)')",
    re.IGNORECASE | re.DOTALL,
)
_CANDIDATE: Final = re.compile(r"[\s,]*(?P<url>\S*[^\s,])(?P<size>[^,]*)")
_REFRESH: Final = re.compile(
    r"(?P<wait>\s*[0-9.]+\s*[;,]\s*(?:url\s*=\s*)?)['\"]?(?P<url>[^'\"]+)['\"]?", re.IGNORECASE
)


def rewrite_html(html: str, url: str, replace: Replace, *, depth: int = 0) -> str:
    """Return *html* with each reference replaced, and without what would keep a copy from working.

    That is ``base``, a policy in ``meta``, and attributes that bind a file to its origin. What was made
    to be slow to parse is returned as it is.

    Args:
        html: the document.
        url: its URL.
        replace: what stands for a URL.
        depth: documents that it is in, as the ``srcdoc`` of a frame.
    """
    if predict(html).is_slow:
        return html
    # As what runs scripts has it, which keeps as text what is text there.
    document = turbohtml.parse(html, positions=False, scripting=True, allow_declarative_shadow_roots=False)
    base = url
    for element in document.select("base"):
        reference = element.attr("href")
        if base == url and reference:
            base = _urls.join(url, reference) or url
        element.decompose()
    _rewrite_tree(document, base, url, replace)
    for element in document.select("noscript"):
        _rewrite_noscript(element, base, url, replace)
    for element in document.select("iframe[srcdoc]") if depth < MOST_FRAMES else ():
        element.attrs["srcdoc"] = rewrite_html(element.attr("srcdoc") or "", base, replace, depth=depth + 1)
    return document.html


def _rewrite_tree(tree: Node, base: str, url: str, replace: Replace) -> None:
    for element in tree.select("meta[http-equiv]"):
        _rewrite_meta(element, base, replace)
    for element in tree.select(_BEARERS):
        _rewrite_element(element, base, url, replace)
    for element in tree.select("[srcset], [imagesrcset]"):
        for name in ("srcset", "imagesrcset"):
            value = element.attr(name)
            if value:
                element.attrs[name] = _rewrite_srcset(value, base, replace)
    for element in tree.select("[style]"):
        element.attrs["style"] = rewrite_css(element.attr("style") or "", base, replace)
    for element in tree.select("style"):
        element.set_text(rewrite_css(element.text, base, replace))


def _rewrite_noscript(element: Element, base: str, url: str, replace: Replace) -> None:
    """Rewrite what a ``noscript`` holds, which is text for what runs scripts, unless that would end it."""
    text = element.text
    if element.namespace is not turbohtml.Namespace.HTML or "<" not in text:
        return
    part = turbohtml.parse_fragment(text, "noscript", positions=False)
    _rewrite_tree(part, base, url, replace)
    rewritten = part.inner_html
    if "</noscript" not in rewritten.lower():
        element.set_text(rewritten)


def _rewrite_element(element: Element, base: str, url: str, replace: Replace) -> None:
    local = False
    for name in _ATTRIBUTES:
        value = element.attr(name)
        if value is None or (value.lstrip().startswith("#") and base == url):
            continue
        replaced, found = _replaced(value, base, replace)
        element.attrs[name] = replaced
        local = local or found
    if local:
        for name in _GUARDS:
            if element.attr(name) is not None:
                del element.attrs[name]


def _replaced(reference: str, base: str, replace: Replace) -> tuple[str, bool]:
    absolute = _urls.join(base, reference)
    if absolute is None:
        return reference, False  # mailto:, data:, or no URL at all
    _, mark, fragment = reference.strip().partition("#")
    return replace(absolute + mark + fragment)


def _rewrite_meta(element: Element, base: str, replace: Replace) -> None:
    kind = (element.attr("http-equiv") or "").strip().lower()
    if kind == "content-security-policy":
        element.decompose()
    elif kind == "refresh":
        found = _REFRESH.fullmatch(element.attr("content") or "")
        if found is not None:
            element.attrs["content"] = found["wait"] + _replaced(found["url"], base, replace)[0]


def _rewrite_srcset(value: str, base: str, replace: Replace) -> str:
    found = [(one["url"], one["size"].strip()) for one in _CANDIDATE.finditer(value)]
    return ", ".join([f"{_replaced(url, base, replace)[0]} {size}".rstrip() for url, size in found])


def rewrite_css(css: str, base: str, replace: Replace) -> str:
    """Return *css* with each reference replaced.

    Args:
        css: the style sheet, or the value of a ``style`` attribute.
        base: the URL that its references are relative to.
        replace: what stands for a URL.
    """

    def put(match: re.Match[str]) -> str:
        kind = match.lastgroup
        if kind is None or match[kind].startswith("#"):
            return match[0]
        text = _replaced(match[kind], base, replace)[0]
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'@import "{quoted}"' if kind.startswith("import") else f'url("{quoted}")'

    return _CSS.sub(put, css)
