"""Whether work grows with its input as it should, for tests that may run on any machine, however busy."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOM: Final = 5
"""How much longer than its share the larger input may take: caches and other programs have a part in it."""

_TRIES: Final = 5


@contextmanager
def _untraced() -> Iterator[None]:
    # The tracer of coverage takes most of the time of what is pure Python.
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


def seconds_of(work: Callable[[], object]) -> float:
    """Return the processor time of *work* in seconds, the least of two calls."""
    taken = []
    with _untraced():
        for _ in range(2):
            began = time.thread_time()
            work()
            taken.append(time.thread_time() - began)
    return min(taken)


def assert_linear(work: Callable[[int], object], small: int, *, times: int = 16) -> None:
    """Assert that *work* of an input of *small* by *times* takes no more than its share, with room of five.

    Work that grows with the square of its input takes *times* as much again, so *times* has to be well
    above five. It is measured beside the small input in this process; what comes between the two by
    chance does not come five times.

    Args:
        work: takes a size, makes the input and does the work.
        small: a size whose work takes a millisecond or more.
        times: how many times larger the other one is.
    """
    assert times > 2 * ROOM
    shares = []
    for _ in range(_TRIES):
        little, much = seconds_of(lambda: work(small)), seconds_of(lambda: work(small * times))
        shares.append(much / (max(little, 1e-4) * times))
        if shares[-1] <= ROOM:
            return
    raise AssertionError(
        f"{times} times the input took {min(shares):.1f} times its share, in each of {_TRIES} tries"
    )


def assert_no_slower(work: Callable[[], object], reference: Callable[[], object], *, times: float) -> None:
    """Assert that *work* takes at most *times* as long as *reference*, with room of five."""
    ratios = []
    for _ in range(_TRIES):
        ratios.append(seconds_of(work) / max(seconds_of(reference), 1e-4))
        if ratios[-1] <= times * ROOM:
            return
    raise AssertionError(
        f"it took {min(ratios):.1f} times as long as the reference, in each of {_TRIES} tries"
    )
