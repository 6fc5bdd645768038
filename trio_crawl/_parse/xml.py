"""XML in pieces, from servers that mean harm.

Expat reads no file and asks for no URL by itself, so what is left to a document is to cost
more than its bytes do: by entities, by default attributes, by elements in elements, or by
one token so long that it is looked through again for every piece. All of that is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, final
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

MAX_NAMES: Final = 10_000
"""Names of elements and attributes, all together; a parser keeps each for good."""

MAX_TEXT: Final = 8 * 1024
"""Characters of the text of one element, without white space before it; of a longer one no more is told."""

_CHUNK: Final = 16 * 1024
_KNOWN: Final = 1_000
"""Names that are remembered; lists have a dozen."""


class Elements(Protocol):
    """Is told the elements of a document, in order."""

    def start(self, depth: int, name: Name, attributes: Mapping[str, str], /) -> None:
        """Take the beginning of an element; the root's *depth* is 0, attributes have their prefixes."""

    def end(self, depth: int, name: Name, text: str, /) -> None:
        """Take the end of an element, and its text, but for what stands before a child of it."""


class Name(NamedTuple):
    """The name of an element.

    Args:
        namespace: its URI; empty for none. A prefix that is not declared stands for itself.
        local: the name without a prefix.
    """

    namespace: str
    local: str


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
        self._names = Names()
        self._seen: set[str] = set()
        # Whatever the document declares, what it is told is UTF-8.
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity

    def feed(self, text: str) -> None:
        """Read on.

        Args:
            text: what follows, without an XML declaration.

        Raises:
            NoXmlError: before the first element it turns out to be something else.
            FetchError: of kind ``parse``: it is not well-formed, or refused.
        """
        data = text.encode()
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
        self._seen.add(name)
        self._seen.update(attributes)
        if len(self._seen) > MAX_NAMES:
            raise FetchError("parse", f"the XML has more than {MAX_NAMES:,} names of elements and attributes")
        self._text.clear()
        self._length = 0
        self._elements.start(depth, self._names.begin(depth, name, attributes), attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        text = "".join(self._text)
        self._text.clear()
        self._length = 0
        self._elements.end(self._depth, self._names.end(self._depth, name), text)

    def _characters(self, text: str) -> None:
        text = text[: MAX_TEXT - self._length] if self._length else text.lstrip()[:MAX_TEXT]
        if text:
            self._length += len(text)
            self._text.append(text)

    def _doctype(self, name: str, _system: str | None, _public: str | None, has_subset: int) -> None:
        if name.lower() == "html":
            raise NoXmlError
        if has_subset:
            raise FetchError("parse", "the XML declares a document type of its own, which may hold entities")

    def _entity(self, name: str, *_: object) -> None:
        raise FetchError("parse", f"the XML declares an entity, {name!r}")


@final
class Names:
    """Resolves the names of elements as they come (Namespaces in XML 1.0).

    Not by expat, which refuses prefixes that are not declared, as in many feeds.
    """

    def __init__(self) -> None:
        # By prefix, what it stands for and since which depth, the innermost last.
        self._scopes: dict[str, list[str]] = {}
        self._declared: list[tuple[int, str]] = []
        self._known: dict[str, Name] = {}

    def begin(self, depth: int, name: str, attributes: Mapping[str, str]) -> Name:
        """Return the name of an element that begins at *depth*, with its declarations in force."""
        for attribute, value in attributes.items():
            if attribute.startswith("xmlns"):
                prefix, colon, declared = attribute.partition(":")
                if prefix == "xmlns":
                    prefix = declared if colon else ""
                    self._scopes.setdefault(prefix, []).append(value.strip())
                    self._declared.append((depth, prefix))
                    self._known.clear()
        return self._resolved(name)

    def end(self, depth: int, name: str) -> Name:
        """Return the name of the element that ends at *depth*, whose declarations end with it."""
        found = self._resolved(name)
        while self._declared and self._declared[-1][0] == depth:
            prefix = self._declared.pop()[1]
            self._scopes[prefix].pop()
            if not self._scopes[prefix]:
                del self._scopes[prefix]
            self._known.clear()
        return found

    def _resolved(self, name: str) -> Name:
        found = self._known.get(name)
        if found is None:
            prefix, _, local = name.rpartition(":")
            scopes = self._scopes.get(prefix)
            if len(self._known) >= _KNOWN:
                self._known.clear()
            found = self._known[name] = Name(scopes[-1] if scopes else prefix, local)
        return found
