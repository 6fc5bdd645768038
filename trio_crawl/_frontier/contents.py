"""Which page had a content first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from .index import FingerprintMap

if TYPE_CHECKING:
    from collections.abc import Callable

GENERATION: Final = 500_000
"""Contents in a generation: two are remembered, and the older is forgotten when the younger is full."""

RECENT: Final = 10_000
"""Pages of which the URL is remembered, where there is a state: more than can be on the way to it."""


_SPREAD: Final = 0x9E3779B97F4A7C15
"""What numbers in a row are multiplied by, so that they have different first bits."""


@final
class _Urls:
    """URLs by the numbers of their pages, one behind the other: of many a `dict` takes four times as much."""

    __slots__ = ("_places", "_text")

    def __init__(self) -> None:
        self._places = FingerprintMap()
        self._text = bytearray()

    def __len__(self) -> int:
        return len(self._places)

    def __setitem__(self, number: int, url: str) -> None:
        said = url.encode("utf-8", "surrogatepass")
        self._places.add(number * _SPREAD % (1 << 64), len(self._text))
        self._text += len(said).to_bytes(4, "little") + said

    def get(self, number: int) -> str | None:
        place = self._places.get(number * _SPREAD % (1 << 64))
        if place is None:
            return None
        begin = place + 4
        end = begin + int.from_bytes(self._text[place:begin], "little")
        return self._text[begin:end].decode("utf-8", "surrogatepass")


@final
class Contents:
    """Remembers the contents of the last pages, 500,000 at least, by their hashes.

    With a state that takes 16 bytes a page, and the state is asked for the URL of the first one.
    Without one the URL is kept, too, which takes 20 bytes and its own.

    Args:
        stored: whether there is a state, which knows the URL of a page by its number.
    """

    def __init__(self, *, stored: bool) -> None:
        self._young = FingerprintMap()
        self._old = FingerprintMap()
        self._make_urls: Callable[[], dict[int, str] | _Urls] = dict if stored else _Urls
        self._urls: dict[int, str] | _Urls = self._make_urls()
        self._old_urls: dict[int, str] | _Urls = self._make_urls()
        self._most_urls = RECENT if stored else GENERATION

    def __repr__(self) -> str:
        return f"<Contents of {len(self._young) + len(self._old):,} pages>"

    def resume(self, contents: FingerprintMap) -> None:
        """Go on with the *contents* of an earlier crawl: by their hashes the numbers of the pages."""
        self._old = contents

    def first(self, content: int, number: int, url: str) -> int | None:
        """Return the number of the first page with that *content*; None if this is it, and remember it then.

        Args:
            content: the hash.
            number: of the page's discovery.
            url: of the page.
        """
        found = self._young.get(content)
        if found is None:
            found = self._old.get(content)
        if found is not None:
            return None if found == number else found
        if len(self._young) >= GENERATION:
            self._old, self._young = self._young, FingerprintMap()
        self._young.add(content, number)
        if len(self._urls) >= self._most_urls:
            self._old_urls, self._urls = self._urls, self._make_urls()
        self._urls[number] = url
        return None

    def url(self, number: int) -> str | None:
        """Return the URL of a page that `first` named; None if the state has to be asked."""
        return self._urls.get(number) or self._old_urls.get(number)
