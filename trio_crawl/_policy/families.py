"""Whether pages whose URLs are counted up come to an end: what is left to a family of them.

A family (`trio_crawl._policy.traps.pattern_of`) that never ends is told from a large one by

- what its pages say: after some of them a calendar has no word left that it has not used, and
  an honest site, however large, has new ones for as long as it has new pages;
- where they lead: the list of a shop's products, page after page, to the products;
- where they are found: products in their lists, the pages of a calendar in itself alone.

So a family has a budget, and each page costs something, or earns something. When it is
spent, a link from a page of a spent family to a page of a spent family is passed by; found
elsewhere, it is followed.

What is not told from a large site is one that makes up words without end, in URLs that have
nothing to count up. ``max_per_host`` bounds that.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

# What is not closed ends with the content, so that many open ones are not each searched to the end.
_TAGS: Final = re.compile(rb"(?is)<(script|style)\b.*?(?:</\1|\Z)|<[^>]*(?:>|\Z)")
_WORD: Final = re.compile(rb"(?<![\w\x80-\xff])[A-Za-z\x80-\xff]{3,60}(?![\w\x80-\xff])")

MOST_READ: Final = 256 * 1024
"""Bytes of a page that are read for its words."""


def words_of(content: bytes) -> set[bytes]:
    """Return the words that a page shows, in lower case: without mark-up, and none that holds a digit."""
    return set(_WORD.findall(_TAGS.sub(b" ", content[:MOST_READ]).lower()))


BARREN: Final = 20
"""What a page costs its family; of a spent family every page did so."""

FRUITFUL: Final = 1
"""What it costs if it led to a URL of another kind. Not nothing: two kinds may lead to each other forever."""

FULL: Final = 1_000 * BARREN
"""What a family may cost: a thousand pages in a row that lead nowhere and have nothing new to say."""

WARY: Final = 500 * BARREN
"""The same for dates and sessions."""

NEW_WORDS: Final = 2
"""New words that a page needs: one may be the page's own address, said back."""

ASKED_EVERY: Final = 10
"""Of how many pages that cost something one is asked."""

LEAST_EARNED: Final = 16
MOST_EARNED: Final = 250


class Family(NamedTuple):
    """What is left to a family.

    Args:
        left: of its budget; nothing, if it is spent.
        fresh: how many of its pages had something new to say when they were asked.
    """

    left: int
    fresh: int = 0

    @classmethod
    def new(cls, *, wary: bool) -> Family:
        """Return one that no page is known of."""
        return cls(WARY if wary else FULL)

    @property
    def spent(self) -> bool:
        """Whether it may not cost more."""
        return self.left <= 0

    def in_doubt(self, *, wary: bool) -> bool:
        """Return whether its next page has to be asked what it says, which takes as long as half of a page.

        So it is one page of ten, and none before half of the budget is gone, but for dates and sessions.
        What is spent is not asked any more.
        """
        return 0 < self.left <= (WARY if wary else FULL // 2) and not self.left // BARREN % ASKED_EVERY

    def learn(self, *, fruitful: bool, new_words: int | None, wary: bool) -> Family:
        """Return what is left after one more page.

        A page with something new to say earns sixteen pages, and one for each such page before it,
        up to 250: so a calendar has little from the names of its months, and an honest
        family is soon asked about one page of hundreds.

        Args:
            fruitful: whether it led to a new URL that is not of the family.
            new_words: how many words it had that the host had not said before; None if it
                was not asked.
            wary: as in `Pattern`.
        """
        if new_words is not None and new_words >= NEW_WORDS:
            earned = min(LEAST_EARNED + self.fresh, MOST_EARNED) * BARREN
            full = WARY if wary else FULL
            return Family(max(min(self.left, full), 0) + earned, self.fresh + 1)
        cost = FRUITFUL if fruitful else BARREN
        return self._replace(left=max(self.left - cost, 0))
