"""Whether one more hop may be made: by the crawl's own number, or by a limiter that it shares with others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol, final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..abc import Frontier
    from .options import Options
    from .outlet import Outlet
    from .tasks import Tasks


class Room(Protocol):
    """Says whether the frontier may be asked for more, of which a hop may be the answer."""

    def is_free(self, now: float) -> bool: ...

    def take(self) -> Callable[[], None] | None:
        """Let a hop have its place; return what is to be called when it has ended."""

    def give_back(self) -> None:
        """Let others have what is held: nothing can start now."""

    def close(self) -> None:
        """Hold nothing any more."""

    def explain(self) -> list[str]:
        """Return in words what is waited for."""


def room_of(
    options: Options, tasks: Tasks, frontier: Frontier, outlet: Outlet, wake: Callable[[], None]
) -> Room:
    """Return the room of a crawl with these *options*; *wake* is called when there is some again."""
    if options.limiter is None:
        return _Own(options.concurrency, tasks)
    return _Shared(options.limiter, tasks, frontier, wake=wake, useful=lambda: not outlet.full)


@final
class _Own:
    """So many hops and async parsers."""

    def __init__(self, most: int, tasks: Tasks) -> None:
        self._most = most
        self._tasks = tasks

    def is_free(self, _now: float) -> bool:
        return self._tasks.busy < self._most

    def take(self) -> None:
        return None

    def give_back(self) -> None:
        pass

    def close(self) -> None:
        pass

    def explain(self) -> list[str]:
        return []


@final
class _Shared:
    """A token for each hop, and none without use for it.

    The limiter serves those who wait in their order. So a crawl waits, by one task, only
    while a hop could start, and gives back what it gets if by then none can.

    Args:
        limiter: where from.
        tasks: where hops are counted, and that task runs.
        frontier: says whether a hop could start.
        wake: called when there is a token.
        useful: says whether the crawl, once awake, would look for a hop to start.
    """

    def __init__(
        self,
        limiter: trio.CapacityLimiter,
        tasks: Tasks,
        frontier: Frontier,
        *,
        wake: Callable[[], None],
        useful: Callable[[], bool],
    ) -> None:
        self._limiter = limiter
        self._tasks = tasks
        self._frontier = frontier
        self._wake = wake
        self._useful = useful
        self._held: object | None = None
        self._waiting_since: float | None = None
        self._closed = False

    def is_free(self, now: float) -> bool:
        if self._tasks.busy - self._tasks.fetching >= max(self._limiter.total_tokens, 1):
            return False  # async parsers hold no token, and are as many at most
        # Without one, the frontier may only be asked where no hop can be the answer.
        if self._has_one() or not self._frontier.may_start(now):
            return True
        if self._waiting_since is None:
            self._waiting_since = trio.current_time()
            self._tasks.nursery.start_soon(self._acquire)
        return False

    def _has_one(self) -> bool:
        if self._held is None:
            token = object()
            try:
                self._limiter.acquire_on_behalf_of_nowait(token)
            except trio.WouldBlock:
                return False
            self._held = token
        return True

    async def _acquire(self) -> None:
        token = object()
        await self._limiter.acquire_on_behalf_of(token)
        self._waiting_since = None
        if self._closed or self._held is not None or not self._useful():
            self._limiter.release_on_behalf_of(token)
        else:
            self._held = token
        self._wake()

    def take(self) -> Callable[[], None]:
        token, self._held = self._held, None
        return partial(self._limiter.release_on_behalf_of, token)

    def give_back(self) -> None:
        if self._held is not None:
            self._limiter.release_on_behalf_of(self._held)
            self._held = None

    def close(self) -> None:
        self._closed = True
        self.give_back()

    def explain(self) -> list[str]:
        if self._waiting_since is None:
            return []
        seconds = trio.current_time() - self._waiting_since
        return [f"a token of the limiter in concurrency= has been waited for for {seconds:.1f} s"]
