"""What a document takes to be parsed and read, predicted by counting, before that is done.

The engine is linear in all but two things, and these are bounded by what can be counted, too:
attributes of many ``body`` and ``html`` tags, each of which is put on the one element that
there is; and formatting elements left open, which are made again in whatever block follows
(HTML standard, "reconstruct the active formatting elements"). What is predicted is never less
than what it takes, and of pages that people made hardly more.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SECONDS: Final = 0.05
"""Seconds of processor time for which a document may hold the event loop."""

MOST_MEMORY: Final = 64 * 1024 * 1024
"""Bytes that its tree may take there."""

MOST_SIZE: Final = 1_500_000
"""Bytes that take more than `MOST_SECONDS` whatever they are."""

# In these it takes long to decode them.
_MOST_MULTI_BYTE: Final = 500_000
_MULTI_BYTE: Final = frozenset({"big5", "euc-jp", "euc-kr", "gb18030", "gbk", "iso-2022-jp", "shift_jis"})

# What is slower than this was made to be: pages that people made take a quarter of it, and as
# long as their size explains they may be parsed wherever their reader wants that.
_SLOW: Final = 400e-9  # seconds a character
_MUCH: Final = 768 * 1024 * 1024  # bytes

# Tags times characters that take less than 30 ms and 60 MB, whatever they are: each tag adds an attribute
# to the body that has as many as there is room for, or makes all formatting anew.
_FEW: Final = 6_000_000
_FEW_TAGS: Final = 1_100
_SOME_TAGS: Final = 5_000
_MANY_TAGS: Final = 20_000

# Seconds on a core of 2.5 GHz, and bytes: each the worst that was measured.
_OF_CHARACTER: Final = (30e-9, 16)
_OF_TAG: Final = (0.35e-6, 200)
_OF_LINK: Final = (4e-6, 200)
_OF_FRAGMENT: Final = (6e-6, 1000)
_OF_FOREIGN_END: Final = (1.6e-6, 0)
_OF_XML_CHARACTER: Final = (50e-9, 30)
_OF_XML_TAG: Final = (2.5e-6, 400)
_OF_XML_REFERENCE: Final = (1e-6, 100)
_OF_COPY: Final = (0.1e-6, 220)
_OF_ATTRIBUTE_AGAIN: Final = (12e-9, 25)
_USUAL_BODIES: Final = 2
_MOST_ALIKE: Final = 3  # HTML standard, "push onto the list of active formatting elements"
_CHEAP_COPIES: Final = 150_000

_SPACE: Final = r"[\t\n\f\r ]"
_ATTRIBUTES: Final = (
    rf"(?:{_SPACE}++[^\t\n\f\r \"'<>=/]++"
    rf"(?:=(?:\"[^\"<]*+\"|'[^'<]*+'|[^\t\n\f\r \"'<>=`]++))?+)*+{_SPACE}*+"
)
_AFTER_NAME: Final = r"(?=[\t\n\f\r />])"
# No pattern ignores case by its flag where it is looked for on each page: that takes twice as long.
# A start tag, to its end where that can be told by itself.
_BODIES: Final = re.compile(
    rf"<(?:[bB][oO][dD][yY]|[hH][tT][mM][lL]){_AFTER_NAME}(?:{_ATTRIBUTES}/?+>)?+"
).findall
# But for `a`, of which there is one at a time.
_FORMATS: Final = "b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u"
_FORMATTING: Final = re.compile(
    "<(?:[bB](?:[iI][gG])?+|[cC][oO][dD][eE]|[eE][mM]|[fF][oO][nN][tT]|[iI]|[nN][oO][bB][rR]|[tT][tT]|[uU]"
    rf"|[sS](?:[mM][aA][lL]{{2}}|[tT][rR][iI][kK][eE]|[tT][rR][oO][nN][gG])?+){_AFTER_NAME}[^<>]*+>?+"
).findall
_WHOLE_TAG: Final = re.compile(rf"<[A-Za-z]++{_ATTRIBUTES}/?+>").fullmatch


def _closed(name: str, names: str, inside: str) -> str:
    """Return the pattern of an element of *names* that is closed, with nothing but *inside* it."""
    return rf"<(?P<{name}>{names}){_ATTRIBUTES}>{inside}</(?P={name})>"


_VOID: Final = rf"<(?:br|wbr|img|hr|input){_ATTRIBUTES}/?+>"
_ANY: Final = "[a-z][a-z0-9]*+"
_LEAF: Final = _closed("leaf", _ANY, "[^<]*+")
_BRANCH: Final = _closed("branch", _ANY, rf"(?:[^<]++|{_VOID}|{_LEAF})*+")
_CLOSED_FORMATTING: Final = re.compile(
    _closed("format", _FORMATS, rf"(?:[^<]++|{_VOID}|{_BRANCH})*+"), re.IGNORECASE
)
_FOREIGN: Final = re.compile("<(?:[sS][vV][gG]|[mM][aA][tT][hH])").search
# What is read one by one: links, and what is parsed by itself.
_READ: Final = re.compile(
    "<(?:[aA](?:[^A-Za-z]|[rR][eE])|[lL][iI][nN]|[iI]?+[fF][rR][aA]|[nN][oO][sS]|[tT][eE][mM])"
).findall


class Prediction(NamedTuple):
    """What a document takes at most.

    Args:
        seconds: of processor time, to parse it, and to read what a crawl reads of each page.
        memory: bytes.
        size: characters.
    """

    seconds: float
    memory: int
    size: int

    @property
    def is_cheap(self) -> bool:
        """Whether it may hold the event loop."""
        return self.seconds <= MOST_SECONDS and self.memory <= MOST_MEMORY

    @property
    def is_slow(self) -> bool:
        """Whether it is of a shape that was made to be slow, or large."""
        return not self.is_cheap and (self.seconds > _SLOW * self.size or self.memory > _MUCH)


def most_size(encoding: str) -> int:
    """Return how many bytes may be decoded and parsed on the event loop.

    Args:
        encoding: the WHATWG name of their encoding, in lower case.
    """
    return _MOST_MULTI_BYTE if encoding in _MULTI_BYTE else MOST_SIZE


def predict(text: str, *, xml: bool = False, every: bool = False) -> Prediction:
    """Return what it takes to parse *text* as HTML, and to read its links.

    Documents in the ``srcdoc`` of its frames are not counted.

    Args:
        text: the document.
        xml: whether it is parsed as XML.
        every: whether links are wanted beside those that a crawl follows, which any tag may have.
    """
    *_, last = _predictions(text, xml=xml, every=every)
    return last


def is_cheap(text: str, *, xml: bool = False, every: bool = False) -> bool:
    """Return whether *text* may hold the event loop, and look at no more of it than it takes to tell.

    The arguments are those of `predict`.
    """
    return all(predicted.is_cheap for predicted in _predictions(text, xml=xml, every=every))


def _predictions(text: str, *, xml: bool, every: bool) -> Iterator[Prediction]:
    """Yield what was counted so far, and at last all of it; what is counted first takes the least."""
    size, tags = len(text), text.count("<")
    if tags * size <= _FEW and not (every or xml):
        yield Prediction(0.0, 0, size)
        return
    counted = {_OF_CHARACTER: size, _OF_TAG: tags}
    if xml:
        references = text.count("&")
        counted |= {_OF_XML_CHARACTER: size, _OF_XML_TAG: tags, _OF_XML_REFERENCE: references}
    if every:
        counted[_OF_LINK] = tags + text.count(",")  # of which there are some in a `srcset`
    yield _sum(counted, size)
    counted[_OF_ATTRIBUTE_AGAIN] = _attributes_again(text)
    if tags > _SOME_TAGS or every:
        read = _READ(text)
        links = sum(tag[1] in "aAlL" for tag in read)
        fragments = len(read) - links
        if any(tag[1] in "iIfF" for tag in read):
            links *= 2  # a crawl follows frames, too, for which it reads all of them again
        counted[_OF_LINK] = max(links, counted.get(_OF_LINK, 0))
        counted[_OF_FRAGMENT] = fragments
        counted[_OF_FOREIGN_END] = text.count("</") if _FOREIGN(text) else 0
    yield _sum(counted, size)
    if tags > _FEW_TAGS:
        copies = _most_open(_FORMATTING(text)) * tags
        if copies > _CHEAP_COPIES:
            if tags > _MANY_TAGS:
                # To look closer takes too long, for a document that is to be cheap.
                yield Prediction(MOST_SECONDS * 2, 0, size)
            copies = _most_open(_FORMATTING(_CLOSED_FORMATTING.sub("", text))) * tags
        counted[_OF_COPY] = copies
        yield _sum(counted, size)


def _sum(counted: dict[tuple[float, int], int], size: int) -> Prediction:
    seconds = sum(rate * count for (rate, _), count in counted.items())
    memory = sum(each * count for (_, each), count in counted.items())
    return Prediction(seconds, memory, size)


def _attributes_again(text: str) -> int:
    """Return how often an attribute is looked at, at most, as each ``body`` adds its own to all before."""
    found = _BODIES(text)
    if len(found) <= _USUAL_BODIES:
        return 0
    told = all(tag.endswith(">") for tag in found)
    attributes = sum(map(len, found)) // 2 if told else len(text) // 2
    return len(found) * attributes


def _most_open(found: list[str]) -> int:
    """Return how many formatting elements can be open at most: of those that are alike, three."""
    return sum(
        min(count, _MOST_ALIKE) if _WHOLE_TAG(tag) else count  # a tag that does not end there may go on
        for tag, count in Counter(found).items()
    )
