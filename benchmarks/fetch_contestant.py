"""One measurement of one fetcher, in a process of its own; says on standard output what it cost.

python -m benchmarks.fetch_contestant JOB

JOB is a `Job` as JSON. The process has nothing to do but to fetch one page again
and again, in as many long-lived tasks as there are connections: no parsing, no
writing, no deadline around a fetch.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, TypeVarTuple
from urllib.request import ProxyHandler, build_opener

import trio

from trio_crawl import fetchers
from trio_crawl.abc import Environment, Fetcher, Hop

from .delaying import PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CLASSES: Final = {"curl": "Curl", "httpx": "Httpx", "asks": "Asks"}
"""The names of the fetchers, and their classes in `trio_crawl.fetchers`."""

RIVAL: Final = "aiohttp"

_ADDRESS: Final = "127.0.0.1"
_HEADERS: Final = (
    ("User-Agent", "trio-crawl-benchmark"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Encoding", "gzip, deflate, br"),
)
"""As long as those that a crawl sends, and the same for every contestant."""

_OK: Final = 200
_WARM_UP: Final = 0.3  # seconds of fetching at least that are not counted
_ROUNDS: Final = 20  # fetches of one task at least that are counted
_LOOK: Final = 0.02  # seconds between two looks at a figure that is waited for
_PATIENCE: Final = 30.0  # seconds until it must be what is waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to measure.

    Args:
        kind: ``"rate"``: what fetching costs, over some seconds. ``"cancel"``: how
            long cancelling all fetches in flight takes.
        name: a key of `CLASSES`, or `RIVAL`.
        url: what to fetch; for ``"cancel"``, what is never answered.
        figures_url: what the server says of itself.
        connections: how many tasks fetch at once.
        seconds: for ``"rate"``: how long, at least.
        repeats: for ``"cancel"``: how often.
        ca: the file of the authority to trust; empty for certifi's.
    """

    kind: Literal["rate", "cancel"]
    name: str
    url: str
    figures_url: str
    connections: int
    seconds: float = 0.0
    repeats: int = 0
    ca: str = ""


class Window:
    """The time in which fetches count; before and after it, everything goes on as in it.

    So neither the making of the connections nor the last fetches, which have the
    machine to themselves, are in the figures.

    Args:
        figures_url: what the server says of itself.
    """

    def __init__(self, figures_url: str) -> None:
        self._figures_url = figures_url
        self.warm = 0
        self.fetches = 0
        self.over = False
        self.figures: dict[str, float] = {}

    def begin(self) -> None:
        """Begin to count."""
        self._server = server_figures(self._figures_url)
        self.fetches = 0
        self._began, self._cpu = time.perf_counter(), time.process_time()

    def end(self) -> None:
        """Count no more, and let the tasks end.

        The figures are: ``fetches``; ``wall`` and ``cpu`` (user and system, threads
        included), in seconds; and by how much those of the server grew.
        """
        wall, cpu = time.perf_counter() - self._began, time.process_time() - self._cpu
        self.over = True
        server = server_figures(self._figures_url)
        growth = {f"server_{name}": value - self._server[name] for name, value in server.items()}
        growth["server_accepted"] -= 1  # the one that asked
        self.figures = {"fetches": self.fetches, "wall": wall, "cpu": cpu, **growth}


def server_figures(url: str) -> dict[str, float]:
    """Return what the server says of itself; blocks, for a millisecond or so."""
    with build_opener(ProxyHandler({})).open(url, timeout=_PATIENCE) as answer:
        figures: dict[str, float] = json.load(answer)
        return figures


async def _follow(window: Window, fetch: Callable[[], Awaitable[None]]) -> None:
    """Fetch until the window is over."""
    await fetch()
    window.warm += 1
    while not window.over:
        await fetch()
        window.fetches += 1


async def _lead(window: Window, fetch: Callable[[], Awaitable[None]], job: Job) -> None:
    """Fetch like the others, and begin and end the window.

    Tasks that share a thread tend to go in step: all send, then all receive. A window that a
    clock began and ended could see one round more or less; this one sees whole rounds.
    """
    await fetch()
    window.warm += 1
    warm_at, too_late = time.monotonic() + _WARM_UP, time.monotonic() + _PATIENCE
    while window.warm < job.connections or time.monotonic() < warm_at:
        assert time.monotonic() < too_late, f"only {window.warm} of {job.connections} tasks got a page"
        await fetch()
    window.begin()
    over_at, rounds = time.monotonic() + job.seconds, 0
    while time.monotonic() < over_at or rounds < _ROUNDS:
        await fetch()
        window.fetches += 1
        rounds += 1
    window.end()


