"""Lists of pages: sitemaps (sitemaps.org) as XML, index or text, and feeds; gzipped or not.

They are read in pieces, none of which takes longer than milliseconds, and of which nothing is
held but the entry that is being read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from .._errors import FetchError
from .decoding import decoder
from .encoding import sniff_xml
from .feed import Feed, is_feed
from .gunzip import gunzipped
from .list_links import ListLinks
from .url_lines import UrlLines
from .urlset import SITEMAP_ROOTS, Sitemap
from .xml import NoXmlError, XmlReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .._model import Link
    from .decoding import Decoder
    from .xml import Name

MAX_BYTES: Final = 50 * 1024 * 1024
"""Bytes of a list, unzipped: as many as sitemaps.org allows."""

MAX_WRONG: Final = 100_000
"""Characters that are none in the list's encoding, each of which takes long to get over."""

ListFormat: TypeAlias = Literal["sitemap", "sitemap_index", "feed", "text"]
"""What a list of pages is written as."""

_HEAD: Final = 1024
"""Bytes, and characters, in which an XML declaration ends."""

_SPACE: Final = b"\t\n\r "
_DECLARATIONS: Final = (b"<?xml", "<?xml".encode("utf-16-le"), "<?xml".encode("utf-16-be"))
_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_BEFORE: Final = "\ufeff\t\n\r "
_DECLARATION: Final = re.compile(r"<\?xml\s[^>]*>")


class NoListError(Exception):
    """It is no list of pages, but something else."""


def read_list(data: Iterable[bytes], url: str, content_type: str | None = None) -> Iterator[list[Link]]:
    """Yield the links of a list, as many at once as a piece of it has, which may be none.

    Args:
        data: the content, in pieces, its content coding removed.
        url: where it came from.
        content_type: the value of the ``Content-Type`` field, None if there was none.

    Raises:
        NoListError: it is no list of pages.
        FetchError: of kind ``parse``, ``decode`` or ``too_large``: it can't be read on, or
            it has entries, and none of them can be read.
    """
    return read_on(ListReader(url, content_type), data)


def read_on(reader: ListReader, data: Iterable[bytes]) -> Iterator[list[Link]]:
    """Yield the links that *reader* finds in *data*; see `read_list`."""
    try:
        for piece in _unzipped(data):
            yield reader.feed(piece)
            if reader.cut:
                reader.check()
                return
        yield reader.close()
    except FetchError:
        yield reader.taken()  # what stands before the damage is of use
        raise


def links_of_list(content: bytes, url: str, content_type: str | None = None) -> Iterator[Link]:
    """Yield the links of *content*, if it is a list of pages, as far as it can be read."""
    try:
        for links in read_list([content], url, content_type):
            yield from links
    except (NoListError, FetchError):
        return


def is_root_of_list(root: Name | None) -> bool:
    """Say whether a document with this *root* is a list of pages, or may be."""
    return root is not None and (root.local in SITEMAP_ROOTS or is_feed(root))


