"""The media type that a response declares (the MIME Sniffing and Fetch standards)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

MAX_FIELD: Final = 2048
"""Characters of a ``Content-Type`` field that are read."""

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_ESSENCE = re.compile(rf"[\t\n\r ]*({_WORD}/{_WORD})[\t\n\r ]*(?=;|$)")
# A browser lets white space stand around "=", and takes a value in single quotes for a label too.
_CHARSET = re.compile(
    r""";[\t\n\r ]*charset[\t\n\r ]*=[\t\n\r ]*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))""", re.IGNORECASE
)
# One of several fields that were joined with commas; a comma in quotes does not part them.
_ONE_OF_SEVERAL = re.compile(r"""(?:[^,"]|"(?:[^"\\]|\\.)*"?)+""")


class MediaType(NamedTuple):
    """What a ``Content-Type`` field says.

    Args:
        essence: type and subtype in lower case; empty if none is declared, or none that is valid.
        charset: the label of the character encoding, as it was written; None if there is none.
    """

    essence: str = ""
    charset: str | None = None

    @property
    def may_be_html(self) -> bool:
        """Whether the content can be an HTML document: it is declared so, or not declared."""
        return self.is_html or self.is_xml or not self.essence

    @property
    def is_html(self) -> bool:
        """Whether it is declared to be HTML, or XHTML by its own type."""
        return self.essence == "text/html" or self.essence.endswith("xhtml+xml")

    @property
    def is_xml(self) -> bool:
        """Whether it is XML of a kind that its type doesn't tell, which may be XHTML."""
        return self.essence in {"text/xml", "application/xml"}

    @property
    def is_any_xml(self) -> bool:
        """Whether it is declared to be XML, of whichever kind (RFC 7303, section 8)."""
        return self.is_xml or self.essence.endswith("+xml")

    @property
    def is_text(self) -> bool:
        """Whether a person can read the content as characters."""
        return self.essence.startswith("text/") or self.essence.endswith(("json", "xml"))


def parse_media_type(content_type: str | None) -> MediaType:
    """Return what the ``Content-Type`` field says, whatever is in it; of a long one its beginning.

    Of several fields, joined with commas, the last valid one counts; it takes over the
    charset of one before it that is of the same type (Fetch, "extract a MIME type").
    """
    return _parsed(content_type and content_type[:MAX_FIELD])


@lru_cache(maxsize=256)
def _parsed(content_type: str | None) -> MediaType:
    found = MediaType()
    for value in _ONE_OF_SEVERAL.findall(content_type or ""):
        essence = _ESSENCE.match(value)
        if essence is None:
            continue
        name = essence[1].lower()
        charset = _charset(value[essence.end() :])
        if charset is None and name == found.essence:
            charset = found.charset
        found = MediaType(name, charset)
    return found if found.essence else MediaType(charset=_charset(f";{content_type or ''}"))


def _charset(parameters: str) -> str | None:
    found = _CHARSET.search(parameters)
    if found is None:
        return None
    label = found[1] if found[1] is not None else found[2].strip("\t\n\r '\"")
    return label or None
