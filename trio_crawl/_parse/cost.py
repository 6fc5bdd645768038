"""Whether HTML is cheap to parse, told by one linear scan before it is parsed.

lexbor takes time that grows with the square of what a page can hold much of: elements in one
another, attributes of one tag, formatting elements that were not closed, options. It can't be
interrupted, so whoever parses on the event loop has to know before. The scan reads tags as the
HTML standard does (section 13.2.5), and believes an end tag only where it closes the element
that was opened last, or what may be left unclosed in it. So it counts too many open elements
rather than too few: what it calls cheap is, and of the rest a trial tells.
"""

from __future__ import annotations

import re
from enum import Enum
from itertools import islice
from typing import Final

from .decoding import decode_bytes, decodes_quickly

LARGE_SIZE: Final = 1024 * 1024
"""Bytes of content above which nothing is parsed on the event loop without a trial."""

SMALL_SIZE: Final = 21 * 1024
SMALL_TAGS: Final = 600
"""So little takes less than 50 ms, whatever it is: the worst is 300 paragraphs with bold text
that is never closed, or 4,000 attributes of one tag."""

MIDDLE_SIZE: Final = 192 * 1024
"""So much takes less than 50 ms in whatever order its tags are, if none is long, few have to do
with formatting, and there are few elements that hold more than text."""

MOST_TAGS: Final = 35_000
LEAST_DISTANCE: Final = 10
"""Bytes from one tag to the next, on average; pages that people made have 20 or more."""
MOST_ATTRIBUTES: Final = 1_500
MOST_PAIRS: Final = 2_000_000
"""Pairs of two attributes of one tag, in the tags that are long: the parser compares them all."""
MOST_OPEN: Final = 400
"""Open elements at one moment; browsers stop at 512."""
MOST_STEPS: Final = 4_000_000
"""Tags times open elements: each tag may lead the parser past all of these."""
MOST_COPIES: Final = 150_000
"""Tags times open formatting elements: each tag may make the parser copy all of these."""

# What there may be only so many of, closed or not: some have links, of some the parser looks
# through all the others, or at all their attributes, for each.
_MOST: Final = (
    (b"<a", 6_000),
    (b"<option", 1_000),
    (b"<body", 50),
    (b"<html", 50),
    (b"&", 100_000),
    (b"--", 50_000),
)
_LONG: Final = 1024
# In these the bytes below 128 may be something else than ASCII.
_NO_ASCII: Final = frozenset({"utf-16le", "utf-16be", "iso-2022-jp", "replacement"})
_ONE_ATTRIBUTE: Final = (
    rb"""[^\t\n\f\r />][^\t\n\f\r />=]*+"""
    rb"""(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:"[^"]*+"|'[^']*+'|[^\t\n\f\r >"'][^\t\n\f\r >]*+)?+)?+"""
)
# No more than would be too many; the rest is text then, but by that time it is known.
_ATTRIBUTES: Final = rb"(?:[\t\n\f\r /]++|" + _ONE_ATTRIBUTE + rb"){0,3000}+"
# An element with nothing but text in it; else a tag, with its name, or that of an element whose
# content is no mark-up, and then that content; else what is no element at all.
_TOKENS: Final = re.compile(
    rb"""<(?:([a-z][a-z0-9]*+)(?: [a-z-]++="[^"<>]*+"){0,8}+>[^<]*+</\1>"""
    rb"|(?:(?=[stxin])(script|style|title|textarea|xmp|iframe|noembed|noframes)(?=[\t\n\f\r />])"
    rb"|(/?[a-z][^\t\n\f\r />]*+))(" + _ATTRIBUTES + rb")>?"
    rb"(?(2)([^<]*+(?:<(?!/\2[\t\n\f\r />])[^<]*+)*+))"
    rb"|!--(?:-?>|[^-]*+(?:-(?!-!?>)[^-]*+)*+)"
    rb"|[!?/][^>]*+)",
    re.DOTALL,
).findall
_ATTRIBUTE: Final = re.compile(_ONE_ATTRIBUTE).finditer
_TEXT_ELEMENTS: Final = re.compile(rb"<([a-z][a-z0-9]*+)[^<>]*+>[^<]*+</\1>").findall
_LONG_TAG: Final = re.compile(rb"<[a-z][^>]{%d}" % _LONG).search
_GREATER_IN_VALUE: Final = re.compile(rb"""=[\t\n\f\r ]*+(?:"[^">]*+>|'[^'>]*+>)""").search
# A formatting element that holds more than text, or is not closed.
_FORMATS: Final = re.compile(
    rb"<(b(?:ig)?|code|em|font|i|nobr|s(?:mall|trike|trong)?|tt|u)(?=[\t\n\f\r />])"
    rb"(?![^<>]*+>[^<]*+(?:<span[^<>]*+>[^<]*+</span>[^<]*+)*+</\1>)"
).findall

