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
        async with trio.open_nursery() as nursery:
            yield nursery
    except BaseExceptionGroup as group:
        leaves = list(_leaves(group))
        errors = [leaf for leaf in leaves if not isinstance(leaf, trio.Cancelled)]
        raise (errors or leaves)[0] from None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from _leaves(inner)
        else:
            yield inner


def is_cancellation(error: BaseException) -> bool:
    """Return whether *error* is nothing but cancellation, alone or in a group."""
    if isinstance(error, BaseExceptionGroup):
        return all(isinstance(leaf, trio.Cancelled) for leaf in _leaves(error))
    return isinstance(error, trio.Cancelled)
