"""What is known of each origin's robots.txt, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final
from zlib import compress, decompress

from .. import _urls
from .._errors import FetchError
from .._lease import Lease
from .._policy import robots
from .shelf import Shelf
from .watch import RobotsRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from .._model.conduct import RobotsDecision
    from ..abc import Rules
    from .journal import Changes

ROBOTS_TTL: Final = 24 * 3600.0
"""Seconds that a robots.txt is kept to before it is asked for again (RFC 9309, section 2.4)."""

UNREACHABLE_TTL: Final = 3600.0
"""Seconds that an origin counts as closed whose robots.txt could not be had."""

RULES_BYTES: Final = 8 * 2**20
"""Bytes of rules that are held as they were read: those that were asked about last."""

SOURCES_BYTES: Final = 24 * 2**20
"""Bytes of rules as they are written, compressed, from which others are read again; twice, for those
that are small and for those that are large. What has no room is asked for again when it is needed."""

SMALL: Final = 4 * 1024
_OVERHEAD: Final = 200

Verdict: TypeAlias = "Literal['allowed', 'robots', 'robots_unreachable'] | FetchError | None"
"""Whether a page may be asked for; None: its robots.txt has to be asked for first."""


@dataclass(slots=True, eq=False, kw_only=True)
class _Known:
    """What came of one robots.txt; moments by trio's clock."""

    decision: RobotsDecision
    # None where nothing is allowed, or where the rules are on a shelf.
    rules: Rules | FetchError | None
    at: float
    until: float
    status: int | None
    size: int
    crawl_delay: float | None
    skipped: int = 0
    # What a state was told already: of the skips, how many; of the rest, whether.
    told_skipped: int = 0
    told: bool = False
    # When it is to be asked for again, since it could not be had for now.
    again: float | None = None