async def rate_on_trio(job: Job) -> dict[str, float]:
    """Measure what fetching costs one of the fetchers."""
    window = Window(job.figures_url)
    async with _opened(job) as fetcher, trio.open_nursery() as nursery:
        fetch = partial(_fetch, fetcher, Hop(url=job.url, headers=_HEADERS, addresses=(_ADDRESS,)))
        nursery.start_soon(_lead, window, fetch, job)
        for _ in range(job.connections - 1):
            nursery.start_soon(_follow, window, fetch)
    return window.figures


async def rate_on_asyncio(job: Job) -> dict[str, float]:
    """Measure what fetching costs aiohttp, without what no fetcher does: cookies, time limits, decoding."""
    import ssl  # noqa: PLC0415 - a contestant pays for its own imports only

    import aiohttp  # noqa: PLC0415

    trust = ssl.create_default_context(cafile=job.ca) if job.ca else True
    window = Window(job.figures_url)
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=job.connections, ssl=trust),
            headers=dict(_HEADERS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        ) as session,
        asyncio.TaskGroup() as group,
    ):

        async def fetch() -> None:
            async with session.get(job.url, allow_redirects=False) as response:
                _check(response.status, await response.read())

        tasks = [group.create_task(_follow(window, fetch)) for _ in range(job.connections - 1)]
        tasks.append(group.create_task(_lead(window, fetch, job)))  # kept: the loop itself would not
    return window.figures


async def cancel_on_trio(job: Job) -> dict[str, list[float]]:
    """Measure the seconds from cancelling all fetches in flight to the end of their scope, some times.

    A fetch is in flight when the server has its request. After each cancellation the
    server has to see every connection closed.
    """
    times = []
    async with _opened(job) as fetcher:
        hop = Hop(url=job.url, headers=_HEADERS, addresses=(_ADDRESS,))
        for _ in range(job.repeats):
            async with trio.open_nursery() as nursery:
                for _ in range(job.connections):
                    nursery.start_soon(_fetch, fetcher, hop)
                await _see(job, "held", job.connections)
                began = time.perf_counter()
                nursery.cancel_scope.cancel(reason="the benchmark measures how long this takes")
            times.append(time.perf_counter() - began)
            await _see(job, "open", 1)  # the one that asks
    return {"cancel": times}


async def _see(job: Job, name: str, wanted: float) -> None:
    """Wait until a figure of the server is what is *wanted*."""
    deadline = time.monotonic() + _PATIENCE
    while (figure := (await trio.to_thread.run_sync(server_figures, job.figures_url))[name]) != wanted:
        assert time.monotonic() < deadline, f"of connections {name} there are {figure}, not {wanted}"
        await trio.sleep(_LOOK)


async def _fetch(fetcher: Fetcher, hop: Hop) -> None:
    response = await fetcher.fetch(hop)
    _check(response.status, response.body)


def _check(status: int, body: bytes) -> None:
    assert (status, len(body)) == (_OK, PAGE_BYTES), f"status {status} with {len(body)} bytes"


class _AnyAddress:
    """A guard that lets everything pass."""

    def refusal(self, host: str, port: int, address: str) -> None:
        """Refuse nothing."""


async def _run_in_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


@asynccontextmanager
async def _opened(job: Job) -> AsyncIterator[Fetcher]:
    """Open the fetcher as a crawl does."""
    make = getattr(fetchers, CLASSES[job.name])
    fetcher: Fetcher = make(ca=job.ca) if job.ca else make()
    async with trio.open_nursery() as nursery:
        environment = Environment(
            nursery=nursery, guard=_AnyAddress(), concurrency=job.connections, run_in_thread=_run_in_thread
        )
        async with fetcher.open(environment):
            yield fetcher


def main() -> None:
    """Measure as the command line says."""
    job = Job(**json.loads(sys.argv[1]))
    figures: Any
    if job.kind == "cancel":
        figures = trio.run(cancel_on_trio, job)
    elif job.name == RIVAL:
        figures = asyncio.run(rate_on_asyncio(job))
    else:
        figures = trio.run(rate_on_trio, job)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
