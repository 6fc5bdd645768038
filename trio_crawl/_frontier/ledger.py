"""The books of a crawl: each URL that was discovered has exactly one outcome."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from .._callbacks import log
from .._model import Statistics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._model import FailureKind, SkipReason


class Batch(Protocol):
    """What a written batch counts for."""

    @property
    def pages(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def links(self) -> int: ...
    @property
    def unchanged(self) -> int: ...
    @property
    def statuses(self) -> Counter[int]: ...
    @property
    def failed(self) -> Counter[FailureKind]: ...


@dataclass(slots=True)
class Ledger:
    """Counts what happens; every number counts from the start of the crawl.

    An outcome is counted when it is final: a page and a failure when every
    output has them, a skip when it is decided. Until then the URL is pending,
    and whoever holds it (queue, lease, batch) counts it.
    """

    discovered: int = 0
    pages: int = 0
    sitemaps: int = 0
    unchanged: int = 0
    rows: int = 0
    links: int = 0
    links_dropped: int = 0
    requests: int = 0
    retries: int = 0
    redirects: int = 0
    robots: int = 0
    probes: int = 0
    revisits_redirected: int = 0
    revisits_failed: int = 0
    bytes: int = 0
    failed: Counter[FailureKind] = field(default_factory=Counter)
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)

    def skip(self, reason: SkipReason, url: str, *, detail: str = "", number: int = 1) -> None:
        """Count a skip, or so many, and log the first one of each reason."""
        if number and not self.skipped[reason]:
            log.info("first skip for the reason %r: %s%s", reason, url, f" ({detail})" if detail else "")
        self.skipped[reason] += number

    def unskip(self, reason: SkipReason) -> None:
        """Take a skip back: the URL was found again where it is allowed."""
        self.skipped[reason] -= 1

    def commit(self, batch: Batch) -> None:
        """Count a batch that every output has."""
        self.pages += batch.pages
        self.unchanged += batch.unchanged
        self.rows += batch.rows
        self.links += batch.links
        self.statuses.update(batch.statuses)
        self.failed.update(batch.failed)

    def to_json(self) -> dict[str, Any]:
        """Return the books as JSON can say them."""
        return {
            name: dict(value) if isinstance(value, Counter) else value
            for name in self.__slots__
            for value in (getattr(self, name),)
        }

    def written(self, batch: Batch) -> dict[str, Any]:
        """Return those of the books that a batch is entered in, as they will be after `commit`."""
        after = Ledger(
            pages=self.pages,
            unchanged=self.unchanged,
            rows=self.rows,
            links=self.links,
            failed=self.failed.copy(),
            statuses=self.statuses.copy(),
        )
        after.commit(batch)
        said = after.to_json()
        return {name: said[name] for name in ("pages", "unchanged", "rows", "links", "failed", "statuses")}

    def resume(self, books: Mapping[str, Any]) -> None:
        """Go on with the books of an earlier crawl, as `to_json` returned them."""
        for name in self.__slots__:
            value = books.get(name, getattr(self, name))
            if name == "statuses":
                value = {int(status): number for status, number in value.items()}
            setattr(self, name, Counter(value) if isinstance(value, dict) else value)

    def statistics(self, *, pending: int, in_flight: int, elapsed: float) -> Statistics:
        """Return the numbers as they are now; *pending* is counted by those who hold the URLs."""
        return Statistics(
            discovered=self.discovered,
            pages=self.pages,
            sitemaps=self.sitemaps,
            unchanged=self.unchanged,
            failed=MappingProxyType(+self.failed),
            skipped=MappingProxyType(+self.skipped),
            pending=pending,
            in_flight=in_flight,
            statuses=MappingProxyType(dict(sorted(self.statuses.items()))),
            rows=self.rows,
            links=self.links,
            links_dropped=self.links_dropped,
            requests=self.requests,
            retries=self.retries,
            redirects=self.redirects,
            robots=self.robots,
            probes=self.probes,
            revisits_redirected=self.revisits_redirected,
            revisits_failed=self.revisits_failed,
            bytes=self.bytes,
            elapsed=elapsed,
        )
