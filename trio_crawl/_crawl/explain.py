"""What a crawl waits for, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST: Final = 20
"""Lines of each kind that are shown; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """A request that was sent.

    Args:
        url: where to.
        seconds: since it was begun.
        attempt: 1 for the first.
    """

    url: str
    seconds: float
    attempt: int

    def __str__(self) -> str:
        again = f", attempt {self.attempt}" if self.attempt > 1 else ""
        return f"fetching {self.url} for {self.seconds:.1f} s{again}"


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


def in_words(what: str, hops: Iterable[Hop], others: Iterable[str], hosts: Iterable[HostWait]) -> str:
    """Return all of it, one line each, the longest waits first."""
    lines = [what]
    lines += _shown([str(hop) for hop in sorted(hops, key=lambda hop: -hop.seconds)], "hops")
    lines += others
    lines += _shown([str(host) for host in sorted(hosts, key=lambda host: -(host.seconds or 0))], "hosts")
    return "\n  ".join(lines)


def _shown(lines: list[str], kind: str) -> list[str]:
    more = len(lines) - MOST
    return [*lines[:MOST], f"and {more:,} more {kind}"] if more > 0 else lines
