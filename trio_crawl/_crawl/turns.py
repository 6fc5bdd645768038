"""Turns at what there is little of, worker processes and async parsers, shared fairly by hosts."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final, final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

HELD_FROM: Final = 2
"""Pages of a host that wait for a turn, from which on nothing more is asked of it."""

MOST_BYTES: Final = 64 * 2**20
"""Bytes of all that wait, from which on nothing more is asked of anybody."""


@final
class Crowd:
    """What waits for a turn, of all kinds together.

    Args:
        most: how much may wait before nothing more is asked of anybody.
        hold: called with a host and whether it is to be asked for nothing more.
    """

    def __init__(self, most: int, hold: Callable[[str, bool], None]) -> None:
        self._most = most
        self._hold = hold
        self._waiting: Counter[str] = Counter()
        self._bytes = 0
        self.size = 0

    def __repr__(self) -> str:
        return f"<Crowd of {self.size} pages, {self._bytes:,} bytes>"

    @property
    def full(self) -> bool:
        """Whether nothing more may come."""
        return self.size >= self._most or self._bytes >= MOST_BYTES

    def join(self, host: str, size: int) -> None:
        """Let a page of *host* wait, which holds so many bytes."""
        self.size += 1
        self._bytes += size
        self._waiting[host] += 1
        if self._waiting[host] == HELD_FROM:
            self._hold(host, True)  # noqa: FBT003 - a callback's arguments have no names

    def leave(self, host: str, size: int) -> None:
        """Take note that one waits no more."""
        self.size -= 1
        self._bytes -= size
        self._waiting[host] -= 1
        if self._waiting[host] == HELD_FROM - 1:
            self._hold(host, False)  # noqa: FBT003 - likewise
        if not self._waiting[host]:
            del self._waiting[host]


@final
class Turn:
    """The turn of one page, which is had for the length of a block, after waiting for it.

    Args:
        turns: at what; `FairTurns.ask` makes this.
        host: whose page it is.
        size: bytes that it holds.
    """

    def __init__(self, turns: FairTurns, host: str, size: int) -> None:
        self._turns = turns
        self.host = host
        self.size = size
        self.begun = trio.Event()

    async def __aenter__(self) -> None:
        if self.begun.is_set():
            return
        try:
            await self.begun.wait()
        except BaseException:
            self._turns.give_back(self)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._turns.give_back(self)


@final
class FairTurns:
    """Turns at one thing, so that no host can keep the others from it, whatever its pages do there.

    A host that has turns already gets a further one only while enough places are free, which one
    that has none gets: as many as it has, or *spare*.

    Args:
        places: turns at once.
        crowd: is told of what waits.
        spare: places that are always left to hosts which have no turn; by default as many as a
            host has, so that one has half of them at most.
        most_bytes: that those may hold which have turns, half of them of one host.
    """

    def __init__(
        self, places: int, crowd: Crowd, *, spare: int | None = None, most_bytes: int = 1 << 60
    ) -> None:
        self._free = places
        self._crowd = crowd
        self._spare = places if spare is None else spare
        self._most_bytes = most_bytes
        self._bytes = 0
        self._running: Counter[str] = Counter()
        self._bytes_of: Counter[str] = Counter()
        # The host that goes next comes first.
        self._waiting: dict[str, deque[Turn]] = {}

    def __repr__(self) -> str:
        return f"<FairTurns: {self._running.total()} under way, {self._free} free>"

    def ask(self, host: str, size: int) -> Turn:
        """Return a turn of *host*, whose block has to be entered; in the order of the calls.

        Args:
            host: whose page it is.
            size: bytes that it holds.
        """
        turn = Turn(self, host, size)
        if host not in self._waiting and self._may(host, size):
            self._begin(turn)
        else:
            self._waiting.setdefault(host, deque()).append(turn)
            self._crowd.join(host, size)
        return turn

    def give_back(self, turn: Turn) -> None:
        """Let others have *turn*, or take it out of those that wait."""
        host = turn.host
        if not turn.begun.is_set():
            self._waiting[host].remove(turn)
            if not self._waiting[host]:
                del self._waiting[host]
            self._crowd.leave(host, turn.size)
            return
        self._free += 1
        self._bytes -= turn.size
        self._running[host] -= 1
        self._bytes_of[host] -= turn.size
        if not self._running[host]:
            del self._running[host], self._bytes_of[host]
        while (next_one := self._next()) is not None:
            waiting = self._waiting.pop(next_one)
            following = waiting.popleft()
            if waiting:
                self._waiting[next_one] = waiting  # behind the others
            self._crowd.leave(next_one, following.size)
            self._begin(following)

    def _may(self, host: str, size: int) -> bool:
        running = self._running[host]
        if not self._free or (self._bytes and self._bytes + size > self._most_bytes):
            return False
        if not running:
            return True
        return (
            self._free > min(running, self._spare) and 2 * (self._bytes_of[host] + size) <= self._most_bytes
        )

    def _begin(self, turn: Turn) -> None:
        turn.begun.set()
        self._free -= 1
        self._bytes += turn.size
        self._running[turn.host] += 1
        self._bytes_of[turn.host] += turn.size

    def _next(self) -> str | None:
        return next((host for host, those in self._waiting.items() if self._may(host, those[0].size)), None)
