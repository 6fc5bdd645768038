"""What a page can do with a package that is an extra: XPath, and the main content of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .._errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

_MISSING: Final = "{what} needs a package that is not installed: pip install 'trio-crawl[{extra}]'"


class XPathTree:
    """The same tree for XPath 1.0, in lxml, which knows of no namespaces in HTML.

    It is made of what the browser's parser understood, written out again, so that a query by
    CSS and one by XPath see the same elements wherever HTML can say what there is.

    Args:
        tree: the document as it was parsed.

    Raises:
        MissingExtraError: lxml is not installed.
    """

    __slots__ = ("_etree", "_root")

    def __init__(self, tree: LexborHTMLParser) -> None:
        try:
            from lxml import etree  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MissingExtraError(_MISSING.format(what="xpath()", extra="xpath")) from error
        self._etree = etree
        # Bytes, as lxml refuses a str that declares its encoding; NUL would end the document there.
        markup = (tree.html or "").replace("\0", "�").encode("utf-8", "replace")
        parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False)
        root = etree.fromstring(markup, parser) if markup.strip() else None
        self._root = etree.Element("html") if root is None else root

    def find(self, expression: str) -> Any:  # noqa: ANN401 - XPath has four types
        """Return what *expression* comes to: a list, or a str, float or bool.

        Raises:
            UsageError: it is no XPath 1.0.
        """
        try:
            return self._root.xpath(expression)
        except self._etree.XPathError as error:
            raise UsageError(f"{expression!r} is not a valid XPath 1.0 expression: {error}") from error


def main_text(html: str) -> str:
    """Return the text of what a page is about, without navigation, headers, footers and the like.

    Raises:
        MissingExtraError: Resiliparse is not installed.
    """
    try:
        from resiliparse.extract.html2text import extract_plain_text  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError(_MISSING.format(what="text(main=True)", extra="text")) from error
    text: str = extract_plain_text(html, main_content=True, alt_texts=False)
    return "\n".join(line for line in map(str.strip, text.splitlines()) if line)
