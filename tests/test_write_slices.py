"""Long work in threads, slice by slice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import trio

from trio_crawl._write.slices import in_slices

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


def work(steps: list[int], *, seconds: float = 0.0, fail: bool = False) -> Generator[None, None, None]:
    try:
        for number in range(1000):
            if fail and number == 3:
                raise ValueError("at 3")
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
    """Work of a hundred seconds ends soon after it is cancelled, and is closed."""
    steps: list[int] = []
    began = time.monotonic()
    with trio.move_on_after(0.2):
        await in_slices(work(steps, seconds=0.1), in_thread, trio.CapacityLimiter(1))  # type: ignore[arg-type]
    assert time.monotonic() - began < 30
    assert 0 < len(steps) < 500
    assert steps[-1] == -1


async def test_an_error_comes_out() -> None:
    """As itself, with what was done before it."""
    steps: list[int] = []
    with pytest.raises(ValueError, match="at 3"):
        await in_slices(work(steps, fail=True), in_thread, trio.CapacityLimiter(1))  # type: ignore[arg-type]
    assert steps == [0, 1, 2, -1]
