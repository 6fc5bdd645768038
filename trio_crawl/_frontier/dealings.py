"""What a crawl has to do with a host once it is about to be asked, and pages as they wait."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias, final

if TYPE_CHECKING:
    from .._errors import FetchError
    from .._lease import Lease
    from .._model import Request
    from .._policy.health import Health
    from .._policy.politeness import Turns
    from .watch import Watch

Waiting: TypeAlias = "tuple[int, str, str | None, Request | Lease | None]"
"""A page that waits for its turn: its order, its URL, its referrer, and what else there is to say.

That is nothing for a plain GET; for another the request; after a hop, or an earlier visit, the lease.
"""

Queued: TypeAlias = "tuple[int, str, str | None] | Waiting"
"""The same as a host holds it, of which a crawl may have millions: without what there is not to
say, and if the URL is an https one without the origin, so that it begins with the path's slash."""

# One object for all: each negation would make another.
_NEVER: Final = -inf


@final
class _Flag:
    """Whether something holds of `Dealings`: one bit of a number, since there are many of these."""

    def __init__(self, bit: int) -> None:
        self._bit = bit

    def __get__(self, met: Dealings, _owner: type[Dealings]) -> bool:
        return bool(met.flags & self._bit)

    def __set__(self, met: Dealings, value: bool) -> None:  # noqa: FBT001 - that of descriptors
        met.flags = met.flags | self._bit if value else met.flags & ~self._bit


@final
class Dealings:
    """What a crawl has to do with a host from when it is about to be asked.

    Attributes:
        turns: when the next hop may start.
        health: its failures in a row; None before the first one.
        watch: what is measured; None before the first hop, and when a state was told of it.
        watched: when the last start was that a state was told of.
        robots: robots.txt files to be asked for, which go before the pages.
        begun: pages that were asked for before: to be retried, or redirected to here.
        full: whether so many of the host's own pages are such, here or elsewhere, that no other is begun.
        later: pages that wait for a moment of their own.
        parked: pages that were asked for while the host could not be reached.
        robots_pending: robots.txt files that its pages wait for.
        held: whether nothing more is asked of it, since pages of it wait to be parsed.
        looking_up: whether its name is being looked up.
        addresses: what the last look-up brought, or
        refusal: why it brought nothing, and
        fresh_until: until when that holds.
        door: the addresses that may be connected to, or why none may; None if they were not judged yet.
        port: for which port that is.
        asked: pages that were asked for, whatever came of it, and
        asked_matters: whether there is a limit to that.
        good: answers with status 200.
    """

    __slots__ = (
        "addresses",
        "asked",
        "begun",
        "door",
        "flags",
        "fresh_until",
        "good",
        "health",
        "later",
        "parked",
        "port",
        "refusal",
        "robots",
        "robots_pending",
        "turns",
        "watch",
        "watched",
    )

    full = _Flag(1)
    held = _Flag(2)
    looking_up = _Flag(4)
    asked_matters = _Flag(8)

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.health: Health | None = None
        self.watch: Watch | None = None
        self.watched = _NEVER
        self.robots: list[Queued] | None = None
        self.begun: list[Queued] | None = None
        self.later: list[tuple[float, int, Lease]] | None = None
        self.parked: list[Lease] | None = None
        self.robots_pending = 0
        self.flags = 0
        self.addresses: tuple[str, ...] = ()
        self.refusal: FetchError | None = None
        self.fresh_until = _NEVER
        self.door: tuple[str, ...] | FetchError | None = None
        self.port = 0
        self.asked = 0
        self.good = 0
