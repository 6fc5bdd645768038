"""How a crawl calls what blocks: in a thread, or, where time is virtual, inline."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def run_in_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    """Call *function* in a thread, and wait for it whatever happens."""
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


async def run_or_leave(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    """Call *function* in a thread; cancelled, leave that to itself."""
    return await trio.to_thread.run_sync(function, *args, limiter=limiter, abandon_on_cancel=True)


async def run_inline(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    """Call *function* here: a clock that jumps can't wait for a thread."""
    del limiter
    await trio.lowlevel.checkpoint()
    return function(*args)
