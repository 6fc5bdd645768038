"""XML in pieces, from servers that mean harm.

Expat reads no file and asks for no URL by itself, so what is left to a document is to cost
more than its bytes do: by entities, by default attributes, by elements in elements, or by
one token so long that it is looked through again for every piece. All of that is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final
from xml.parsers import expat

from .._errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DEPTH: Final = 64
"""Elements in elements; lists of pages have five."""

MAX_TOKEN: Final = 256 * 1024
"""Bytes of one tag, comment or other piece of mark-up."""

MAX_ELEMENTS: Final = 2_000_000
"""Elements of one document: forty for each of 50,000 pages."""

MAX_TEXT: Final = 8 * 1024
"""Characters of the text of one element; of a longer one nothing is told."""

_CHUNK: Final = 16 * 1024


class Elements(Protocol):
    """Is told the elements of a document, in order."""

    def start(self, depth: int, name: str, attributes: Mapping[str, str], /) -> None:
        """Take the beginning of an element; the root's *depth* is 0, and *name* has its prefix."""

    def end(self, depth: int, name: str, text: str, /) -> None:
        """Take the end of an element, and its text, but for what stands before a child of it."""


class NoXmlError(Exception):
    """It is something else, such as HTML."""


@final
class XmlReader:
    """Reads one document; what is in it goes to *elements*.

    Args:
        elements: is told what is there.
    """

    def __init__(self, elements: Elements) -> None:
        self._elements = elements
        self._depth = 0
        self._count = 0
        self._fed = 0
        self._text: list[str] = []
        self._length = 0
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity

    def feed(self, data: bytes) -> None:
        """Read on.

        Raises:
            NoXmlError: before the first element it turns out to be something else.
            FetchError: of kind ``parse``: it is not well-formed, or refused.
        """
        for start in range(0, len(data), _CHUNK):
            self._parse(data[start : start + _CHUNK], last=False)

    def close(self) -> None:
        """Take note that there is no more; raises as `feed` does, for what is cut short, too."""
        self._parse(b"", last=True)

    def _parse(self, data: bytes, *, last: bool) -> None:
        self._fed += len(data)
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            if not self._count:
                raise NoXmlError from error
            raise FetchError("parse", f"the XML is not well-formed: {error}") from error
        except ValueError as error:  # an encoding of several bytes that expat does not know
            raise FetchError("parse", f"the XML is in an encoding that can't be read: {error}") from error
        if self._fed - self._parser.CurrentByteIndex > MAX_TOKEN + _CHUNK:
            raise FetchError("parse", f"the XML has a piece of mark-up of more than {MAX_TOKEN:,} bytes")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        depth = self._depth
        self._depth = depth + 1
        self._count += 1
        if depth >= MAX_DEPTH:
            raise FetchError("parse", f"the XML has more than {MAX_DEPTH} elements in each other")
        if self._count > MAX_ELEMENTS:
            raise FetchError("parse", f"the XML has more than {MAX_ELEMENTS:,} elements")
        self._text.clear()
        self._length = 0
        self._elements.start(depth, name, attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        text = "".join(self._text) if self._length <= MAX_TEXT else ""
        self._text.clear()
        self._length = 0
        self._elements.end(self._depth, name, text)

    def _characters(self, text: str) -> None:
        self._length += len(text)
        if self._length <= MAX_TEXT:
            self._text.append(text)

    def _doctype(self, name: str, _system: str | None, _public: str | None, has_subset: int) -> None:
        if name.lower() == "html":
            raise NoXmlError
        if has_subset:
            raise FetchError("parse", "the XML declares a document type of its own, which may hold entities")

    def _entity(self, name: str, *_: object) -> None:
        raise FetchError("parse", f"the XML declares an entity, {name!r}")
