"""The references in HTML and CSS, each replaced by what another function says. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from selectolax.lexbor import LexborHTMLParser

from .. import _urls

if TYPE_CHECKING:
    from collections.abc import Callable

    from selectolax.lexbor import LexborNode

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


def rewrite_html(html: str, url: str, replace: Replace) -> str:
    """Return *html* with each reference replaced, and without what would keep a copy from working.

    That is ``base``, a policy in ``meta``, and attributes that bind a file to its origin.

    Args:
        html: the document.
        url: its URL.
        replace: what stands for a URL.
    """
    document = LexborHTMLParser(html)
    base = url
    for node in document.css("base"):
        reference = node.attributes.get("href")
        if base == url and reference:
            base = _urls.join(url, reference) or url
        node.decompose()
    for node in document.css("meta[http-equiv]"):
        _rewrite_meta(node, base, replace)
    for node in document.css(_BEARERS):
        _rewrite_node(node, base, url, replace)
    for node in document.css("[srcset], [imagesrcset]"):
        for name in ("srcset", "imagesrcset"):
            value = node.attributes.get(name)
            if value:
                node.attrs[name] = _rewrite_srcset(value, base, replace)
    for node in document.css("[style]"):
        node.attrs["style"] = rewrite_css(node.attributes.get("style") or "", base, replace)
    for node in document.css("style"):
        node.inner_html = rewrite_css(node.text(), base, replace)
    return document.html or ""


def _rewrite_node(node: LexborNode, base: str, url: str, replace: Replace) -> None:
    local = False
    for name in _ATTRIBUTES:
        value = node.attributes.get(name)
        if value is None or (value.lstrip().startswith("#") and base == url):
            continue
        replaced, found = _replaced(value, base, replace)
        node.attrs[name] = replaced
        local = local or found
    if local:
        for name in _GUARDS:
            if name in node.attributes:
                del node.attrs[name]


def _replaced(reference: str, base: str, replace: Replace) -> tuple[str, bool]:
    absolute = _urls.join(base, reference)
    if absolute is None:
        return reference, False  # mailto:, data:, or no URL at all
    _, mark, fragment = reference.strip().partition("#")
    return replace(absolute + mark + fragment)


def _rewrite_meta(node: LexborNode, base: str, replace: Replace) -> None:
    kind = (node.attributes.get("http-equiv") or "").strip().lower()
    if kind == "content-security-policy":
        node.decompose()
    elif kind == "refresh":
        found = _REFRESH.fullmatch(node.attributes.get("content") or "")
        if found is not None:
            node.attrs["content"] = found["wait"] + _replaced(found["url"], base, replace)[0]


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
