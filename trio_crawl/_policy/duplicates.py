"""Which pages are the same: their content to the byte, or what a host says of a URL that can't exist."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final
from zlib import crc32

from .. import _urls

if TYPE_CHECKING:
    from .._model import Page

PROBE_AFTER: Final = 200
"""Pages that a host has given, with status 200 and a body, before it is asked for a URL that can't exist: so
that these are at most one request in two hundred, and a small crawl makes none."""

ALIKE: Final = 0.9
"""How much of what two pages say has to be the same for them to be near-equal."""

MOST_SHINGLES: Final = 512
"""Shingles of a text that are kept, two kilobytes; of one with more, those with the smallest hashes, of
which as many are common to two texts as of all, give or take a hundredth."""

MOST_READ: Final = 16 * 1024
"""Characters of a text that are compared, and of a title; what a host says of what does not exist is
shorter."""

_DIGIT: Final = re.compile(r"\d")
_LENGTHS: Final = 0.1
_SHINGLE: Final = 3  # words


def content_hash(content: bytes) -> int:
    """Return 64 bits that stand for *content*; the same in every process.

    Of ten million pages two have the same by chance with a probability of three in a million.
    """
    return int.from_bytes(blake2b(content, digest_size=8).digest())


def probe_url(url: str) -> str:
    """Return a URL of the origin of *url* that can't exist; the same one each time."""
    origin = _urls.origin(url)
    return f"{origin}/{blake2b(origin.encode(), digest_size=10, person=b'trio-crawl').hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What a host says of a URL that can't exist, where it does not say that it doesn't.

    Args:
        location: where it redirects to; None if it answers with a page.
        content: the hash of that page.
        length: its bytes.
        title: the hash of its title, without the URL.
        shingles: of its text, of a long one of its beginning, without the URL.
    """

    location: str | None = None
    content: int = 0
    length: int = 0
    title: int = 0
    shingles: array[int] = field(default_factory=lambda: array("I"))

    @classmethod
    def of(cls, page: Page) -> Missing:
        """Return what *page*, which can't exist, says."""
        return cls(
            content=content_hash(page.content),
            length=len(page.content),
            title=_title(page),
            shingles=shingles(_without_url(page.text()[:MOST_READ], page.url)),
        )

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return 400 + 4 * len(self.shingles) + len(self.location or "")

    def is_said_of(self, page: Page, content: int) -> bool:
        """Return whether the host says the same of *page*, whose content has the hash *content*.

        Its content is the same; or its title is, with a length within a tenth, and nine
        tenths of the text. Where a host redirects what it lacks, it was redirected to the same URL.
        """
        if self.location is not None:
            return bool(page.redirects) and page.final_url == self.location
        if content == self.content:
            return True
        if abs(len(page.content) - self.length) > _LENGTHS * max(self.length, len(page.content)):
            return False
        if _title(page) != self.title:
            return False
        text = _without_url(page.text()[:MOST_READ], page.url)
        return similarity(self.shingles, shingles(text)) >= ALIKE


def shingles(text: str) -> array[int]:
    """Return the hashes of each three words in a row of *text*; of a shorter one of the whole.

    What holds a digit is left out: a time, a number of the request. They are in order, and at
    most `MOST_SHINGLES`, the smallest.
    """
    words = [word for word in text.split() if _DIGIT.search(word) is None]
    rows = [" ".join(words)]
    if len(words) > _SHINGLE:
        rows = [" ".join(three) for three in zip(words, words[1:], words[2:], strict=False)]
    hashes = {crc32(row.encode("utf-8", "surrogatepass")) for row in rows}
    return array("I", sorted(hashes)[:MOST_SHINGLES])


def similarity(one: array[int], other: array[int]) -> float:
    """Return how much two texts have in common, 0 to 1: their common shingles by all of both (Jaccard)."""
    first, second = set(one), set(other)
    every = first | second
    if max(len(one), len(other)) >= MOST_SHINGLES:
        # Of those beyond nobody knows whether both have them.
        every = set(sorted(every)[:MOST_SHINGLES])
    return len(every & first & second) / len(every) if every else 1.0


def _title(page: Page) -> int:
    title = _without_url((page.title or "")[:MOST_READ], page.url)
    return content_hash(title.encode("utf-8", "surrogatepass"))


def _without_url(text: str, url: str) -> str:
    """Return *text* without the address of its page, which many say back, and white space collapsed."""
    path = url[len(_urls.origin(url)) :]
    for said in (url, path, path.strip("/"), path.rstrip("/").rpartition("/")[2]):
        if len(said) > 1:
            text = text.replace(said, " ")
    return " ".join(text.split())
