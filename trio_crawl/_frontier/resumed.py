"""What a state tells a frontier that goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .index import FingerprintMap
from .trapwatch import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._model import SkipReason
    from .index import FingerprintSet
    from .watch import HostRecord, RobotsRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What a state knows of a crawl that it goes on with.

    Args:
        known: fingerprints of what was discovered.
        passed: by reason, fingerprints of links that are not followed.
        seeds: URLs that widened the scope.
        stored: by host, how many pages wait in the state.
        next_id: the number of the next discovery.
        families: of families of pages the name, what is left, and how many pages were fresh.
        words: of hosts what they have said.
        contents: the numbers of the last pages, by the hashes of their contents.
        asked: by host, how many pages were asked for; empty if nobody wants to know.
        hosts: those that are to be waited for, or have failed.
        robots: robots.txt files that may be known for long enough yet.
        cookies: by registrable domain, as text.
        killed: whether the last run was ended without a word, so that nobody knows what
            it asked for at last.
    """

    known: FingerprintSet
    passed: Mapping[SkipReason, FingerprintSet]
    seeds: Iterable[str]
    stored: Mapping[str, int]
    next_id: int
    families: Iterable[tuple[str, int, int]] = ()
    words: Words = field(default_factory=Words)
    contents: FingerprintMap = field(default_factory=FingerprintMap)
    asked: Mapping[str, int] = field(default_factory=dict)
    hosts: Sequence[HostRecord] = ()
    robots: Sequence[RobotsRecord] = ()
    cookies: Sequence[str] = ()
    killed: bool = False
