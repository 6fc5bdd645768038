"""Seeds on their way into the frontier: lazily, as it has room for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, aclosing
from operator import length_hint
from time import perf_counter
from typing import TYPE_CHECKING, Final, final

import trio

from .._callbacks import call, call_async, log
from .._errors import SeedError
from .nurseries import is_cancellation
from .seed_lines import SeedLines
from .seeds import BadSeed, is_seed, lenient

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable

    from .._model import Request
    from ..abc import Frontier

MOST_COUNTED: Final = 1_000_000
COUNT_SECONDS: Final = 1.0

ROUND: Final = 256
"""Seeds read, and decisions taken, before others get their turn of the event loop."""


@final
class Sower:
    """Reads seeds, as long as there is room in the frontier.

    Args:
        seeds: where the crawl begins, as `open_seeds` returns them.
        frontier: gets them.
        wake: called when there is a new one.
        fail: called with what an async source raised.
        closed: says whether the crawl has ended.

    Attributes:
        read: seeds so far.
    """

    def __init__(
        self,
        seeds: Iterator[Request | BadSeed] | AsyncIterable[str | Request],
        *,
        frontier: Frontier,
        wake: Callable[[], None],
        fail: Callable[[BaseException], None],
        closed: Callable[[], bool],
    ) -> None:
        self._seeds = seeds
        self._frontier = frontier
        self._wake = wake
        self._fail = fail
        self._closed = closed
        self._late = 0  # seeds that came when the crawl had ended
        self._room = trio.Event()
        self._waiting_since: float | None = None
        self._exhausted = False
        self.read = 0

    def sow(self) -> None:
        """Read some seeds, or let the task that does so know that there is room."""
        if not isinstance(self._seeds, Iterator):
            if self._frontier.wants_seeds(trio.current_time()):
                self._room.set()
            return
        now = trio.current_time()
        for _ in range(ROUND):
            if not self._frontier.wants_seeds(now):
                return
            seed = call(next, self._seeds, None)
            if seed is None:
                self._exhausted = True
                self._frontier.seeds_exhausted()
                return
            self._plant(seed, now)
        self._wake()

    @trio.lowlevel.enable_ki_protection
    async def feed(self, seeds: AsyncIterable[str | Request]) -> None:
        """Read an async source of seeds; the crawl stays open until it ends."""
        try:
            async with AsyncExitStack() as stack:
                if isinstance(seeds, AsyncGenerator):
                    await stack.enter_async_context(aclosing(seeds))
                number = 0
                self._waiting_since = trio.current_time()
                source = aiter(seeds)
                while True:
                    try:
                        item = await call_async(source.__anext__)
                    except StopAsyncIteration:
                        break
                    self._waiting_since = None
                    number += 1
                    if number % ROUND == 0:
                        await trio.lowlevel.checkpoint()  # which not every source has
                    seed = lenient(item)
                    if self._closed():
                        self._late += seed is not None
                        return  # a limit has ended the crawl; what comes now is nobody's
                    if seed is not None:
                        self._plant(seed, trio.current_time())
                        self._wake()
                    await self._wait_for_room()
                    self._waiting_since = trio.current_time()
        except trio.Cancelled:
            raise
        except BaseException as error:
            if is_cancellation(error):
                raise
            self._fail(error)
            return
        self._waiting_since = None
        self._exhausted = True
        self._frontier.seeds_exhausted()
        self._wake()

    async def _wait_for_room(self) -> None:
        if not self._frontier.wants_seeds(trio.current_time()):
            self._room = trio.Event()
            await self._room.wait()

    async def unread(self) -> int | None:
        """Return how many seeds were never read; None if only reading on would tell, which may not end.

        The lines of a file are counted up to a million, and for a second.
        """
        if self._exhausted:
            return 0
        known = length_hint(self._seeds, -1)
        if known >= 0 or not (isinstance(self._seeds, SeedLines) and self._seeds.finite):
            return known if known >= 0 else None
        number, ends = self._late, perf_counter() + COUNT_SECONDS
        try:
            with trio.move_on_after(COUNT_SECONDS):
                async for line in self._seeds:
                    number += is_seed(line.strip())
                    if not number % ROUND:
                        await trio.lowlevel.checkpoint()
                        if number >= MOST_COUNTED or perf_counter() >= ends:
                            break
        except SeedError as error:  # the crawl is done, and nothing is lost
            log.warning("%s", error)
        return number

    def _plant(self, seed: Request | BadSeed, now: float) -> None:
        self.read += 1
        if isinstance(seed, BadSeed):
            if self._frontier.add_bad_seed(seed.text):
                log.warning("a seed is left out: %s", seed.message)
        else:
            self._frontier.add_seed(seed, now)

    def explain(self) -> list[str]:
        """Return in words what is waited for."""
        if self._waiting_since is None:
            return []
        seconds = trio.current_time() - self._waiting_since
        return [f"the source of seeds has been waited for for {seconds:.1f} s, after {self.read:,} of them"]
