"""Whether one more hop may be made: by the crawl's own number, or by a limiter that it shares with others."""

from __future__ import annotations

from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final, Protocol, final

import trio
from trio.lowlevel import enable_ki_protection

from .._callbacks import log
from .._errors import FetchError
from .._model import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..abc import Frontier
    from .options import Options
    from .outlet import Outlet
    from .tasks import Tasks


LONGEST_LACK: Final = 60.0
"""Seconds without an answer, for want of descriptors, after which that is a failure of the pages."""


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
class Ceiling:
    """How many hops at once this machine has descriptors for, where it has lacked some.

    Args:
        tasks: where hops are counted.
        most: hops at once that are enough for it to be forgotten.
    """

    def __init__(self, tasks: Tasks, most: int) -> None:
        self._tasks = tasks
        self._most = most
        self._now = inf
        # Since when there were none, without an answer.
        self._lacking_since: float | None = None

    @property
    def is_reached(self) -> bool:
        """Whether nothing more may begin."""
        return self._tasks.busy >= self._now

    def weighed(self, arrival: Response | FetchError, now: float) -> Response | FetchError:
        """Make fewer hops at once where this machine lacks something for more, and one more with each answer.

        A lack that lasts is a failure as any other, so that the crawl ends.
        """
        if isinstance(arrival, Response):
            self._lacking_since = None
            self._now = self._now + 1 if self._now < self._most else inf
        elif arrival.ours:
            if self._lacking_since is None:
                log.warning("%s", arrival)
                self._lacking_since = now
            self._now = max(min(self._now, self._tasks.fetching), 1)
            if now - self._lacking_since > LONGEST_LACK:
                return FetchError(arrival.kind, arrival.message)
        return arrival


@final
class _Own:
    """So many hops; async parsers have a number of their own."""

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
            return False  # pages that wait for the state hold no token, and are as many at most
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

    @enable_ki_protection
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
