"""What trio raises from a nursery, brought back to the one exception that it was."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@asynccontextmanager
async def open_own_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery of which no group comes out.

    For tasks that report their errors elsewhere, so that only cancellation and an
    interrupt can come out of it. Whether those come in a group depends on timing;
    from here they come alone, an interrupt first.
    """
    try:
        async with trio.open_nursery(strict_exception_groups=True) as nursery:
            yield nursery
    except BaseExceptionGroup as group:
        # The nursery's own layer, and no more: a group inside is the user's.
        errors = sorted(group.exceptions, key=_rank)
    else:
        return
    first = errors[0]
    for later in errors[1:]:
        if not is_cancellation(later):
            first.add_note(f"at the same time: {type(later).__name__}: {later}")
    # Outside the `except` block: `from None` there would take away its cause.
    raise first


def _rank(error: BaseException) -> int:
    """Return the place of *error*: an interrupt comes first, and cancellation last."""
    if is_cancellation(error):
        return 2
    return int(isinstance(error, Exception))


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from _leaves(inner)
        else:
            yield inner


def without_cancellation(error: BaseException) -> BaseException:
    """Return *error*, which is more than cancellation, without the cancellation in it.

    What a user's nursery raises when it is cancelled may hold both; the scope that
    the cancellation belongs to is left by the time that *error* is raised again.
    """
    if not isinstance(error, BaseExceptionGroup) or not any(
        isinstance(leaf, trio.Cancelled) for leaf in _leaves(error)
    ):
        return error
    return error.split(trio.Cancelled)[1] or error


def is_interrupt(error: BaseException) -> bool:
    """Return whether *error* ends the whole program, which comes before all else."""
    return isinstance(error, KeyboardInterrupt | SystemExit)


def is_cancellation(error: BaseException) -> bool:
    """Return whether *error* is nothing but cancellation, alone or in a group."""
    if isinstance(error, BaseExceptionGroup):
        return all(isinstance(leaf, trio.Cancelled) for leaf in _leaves(error))
    return isinstance(error, trio.Cancelled)
