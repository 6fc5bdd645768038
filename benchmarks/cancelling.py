"""How soon a crawl with a large state returns when it is cancelled, whatever it is doing at that moment.

    python -m benchmarks.cancelling [--urls N] [--hosts N] [--scratch DIRECTORY]

Each case is a process of its own, which goes on with a copy of one state and is cancelled after
so many seconds. What is promised is ``grace`` (5 seconds) and one more.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

from trio_crawl import Control, Response, crawl
from trio_crawl._model import Headers

from . import machine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from trio_crawl.abc import Environment, Hop

GRACE: Final = 5.0
_HERE: Final = Path(__file__).parent
_DAY: Final = 86_400
_RULES: Final = "disallow: /search\ndisallow: /cart\n" * 15

CASES: Final[dict[str, dict[str, Any]]] = {
    "nothing to do": {"kind": "done"},
    "`recrawl=3600`": {"kind": "done", "recrawl": 3600},
    "`retry_failed=True`": {"kind": "failed", "retry_failed": True},
    "all wait": {"kind": "waiting"},
    "all wait, `max_pages=1` is reached": {"kind": "waiting", "max_pages": 1},
    "`max_pages` is raised": {"kind": "skipped"},
    "all wait, `cancel_host()` of one with most of them": {"kind": "waiting", "cancel_host": True},
}
"""By what happens, which state it happens to, and with which keywords."""

MOMENTS: Final = (0.3, 3.0)
"""Seconds after which the crawl is cancelled."""

_OUTCOMES: Final = {
    "done": (1, 200, "pages", "statuses", "200"),
    "failed": (2, "connect", None, "failed", "connect"),
    "skipped": (3, "max_pages", None, "skipped", "max_pages"),
    "waiting": (0, None, None, None, None),
}


class Web:
    """Answers every request with the same page, with a network's clock."""

    opens_connections = False
    virtual = False

    @asynccontextmanager
    async def open(self, _environment: Environment, /) -> AsyncIterator[None]:
        """Serve one crawl."""
        yield

    async def fetch(self, hop: Hop, /) -> Response:
        """Answer."""
        await trio.sleep(0.001)
        return Response(
            url=hop.url, status=200, headers=Headers(((b"Content-Type", b"text/html"),)), body=b"x"
        )


async def run(state: Path, after: float, keywords: dict[str, Any]) -> dict[str, float]:
    """Go on with *state*, cancel after so many seconds, and tell when the crawl returned."""
    cancel_host = keywords.pop("cancel_host", False)
    worst, last = 0.0, time.perf_counter()

    async def tick() -> None:
        nonlocal worst, last
        while True:
            await trio.sleep(0.005)
            now = time.perf_counter()
            worst, last = max(worst, now - last), now

    began = time.perf_counter()
    with trio.CancelScope(deadline=trio.current_time() + after):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            go = partial(
                crawl, "https://a.test/", fetch=Web(), state=state, delay=0, robots=False, **keywords
            )
            control: Control = await nursery.start(go)
            if cancel_host:
                control.cancel_host("host0.example", reason="to see how long that takes")
            await control.wait()
            nursery.cancel_scope.cancel(reason="it has ended")
    return {"returned": time.perf_counter() - began, "stood still": worst}


