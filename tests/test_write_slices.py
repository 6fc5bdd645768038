"""Long work in threads, slice by slice."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from trio_crawl._write.slices import in_slices

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


def work(
    steps: list[int], *, seconds: float = 0.0, at_3: Callable[[], None] = lambda: None
) -> Generator[None, None, None]:
    try:
        for number in range(1000):
            if number == 3:
                at_3()
            steps.append(number)
            time.sleep(seconds)
            yield
    finally:
        steps.append(-1)


async def in_thread(
    function: Callable[..., bool], /, *args: object, limiter: trio.CapacityLimiter | None = None
) -> bool:
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


async def test_work_is_done_to_its_end() -> None:
    """All of it, in order, and it is closed."""
    steps: list[int] = []
    await in_slices(work(steps), in_thread, trio.CapacityLimiter(1))  # type: ignore[arg-type] # one function of many
    assert steps == [*range(1000), -1]


async def test_a_cancellation_gets_in_between() -> None:
    """Work that is cancelled at its fourth step ends after the steps of that slice, and is closed."""
    steps: list[int] = []
    with trio.CancelScope() as scope:

        def cancel() -> None:
            trio.from_thread.run_sync(partial(scope.cancel, reason="the fourth step"))

        await in_slices(work(steps, seconds=0.1, at_3=cancel), in_thread, trio.CapacityLimiter(1))  # type: ignore[arg-type]
    assert scope.cancelled_caught
    assert 3 in steps
    assert len(steps) < 500
    assert steps[-1] == -1


async def test_an_error_comes_out() -> None:
    """As itself, with what was done before it."""
    steps: list[int] = []

    def fail() -> None:
        raise ValueError("at 3")

    with pytest.raises(ValueError, match="at 3"):
        await in_slices(work(steps, at_3=fail), in_thread, trio.CapacityLimiter(1))  # type: ignore[arg-type]
    assert steps == [0, 1, 2, -1]
