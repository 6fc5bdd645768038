"""The books of a crawl: each URL that was discovered has exactly one outcome."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from .._callbacks import log
from .._model import Skip, Statistics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    heard: list[Skip] | None = None
    """Each skip that was not taken yet; None if nobody wants to hear of them."""

    def skip(
        self, reason: SkipReason, url: str, *, referrer: str | None = None, target: str | None = None
    ) -> None:
        """Count a skip, and log the first one of each reason."""
        self.skip_several(reason, url if target is None else f"{url} (redirected to {target})", 1)
        if self.heard is not None:
            self.heard.append(Skip(url=url, reason=reason, referrer=referrer, target=target))

    def skip_several(self, reason: SkipReason, what: str, number: int) -> None:
        """Count so many skips, and log it if they are the first of their reason."""
        if number and not self.skipped[reason]:
            log.info("first skip for the reason %r: %s", reason, what)
        self.skipped[reason] += number

    def take_skips(self) -> Sequence[Skip]:
        """Return the skips since the last time, if somebody wants to hear of them."""
        if not self.heard:
            return ()
        taken, self.heard = self.heard, []
        return taken

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
            for name in _BOOKS
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
        for name in _BOOKS:
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


_BOOKS = tuple(book.name for book in fields(Ledger) if book.name != "heard")
"""What a state keeps."""
