"""The numbers of a crawl, at one moment and in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .conduct import HostReport, HostSums
    from .words import Ended, FailureKind, SkipReason


def _nothing() -> Mapping[Any, int]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The numbers of a crawl at one moment; all count from its start.

    ``discovered`` is always the sum of ``pages``, ``sitemaps``, ``failed``, ``skipped`` and ``pending``.

    Args:
        discovered: distinct URLs that were found, seeds included.
        pages: those that are done: fetched, parsed and written.
        unchanged: of the pages, those whose last visit found them as they were before (a 304
            to a conditional request), and wrote no row.
        sitemaps: sitemaps and feeds that were read; they are URLs, and no pages.
        failed: those that ended without a page, by kind of `Failure`.
        skipped: those that were not asked for, by reason.
        pending: those that no outcome is known for yet.
        in_flight: pages being fetched, parsed or written at this moment.
        statuses: pages by the status code of their last response.
        rows: rows written, of all outputs together.
        links: links found on pages, each once a page; with a ``parse``, what that yielded to be followed.
        links_dropped: links beyond ``max_links`` of their page, or whose URLs are too long, each or together.
        requests: hops made, each retry and redirect counted.
        retries: hops that had to be made again.
        redirects: redirects followed.
        robots: robots.txt files asked for.
        probes: URLs asked for that can't exist, one of a host, to know its soft 404s.
        revisits_redirected: visits of pages that had been visited before (``recrawl``), and were
            redirected to another page's URL, or out of scope: these pages stay what they were.
        revisits_failed: such visits that failed; likewise.
        bytes: bytes of response bodies as they came over the wire.
        elapsed: seconds since the crawl began.
    """

    discovered: int = 0
    pages: int = 0
    unchanged: int = 0
    sitemaps: int = 0
    failed: Mapping[FailureKind, int] = field(default_factory=_nothing)
    skipped: Mapping[SkipReason, int] = field(default_factory=_nothing)
    pending: int = 0
    in_flight: int = 0
    statuses: Mapping[int, int] = field(default_factory=_nothing)
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
    elapsed: float = 0.0

    def __str__(self) -> str:
        return "\n".join([f"Crawl going on after {self._time()}", *self._lines(), self._bytes()])

    def _time(self) -> str:
        rate = f", {self.pages / self.elapsed:,.1f} pages a second" if self.elapsed >= 1 else ""
        return f"{self.elapsed:,.1f} s{rate}"

    def _lines(self) -> list[str]:
        """Return the numbers, a line each: at last requests, links and rows."""
        made = {
            "retries": self.retries,
            "redirects": self.redirects,
            "robots.txt": self.robots,
            "probes": self.probes,
        }
        return [
            _line("URLs discovered", self.discovered, {}),
            _line("  pages", self.pages, {**self.statuses, **self._revisits()}),
            *([_line("  sitemaps", self.sitemaps, {})] if self.sitemaps else []),
            _line("  failed", sum(self.failed.values()), self.failed),
            _line("  skipped", sum(self.skipped.values()), self.skipped),
            _line("  pending", self.pending, {"in flight": self.in_flight}),
            _line("requests", self.requests, made),
            _line("links found", self.links, {"dropped": self.links_dropped}),
            _line("rows written", self.rows, {}),
        ]

    def _revisits(self) -> dict[str, int]:
        return {
            "unchanged": self.unchanged,
            "revisits redirected": self.revisits_redirected,
            "revisits failed": self.revisits_failed,
        }

    def _bytes(self) -> str:
        return f"{'bytes received':<16}{self.bytes:>11,}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """A request that was sent, and is not answered yet.

    Args:
        url: where to; after redirects, where they led.
        host: its name, as `Control.cancel_host` takes it.
        seconds: since it began.
        attempt: 1 for the first.
    """

    url: str
    host: str
    seconds: float
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Statistics):
    """What a crawl came to.

    Args:
        ended: how it ended.
        outputs: the outputs, as they were named.
        hosts: how hosts were treated: first those where a rule was not kept, which there should be
            none of, then the busiest. With ``state=`` all of them, read from there whenever this is
            asked for; else the 10,000 that were asked most.
        hosts_beyond: the other hosts, as sums; None if there are none.
        seeds_unread: seeds that were never read, since the crawl ended before; they are not among
            the URLs that were discovered. The rest of a file is counted up to a million, and for a
            second; of a generator or an async source, which may have no end, nobody knows: then
            it is None, and 0 if that came to its end.
        bad_records: with an archive as the fetcher, records of it that were left out, since they
            can't be read.
        bad_places: where the first ten of them are, file and offset, and what is wrong with each.
    """

    ended: Ended = "done"
    outputs: tuple[str, ...] = ()
    hosts: Sequence[HostReport] = ()
    hosts_beyond: HostSums | None = None
    seeds_unread: int | None = 0
    bad_records: int = 0
    bad_places: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the books: each URL that was discovered has one outcome."""
        ended = self.pages + self.sitemaps + sum(self.failed.values()) + sum(self.skipped.values())
        accounted = ended + self.pending
        if (
            accounted != self.discovered
            or self.pages != sum(self.statuses.values())
            or not 0 <= self.unchanged <= self.statuses.get(304, 0)
        ):
            raise AssertionError(f"the numbers of a crawl don't add up: {accounted} outcomes of {self!r}")

    def __str__(self) -> str:
        *lines, requests, links, rows = self._lines()
        if self.outputs:
            rows += f"  to {', '.join(self.outputs)}"
        first = f"Crawl {_ENDINGS[self.ended]} after {self._time()}"
        more = [*self._unread(), *self._beyond()]
        bad = [_line("bad records", self.bad_records, {})] if self.bad_records else []
        bad += [f"  {place}" for place in self.bad_places]
        return "\n".join([first, *lines, *more, requests, links, rows, self._bytes(), *bad])

    def _beyond(self) -> list[str]:
        if self.hosts_beyond is None:
            return []
        return [f"{len(self.hosts):,} hosts are told of one by one, {self.hosts_beyond.hosts:,} as sums"]

    def _unread(self) -> list[str]:
        if self.seeds_unread is None:
            return ["the source of seeds was not read to its end"]
        return [_line("seeds not read", self.seeds_unread, {})] if self.seeds_unread else []


_ENDINGS = {
    "done": "done",
    "stopped": "stopped by request",
    "max_time": "stopped at max_time",
    "left": "left by its consumer",
    "cancelled": "cancelled by request",
}


def _line(name: str, number: int, parts: Mapping[Any, int]) -> str:
    """Return one line of a report: the number, and what it consists of."""
    shown = ", ".join(f"{key}: {count:,}" for key, count in parts.items() if count)
    return f"{name:<16}{number:>11,}" + (f"  ({shown})" if shown else "")
