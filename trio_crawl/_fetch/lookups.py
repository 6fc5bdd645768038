"""Which name is looked up next: as many at once as there are threads, and a share for each domain."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final, final

import trio

from .. import _urls

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS: Final = 16
"""Look-ups at once; one that is given up counts until the system lets its thread end."""


@final
class LookUps:
    """Names that wait to be looked up, by registrable domain, whose name servers are one party's.

    A domain has the next thread only while more are free than it has already: so one whose name
    server is silent has half of them at most, and whatever else is asked for finds one free.

    Args:
        wake: called when a thread has ended, so that there is one for the next look-up.
        threads: the greatest number at once.
    """

    def __init__(self, wake: Callable[[], None], threads: int = THREADS) -> None:
        self._wake = wake
        self._free = threads
        self._running: Counter[str] = Counter()
        # The domain that goes next comes first.
        self._waiting: dict[str, deque[str]] = {}

    def __repr__(self) -> str:
        return f"<LookUps: {self._running.total()} under way, {self.waiting} wait>"

    @property
    def waiting(self) -> int:
        """Names that wait."""
        return sum(map(len, self._waiting.values()))

    def add(self, host: str) -> None:
        """Let *host* wait for its turn."""
        self._waiting.setdefault(_urls.registrable_domain(host), deque()).append(host)

    def next(self) -> tuple[str, Place] | None:
        """Return a host whose turn it is, and its thread's place; None if none may begin now."""
        # All that may be passed over have one under way, so that these are few.
        domains = iter(self._waiting) if self._free else iter(())
        domain = next((each for each in domains if self._free > self._running[each]), None)
        if domain is None:
            return None
        hosts = self._waiting.pop(domain)
        host = hosts.popleft()
        if hosts:
            self._waiting[domain] = hosts
        self._free -= 1
        self._running[domain] += 1
        return host, Place(lambda: self._ended(domain))

    def _ended(self, domain: str) -> None:
        self._free += 1
        self._running[domain] -= 1
        if not self._running[domain]:
            del self._running[domain]
        self._wake()


@final
class Place:
    """The place of one thread among those that there may be: to trio, the limiter of that thread.

    Args:
        given_back: called once, when the thread has ended, even if nobody waits for it any more;
            or when none was started.
    """

    def __init__(self, given_back: Callable[[], None]) -> None:
        self._given_back: Callable[[], None] | None = given_back
        self._taken = False

    async def acquire_on_behalf_of(self, _borrower: object) -> None:
        """Begin; there is nothing to wait for."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._taken = True

    def release_on_behalf_of(self, _borrower: object) -> None:
        """Let the next look-up have the place."""
        self._taken = False
        self.leave()

    def leave(self) -> None:
        """Do the same, unless a thread is still there, which does it when it ends."""
        if self._given_back is not None and not self._taken:
            given_back, self._given_back = self._given_back, None
            given_back()
