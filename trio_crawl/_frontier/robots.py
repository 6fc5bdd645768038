"""What is known of each origin's robots.txt, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from .. import _urls
from .._errors import FetchError
from .._lease import Lease
from .._policy import robots
from .watch import RobotsRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._model.conduct import RobotsDecision
    from ..abc import Rules
    from .journal import Changes

ROBOTS_TTL: Final = 24 * 3600.0
"""Seconds that a robots.txt is kept to before it is asked for again (RFC 9309, section 2.4)."""

UNREACHABLE_TTL: Final = 3600.0
"""Seconds that an origin counts as closed whose robots.txt could not be had."""

Verdict: TypeAlias = "Literal['allowed', 'robots', 'robots_unreachable'] | FetchError | None"
"""Whether a page may be asked for; None: its robots.txt has to be asked for first."""


@dataclass(slots=True, eq=False, kw_only=True)
class _Known:
    """What came of one robots.txt; moments by trio's clock."""

    decision: RobotsDecision
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
    # Rules of an earlier run, not read until they are needed.
    unread: str | None = None
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
        self._changed: dict[str, _Known] = {}

    def verdict(self, url: str, now: float) -> Verdict:
        """Return what is known to say of *url*."""
        entry = self._known.get(_urls.origin(url))
        if entry is None or entry.until <= now or entry.again is not None:
            return None
        if entry.unread is not None:
            entry.rules, entry.unread = robots.reread(entry.unread, entry.crawl_delay), None
        rules = entry.rules
        if rules is None:
            return "robots_unreachable"
        if isinstance(rules, FetchError):
            return rules
        return "allowed" if rules.allows(url) else "robots"

    def sitemaps(self, url: str) -> tuple[str, ...]:
        """Return the sitemaps that the robots.txt of the origin of *url* names, if that was read."""
        entry = self._known.get(_urls.origin(url))
        if entry is None or entry.rules is None or isinstance(entry.rules, FetchError):
            return ()
        return entry.rules.sitemaps

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
        entry = _Known(
            decision=decision,
            rules=verdict,
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
        changes.robots = [self._record(origin, entry) for origin, entry in self._changed.items()]
        for entry in self._changed.values():
            entry.told, entry.told_skipped = True, entry.skipped
        self._changed.clear()

    def _record(self, origin: str, entry: _Known) -> RobotsRecord:
        rules = entry.rules
        source = rules.source if isinstance(rules, robots.Rules) and not entry.told else None
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
        self._known[record.origin] = _Known(
            decision=record.decision,
            rules=robots.ALLOW_ALL if record.decision == "allow_all" else None,
            at=at,
            until=until,
            status=record.status,
            size=record.size,
            crawl_delay=record.crawl_delay,
            told=True,
            unread=record.source or "" if record.decision == "rules" else None,
        )
        return True

    def records(self) -> Iterator[RobotsRecord]:
        """Yield all that is known of this run, for a report without a state."""
        for origin, entry in self._known.items():
            yield self._record(origin, entry)


def _held(decision: RobotsDecision) -> float:
    return ROBOTS_TTL if decision in {"rules", "allow_all"} else UNREACHABLE_TTL


def _decision(verdict: Rules | FetchError | None) -> RobotsDecision:
    if verdict is None:
        return "disallow_all"
    if isinstance(verdict, FetchError):
        return "unreachable"
    return "allow_all" if verdict is robots.ALLOW_ALL else "rules"
