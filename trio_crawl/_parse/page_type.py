"""Whether content is a page, and whether by the rules of HTML or of XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .decoding import decode_bytes
from .media import parse_media_type
from .sitemap import is_root_of_list
from .xml_root import LONGEST_PROLOG, XHTML, root_of

if TYPE_CHECKING:
    from .xml import Name

# Bytes of as many characters as are looked at, in every encoding.
_PROLOG_BYTES: Final = 4 * LONGEST_PROLOG
_START_BYTES: Final = 8 * 1024


def is_page(content: bytes, content_type: str | None, encoding: str) -> bool:
    """Return whether *content* is HTML or XHTML: by its type, its start, and in XML by its root.

    Args:
        content: the body.
        content_type: the value of the ``Content-Type`` field, None if there was none.
        encoding: the WHATWG name of its encoding.
    """
    media = parse_media_type(content_type)
    if not media.may_be_html or media.essence == "text/html":
        return media.may_be_html
    start = decode_bytes(content[:_START_BYTES], encoding).lstrip()
    if not media.is_any_xml and not start.startswith("<?xml"):
        # Without a type it is HTML, but where its root says that it is something else.
        root = root_of(start)
        return start.startswith("<") and (root is None or _is_of_page(root))
    root = root_of(decode_bytes(content[:_PROLOG_BYTES], encoding))
    if media.is_html and (root is None or not root.namespace):
        return root is None or _is_of_page(root)
    return root is not None and root.namespace == XHTML


def _is_of_page(root: Name) -> bool:
    return root.namespace in {"", XHTML} and not is_root_of_list(root)


def is_xml(text: str, content_type: str | None) -> bool:
    """Return whether a page of these characters is read by the rules of XML, if it is well-formed."""
    media = parse_media_type(content_type)
    if media.essence == "text/html":
        return False
    return media.is_any_xml or text[:LONGEST_PROLOG].lstrip().startswith("<?xml")
