"""The root of an XML document, which alone says what the document is; looked at without a parser."""

from __future__ import annotations

import re
from typing import Final

from .xml import Name

XHTML: Final = "http://www.w3.org/1999/xhtml"
"""The namespace of XHTML."""

LONGEST_PROLOG: Final = 64 * 1024
"""Characters before the end of the root's start tag that are looked through."""

# All of it is possessive: what is long is looked through once.
_QUOTED: Final = r""""[^"]*+"|'[^']*+'"""
_ASIDE: Final = r"<!--(?:(?!-->).)*+-->|<\?(?:(?!\?>).)*+\?>"
_SUBSET: Final = rf"\[(?:{_ASIDE}|{_QUOTED}|(?!<!--|<\?)[^\]\"'])*+\]"
_DOCTYPE: Final = rf"<!DOCTYPE(?:{_QUOTED}|{_SUBSET}|[^\[\"'>])*+>"
_PROLOG: Final = re.compile(rf"(?:[\s\ufeff]++|{_ASIDE}|{_DOCTYPE})*+", re.DOTALL)
_START: Final = re.compile(rf"<([^\s/<>=\"'!?]++)((?:{_QUOTED}|[^>\"'<])*+)>", re.DOTALL)
_NAMESPACE: Final = re.compile(r"""(?<!\S)xmlns(?::([^\s=]++))?\s*+=\s*+(?:"([^"]*+)"|'([^']*+)')""")


def root_of(text: str) -> Name | None:
    """Return the root of the XML document that *text* begins; None if there is none within bounds."""
    text = text[:LONGEST_PROLOG]
    prolog = _PROLOG.match(text)
    start = _START.match(text, prolog.end() if prolog else 0)
    if start is None:
        return None
    prefix, _, local = start[1].rpartition(":")
    for found in _NAMESPACE.finditer(start[2]):
        if (found[1] or "") == prefix:
            return Name((found[2] or found[3] or "").strip(), local)
    return Name("", local)
