"""What a row costs each output: rows per second, CPU, memory; and its share of a crawl's CPU.

    python -m benchmarks.writers [--rows 10000 1000000] [--rounds 3] [--only NAME ...] [--results DIRECTORY]

Outcomes are made once, and given to a writer as a crawl would: encoded on the loop, gathered to
batches, written in a thread. Each run is a process of its own. CPU is that of encoding and
writing, threads included, in microseconds for a row; memory is what the process had at
most. The share is of the crawl of `benchmarks.crawl_speed`: what writing 5,000 pages with
60 links takes, by what the crawl that wrote them took (``results/crawl_speed.json``, of
the same machine). Results go to ``writers.json`` and ``writers.md``; those of other outputs
that were measured before stay in them.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple

import trio

from trio_crawl._write.batch import Gatherer
from trio_crawl._write.choose import choose
from trio_crawl.abc import Environment
from trio_crawl.testing._outcomes import page_of

from . import machine, site
from .contestant import peak_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from trio_crawl._model import Parsed
    from trio_crawl.abc import Writer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_HERE: Final = Path(__file__).parent
_MIB: Final = 1024 * 1024
_LONGEST: Final = 900.0

FORMATS: Final = (
    *(".tsv", ".csv", ".jsonl", ".tsv.gz", ".jsonl.gz", ".tsv.zst", ".jsonl.zst"),
    *(".sqlite", ".parquet", "function", "channel"),
)
KINDS: Final = ("rows", "pages")
"""Rows of a user's parser, with eight fields; or pages with 60 links, as a crawl without one has them."""

_SITE: Final = "http://127.0.0.1:8080/page"

Figures = dict[str, float]


def main() -> None:
    """Run the benchmark as the command line says; with a format, be the process that writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writers", description="Compare outputs.")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000], help="rows of each run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind, of which the median counts")
    parser.add_argument("--only", nargs="+", choices=FORMATS, help="outputs (default all)")
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="where the results go")
    parser.add_argument("--write", nargs=3, metavar=("FORMAT", "KIND", "ROWS"), help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.write:
        name, kind, rows = said.write
        print(json.dumps(trio.run(_written, name, kind, int(rows))))
        return
    names: Sequence[str] = said.only or FORMATS
    path = said.results / "writers.json"
    before = json.loads(path.read_text())["runs"] if path.exists() else {}
    runs: dict[str, dict[str, Figures]] = {name: run for name, run in before.items() if name not in names}
    for name in names:
        runs[name] = {str(rows): _median(name, "rows", rows, said.rounds) for rows in said.rows}
        if name not in {"function", "channel"}:
            runs[name]["pages"] = _median(name, "pages", site.PAGES, said.rounds)
        print(f"{name}: {runs[name]}", file=sys.stderr)
    runs = {name: runs[name] for name in FORMATS if name in runs}
    facts = machine.facts("trio", "pyarrow")
    text = _report(facts, runs, said.rows, _crawl_cpu(said.results))
    print(text)
    said.results.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": facts, "runs": runs}, indent=2) + "\n")
    (said.results / "writers.md").write_text(text)


def _median(name: str, kind: str, rows: int, rounds: int) -> Figures:
    command = [sys.executable, "-m", "benchmarks.writers", "--write", name, kind, str(rows)]
    runs: list[Figures] = []
    for _ in range(rounds if rows < 1_000_000 else 1):  # noqa: PLR2004 - minutes for each
        result = subprocess.run(  # noqa: S603 - this program itself
            command, cwd=_HERE.parent, stdout=subprocess.PIPE, check=True, timeout=_LONGEST
        )
        runs.append(json.loads(result.stdout))
    return {key: median(run[key] for run in runs) for key in runs[0]}


# In the process that writes


async def _written(name: str, kind: str, rows: int) -> Figures:
    """Write so many rows, or pages, and return what it took."""
    with tempfile.TemporaryDirectory() as scratch:
        async with trio.open_nursery() as nursery:
            output = await _output(name, Path(scratch), nursery)
            (writer,) = choose(output)
            environment = Environment(
                own_rows=kind == "rows",
                nursery=nursery,
                guard=_NoGuard(),
                concurrency=1,
                run_in_thread=_in_thread,
            )
            await trio.to_thread.run_sync(int)  # a thread is there already when a crawl comes to write
            made = list(_pages(rows) if kind == "pages" else _parsed(rows))
            gc.collect()
            gc.freeze()
            memory, before, began = peak_memory(), _cpu(), time.perf_counter()
            async with writer.open(environment):
                await _feed(writer, made, rows)
            figures = {
                "cpu": _cpu() - before,
                "elapsed": time.perf_counter() - began,
                "rows": writer.rows,
                "peak_memory": peak_memory(),
                "memory_before": memory,
            }
            nursery.cancel_scope.cancel(reason="all is measured")
        return figures


async def _output(name: str, folder: Path, nursery: trio.Nursery) -> Any:  # noqa: ANN401 - what `write=` takes
    if name == "function":

        async def take(row: object) -> None:
            pass

        return take
    if name == "channel":
        send, receive = trio.open_memory_channel[Any](100)

        async def drain() -> None:
            async for _ in receive:
                pass

        nursery.start_soon(drain)
        return send
    return folder / f"output{name}"


async def _feed(writer: Writer[Any], made: Sequence[Parsed], rows: int) -> None:
    """Give a writer the outcomes again and again until it has so many rows, in batches as a crawl would."""
    gatherer = Gatherer([writer])
    done = 0
    for outcome in _endless(made):
        gatherer.add(gatherer.encode(outcome), 0.0)
        done += 1 if outcome.rows is None else len(outcome.rows)
        if gatherer.full or done >= rows:
            batch = gatherer.close()
            if batch is not None:
                await writer.write(batch.items[0])
        if done >= rows:
            return


def _endless(made: Sequence[Parsed]) -> Iterator[Parsed]:
    while True:
        yield from made


def _parsed(rows: int) -> Iterator[Parsed]:
    """Yield pages of ten rows each, a thousand rows in all at most."""
    for number in range(min(rows, 1000) // 10):
        url = f"https://shop.test/list/{number}"
        yield page_of(url, rows=[_row(url, 10 * number + place) for place in range(10)])


def _row(url: str, number: int) -> Mapping[str, object]:
    return {
        "url": url,
        "number": number,
        "name": f"Thing number {number}, in a box",
        "price": number * 1.25,
        "in_stock": number % 3 == 0,
        "tags": ["a tag", f"tag {number % 10}"],
        "description": "It is of use to whoever needs one. " * 4,
        "rating": None if number % 5 else 4.5,
    }


def _pages(pages: int) -> Iterator[Parsed]:
    """Yield pages as the benchmark's site has them."""
    for number in range(min(pages, 500)):
        links = [
            f"http://127.0.0.1:8080/page/{(number * 7 + step) % site.PAGES}.html"
            for step in range(site.LINKS)
        ]
        yield page_of(f"http://127.0.0.1:8080/page/{number}.html", links)


