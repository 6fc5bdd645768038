"""What a page says to robots about itself: ``X-Robots-Tag`` and ``<meta name=robots>``.

There is no standard for either. The syntax, and that all of what speaks to a
crawler counts together, is as search engines document it
(https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_DIRECTIVES: Final = 100
"""Directives of all fields, and of all elements, that are read, be they equal; people write three."""

MAX_LENGTH: Final = 16_384
"""Characters of one field, or one element, that are read."""

# Directives that have a value after a colon; any other word before one is a user agent.
_WITH_VALUE: Final = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_AGENT: Final = re.compile(r"([^\s,:]+)\s*:(.*)", re.DOTALL)
# A date may have commas, and what follows them begins so; no directive does.
_REST_OF_DATE: Final = re.compile(
    r"[0-9]|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?[\s-]+[0-9]"
)
_EVERYBODY: Final = frozenset({"*", "robots"})
# One word for two.
_SHORT: Final = {"none": ("none", "noindex", "nofollow")}


def of_header(values: Iterable[str], product: str) -> frozenset[str]:
    """Return the directives of ``X-Robots-Tag`` fields that hold for the crawler called *product*.

    Args:
        values: of the fields, each by itself. What follows a user agent, as in
            ``otherbot: noindex, nofollow``, is for that one, up to the next user agent or
            the end of the field; what stands before any is for everybody.
        product: the crawler's product token; compared without case.
    """
    ours = _EVERYBODY | {product.lower()}
    return _gathered(directive for parts in _read(values) for directive in _of_field(parts, ours))


def of_meta(pairs: Iterable[tuple[str, str]], product: str) -> frozenset[str]:
    """Return the directives of ``meta`` elements that hold for the crawler called *product*.

    Those for everybody (``name=robots``) and those for it count together, so that
    neither allows what the other one forbids.

    Args:
        pairs: name and content of each element.
        product: the crawler's product token; compared without case.
    """
    ours = {"robots", product.lower()}
    contents = (content for name, content in pairs if name.strip().lower() in ours)
    return _gathered(directive for parts in _read(contents) for directive in _joined(parts))


def forbids_following(directives: frozenset[str]) -> bool:
    """Return whether the links of a page with these *directives* are not to be followed."""
    return "nofollow" in directives


def _read(values: Iterable[str]) -> Iterator[list[str]]:
    """Yield of each value what stands between its commas, as long as that is not too much in all."""
    left = MAX_DIRECTIVES
    for value in values:
        parts = value[:MAX_LENGTH].lower().split(",", left)[:left]
        yield parts
        left -= len(parts)
        if not left:
            return


def _of_field(parts: Iterable[str], ours: frozenset[str]) -> Iterator[str]:
    to_us = True
    for directive in _joined(parts):
        match = _AGENT.match(directive)
        if match and match[1] not in _WITH_VALUE:
            to_us = match[1] in ours
            directive = match[2].strip()  # noqa: PLW2901 - what is left when it is known whom it is for
        if to_us and directive:
            yield directive


def _joined(parts: Iterable[str]) -> Iterator[str]:
    """Yield the directives that *parts* are, with single spaces; a date may be several of them."""
    date = ""
    for part in parts:
        text = " ".join(part.split())
        if date and _REST_OF_DATE.match(text):
            date += f", {text}"
            continue
        if date:
            yield date
        date = text if "unavailable_after" in text else ""
        if text and not date:
            yield text
    if date:
        yield date


def _gathered(found: Iterable[str]) -> frozenset[str]:
    gathered: set[str] = set()
    for directive in found:
        name, colon, value = directive.partition(":")
        known = name.rstrip() in _WITH_VALUE
        gathered.update(
            _SHORT.get(directive, (f"{name.rstrip()}:{value.lstrip()}" if colon and known else directive,))
        )
    return frozenset(gathered)
