"""What a state tells a frontier that goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .._model import SkipReason
    from .index import FingerprintSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What a state knows of a crawl that it goes on with.

    Args:
        known: fingerprints of what was discovered.
        passed: by reason, fingerprints of links that are not followed.
        seeds: URLs that widened the scope.
        stored: by host, how many pages wait in the state.
        next_id: the number of the next discovery.
    """

    known: FingerprintSet
    passed: Mapping[SkipReason, FingerprintSet]
    seeds: Iterable[str]
    stored: Mapping[str, int]
    next_id: int