class _NoGuard:
    def refusal(self, _host: str, _port: int, _address: str) -> str | None:
        return None


async def _in_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


# What is said of it


def _crawl_cpu(results: Path) -> float | None:
    """Return the CPU seconds of the crawl of 5,000 pages, if they were measured."""
    path = results / "crawl_speed.json"
    if not path.exists():
        return None
    seconds: float = json.loads(path.read_text())["medians"]["trio_crawl"]["cpu"]
    return seconds


def _report(
    facts: Mapping[str, str], runs: Mapping[str, dict[str, Figures]], rows: Sequence[int], crawl: float | None
) -> str:
    head = ["output", *(f"rows/s, {count:,}" for count in rows), f"CPU µs a row, {rows[-1]:,}"]
    head += [f"peak memory, MiB, {count:,}" for count in rows]
    head += [f"CPU s, {site.PAGES:,} pages", "of a crawl's CPU"]
    work = (
        "Rows of eight fields (about 300 bytes as JSON), as a user's parser yields them; and the pages of "
        f"`crawl_speed`, with {site.LINKS} links each, as a crawl without a parser writes them (a table has "
        "a row for each link). Encoding and writing, threads included; a process for each run. The share is "
        "of a crawl of these pages into that output."
    )
    lines = [
        "# Outputs",
        "",
        work,
        "",
        f"| {' | '.join(head)} |",
        f"|---|{'---:|' * (len(head) - 1)}",
    ]
    for name, run in runs.items():
        counted = [run[str(count)] for count in rows]
        cells = [f"{figures['rows'] / figures['elapsed']:,.0f}" for figures in counted]
        cells.append(f"{counted[-1]['cpu'] / counted[-1]['rows'] * 1e6:.1f}")
        cells += [f"{figures['peak_memory'] / _MIB:.0f}" for figures in counted]
        pages = run.get("pages")
        cells.append("" if pages is None else f"{pages['cpu']:.3f}")
        # The crawl that was measured wrote TSV: what another output takes stands in its place.
        if pages is not None and crawl is not None and ".tsv" in runs:
            whole = crawl - runs[".tsv"]["pages"]["cpu"] + pages["cpu"]
            cells.append(f"{pages['cpu'] / whole:.1%}")
        else:
            cells.append("")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- {name}: {value}" for name, value in facts.items()), ""])


if __name__ == "__main__":
    main()