_VOID: Final = frozenset(
    b"area base basefont bgsound br col embed frame hr img input keygen link meta param source track "
    b"wbr".split()
)
_FORMATTING: Final = frozenset(b"a b big code em font i nobr s small strike strong tt u".split())
# An element of these that is open last is closed by the next one.
_REPLACED: Final = {
    name: frozenset(group.split())
    for group in (b"li", b"dd dt", b"td th", b"option", b"p", b"rb rt rtc rp")
    for name in group.split()
}
# These may be left unclosed, in what ends with these.
_IMPLIED: Final = frozenset(
    b"li dd dt p option optgroup rb rt rtc rp td th tr tbody thead tfoot caption colgroup".split()
)
_CONTAINERS: Final = frozenset(
    b"ul ol dl table tbody thead tfoot tr td th li dd dt div section article aside nav main header footer "
    b"blockquote fieldset figure select body html".split()
)
# What is drawn with: any other element in an image may well end it (section 13.2.6.5).
_DRAWN: Final = frozenset(
    b"svg g path use rect circle ellipse line polyline polygon text tspan textpath defs symbol marker mask "
    b"pattern clippath lineargradient radialgradient stop image filter animate animatetransform "
    b"animatemotion set view switch metadata fegaussianblur feoffset feblend feflood fecomposite femerge "
    b"femergenode fecolormatrix feimage femorphology feturbulence fedisplacementmap fecomponenttransfer "
    b"fefunca fefuncr fefuncg fefuncb fedropshadow title desc style".split()
)


class Cost(Enum):
    """What parsing a document takes, as far as a scan tells."""

    CHEAP = "cheap"
    """Less than 50 ms."""
    LARGE = "large"
    """Time that its size explains, or more: it was not looked at."""
    DUBIOUS = "dubious"
    """Perhaps more than its size explains: there is much in it that lexbor is slow with."""


def cost_of_document(content: bytes, encoding: str, *, is_html: bool) -> Cost:
    """Return what decoding and parsing *content* takes.

    Args:
        content: the body.
        encoding: the WHATWG name of its encoding, in lower case.
        is_html: whether it is HTML; other content is decoded at most.
    """
    if is_html and len(content) > LARGE_SIZE:
        return Cost.LARGE
    if not decodes_quickly(content, encoding):
        return Cost.DUBIOUS
    if not is_html:
        return Cost.CHEAP
    return cost_of(decode_bytes(content, encoding).encode() if encoding in _NO_ASCII else content)


def cost_of(content: bytes) -> Cost:
    """Return what parsing *content* takes.

    Args:
        content: HTML in an encoding of which ASCII is a part: the bytes below 128 in it mean that.
    """
    if len(content) > LARGE_SIZE:
        return Cost.LARGE
    tags = content.count(b"<")
    if tags <= SMALL_TAGS and len(content) <= SMALL_SIZE:
        return Cost.CHEAP
    if tags > MOST_TAGS or tags * LEAST_DISTANCE > len(content):
        return Cost.DUBIOUS
    content = content.lower()
    few = all(content.count(start) <= most for start, most in _MOST)
    cheap = few and (_is_plain(content, tags) or _is_closed(content, tags))
    return Cost.CHEAP if cheap else Cost.DUBIOUS


def _is_plain(content: bytes, tags: int) -> bool:
    """Say whether *content*, in lower case, is cheap in whichever order its tags are."""
    return (
        len(content) <= MIDDLE_SIZE
        and not _GREATER_IN_VALUE(content)  # so that a tag ends at the first one
        and not _LONG_TAG(content)
        and len(_FORMATS(content)) * tags <= MOST_COPIES
        and (tags * tags <= MOST_STEPS or _loose(content, tags) * tags <= MOST_STEPS)
    )


def _loose(content: bytes, tags: int) -> int:
    """Return how many elements there are at most that hold more than text: only in them can others be."""
    return tags - content.count(b"</") - len(_TEXT_ELEMENTS(content))


def _is_closed(content: bytes, tags: int) -> bool:  # noqa: C901, PLR0911, PLR0912 - see below
    """Say whether *content*, in lower case, closes what it opens, and has not too much of anything.

    In one piece, since two calls for each tag would take as long as to parse it.
    """
    math = b"<math" in content
    if b"<![cdata[" in content and (math or b"<svg" in content):
        return False
    most_open = min(MOST_OPEN, MOST_STEPS // max(tags, 1))
    most_formatting = MOST_COPIES // max(tags, 1)
    opened: list[bytes] = []
    formatting = images = pairs = 0
    for leaf, raw, name, attributes, text in _TOKENS(content):
        if leaf:
            if images and leaf not in _DRAWN:
                return False
            continue
        if len(attributes) > _LONG:
            pairs += sum(1 for _ in islice(_ATTRIBUTE(attributes), MOST_ATTRIBUTES)) ** 2
            if pairs > MOST_PAIRS:
                return False
        if raw:
            if b"<" in text and (images or math or (b"<!--" in text and b"<script" in text)):
                return False  # perhaps it is mark-up after all, or ends elsewhere
        elif name.startswith(b"/"):
            name = name[1:]  # noqa: PLW2901 - without its slash
            if opened and opened[-1] == name:
                del opened[-1]
                formatting -= name in _FORMATTING
                images -= name == b"svg"
            elif name in _CONTAINERS:
                _close(name, opened)
        elif images and name not in _DRAWN:
            return False
        elif not name or name in _VOID or (images and attributes.endswith(b"/")):
            pass
        elif name in _REPLACED and opened and opened[-1] in _REPLACED[name]:
            opened[-1] = name
        else:
            opened.append(name)
            formatting += name in _FORMATTING
            images += name == b"svg"
            if len(opened) > most_open or formatting > most_formatting:
                return False
    return True


def _close(name: bytes, opened: list[bytes]) -> None:
    """Take the end tag of what may hold elements that are left unclosed."""
    place = len(opened) - 1
    while place >= 0 and opened[place] != name and opened[place] in _IMPLIED:
        place -= 1
    if place >= 0 and opened[place] == name:
        del opened[place:]
