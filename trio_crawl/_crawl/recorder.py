"""Keeps what went over the wire, until it is written with what it led to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, final

from .._fetch.archive import NotArchivedError
from .._model import Exchange, Response

if TYPE_CHECKING:
    from datetime import datetime

    from .._errors import FetchError
    from .._lease import Lease
    from .._model import Hop, Outcome

HELD: Final = 64 * 1024
"""Bytes of a body up to which a response waits in memory for the page that it is on the way to.

Many pages may wait for their retry, or for the turn of the host that they were redirected to: all
together hold no more than `MOST_HELD`. A larger response, or one for which there is no room, goes
to the output at once; if the crawl is killed before its page is written, the page is asked for
again, and so the response is there twice, as it was sent.
"""


MOST_HELD: Final = 32 * 2**20
"""Bytes of bodies that wait in memory so, of all pages together."""

_OVERHEAD: Final = 2_000


@final
class Recorder:
    """The exchanges of pages on their way, kept with their leases.

    Args:
        wanted: whether an output keeps them; if not, nothing is done.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._hops: dict[Lease, Hop] = {}
        # Bytes, by the page that waits with them.
        self._held: dict[Lease, int] = {}
        self._bytes = 0
        self._asides: list[tuple[Exchange, ...]] = []

    def asked(self, lease: Lease, hop: Hop) -> None:
        """Take note of a hop that begins, or would."""
        if self._wanted:
            self._hops[lease] = hop

    def answered(self, lease: Lease, result: Response | FetchError, ended: datetime) -> None:
        """Keep a hop that came to its end, or could not be made."""
        if not self._wanted:
            return
        hop = self._hops.pop(lease)
        if isinstance(result, NotArchivedError):
            return  # nothing went over any wire
        if isinstance(result, Response):
            exchange = Exchange(hop=hop, response=result, ended=result.fetched_at or ended)
        else:
            exchange = Exchange(hop=hop, kind=result.kind, message=result.message, ended=ended)
        lease.exchanges = (*lease.exchanges, exchange)
        size = _OVERHEAD + (len(result.body) if isinstance(result, Response) else 0)
        self._held[lease] = self._held.get(lease, 0) + size
        self._bytes += size

    def goes_on(self, lease: Lease) -> None:
        """Take note that *lease* is to make a further hop."""
        large = any(one.response and len(one.response.body) > HELD for one in lease.exchanges)
        if large or self._bytes > MOST_HELD:
            self.ends_aside(lease)

    def ends_aside(self, lease: Lease) -> None:
        """Take note that the exchanges of *lease* come to no outcome, or are not to wait for it."""
        if lease.exchanges:
            self._asides.append(lease.exchanges)
            lease.exchanges = ()
            self._bytes -= self._held.pop(lease)

    def ends(self) -> None:
        """Take note that no page goes on: those on their way are not asked for in this run."""
        for lease in list(self._held):
            self.ends_aside(lease)

    def completed(self, lease: Lease, outcome: Outcome) -> Outcome:
        """Return *outcome* with the exchanges that led to it."""
        if not lease.exchanges:
            return outcome
        exchanges, lease.exchanges = lease.exchanges, ()
        self._bytes -= self._held.pop(lease)
        return replace(outcome, exchanges=exchanges)

    def take_asides(self) -> list[tuple[Exchange, ...]]:
        """Return what is to be written though there is no outcome, once."""
        if not self._asides:
            return self._asides
        asides, self._asides = self._asides, []
        return asides