@final
class RobotsDesk:
    """Remembers, for each origin, the rules, or why there are none.

    Args:
        product: the crawler's product token, whom rules of an earlier run have to be for.
        kept: whether there is a state, which is to be told what changes.

    Attributes:
        epoch: as in `Watchers`.
    """

    def __init__(self, product: str = "", *, kept: bool = True) -> None:
        self.epoch = 0.0
        self._kept = kept
        self._product = product
        self._known: dict[str, _Known] = {}
        self._rules: Shelf[robots.Rules] = Shelf(RULES_BYTES, weight)
        # Apart, so that large files can't take the place of the many that are small.
        self._small: Shelf[bytes] = Shelf(SOURCES_BYTES, packed_size)
        self._large: Shelf[bytes] = Shelf(SOURCES_BYTES, packed_size)
        self._changed: dict[str, _Known] = {}

    def verdict(self, url: str, now: float) -> Verdict:
        """Return what is known to say of *url*."""
        entry = self._known.get(_urls.origin(url))
        if entry is None or entry.until <= now or entry.again is not None:
            return None
        if isinstance(entry.rules, FetchError):
            return entry.rules
        if entry.decision == "disallow_all":
            return "robots_unreachable"
        rules = self._rules_of(_urls.origin(url), entry)
        if rules is None:
            entry.until = now
            return None
        return "allowed" if rules.allows(url) else "robots"

    def _rules_of(self, origin: str, entry: _Known) -> Rules | None:
        """Return the rules of *origin*, read again if need be; None if they are not there any more."""
        if entry.decision != "rules" or entry.rules is not None:
            return entry.rules if not isinstance(entry.rules, FetchError) else None
        rules = self._rules.get(origin)
        source = None if rules is not None else self._source(origin)
        if source is not None:
            rules = robots.reread(source, entry.crawl_delay)
            self._rules.put(origin, rules)
        return rules

    def _source(self, origin: str) -> str | None:
        packed = self._small.get(origin) or self._large.get(origin)
        return None if packed is None else decompress(packed).decode("utf-8", "surrogatepass")

    def _keep(self, origin: str, source: str) -> None:
        """Keep rules as they are written, which takes much less than what is made of them."""
        packed = compress(source.encode("utf-8", "surrogatepass"))
        is_small = len(packed) < SMALL
        (self._small if is_small else self._large).put(origin, packed)
        (self._large if is_small else self._small).drop(origin)

    def crawl_delay(self, url: str) -> float | None:
        """Return the seconds that the robots.txt of the origin of *url* asks for; None if it doesn't."""
        entry = self._known.get(_urls.origin(url))
        return None if entry is None else entry.crawl_delay

    def sitemaps(self, url: str) -> tuple[str, ...]:
        """Return the sitemaps that the robots.txt of the origin of *url* names, if that was read."""
        origin = _urls.origin(url)
        entry = self._known.get(origin)
        rules = None if entry is None else self._rules_of(origin, entry)
        return () if rules is None else rules.sitemaps

    def skipped(self, url: str) -> None:
        """Count a page that was skipped because of what `verdict` said."""
        origin = _urls.origin(url)
        entry = self._known[origin]
        entry.skipped += 1
        self._note(origin, entry)

    def _note(self, origin: str, entry: _Known) -> None:
        if self._kept:
            self._changed[origin] = entry

    def ask(self, page: Lease) -> Lease:
        """Return a lease for the robots.txt that *page* waits for; it goes when the page would."""
        url = robots.robots_url(page.url)
        lease = Lease.new(page.order, url, None, None)
        lease.robots_of = _urls.origin(page.url)
        entry = self._known.get(lease.robots_of)
        lease.attempts = int(entry is not None and entry.again is not None)
        return lease

    def unreachable(self, url: str) -> bool:
        """Return whether the robots.txt of the origin of *url* was asked for, and the server failed."""
        entry = self._known.get(_urls.origin(url))
        return entry is not None and entry.again is not None and entry.rules is None

    def answer(  # noqa: PLR0913 - what there is to say of it
        self,
        origin: str,
        verdict: Rules | FetchError | None,
        now: float,
        *,
        status: int | None = None,
        size: int = 0,
        again: float | None = None,
    ) -> float:
        """Take what came of the robots.txt of *origin*, and return the delay it asks for, in seconds.

        Args:
            origin: whose it is.
            verdict: its rules; why the origin can't be reached; None: nothing is allowed.
            now: the present moment, by trio's clock.
            status: of the last response, None if there was none.
            size: bytes of the file.
            again: the moment from which it is to be asked for again, before the next page, since it could
                not be had for now; None if this holds.
        """
        decision = _decision(verdict)
        before = self._known.get(origin)
        crawl_delay = None if verdict is None or isinstance(verdict, FetchError) else verdict.crawl_delay
        held = verdict
        if decision == "rules" and isinstance(verdict, robots.Rules):
            self._keep(origin, verdict.source)
            self._rules.put(origin, verdict)
            held = None
        entry = _Known(
            decision=decision,
            rules=held,
            at=now,
            until=now + _held(decision) if again is None else max(now, again),
            status=status,
            size=size,
            crawl_delay=crawl_delay,
            skipped=before.skipped if before else 0,
            told_skipped=before.told_skipped if before else 0,
            again=again,
        )
        self._known[origin] = entry
        self._note(origin, entry)
        return crawl_delay or 0.0

    # What a state is told, and tells

    @property
    def unsaved(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._changed)

    def tell(self, changes: Changes) -> None:
        """Put into *changes* what was not told before."""
        changes.robots = [
            self._record(origin, entry, self._untold(origin, entry))
            for origin, entry in self._changed.items()
        ]
        for entry in self._changed.values():
            entry.told, entry.told_skipped = True, entry.skipped
        self._changed.clear()

    def _record(self, origin: str, entry: _Known, source: str | None = None) -> RobotsRecord:
        return RobotsRecord(
            origin=origin,
            host=_urls.host(f"{origin}/"),
            decision=entry.decision,
            status=entry.status,
            fetched_at=entry.at + self.epoch,
            until=entry.until + self.epoch,
            size=entry.size,
            crawl_delay=entry.crawl_delay,
            skipped=entry.skipped - entry.told_skipped,
            source=source,
            product=self._product,
        )

    def resume(self, record: RobotsRecord, now: float) -> bool:
        """Keep to what an earlier run was told, while it holds; return whether it does.

        Not if it is for another product token, nor if it comes from the future: then the
        wall clock was set back, and its age is not known.
        """
        at, until = record.fetched_at - self.epoch, record.until - self.epoch
        if record.product != self._product or record.decision == "unreachable" or at > now:
            return False
        held = _held(record.decision)
        # One that could not be had for now, with a shorter rest, says nothing.
        lasting = record.decision != "disallow_all" or record.until - record.fetched_at > held / 2
        until = min(until, at + held)
        if until <= now or not lasting:
            return False
        if record.decision == "rules":
            if record.source is None:
                return False
            self._keep(record.origin, record.source)
        self._known[record.origin] = _Known(
            decision=record.decision,
            rules=robots.ALLOW_ALL if record.decision == "allow_all" else None,
            at=at,
            until=until,
            status=record.status,
            size=record.size,
            crawl_delay=record.crawl_delay,
            told=True,
        )
        return True

    def _untold(self, origin: str, entry: _Known) -> str | None:
        return None if entry.told or entry.decision != "rules" else self._source(origin)

    def records(self, hosts: Collection[str] | None = None) -> Iterator[RobotsRecord]:
        """Yield what is known of *hosts*, of all if there are none given, for a report without a state."""
        for origin, entry in self._known.items():
            if hosts is None or _urls.host(f"{origin}/") in hosts:
                yield self._record(origin, entry)


def _held(decision: RobotsDecision) -> float:
    return ROBOTS_TTL if decision in {"rules", "allow_all"} else UNREACHABLE_TTL


def _decision(verdict: Rules | FetchError | None) -> RobotsDecision:
    if verdict is None:
        return "disallow_all"
    if isinstance(verdict, FetchError):
        return "unreachable"
    return "allow_all" if verdict is robots.ALLOW_ALL else "rules"


def weight(rules: robots.Rules) -> int:
    """Return about how many bytes rules take that were read."""
    return 3_000 + 4 * len(rules.source) + 700 * rules.source.count("\n")


def packed_size(source: bytes) -> int:
    """Return about how many bytes it takes to keep *source*."""
    return len(source) + _OVERHEAD
