"""Watches for crawl traps: what each family of pages has left, and what their hosts have said so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final
from zlib import crc32

from .._policy.families import Family, words_of
from .._policy.traps import pattern_of, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._lease import Lease
    from .._model import SkipReason
    from .._policy.traps import Pattern
    from .journal import Journal

MOST_FAMILIES: Final = 20_000
"""Families that are held in memory; beyond, the half of them that have the most left are forgotten."""

MOST_HOSTS: Final = 256
"""Hosts whose words are held in memory, 16 KiB each; beyond, those of the first one are forgotten."""

_BITS: Final = 17


@final
class Words:
    """What hosts have said so far: of each a set of words, by a part of their hashes.

    Args:
        taken_down: of hosts what they have said, as it was taken down, the earliest first.
    """

    def __init__(self, taken_down: Iterable[tuple[str, bytes]] = ()) -> None:
        self._said: dict[str, bytearray] = {}
        for host, places in taken_down:
            self.add(host, places)

    def __len__(self) -> int:
        return len(self._said)

    def said_by(self, host: str) -> bytearray:
        """Return the words of *host*, a bit for each; of those that came first nothing is known any more."""
        said = self._said.get(host)
        if said is None:
            if len(self._said) >= MOST_HOSTS:
                del self._said[next(iter(self._said))]
            said = self._said[host] = bytearray(1 << (_BITS - 3))
        return said

    def add(self, host: str, places: bytes) -> None:
        """Add words as they were taken down."""
        said = self.said_by(host)
        for place in memoryview(places).cast("I"):
            said[place >> 3] |= 1 << (place & 7)


@final
class TrapWatch:
    """Says which links lead into a trap; see `trio_crawl._policy.traps` and ``.families``.

    Args:
        journal: takes down what is learned for a state; None if there is none.
    """

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal
        self._families: dict[str, Family] = {}
        self._spent: set[str] = set()
        self._words = Words()

    def __repr__(self) -> str:
        return f"<TrapWatch of {len(self._families)} families, {len(self._spent)} spent>"

    def resume(
        self, families: Iterable[tuple[str, int, int]], words: Words | Iterable[tuple[str, bytes]]
    ) -> None:
        """Go on with what an earlier crawl learned.

        Args:
            families: of each its name, what it has left, and how often it was fresh.
            words: what hosts have said, or that as it was taken down, the earliest first.
        """
        for name, left, fresh in families:
            self._keep(name, Family(left, fresh))
        self._words = words if isinstance(words, Words) else Words(words)

    # Links

    @staticmethod
    def family(url: str) -> str | None:
        """Return the name of the family of *url*; None if it has none."""
        pattern = pattern_of(url)
        return None if pattern is None else pattern.name

    def objection(self, url: str, parent: str | None) -> SkipReason | None:
        """Return why a link to *url* is not followed, None if it is.

        Args:
            url: where it leads.
            parent: the family of the page that it stands on.
        """
        if parent in self._spent and self.family(url) in self._spent:
            return "trap_pattern"
        return shape_of(url)

    def holds(self, page: Lease) -> bool:
        """Return whether *page*, which was queued, is in a trap by now.

        A queue may hold more than the family had left, by as many links as its pages have. Of one
        that is counted up in the path alone it is crawled all the same: products that
        were found by other products may be in a list as well, and would be lost.
        """
        if not self._spent or page.referrer is None:
            return False
        pattern = pattern_of(page.request.url)
        if pattern is None or pattern.name not in self._spent:
            return False
        return (pattern.wary or "?" in page.request.url) and self.family(page.referrer) in self._spent

    # Pages

    def learn(self, url: str, content: bytes, *, fruitful: bool) -> None:
        """Learn from a page that is done.

        Args:
            url: what was asked for.
            content: what it says.
            fruitful: whether it led to a new URL of another family.
        """
        pattern = pattern_of(url)
        if pattern is None:
            return
        family = self._families.get(pattern.name) or Family.new(wary=pattern.wary)
        new_words = None
        if family.in_doubt(wary=pattern.wary):
            new_words = self._hear(pattern, content)
        family = family.learn(fruitful=fruitful, new_words=new_words, wary=pattern.wary)
        self._keep(pattern.name, family)
        if self._journal is not None:
            self._journal.changes.families[pattern.name] = family

    def _keep(self, name: str, family: Family) -> None:
        self._families[name] = family
        if family.spent:
            self._spent.add(name)
        else:
            self._spent.discard(name)
        if len(self._families) > MOST_FAMILIES:
            least = sorted(self._families.items(), key=lambda item: item[1].left)
            self._families = dict(least[: MOST_FAMILIES // 2])
            self._spent.intersection_update(self._families)

    def _hear(self, pattern: Pattern, content: bytes) -> int:
        """Return how many words of *content* the host has not said before."""
        said = self._words.said_by(pattern.host)
        new = []
        for word in words_of(content):
            place = crc32(word) >> (32 - _BITS)
            if not said[place >> 3] >> (place & 7) & 1:
                said[place >> 3] |= 1 << (place & 7)
                new.append(place)
        if new and self._journal is not None:
            self._journal.changes.words.setdefault(pattern.host, []).extend(sorted(new))
        return len(new)
