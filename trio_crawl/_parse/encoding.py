"""Which character encoding a document is in (HTML standard, section 13.2.3.2, "determining").

The order is the standard's: a byte order mark, the ``Content-Type`` field, the ``meta``
elements and the XML declaration at the document's start; in what is declared to be XML that
declaration comes first (RFC 7303, section 3). Where nothing is declared it is a guess: UTF-8 if
the bytes are valid as that, else what Firefox's detector takes them for, and windows-1252 where
there is too little to tell.
"""

from __future__ import annotations

import codecs
import re
from typing import Literal, NamedTuple, TypeAlias

import webencodings  # type: ignore[import-untyped]  # it has no annotations

from .decoding import decode_bytes
from .media import MediaType, parse_media_type

How: TypeAlias = Literal["bom", "header", "meta", "xml", "guess", "detected", "default"]
"""What told the encoding; ``guess`` is valid UTF-8, ``detected`` what the detector said, and
``default`` is what remains."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16le"),
    (codecs.BOM_UTF16_BE, "utf-16be"),
)
_PRESCAN = 1024
# A meta element further down counts too, once the parser meets it; browsers look for it
# in the head only, and a head is shorter than this.
_FURTHER = 64 * 1024

# The detector takes 0.3 µs for a byte, which is long; and what these don't tell, more will not.
_DETECTED = 8 * 1024
# Non-ASCII bytes among these. Of a word or two the detector makes Korean as well as Cyrillic.
_EVIDENCE = 16
_ASCII = bytes(range(0x80))
_NOT_ASCII = re.compile(rb"[\x80-\xff]")

_COMMENT_END = re.compile(rb"-->")
_META = re.compile(rb"<meta[\t\n\f\r /]", re.IGNORECASE)
_TAG = re.compile(rb"</?[A-Za-z][^\t\n\f\r >]*")
_BOGUS = re.compile(rb"<[!/?][^>]*")
_RAW_TEXT = re.compile(
    rb"<(script|style|title|textarea|iframe|noembed|noframes|xmp)[\t\n\f\r />]", re.IGNORECASE
)
_BEFORE_NAME = re.compile(rb"[\t\n\f\r /]*")
_NAME = re.compile(rb"[^\t\n\f\r />][^\t\n\f\r />=]*")
_EQUALS = re.compile(rb"[\t\n\f\r ]*=[\t\n\f\r ]*")
_UNQUOTED = re.compile(rb"[^\t\n\f\r >]*")
_IN_CONTENT = re.compile(rb"charset[\t\n\f\r ]*(=?)[\t\n\f\r ]*")
_LABEL = re.compile(rb"[^\t\n\f\r ;]*")
_XML_START = re.compile(rb"<\?xml([^>]*)>")
_XML_ENCODING = re.compile(rb"""encoding[\x00-\x20]*=[\x00-\x20]*(["'])([^"'\x00-\x20]*)\1""")
_UTF16_XML = ((b"<\0?\0x\0", "utf-16le"), (b"\0<\0?\0x", "utf-16be"))
_UTF_16 = frozenset({"utf-16le", "utf-16be"})


class Sniffed(NamedTuple):
    """An encoding and what told it.

    Args:
        encoding: its WHATWG name in lower case.
        how: which of the steps found it.
    """

    encoding: str
    how: How


def sniff(body: bytes, content_type: str | None) -> Sniffed:
    """Return the encoding of *body*.

    Args:
        body: the content, of any kind; ``meta`` elements count only where it may be HTML.
        content_type: the value of the ``Content-Type`` field, None if there was none.
    """
    media = parse_media_type(content_type)
    found = _declared_outside(body, media)
    if found is None and media.is_any_xml:
        found = _declared_in_xml(body[:_PRESCAN])
    if found is None and media.may_be_html:
        found = _declared_inside(body, media)
    return found or _guess(body)


def sniff_xml(head: bytes, content_type: str | None) -> str:
    """Return the encoding of an XML document (RFC 7303, section 3), by its WHATWG name.

    Args:
        head: how it begins: a kilobyte, or all of it.
        content_type: the value of the ``Content-Type`` field, None if there was none.
    """
    found = _declared_outside(head, parse_media_type(content_type))
    if found is not None and found.how == "header" and found.encoding in _UTF_16 and _begins_in_ascii(head):
        found = None  # no document in UTF-16 begins so, but many that are said to be do
    found = found or _declared_in_xml(head)
    if found is not None:
        return found.encoding
    # Without a mark, which it should have (XML 1.0, appendix F), it is told by its first character.
    return "utf-16le" if head.startswith(b"<\0") else "utf-16be" if head.startswith(b"\0<") else "utf-8"


def _begins_in_ascii(head: bytes) -> bool:
    return head.startswith(b"<") and not head.startswith(b"<\0")


def _declared_outside(body: bytes, media: MediaType) -> Sniffed | None:
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return Sniffed(encoding, "bom")
    if media.charset is None:
        return None
    declared = lookup(media.charset.encode("utf-8", "replace"))
    return None if declared is None else Sniffed(declared, "header")


def _declared_in_xml(head: bytes) -> Sniffed | None:
    for start, name in _UTF16_XML:
        if head.startswith(start):
            return Sniffed(name, "xml")
    encoding = _xml_declaration(head)
    return None if encoding is None else Sniffed(encoding, "xml")


def decode(body: bytes, content_type: str | None) -> tuple[str, str]:
    """Return the characters of *body*, without a byte order mark, and the name of its encoding.

    What can't be decoded is U+FFFD. The arguments are those of `sniff`.
    """
    encoding = sniff(body, content_type).encoding
    return decode_bytes(body, encoding), encoding


def lookup(label: bytes) -> str | None:
    """Return the WHATWG name of the encoding that *label* means; None for an unknown one."""
    try:
        encoding = webencodings.lookup(label.decode("ascii"))
    except UnicodeDecodeError:
        return None
    if encoding is None:
        return None
    name: str = encoding.name
    return name


def _declared_inside(body: bytes, media: MediaType) -> Sniffed | None:
    head = body[:_PRESCAN]
    for start, name in _UTF16_XML:
        if head.startswith(start):
            return Sniffed(name, "xml")
    encoding = prescan(head) if b"charset" in head.lower() else None
    if encoding is not None:
        return Sniffed(encoding, "meta")
    encoding = _xml_declaration(head)
    if encoding is not None:
        return Sniffed(encoding, "xml")
    if not media.is_xml and b"charset" in body[_PRESCAN:_FURTHER].lower():
        encoding = prescan(body[:_FURTHER], skip_raw_text=True)
    return None if encoding is None else Sniffed(encoding, "meta")


def _guess(body: bytes) -> Sniffed:
    """Return UTF-8 if *body* is that, the last character perhaps cut short; else what it looks like."""
    try:
        text, length = codecs.utf_8_decode(body, "strict", False)  # noqa: FBT003 - positional only
    except UnicodeDecodeError:
        return _detected(body)
    # One odd byte at the end of ASCII is no sign of UTF-8.
    if length < len(body) and text.isascii():
        return Sniffed("windows-1252", "default")
    return Sniffed("utf-8", "guess")


def _detected(body: bytes) -> Sniffed:
    """Return what bytes that are not UTF-8 look like, by some of them; windows-1252 if these are too few."""
    found = _NOT_ASCII.search(body)
    sample = body[found.start() :][:_DETECTED] if found else b""
    # To where a tag begins, so that it cuts no character in two: that byte is the second one of none.
    sample = sample[: sample.rfind(b"<")] if b"<" in sample else sample
    if len(sample.translate(None, _ASCII)) < _EVIDENCE:
        return Sniffed("windows-1252", "default")
    from turbohtml.detect import detect  # noqa: PLC0415 - what the engine for HTML brings, and imports

    name = lookup((detect(sample).encoding or "").encode())
    # That all of it is no UTF-8 is known.
    return Sniffed("windows-1252", "default") if name in {None, "utf-8"} else Sniffed(name, "detected")


def _xml_declaration(head: bytes) -> str | None:
    """Return the encoding in an XML declaration (HTML standard, "get an XML encoding")."""
    declaration = _XML_START.match(head)
    found = _XML_ENCODING.search(declaration[1]) if declaration else None
    encoding = lookup(found[2]) if found else None
    return "utf-8" if encoding in _UTF_16 else encoding


class _OutOfBytesError(Exception):
    """The end was reached inside a tag, which ends the search."""


def prescan(data: bytes, *, skip_raw_text: bool = False) -> str | None:
    """Return the encoding that a ``meta`` element in *data* declares.

    HTML standard, "prescan a byte stream to determine its encoding".

    Args:
        data: the start of the document.
        skip_raw_text: pass over what stands in ``script``, ``title`` and the like, as the
            parser does that meets a ``meta`` element further down; the standard's prescan
            does not.
    """
    try:
        return _prescan(data, skip_raw_text)
    except _OutOfBytesError:
        return None


def _prescan(data: bytes, skip_raw_text: bool) -> str | None:  # noqa: FBT001 - of one caller
    position = data.find(b"<")
    while position >= 0:
        if data.startswith(b"<!--", position):
            # The dashes of "<!--" may be those of "-->".
            position = _end(_COMMENT_END.search(data, position + 2))
        elif meta := _META.match(data, position):
            encoding, position = _meta(data, meta.end() - 1)
            if encoding is not None:
                return encoding
        elif tag := _TAG.match(data, position):
            raw = _RAW_TEXT.match(data, position) if skip_raw_text else None
            position = _attributes(data, tag.end())[1]
            if raw is not None:
                position = _end(re.compile(rb"</%b" % raw[1], re.IGNORECASE).search(data, position))
        elif bogus := _BOGUS.match(data, position):
            position = bogus.end()
        else:
            position += 1
        position = data.find(b"<", position)
    return None


def _end(match: re.Match[bytes] | None) -> int:
    if match is None:
        raise _OutOfBytesError
    return match.end()


def _meta(data: bytes, position: int) -> tuple[str | None, int]:
    """Return the encoding that the ``meta`` element declares, and where its attributes end."""
    attributes, position = _attributes(data, position)
    encoding = None
    # The attribute of that name overrides what the content says, in whichever order they stand.
    if b"charset" in attributes:
        encoding = lookup(attributes[b"charset"])
    elif attributes.get(b"http-equiv") == b"content-type":
        encoding = _content_charset(attributes.get(b"content", b""))
    return _as_declared_in_ascii(encoding), position


def _as_declared_in_ascii(encoding: str | None) -> str | None:
    """Return what a declaration that could be read as ASCII must mean."""
    if encoding in _UTF_16:
        return "utf-8"
    return "windows-1252" if encoding == "x-user-defined" else encoding


def _content_charset(content: bytes) -> str | None:
    """Return the encoding in the ``content`` of a ``meta`` element.

    HTML standard, "extracting a character encoding from a meta element".
    """
    position = 0
    while found := _IN_CONTENT.search(content, position):
        position = found.end()
        if not found[1]:
            continue
        quote = content[position : position + 1]
        if quote in {b'"', b"'"}:
            end = content.find(quote, position + 1)
            return lookup(content[position + 1 : end]) if end > 0 else None
        label = _LABEL.match(content, position)
        return lookup(label[0]) if label else None
    return None


def _attributes(data: bytes, position: int) -> tuple[dict[bytes, bytes], int]:
    """Return the attributes of a tag, the first of each name, and the position of what ends it.

    HTML standard, "get an attribute" until there is none; names and values in lower case.
    """
    attributes: dict[bytes, bytes] = {}
    while True:
        position = _end(_BEFORE_NAME.match(data, position))
        if data.startswith(b">", position):
            return attributes, position
        name = _NAME.match(data, position)
        if name is None or name.end() == len(data):
            raise _OutOfBytesError
        value, position = _value(data, name.end())
        attributes.setdefault(name[0].lower(), value.lower())


def _value(data: bytes, position: int) -> tuple[bytes, int]:
    """Return the value of the attribute whose name ends at *position*, and where it ends."""
    equals = _EQUALS.match(data, position)
    if equals is None:
        return b"", position
    position = equals.end()
    quote = data[position : position + 1]
    if quote in {b'"', b"'"}:
        end = data.find(quote, position + 1)
        if end < 0:
            raise _OutOfBytesError
        return data[position + 1 : end], end + 1
    value = _UNQUOTED.match(data, position)
    if value is None or value.end() == len(data):
        raise _OutOfBytesError
    return value[0], value.end()