def _unzipped(data: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what is gzipped in *data*, or *data* itself, in small pieces, as far as it may go."""
    size = 0
    for piece in gunzipped(data):
        size += len(piece)
        if size > MAX_BYTES:
            raise FetchError("too_large", f"the sitemap has more than {MAX_BYTES:,} bytes")
        yield piece


@final
class ListReader:
    """Reads one list of pages, told its bytes in pieces.

    Args:
        url: where it came from.
        content_type: the value of the ``Content-Type`` field, None if there was none.
    """

    def __init__(self, url: str, content_type: str | None = None) -> None:
        self._url = url
        self._content_type = content_type
        self._head = b""
        self._encoding = ""
        self._decoder: Decoder | None = None
        self._wrong = 0
        self._before = ""
        self._links = ListLinks()
        self._xml: XmlReader | None = None
        self._text: UrlLines | None = None
        self._elements: Sitemap | Feed | None = None
        self.format: ListFormat | None = None
        """What it is; None until that is known."""

    @property
    def cut(self) -> bool:
        """Whether it has more entries than count; what follows need not be told."""
        return self._links.cut

    @property
    def dropped(self) -> int:
        """How many links were not taken so far, since they are too long, or all together."""
        return self._links.dropped

    def feed(self, data: bytes) -> list[Link]:
        """Return the links that end in *data*; raises as `read_list` does."""
        if self._decoder is None:
            self._head = (self._head + data).lstrip(_SPACE)
            if not _tells_encoding(self._head):
                return []
        self._read(data, final=False)
        return self.taken()

    def close(self) -> list[Link]:
        """Return the links that no `feed` did; raises as `read_list` does."""
        self._read(b"", final=True)
        try:
            if self._xml is not None:
                self._xml.close()
        except NoXmlError as error:
            raise NoListError from error
        if self._text is not None:
            self._text.feed("\n")
            self._know_text()
        if self.format is None or (isinstance(self._elements, Feed) and not self._elements.certain):
            raise NoListError
        self.check()
        return self.taken()

    def check(self) -> None:
        """Look whether entries could be read, where there are any.

        Raises:
            FetchError: none could.
        """
        if self._links.entries and not self._links.any:
            what = (self.format or "list").replace("_", " ")
            message = (
                f"the {what} has {self._links.entries:,} entries, of which none has an http or https URL"
            )
            raise FetchError("parse", message)

    def taken(self) -> list[Link]:
        """Return the links that were found and not told yet."""
        return self._links.take()

    def _read(self, data: bytes, *, final: bool) -> None:
        if self._decoder is None:
            data, self._head = self._head, b""
            self._encoding = sniff_xml(data, self._content_type)
            self._decoder = decoder(self._encoding)
        text = self._decoder.decode(data, final=final)
        self._wrong += text.count("\ufffd")
        if self._wrong > MAX_WRONG:
            raise FetchError("decode", f"it is no {self._encoding}, as which it has to be read")
        if self._xml is None and self._text is None:
            text = (self._before + text).lstrip(_BEFORE)
            self._before = "" if final or _tells_format(text) else text
            if self._before or not text:
                return
            text = self._begin(text)
        self._go_on(text)

    def _begin(self, text: str) -> str:
        """Decide by its first character what it is written as; return what is left to read."""
        if not text.startswith("<"):
            self._text = UrlLines(self._links)
            return text
        self._xml = XmlReader(self)
        # What it declares is decided, and may be nothing that a parser takes.
        return _DECLARATION.sub("", text, count=1) if text.startswith("<?xml") else text

    def _go_on(self, text: str) -> None:
        try:
            if self._xml is not None:
                self._xml.feed(text)
            elif self._text is not None:
                self._text.feed(text)
                self._know_text()
        except NoXmlError as error:
            raise NoListError from error

    def _know_text(self) -> None:
        assert self._text is not None  # noqa: S101 - it is asked
        if self._text.is_none:
            raise NoListError
        if self._links.any:
            self.format = "text"

    def start(self, depth: int, name: Name, attributes: Mapping[str, str]) -> None:
        """Take the beginning of an element."""
        if self._elements is None:
            self._elements = self._reader_of(name)
        self._elements.start(depth, name, attributes)

    def end(self, depth: int, name: Name, text: str) -> None:
        """Take the end of an element."""
        assert self._elements is not None  # noqa: S101 - what ends has begun
        self._elements.end(depth, name, text)

    def _reader_of(self, root: Name) -> Sitemap | Feed:
        if is_feed(root):
            self.format = "feed"
            return Feed(self._url, root, self._links)
        if root.local not in SITEMAP_ROOTS:
            raise NoListError
        self.format = "sitemap" if root.local == "urlset" else "sitemap_index"
        return Sitemap(self._url, self._links)


def _tells_encoding(head: bytes) -> bool:
    """Say whether *head* is long enough to tell the encoding by it."""
    if len(head) >= _HEAD:
        return True
    begun = any(mark.startswith(head[: len(mark)]) for mark in (*_MARKS, *_DECLARATIONS))
    if not begun:
        return True
    if head.startswith(_MARKS):
        return True
    return head.startswith(_DECLARATIONS) and b">" in head


def _tells_format(text: str) -> bool:
    """Say whether *text* is long enough to take a declaration off it."""
    if "<?xml".startswith(text[:5]):
        return len(text) >= _HEAD or ">" in text
    return True
