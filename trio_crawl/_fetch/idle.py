"""Connections that wait for their next request: pure, and told the time."""

from __future__ import annotations

from typing import Final, Generic, Protocol, TypeVar, final

MAX_IDLE: Final = 100
"""Idle connections kept at the most, of all origins together."""

KEEP_ALIVE: Final = 90.0
"""Seconds that an idle connection is kept.

Servers close theirs after 5 to 75 and are believed; this is for those that never
do. It is longer than most delays between two pages of one host.
"""


class Connection(Protocol):
    """What can be kept."""

    def is_fresh(self) -> bool:
        """Whether it looks usable: open, and nothing has come in that nobody asked for."""

    def close(self) -> None:
        """Close it, at once."""


ConnectionT = TypeVar("ConnectionT", bound=Connection)


@final
class Idle(Generic[ConnectionT]):
    """The idle connections of each origin, the longest unused origin first.

    Args:
        limit: connections kept at the most; beyond it the longest unused
            origin's oldest is closed.
        seconds: the time that one is kept.
    """

    def __init__(self, *, limit: int = MAX_IDLE, seconds: float = KEEP_ALIVE) -> None:
        self._limit = limit
        self._seconds = seconds
        self._by_origin: dict[str, list[tuple[float, ConnectionT]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def take(self, origin: str, now: float) -> ConnectionT | None:
        """Return the connection to *origin* that was used last and looks usable; None if there is none.

        Those that don't are closed.
        """
        kept = self._by_origin.pop(origin, [])
        found = None
        while kept and found is None:
            put, connection = kept.pop()
            self._count -= 1
            if now - put < self._seconds and connection.is_fresh():
                found = connection
            else:
                connection.close()
        if kept:
            self._by_origin[origin] = kept
        return found

    def put(self, origin: str, connection: ConnectionT, now: float) -> None:
        """Keep *connection* for the next request of *origin*; of too many, close the longest unused."""
        kept = self._by_origin.pop(origin, [])
        kept.append((now, connection))
        self._by_origin[origin] = kept
        self._count += 1
        if self._count > self._limit:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        origin, kept = next(iter(self._by_origin.items()))
        _, connection = kept.pop(0)
        self._count -= 1
        if not kept:
            del self._by_origin[origin]
        connection.close()

    def close(self) -> None:
        """Close all of them."""
        while self._count:
            self._drop_oldest()
