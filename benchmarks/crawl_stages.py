"""Which stage of a crawl takes how much of its CPU.

    python -m benchmarks.crawl_stages [--results DIRECTORY]

The crawl of `benchmarks.crawl_speed` is made once, in a process of its own, under a timer of
CPU time (``ITIMER_PROF``): at each tick, of one to ten milliseconds as the kernel has them, it
notes which part of the library the main thread is in, or was called from. It writes ``crawl_stages.json`` and
``crawl_stages.md``. It needs nginx, and a system with that timer (not Windows).
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio_crawl

from . import contestant, machine, nginx, site

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

_HERE: Final = Path(__file__).parent
_LIBRARY: Final = str(Path(trio_crawl.__file__).parent)
_INTERVAL: Final = 0.001
"""Seconds of CPU between two looks, if the kernel counts as finely."""
_LONGEST: Final = 600.0

_STAGES: Final = {
    "_fetch": "fetch (libcurl, resolving, addresses)",
    "_parse": "parse (decoding, the tree, links)",
    "_write": "write (rows, files)",
    "_frontier": "frontier (what next, what is known)",
    "_policy": "policies (scope, robots.txt, pace)",
    "_crawl": "crawl (pages, batches, tasks)",
    "_urls.py": "URLs",
    "_model": "values",
}
_TRIO: Final = "trio"
_REST: Final = "the rest (start, waiting, garbage)"


def main() -> None:
    """Run the benchmark as the command line says; with two places, be the process that crawls."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.crawl_stages", description="Look into a crawl."
    )
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="where the results go")
    parser.add_argument("--crawl", nargs=2, metavar=("URL", "OUTPUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.crawl:
        url, output = arguments.crawl
        print(json.dumps(_looked_into(url, Path(output))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "site")
        site.make(root)
        with nginx.serving(root) as base_url:
            command = [sys.executable, "-m", f"{__package__}.crawl_stages"]
            command += ["--crawl", base_url + "/", str(Path(scratch, "found.tsv"))]
            result = subprocess.run(  # noqa: S603 - this program itself
                command, cwd=_HERE.parent, stdout=subprocess.PIPE, check=True, timeout=_LONGEST
            )
    looks: dict[str, int] = json.loads(result.stdout)
    facts = machine.facts("trio", "pycurl", "turbohtml", "ada-url")
    text = _report(facts, looks)
    print(text)
    arguments.results.mkdir(parents=True, exist_ok=True)
    results = {"machine": facts, "looks": looks}
    (arguments.results / "crawl_stages.json").write_text(json.dumps(results, indent=2) + "\n")
    (arguments.results / "crawl_stages.md").write_text(text)


def _looked_into(url: str, output: Path) -> Counter[str]:
    """Crawl, and return how often each stage was met."""
    crawl = contestant.CONTESTANTS["trio_crawl"](url, output)
    looks: Counter[str] = Counter()

    def look(_number: int, frame: FrameType | None) -> None:
        looks[_stage(frame)] += 1

    signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL, _INTERVAL)
    try:
        crawl()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return looks


def _stage(frame: FrameType | None) -> str:
    """Return the stage of the innermost frame that has one; what it calls elsewhere is its own."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_LIBRARY):
            part = name[len(_LIBRARY) + 1 :].partition("/")[0]
            return _STAGES.get(part, _REST)
        if "/trio/_core/" in name:
            return _TRIO
        frame = frame.f_back
    return _REST


def _report(facts: Mapping[str, str], looks: Mapping[str, int]) -> str:
    total = sum(looks.values())
    work = (
        f"{site.PAGES:,} pages of 20 KB with {site.LINKS} links each, nginx on loopback, 64 connections, "
        f"links written as TSV: {total:,} looks at equal steps of CPU time."
    )
    lines = [
        "# Where a crawl's CPU goes",
        "",
        work,
        "",
        "| stage | share |",
        "|---|---:|",
        *(
            f"| {name} | {count / total:.1%} |"
            for name, count in sorted(looks.items(), key=lambda item: -item[1])
        ),
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
