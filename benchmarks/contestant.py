"""One crawl of one contestant, in a process of its own; says on standard output what it cost.

python -m benchmarks.contestant NAME URL OUTPUT
"""

from __future__ import annotations

import json
import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS: Final = 64
STATE: Final = "crawl.db"
"""The name of the state of a crawl that has one, beside its output."""

_RU_MAXRSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024


def main(name: str, url: str, output: Path) -> None:
    """Import what the contestant needs, crawl, and print the figures as JSON.

    They are: CPU seconds (user and system, threads included) of the crawl and of
    the whole process with its imports, seconds of the crawl, and the bytes of
    memory that the process had at most.
    """
    crawl = CONTESTANTS[name](url, output)
    before, began = _cpu(), time.perf_counter()
    crawl()
    elapsed, after = time.perf_counter() - began, _cpu()
    figures = {"cpu": after - before, "cpu_process": after, "elapsed": elapsed, "peak_memory": peak_memory()}
    print(json.dumps(figures))


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_memory() -> int:
    """Return the most bytes of memory that this process had.

    On Linux ``ru_maxrss`` begins with what the parent had at the time of the fork,
    and ``VmHWM`` with nothing.
    """
    status = Path("/proc/self/status")
    if status.exists():
        words = next(line.split() for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(words[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RU_MAXRSS_UNIT


def _trio_crawl(url: str, output: Path, *, durable: bool = False) -> Callable[[], object]:
    import trio  # noqa: PLC0415 - a contestant pays for its own imports only

    import trio_crawl  # noqa: PLC0415

    state = output.with_name(STATE) if durable else None
    if state is not None:
        for file in state.parent.glob(f"{STATE}*"):  # a crawl that is done would only say so
            file.unlink()
    crawl = partial(
        trio_crawl.crawl,
        url,
        write=output,
        state=state,
        concurrency=CONNECTIONS,
        per_host=CONNECTIONS,
        per_address=CONNECTIONS,
        delay=0,
        allow_private=True,
    )
    return partial(trio.run, crawl)


def _tutorial(url: str, output: Path, *, write_by_page: bool) -> Callable[[], object]:
    import asyncio  # noqa: PLC0415

    from .tutorial import crawl  # noqa: PLC0415

    return lambda: asyncio.run(crawl(url, output, connections=CONNECTIONS, write_by_page=write_by_page))


CONTESTANTS: Final[dict[str, Callable[[str, Path], Callable[[], object]]]] = {
    "trio_crawl": _trio_crawl,
    "trio_crawl with state": partial(_trio_crawl, durable=True),
    "tutorial": partial(_tutorial, write_by_page=False),
    "tutorial, one write a page": partial(_tutorial, write_by_page=True),
}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
