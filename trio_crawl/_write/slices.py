"""Long work that blocks, in threads, slice by slice, so that a cancellation gets in between."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..abc import RunInThread

_SLICE: Final = 0.1
"""Seconds for which a thread works before a cancellation is looked for."""


async def in_slices(
    work: Generator[None, None, None], run_in_thread: RunInThread, limiter: trio.CapacityLimiter
) -> None:
    """Run *work* to its end, or until the scope is cancelled; it is closed either way.

    Args:
        work: does a little, and yields, again and again.
        run_in_thread: how to call it.
        limiter: of the thread.
    """
    with closing(work):
        while await run_in_thread(_go_on, work, limiter=limiter):
            pass


def _go_on(work: Generator[None, None, None]) -> bool:
    """Go on with *work* for a moment; return whether there is more of it."""
    end = time.monotonic() + _SLICE
    return any(time.monotonic() >= end for _ in work)


def check_cancelled() -> None:
    """Raise the cancellation, if there is one, of whoever waits for this thread; elsewhere do nothing."""
    with suppress(RuntimeError):  # nobody does, or virtual time
        trio.from_thread.check_cancelled()
