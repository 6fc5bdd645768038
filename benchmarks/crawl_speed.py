"""How much CPU, time and memory a crawl takes, beside the tutorials' way to write one.

    python -m benchmarks.crawl_speed [--rounds 3] [--only NAME ...] [--results DIRECTORY]

It makes the site (5,000 pages of 20 KB, 60 links each), serves it with nginx on
loopback, and lets each contestant crawl it with 64 connections and write
``source_url<TAB>parsed_url``, each crawl in a process of its own, the contestants
taking turns. The medians of the rounds are printed, and written to
``crawl_speed.json`` and ``crawl_speed.md``. It ends with an error if the
contestants did not find the same links on the same 5,000 pages.

It needs nginx and the extra ``bench``: ``pip install -e '.[bench]'``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from . import machine, nginx, site
from .contestant import CONTESTANTS

if TYPE_CHECKING:
    from collections.abc import Iterator

Figures = dict[str, float]
"""What `benchmarks.contestant` prints."""

_HERE: Final = Path(__file__).parent
_PACKAGES: Final = ("trio", "pycurl", "turbohtml", "ada-url", "aiohttp", "aiofiles")
_HEADER: Final = "source_url\tparsed_url"
_MIB: Final = 1024 * 1024
_LONGEST: Final = 600.0
"""Seconds for one crawl."""


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crawl_speed", description="Compare crawls.")
    parser.add_argument("--rounds", type=int, default=3, help="crawls by each contestant (default 3)")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, help="contestants (default all)")
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="where the results go")
    arguments = parser.parse_args()
    names: list[str] = arguments.only or list(CONTESTANTS)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "site")
        site.make(root)
        with nginx.serving(root) as base_url:
            runs = _compare(names, base_url + "/", Path(scratch, "found.tsv"), arguments.rounds)
    medians = {
        name: {key: median(run[key] for run in figures) for key in figures[0]}
        for name, figures in runs.items()
    }
    facts = {**machine.facts(*_PACKAGES), "nginx": nginx.version()}
    results = {"machine": facts, "pages": site.PAGES, "medians": medians, "runs": runs}
    text = _report(facts, medians, arguments.rounds) + "".join(_pairs(runs))
    print(text)
    arguments.results.mkdir(parents=True, exist_ok=True)
    (arguments.results / "crawl_speed.json").write_text(json.dumps(results, indent=2) + "\n")
    (arguments.results / "crawl_speed.md").write_text(text)


def _compare(names: list[str], url: str, output: Path, rounds: int) -> dict[str, list[Figures]]:
    """Let the contestants take turns; all of them have to find the same."""
    runs: dict[str, list[Figures]] = {name: [] for name in names}
    expected: list[str] | None = None
    for number in range(rounds):
        for name in names:
            output.unlink(missing_ok=True)
            figures = _crawl(name, url, output)
            runs[name].append(figures)
            cost = f"{_per_thousand(figures['cpu']):.3f} CPU s per 1,000 pages"
            print(f"round {number + 1} of {rounds}: {name}: {cost}", file=sys.stderr)
            found = _found(output, name)
            if found != (expected := expected or found):
                msg = f"{name} found other links than {names[0]}: {len(found)}, not {len(expected)}"
                raise SystemExit(msg)
    return runs


def _crawl(name: str, url: str, output: Path) -> Figures:
    command = [sys.executable, "-m", f"{__package__}.contestant", name, url, str(output)]
    result = subprocess.run(  # noqa: S603 - this program itself
        command, cwd=_HERE.parent, stdout=subprocess.PIPE, check=True, timeout=_LONGEST
    )
    figures: Figures = json.loads(result.stdout)
    return figures


def _found(output: Path, name: str) -> list[str]:
    """Return the rows of *output*, sorted, once they are seen to be of every page."""
    rows = sorted(line for line in output.read_text().splitlines() if line != _HEADER)
    pages = len({row.partition("\t")[0] for row in rows})
    if (pages, len(rows)) != (site.PAGES, site.PAGES * site.LINKS):
        msg = f"{name} found {len(rows)} links on {pages} pages, not {site.LINKS} on each of {site.PAGES}"
        raise SystemExit(msg)
    return rows


def _per_thousand(seconds: float) -> float:
    return seconds / site.PAGES * 1000


def _report(machine: dict[str, str], medians: dict[str, Figures], rounds: int) -> str:
    work = (
        f"{site.PAGES:,} pages of 20 KB with {site.LINKS} links each, nginx on loopback, 64 connections, "
        f"links written as TSV; the median of {rounds} rounds. All contestants found the same links."
    )
    head = (
        "# Crawl speed",
        "",
        work,
        "",
        "| | CPU s per 1,000 pages | with start and imports | pages per second | peak memory, MiB |",
        "|---|---:|---:|---:|---:|",
    )
    rows = (
        f"| {name} | {_per_thousand(run['cpu']):.3f} | {_per_thousand(run['cpu_process']):.3f} "
        f"| {site.PAGES / run['elapsed']:,.0f} | {run['peak_memory'] / _MIB:.0f} |"
        for name, run in medians.items()
    )
    facts = (f"- {name}: {value}" for name, value in machine.items())
    return "\n".join([*head, *rows, "", *facts, ""])


def _pairs(runs: dict[str, list[Figures]]) -> Iterator[str]:
    """Yield in words what the state costs: each round has a crawl with one and, beside it, one without."""
    if {"trio_crawl", "trio_crawl with state"} <= runs.keys():
        ratios = [
            durable["cpu"] / plain["cpu"]
            for plain, durable in zip(runs["trio_crawl"], runs["trio_crawl with state"], strict=True)
        ]
        every = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        yield f"\nWith `state=` a crawl takes {median(ratios):.2f} times the CPU of the crawl beside it "
        yield f"without (the median of {every}).\n"


if __name__ == "__main__":
    main()
