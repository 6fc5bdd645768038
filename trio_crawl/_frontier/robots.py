"""What is known of each origin's robots.txt, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from .. import _urls
from .._errors import FetchError
from .._lease import Lease
from .._policy.robots import robots_url

if TYPE_CHECKING:
    from ..abc import Rules

ROBOTS_TTL: Final = 24 * 3600.0
"""Seconds that a robots.txt is kept to before it is asked for again (RFC 9309, section 2.4)."""

UNREACHABLE_TTL: Final = 3600.0
"""Seconds that an origin counts as closed whose robots.txt could not be had."""

Verdict: TypeAlias = "Literal['allowed', 'robots', 'robots_unreachable'] | FetchError | None"
"""Whether a page may be asked for; None: its robots.txt has to be asked for first."""


@final
class RobotsDesk:
    """Remembers, for each origin, the rules, or why there are none."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Rules | FetchError | None]] = {}

    def verdict(self, url: str, now: float) -> Verdict:
        """Return what is known to say of *url*."""
        entry = self._known.get(_urls.origin(url))
        if entry is None or entry[0] <= now:
            return None
        rules = entry[1]
        if rules is None:
            return "robots_unreachable"
        if isinstance(rules, FetchError):
            return rules
        return "allowed" if rules.allows(url) else "robots"

    def sitemaps(self, url: str) -> tuple[str, ...]:
        """Return the sitemaps that the robots.txt of the origin of *url* names, if that was read."""
        _, rules = self._known.get(_urls.origin(url), (0.0, None))
        return () if rules is None or isinstance(rules, FetchError) else rules.sitemaps

    def ask(self, page: Lease) -> Lease:
        """Return a lease for the robots.txt that *page* waits for; it goes when the page would."""
        url = robots_url(page.url)
        lease = Lease.new(page.order, url, None, None)
        lease.robots_of = _urls.origin(page.url)
        return lease

    def answer(self, origin: str, verdict: Rules | FetchError | None, now: float) -> float:
        """Take what came of the robots.txt of *origin*, and return the delay it asks for, in seconds."""
        if verdict is None or isinstance(verdict, FetchError):
            self._known[origin] = (now + UNREACHABLE_TTL, verdict)
            return 0.0
        self._known[origin] = (now + ROBOTS_TTL, verdict)
        return verdict.crawl_delay or 0.0