def fill(state: Path, kind: str, urls: int, hosts: int) -> None:
    """Put so many URLs and hosts into a state that a crawl has made."""
    with closing(sqlite3.connect(state)) as db:
        now = time.time()
        status, detail, count, counts, name = _OUTCOMES[kind]
        pending = urls if status == 0 else 0
        # One of the hosts has half of them, as on the web.
        db.executemany(
            "INSERT INTO hosts VALUES (?, ?, ?)",
            (
                (10 + host, f"host{host}.example", 0 if not pending else _pages(host, urls, hosts))
                for host in range(hosts)
            ),
        )
        db.executemany(
            "INSERT INTO urls (id, host, rank, status, url, detail, rows, batch, fetched_at)"
            " VALUES (?, ?, 1, ?, ?, ?, '', 1, ?)",
            (
                (
                    10 + number,
                    10 + host,
                    status,
                    f"https://host{host}.example/page/{number}",
                    detail,
                    now - 2 * _DAY,
                )
                for number in range(urls)
                for host in (_host(number, hosts),)
            ),
        )
        db.executemany(
            "INSERT INTO conduct VALUES (?, 5, 0.5, 1, 0.5, 0, 0, ?, ?, 0, 0, NULL, 0.2)",
            ((f"host{host}.example", now - 2 * _DAY, now - _DAY) for host in range(hosts)),
        )
        db.executemany(
            "INSERT INTO robots VALUES (?, ?, 'rules', 200, ?, ?, 500, NULL, 0, ?, 'trio-crawl')",
            (
                (f"https://host{host}.example", f"host{host}.example", now - 2 * _DAY, now - 1, _RULES)
                for host in range(hosts)
            ),
        )
        books = json.loads(db.execute("SELECT value FROM facts WHERE name = 'books'").fetchone()[0])
        books["discovered"] += urls
        if count is not None:
            books[count] += urls
        if counts is not None:
            books[counts][name] = books[counts].get(name, 0) + urls
        db.execute("UPDATE facts SET value = ? WHERE name = 'books'", (json.dumps(books),))
        db.commit()


def _host(number: int, hosts: int) -> int:
    return 0 if number % 2 else (number // 2) % hosts


def _pages(host: int, urls: int, hosts: int) -> int:
    evens = (urls + 1) // 2
    return evens // hosts + (host < evens % hosts) + (urls // 2 if host == 0 else 0)


def measure(urls: int, hosts: int, scratch: Path) -> list[dict[str, Any]]:
    """Run every case, each in a process of its own."""
    found = []
    for kind in _OUTCOMES:
        whole = scratch / f"{kind}.db"
        trio.run(partial(crawl, "https://a.test/", fetch=Web(), state=whole, delay=0, robots=False))
        fill(whole, kind, urls, hosts)
        for name, keywords in CASES.items():
            if keywords["kind"] != kind:
                continue
            for after in MOMENTS:
                state = scratch / "copy.db"
                shutil.copyfile(whole, state)
                more = {each: value for each, value in keywords.items() if each != "kind"}
                told = subprocess.run(  # noqa: S603 - ourselves
                    [sys.executable, "-m", __spec__.name, "--case", str(state), str(after), json.dumps(more)],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                found.append({"case": name, "after": after, **json.loads(told.stdout)})
                print(found[-1], flush=True)
                for each in scratch.glob("copy.db*"):
                    each.unlink()
        whole.unlink()
    return found


def report(urls: int, hosts: int, where: dict[str, str], found: Sequence[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# How soon a crawl returns that is cancelled",
        "",
        (
            f"With a state of {urls:,} URLs over {hosts:,} hosts; `grace` is {GRACE:g} s. Made by "
            "`python -m benchmarks.cancelling`."
        ),
        "",
        *(f"- {name}: {value}" for name, value in where.items()),
        "",
        "| what it does | cancelled after, s | returned, s later | the event loop stood still for, ms |",
        "|---|---:|---:|---:|",
        *(
            f"| {each['case']} | {each['after']} | {max(each['returned'] - each['after'], 0):.2f} "
            f"| {each['stood still'] * 1000:.0f} |"
            for each in found
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cancelling", description=__doc__)
    parser.add_argument("--urls", type=int, default=2_000_000, help="in the state (default 2,000,000)")
    parser.add_argument("--hosts", type=int, default=300_000, help="in the state (default 300,000)")
    parser.add_argument("--scratch", type=Path, help="where the states go meanwhile (default /tmp)")
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="where the results go")
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        logging.disable(logging.CRITICAL)
        state, after, keywords = arguments.case
        print(json.dumps(trio.run(run, Path(state), float(after), json.loads(keywords))))
        return
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        found = measure(arguments.urls, arguments.hosts, Path(scratch))
    where = machine.facts()
    (arguments.results / "cancelling.json").write_text(json.dumps(found, indent=1) + "\n")
    (arguments.results / "cancelling.md").write_text(report(arguments.urls, arguments.hosts, where, found))
    late = [each for each in found if each["returned"] - each["after"] > GRACE + 1]
    sys.exit(f"late: {late}" if late else 0)


if __name__ == "__main__":
    main()
