"""A crawl that does not get on says what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from .._callbacks import log

if TYPE_CHECKING:
    from .explain import Explainer
    from .loop import Loop
    from .outlet import Outlet

PATIENCE: Final = 60.0
"""Seconds without progress until the first warning: longer than a hop takes with its default
``timeout`` of 30, and as long as a person looks at a display that stands still."""

LONGEST: Final = 3600.0
"""Seconds that are the most between two warnings."""


@trio.lowlevel.enable_ki_protection
async def watch(*, loop: Loop, outlet: Outlet, explainer: Explainer) -> None:
    """Warn of a crawl in which nothing begins, ends or is written, until cancelled.

    Each warning doubles the time until the next one, also of another standstill: a crawl that has to
    wait for its hosts, its seeds or its consumer again and again says so some times, and no more.
    """
    patience, warned = PATIENCE, trio.current_time()
    while True:
        moved = max(loop.moved_at, outlet.written_at)
        due = max(moved, warned) + patience
        if trio.current_time() < due:
            await trio.sleep_until(due)
            continue
        warned = trio.current_time()
        patience = min(2 * patience, LONGEST)
        words = "; ".join(map(str.strip, explainer.in_words().splitlines()))  # in a log, a line each
        log.warning("no progress for %.0f s; the crawl is %s", warned - moved, words)
