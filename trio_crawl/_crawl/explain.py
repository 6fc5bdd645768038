"""What a crawl waits for, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import trio

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._frontier.memory import MemoryFrontier
    from .._model import InFlight
    from .ending import Ending
    from .loop import Loop
    from .numbers import Numbers

MOST: Final = 20
"""Lines of each kind that are shown; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostWait:
    """A host that has pages to ask for.

    Args:
        name: of the host.
        why: what it waits for.
        seconds: until it may be asked, None if that depends on something else.
        pages: that wait.
    """

    name: str
    why: str
    seconds: float | None
    pages: int

    def __str__(self) -> str:
        moment = "" if self.seconds is None else f" for {self.seconds:.1f} s more"
        return f"{self.name} waits{moment}: {self.why} ({self.pages:,} pages)"


def _hop(hop: InFlight) -> str:
    again = f", attempt {hop.attempt}" if hop.attempt > 1 else ""
    return f"fetching {hop.url} for {hop.seconds:.1f} s{again}"


def in_words(what: str, hops: Iterable[InFlight], others: Iterable[str], hosts: Iterable[HostWait]) -> str:
    """Return all of it, one line each, the longest waits first."""
    lines = [what]
    lines += _shown([_hop(hop) for hop in hops], "hops")
    lines += others
    lines += _shown([str(host) for host in sorted(hosts, key=lambda host: -(host.seconds or 0))], "hosts")
    return "\n  ".join(lines)


def _shown(lines: list[str], kind: str) -> list[str]:
    more = len(lines) - MOST
    return [*lines[:MOST], f"and {more:,} more {kind}"] if more > 0 else lines


@final
class Explainer:
    """Says what a crawl waits for at this moment.

    Args:
        loop: drives it.
        frontier: knows what its hosts wait for.
        numbers: of the crawl.
        ending: says whether it has ended.
    """

    def __init__(self, *, loop: Loop, frontier: MemoryFrontier, numbers: Numbers, ending: Ending) -> None:
        self._loop = loop
        self._frontier = frontier
        self._numbers = numbers
        self._ending = ending

    def line(self) -> str:
        """Return one line, for a `repr`."""
        state = "ended" if self._ending.finished else "paused" if self._loop.paused else "going on"
        return f"{state}, {self._numbers.line()}"

    def in_flight(self) -> list[InFlight]:
        """Return the requests that are under way, the oldest first; none when the crawl has ended."""
        if self._ending.finished:
            return []
        return sorted(self._loop.tasks.hops(), key=lambda hop: -hop.seconds)

    def in_words(self) -> str:
        """Return all of it; when the crawl has ended, which may be outside trio, nothing is waited for."""
        cancelled = [f"{name} is cancelled: {why}" for name, why in self._frontier.cancelled.items()]
        if self._ending.finished:
            return in_words(self.line(), (), _shown(cancelled, "cancelled hosts"), ())
        hosts = [
            HostWait(name=name, why=why, seconds=seconds, pages=pages)
            for name, why, seconds, pages in self._frontier.waits(trio.current_time())
        ]
        others = [*self._loop.others(), *_shown(cancelled, "cancelled hosts")]
        return in_words(self.line(), self.in_flight(), others, hosts)
