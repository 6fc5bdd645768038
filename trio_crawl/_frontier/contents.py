"""Which page had a content first."""

from __future__ import annotations

from typing import Final, final

from .index import FingerprintMap

GENERATION: Final = 500_000
"""Contents in a generation: two are remembered, and the older is forgotten when the younger is full."""

RECENT: Final = 10_000
"""Pages of which the URL is remembered, where there is a state: more than can be on the way to it."""


@final
class Contents:
    """Remembers the contents of the last pages, 500,000 at least, by their hashes.

    With a state that takes 16 bytes a page, and the state is asked for the URL of the first one.
    Without one the URL is kept, too.

    Args:
        stored: whether there is a state, which knows the URL of a page by its number.
    """

    def __init__(self, *, stored: bool) -> None:
        self._young = FingerprintMap()
        self._old = FingerprintMap()
        self._urls: dict[int, str] = {}
        self._old_urls: dict[int, str] = {}
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
            self._old_urls, self._urls = self._urls, {}
        self._urls[number] = url
        return None

    def url(self, number: int) -> str | None:
        """Return the URL of a page that `first` named; None if the state has to be asked."""
        return self._urls.get(number) or self._old_urls.get(number)
