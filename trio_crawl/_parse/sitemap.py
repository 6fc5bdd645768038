"""Lists of pages: sitemaps (sitemaps.org) as XML, index or text, and feeds; gzipped or not.

They are read in pieces, none of which takes longer than milliseconds, and of which nothing is
held but the entry that is being read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, final

from .. import _urls
from .._errors import FetchError
from .._model import Link
from .dates import moment_of
from .feed import FEED_ROOTS, Feed
from .gunzip import gunzipped
from .xml import MAX_TEXT, NoXmlError, XmlReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MAX_BYTES: Final = 50 * 1024 * 1024
"""Bytes of a list, unzipped: as many as sitemaps.org allows."""

MAX_ENTRIES: Final = 50_000
"""Entries of a list: likewise."""

MAX_SITEMAPS: Final = 1_000
"""Sitemaps that one index names; sitemaps.org has 50,000, for lists of 2.5 billion pages."""

ListFormat: TypeAlias = Literal["sitemap", "sitemap_index", "feed", "text"]
"""What a list of pages is written as."""

_MARK: Final = b"\xef\xbb\xbf"
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_SPACE: Final = b"\t\n\r "
_SCHEMES: Final = ("http://", "https://")


class NoListError(Exception):
    """It is no list of pages, but something else."""


def read_list(data: Iterable[bytes], url: str) -> Iterator[list[Link]]:
    """Yield the links of a list, as many at once as a piece of it has, which may be none.

    Args:
        data: the content, in pieces, its content coding removed.
        url: where it came from.

    Raises:
        NoListError: it is no list of pages.
        FetchError: of kind ``parse``, ``decode`` or ``too_large``: it can't be read on.
    """
    return read_on(ListReader(url), data)


def read_on(reader: ListReader, data: Iterable[bytes]) -> Iterator[list[Link]]:
    """Yield the links that *reader* finds in *data*; see `read_list`."""
    try:
        for piece in _unzipped(data):
            yield reader.feed(piece)
            if reader.cut:
                return
        yield reader.close()
    except FetchError:
        yield reader.taken()  # what stands before the damage is of use
        raise


def links_of_list(content: bytes, url: str) -> Iterator[Link]:
    """Yield the links of *content*, if it is a list of pages, as far as it can be read."""
    try:
        for links in read_list([content], url):
            yield from links
    except (NoListError, FetchError):
        return


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
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._head = b""
        self._found: list[Link] = []
        self._count = 0
        self._xml: XmlReader | None = None
        self._text: _Text | None = None
        self._elements: _Sitemap | Feed | None = None
        self.format: ListFormat | None = None
        """What it is; None until that is known."""
        self.cut = False
        """Whether it has more entries than count; what follows need not be told."""

    def feed(self, data: bytes) -> list[Link]:
        """Return the links that end in *data*; raises as `read_list` does."""
        if self._xml is None and self._text is None:
            mark, data = _without_mark(self._head + data)
            if len(data) < len(_MARK):
                self._head = mark + data
                return []
            self._begin(data)
        return self._read(data)

    def close(self) -> list[Link]:
        """Return the links that no `feed` did; raises as `read_list` does."""
        if self._xml is None and self._text is None:
            _, data = _without_mark(self._head)
            self._begin(data)
            self._read(data)
        try:
            if self._xml is not None:
                self._xml.close()
        except NoXmlError as error:
            raise NoListError from error
        if self._text is not None:
            self._text.feed(b"\n")
        if self.format is None:
            raise NoListError
        return self.taken()

    def _begin(self, data: bytes) -> None:
        self._head = b""
        if data.startswith((b"<", *_UTF_16_MARKS)):
            self._xml = XmlReader(self)
        else:
            self._text = _Text(self._keep)

    def _read(self, data: bytes) -> list[Link]:
        try:
            if self._xml is not None:
                self._xml.feed(data)
        except NoXmlError as error:
            raise NoListError from error
        if self._text is not None:
            self._text.feed(data)
            if self._count:
                self.format = "text"
        return self.taken()

    def taken(self) -> list[Link]:
        """Return the links that were found and not told yet."""
        found, self._found = self._found, []
        return found

    def _keep(self, link: Link) -> None:
        if self._count >= (MAX_SITEMAPS if self.format == "sitemap_index" else MAX_ENTRIES):
            self.cut = True
            return
        self._count += 1
        self._found.append(link)

    def start(self, depth: int, name: str, attributes: Mapping[str, str]) -> None:
        """Take the beginning of an element."""
        if self._elements is None:
            self._elements = self._reader_of(name)
        self._elements.start(depth, name, attributes)

    def end(self, depth: int, name: str, text: str) -> None:
        """Take the end of an element."""
        assert self._elements is not None  # noqa: S101 - what ends has begun
        self._elements.end(depth, name, text)

    def _reader_of(self, root: str) -> _Sitemap | Feed:
        prefix, _, local = root.rpartition(":")
        if local in FEED_ROOTS:
            self.format = "feed"
            return Feed(self._url, self._keep)
        if local not in {"urlset", "sitemapindex"}:
            raise NoListError
        self.format = "sitemap" if local == "urlset" else "sitemap_index"
        return _Sitemap(self._url, self.format, f"{prefix}:" if prefix else "", self._keep)


def _without_mark(data: bytes) -> tuple[bytes, bytes]:
    """Return the byte order mark, and what follows it and the white space around it."""
    data = data.lstrip(_SPACE)
    mark = _MARK if data.startswith(_MARK) else b""
    return mark, data.removeprefix(mark).lstrip(_SPACE)


class _Keep(Protocol):
    def __call__(self, link: Link, /) -> None: ...


_ENTRY: Final = 1


@final
class _Sitemap:
    """Finds the entries of a sitemap or of an index."""

    def __init__(
        self, url: str, kind: Literal["sitemap", "sitemap_index"], prefix: str, found: _Keep
    ) -> None:
        self._url = url
        self._kind: Literal["sitemap", "sitemap_index"] = kind
        self._found = found
        # As the root is written, so are these; others have another meaning (an image's `loc`).
        self._entry = prefix + ("url" if kind == "sitemap" else "sitemap")
        self._loc = f"{prefix}loc"
        self._lastmod = f"{prefix}lastmod"
        self._inside = False
        self._place = self._changed = ""
        self._languages: list[tuple[str, str]] = []

    def start(self, depth: int, name: str, attributes: Mapping[str, str]) -> None:
        if depth == _ENTRY:
            self._inside = name == self._entry
            self._place = self._changed = ""
            self._languages.clear()
        elif (
            self._inside
            and name.endswith(":link")
            and attributes.get("rel") == "alternate"
            and "href" in attributes
        ):
            self._languages.append((attributes["href"], attributes.get("hreflang", "")))

    def end(self, depth: int, name: str, text: str) -> None:
        if not self._inside:
            return
        if depth == _ENTRY:
            self._end_entry()
        elif depth == _ENTRY + 1:
            if name == self._loc:
                self._place = text.strip()
            elif name == self._lastmod:
                self._changed = text

    def _end_entry(self) -> None:
        changed = moment_of(self._changed)
        url = _urls.join(self._url, self._place) if self._place else None
        if url is not None:
            self._found(Link(url=url, kind=self._kind, lastmod=changed))
        for reference, language in self._languages:
            other = _urls.join(self._url, reference)
            if other is not None and other != url:
                self._found(
                    Link(
                        url=other,
                        kind=self._kind,
                        rel=("alternate",),
                        hreflang=language or None,
                        lastmod=changed,
                    )
                )


@final
class _Text:
    """Finds the URLs of a text, one a line, in UTF-8."""

    def __init__(self, found: _Keep) -> None:
        self._found = found
        self._rest = b""
        self._long = False
        self._seen = False

    def feed(self, data: bytes) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not self._long:
                self._line(line.decode("utf-8", "replace").strip())
            self._long = False
        self._long = self._long or len(rest) > MAX_TEXT
        self._rest = b"" if self._long else rest

    def _line(self, line: str) -> None:
        if not line:
            return
        url = _urls.parse(line) if line[:8].lower().startswith(_SCHEMES) else None
        if url is not None:
            self._found(Link(url=url, kind="sitemap"))
        elif not self._seen:
            raise NoListError  # a page without mark-up, or a picture
        self._seen = True
