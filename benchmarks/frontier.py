"""What a URL costs in the frontier: CPU, time, memory and disk, from ten thousand URLs to ten million.

    python -m benchmarks.frontier [--urls N ...] [--hosts N ...] [--new N] [--scratch DIRECTORY]

Each measurement is a process of its own (`benchmarks.frontier_drive`), and so is
the resuming after it. What was measured before, of other numbers of URLs and
hosts, stays in ``results/frontier.json`` and in the table of ``results/frontier.md``.

Ten million URLs take some ten minutes of CPU, 2.2 GB of memory without a state, and
1.2 GB of disk in the scratch directory with one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from . import machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Run: TypeAlias = dict[str, Any]
"""What was measured, and of what: ``urls``, ``hosts`` and ``state``; see `measure`."""

URLS: Final = (10_000, 100_000, 1_000_000, 10_000_000)
HOSTS: Final = (1, 100_000)

_HERE: Final = Path(__file__).parent
_LONGEST: Final = 4 * 3600.0
"""Seconds for one measurement."""

_COLUMNS: Final = (
    *("URLs", "hosts", "new links", "state", "insert, URLs/s", "claim, hops/s", "commit, URLs/s"),
    *("µs a URL", "µs a URL, last tenth", "resident, B/URL", "disk, B/URL", "resume, s"),
)


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.frontier", description="Measure the frontier."
    )
    parser.add_argument("--urls", type=int, nargs="+", default=URLS, help="how many (default 10^4 to 10^7)")
    parser.add_argument("--hosts", type=int, nargs="+", default=HOSTS, help="over how many (default 1, 10^5)")
    parser.add_argument("--new", type=int, default=20, help="new links of a page's 60, up to 40 (default 20)")
    parser.add_argument("--scratch", type=Path, help="where the states go meanwhile (default /tmp)")
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="where the results go")
    arguments = parser.parse_args()
    for urls in arguments.urls:
        for hosts in arguments.hosts:
            for state in (False, True):
                with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
                    run = measure(urls, hosts, arguments.new, Path(scratch, "state.db") if state else None)
                print("\n".join(table([run])), file=sys.stderr)
                _keep(run, arguments.results)


def measure(urls: int, hosts: int, new: int, state: Path | None) -> Run:
    """Return what so many URLs over so many hosts cost, found by so many new ones on each page.

    With a *state*, also what it takes to resume.
    """
    path = () if state is None else (str(state),)
    run: Run = {
        "urls": urls,
        "hosts": min(hosts, urls),
        "new": new,
        "state": state is not None,
        "load": os.getloadavg()[0],
    }
    run["grow"] = _drive("grow", str(urls), str(hosts), str(new), *path)
    if state is not None:
        run["resume"] = _drive("resume", str(state))
    return run


def _drive(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"{__package__}.frontier_drive", *arguments]
    result = subprocess.run(  # noqa: S603 - this program's other half
        command, cwd=_HERE.parent, stdout=subprocess.PIPE, check=True, timeout=_LONGEST
    )
    figures: dict[str, Any] = json.loads(result.stdout)
    return figures


def _keep(run: Run, directory: Path) -> None:
    """Put *run* in the place of the last one of its kind, and write the report anew."""
    file = directory / "frontier.json"
    runs: list[Run] = json.loads(file.read_text())["runs"] if file.exists() else []
    runs = sorted([*(other for other in runs if _kind(other) != _kind(run)), run], key=_kind)
    facts = machine.facts("trio")
    directory.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"machine": facts, "runs": runs}, indent=1) + "\n")
    (directory / "frontier.md").write_text(report(facts, runs))


def _kind(run: Run) -> tuple[int, int, bool]:
    return run["urls"], run["hosts"], run["state"]


def report(facts: Mapping[str, str], runs: Sequence[Run]) -> str:
    """Return the page of results."""
    text = (
        "Pages with 60 links, so many of them new, are claimed and finished, and their links added; with a "
        "state, 256 pages are committed at once. Times and rates are of CPU, and behind the stroke of the "
        "clock on the wall. A hop is a page or, once for each host, its robots.txt. Resident is what the "
        "process grew by, from before the frontier was made."
    )
    head = ("# The frontier", "", text, "", *table(runs), "")
    title = "## What a URL costs in the last tenth, over the second"
    body = (*head, title, "", *growth(runs), "")
    return "\n".join([*body, *(f"- {name}: {value}" for name, value in facts.items()), ""])


def table(runs: Iterable[Run]) -> list[str]:
    """Return the lines of the table."""
    rule = "|".join("---:" for _ in _COLUMNS)
    return [f"| {' | '.join(_COLUMNS)} |", f"|{rule}|", *map(_line, runs)]


def _line(run: Run) -> str:
    grow = run["grow"]
    last = grow["steps"][-1]
    urls = last["urls"]
    cells = [
        f"{run['urls']:,}",
        f"{run['hosts']:,}",
        f"{run['new']}",
        "yes" if run["state"] else "no",
        _rates(urls, last, "insert"),
        _rates(last["hops"], last, "claim"),
        _rates(urls, last, "commit"),
        " / ".join(f"{sum(last[clock].values()) / urls * 1e6:.1f}" for clock in ("cpu", "wall")),
        " / ".join(f"{_in_step(run, -1, clock) * 1e6:.1f}" for clock in ("cpu", "wall")),
        f"{grow['resident'] / urls:.0f}",
        f"{grow['disk'] / urls:.0f}" if "disk" in grow else "",
        " / ".join(f"{run['resume'][clock]['resume']:.2f}" for clock in ("cpu", "wall"))
        if run["state"]
        else "",
    ]
    return f"| {' | '.join(cells)} |"


def _resumption(figures: Mapping[str, Any]) -> str:
    return " / ".join(f"{figures[clock]['resume']:.2f}" for clock in ("cpu", "wall"))


def _rates(number: int, step: Mapping[str, Any], name: str) -> str:
    if name not in step["cpu"]:
        return ""
    return " / ".join(f"{number / step[clock][name]:,.0f}" for clock in ("cpu", "wall"))


def growth(runs: Sequence[Run]) -> list[str]:
    """Return in words how much more a URL costs at the end of a run than in its second tenth."""
    lines = []
    for run in runs:
        ratios = [_in_step(run, -1, clock) / _in_step(run, 1, clock) for clock in ("cpu", "wall")]
        with_it = "with" if run["state"] else "without"
        lines.append(
            f"- {run['urls']:,} URLs over {run['hosts']:,} hosts, {with_it} state: "
            + " / ".join(f"{ratio:.2f}" for ratio in ratios)
        )
    return lines


def _in_step(run: Run, step: int, clock: str) -> float:
    """Return the seconds that a URL cost in one step of the growth, not the first."""
    steps = run["grow"]["steps"]
    before, last = steps[step - 1], steps[step]
    seconds = sum(last[clock].values()) - sum(before[clock].values())
    return float(seconds / (last["urls"] - before["urls"]))


if __name__ == "__main__":
    main()
