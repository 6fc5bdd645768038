"""The tokens of a limiter that a crawl shares with others: one for each hop, none without use for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable


@final
class Tokens:
    """Takes tokens for hops that may start now.

    The limiter serves those who wait in their order. So a crawl waits, by one task, only
    while a hop could start, and gives back what it gets if by then none can.

    Args:
        limiter: where from.
        wake: called when there is one.
        useful: says whether the crawl, once awake, would look for a hop to start.
    """

    def __init__(
        self, limiter: trio.CapacityLimiter, *, wake: Callable[[], None], useful: Callable[[], bool]
    ) -> None:
        self._limiter = limiter
        self._wake = wake
        self._useful = useful
        self._held: object | None = None
        self._waiting_since: float | None = None
        self._closed = False

    @property
    def total(self) -> float:
        """How many there are, for all who share them; this may change at any time."""
        return self._limiter.total_tokens

    @property
    def has_one(self) -> bool:
        """Whether a hop has a token; taken now, if there is one to be had without waiting."""
        if self._held is None:
            token = object()
            try:
                self._limiter.acquire_on_behalf_of_nowait(token)
            except trio.WouldBlock:
                return False
            self._held = token
        return True

    def use(self) -> Callable[[], None]:
        """Let a hop have the token that is held; return what gives it back."""
        token, self._held = self._held, None
        return partial(self._limiter.release_on_behalf_of, token)

    def wait(self, nursery: trio.Nursery) -> None:
        """See that the crawl wakes up with a token, unless that is on its way already."""
        if self._waiting_since is None:
            self._waiting_since = trio.current_time()
            nursery.start_soon(self._acquire)

    async def _acquire(self) -> None:
        token = object()
        await self._limiter.acquire_on_behalf_of(token)
        self._waiting_since = None
        if self._closed or self._held is not None or not self._useful():
            self._limiter.release_on_behalf_of(token)
        else:
            self._held = token
        self._wake()

    def give_back(self) -> None:
        """Let others have what is held: nothing can start now."""
        if self._held is not None:
            self._limiter.release_on_behalf_of(self._held)
            self._held = None

    def close(self) -> None:
        """Hold nothing any more."""
        self._closed = True
        self.give_back()

    def explain(self) -> list[str]:
        """Return in words what is waited for."""
        if self._waiting_since is None:
            return []
        seconds = trio.current_time() - self._waiting_since
        return [f"a token of the limiter in concurrency= has been waited for for {seconds:.1f} s"]
