"""What the tests of writers share: an environment without a crawl, and outcomes written as a crawl would."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

import trio

from trio_crawl.abc import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trio_crawl._model import Json, Outcome
    from trio_crawl.abc import Writer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class AllowAll:
    """A guard that refuses no address."""

    def refusal(self, _host: str, _port: int, _address: str) -> str | None:
        return None


async def in_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    """Call what blocks in a thread, as a crawl does."""
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


def environment(nursery: trio.Nursery, *, own_rows: bool = False) -> Environment:
    return Environment(
        own_rows=own_rows, nursery=nursery, guard=AllowAll(), concurrency=1, run_in_thread=in_thread
    )


async def write_batches(
    writer: Writer[Any],
    batches: Sequence[Sequence[Outcome]],
    position: Json = None,
    *,
    own_rows: bool = False,
    whole: bool = True,
) -> list[Json]:
    """Write *batches* as a crawl would; return the positions, that of the opening first."""
    positions: list[Json] = []
    writer.check(position)
    raised: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            async with writer.open(environment(nursery, own_rows=own_rows), position):
                positions.append(await writer.write(()))
                for batch in batches:
                    items = [item for outcome in batch if (item := writer.encode(outcome)) is not None]
                    positions.append(await writer.write(items))
                if whole and (ending := writer.ending()) is not None:
                    positions.append(await writer.write([ending]))
        except Exception as error:  # noqa: BLE001 - raised below: out there it is in no group
            raised = error
        nursery.cancel_scope.cancel(reason="the output is closed")
    if raised is not None:
        raise raised
    return positions


def written(
    writer: Writer[Any],
    batches: Sequence[Sequence[Outcome]],
    position: Json = None,
    *,
    own_rows: bool = False,
    whole: bool = True,
) -> list[Json]:
    """Do the same in a run of trio of its own."""
    return trio.run(partial(write_batches, writer, batches, position, own_rows=own_rows, whole=whole))
