"""What the measurements of `benchmarks.fetch_speed` come to: pure, from runs to medians to a page of text."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from .fetch_contestant import RIVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Part: TypeAlias = Literal["connections", "delay", "cancel", "tls"]
Row: TypeAlias = dict[str, Any]
Summary: TypeAlias = dict[str, dict[str, Any]]

CURL_RATIO: Final = 0.4
"""Of aiohttp's CPU for a fetch, what libcurl's is to be at most."""
HTTPX_SPREAD: Final = 1.5
"""What the httpx fetcher's greatest CPU for a fetch is to be at most, over its smallest."""
IDEAL_SHARE: Final = 0.9
"""Of the rate that the delay allows, what is to be had at least, unless a core is full."""
FULL_CORE: Final = 0.9
"""From here on a core counts as full: the rest goes to whatever else runs on the machine."""
CANCEL_MS: Final = 100.0
"""Milliseconds that cancelling is to take at most."""

_MICRO: Final = 1e6
_MILLI: Final = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measurement.

    Args:
        part: what of.
        name: the contestant.
        connections: how many tasks fetched at once.
        figures: what `benchmarks.fetch_contestant` printed.
        rival: the same of aiohttp, right before or after it; None in parts without pairs.
    """

    part: Part
    name: str
    connections: int
    figures: Mapping[str, Any]
    rival: Mapping[str, Any] | None = None


def summarise(runs: Iterable[Run], *, delay: float) -> Summary:
    """Return the medians of *runs*, by part and contestant.

    Args:
        runs: all measurements.
        delay: seconds after which the server of the part ``"delay"`` answers.
    """
    every = list(runs)
    groups: dict[Part, Callable[[Sequence[Run]], Row]] = {
        "connections": _of_connections,
        "delay": lambda some: _of_delay(some, delay),
        "cancel": _of_cancel,
        "tls": _of_tls,
    }
    return {
        part: {name: of(group) for name, group in _by_name(run for run in every if run.part == part)}
        for part, of in groups.items()
        if any(run.part == part for run in every)
    }


def _by_name(runs: Iterable[Run]) -> Iterator[tuple[str, list[Run]]]:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.name, []).append(run)
    yield from groups.items()


def _each(figures: Mapping[str, Any], name: str) -> float:
    """Return the microseconds of a fetch."""
    return float(figures[name] / figures["fetches"] * _MICRO)


def _of_connections(runs: Sequence[Run]) -> Row:
    counts = sorted({run.connections for run in runs})
    rows = {str(count): _at_count([run for run in runs if run.connections == count]) for count in counts}
    costs = [row["cpu_us"] for row in rows.values()]
    return {"spread": max(costs) / min(costs), "at": rows}


def _at_count(runs: Sequence[Run]) -> Row:
    pairs = [(run.figures, run.rival) for run in runs if run.rival is not None]
    row: Row = {"new_connections": max(run.figures["server_accepted"] for run in runs)}
    for name in ("cpu", "wall"):
        row[f"{name}_us"] = median(_each(figures, name) for figures, _ in pairs)
        row[f"{RIVAL}_{name}_us"] = median(_each(rival, name) for _, rival in pairs)
        # Of each pair, not of the medians: a pair was measured within seconds, under the same load.
        row[f"{name}_ratio"] = median(_each(figures, name) / _each(rival, name) for figures, rival in pairs)
    return row


def _of_delay(runs: Sequence[Run], delay: float) -> Row:
    each = [run.figures for run in runs]
    row: Row = {
        "per_second": median(one["fetches"] / one["wall"] for one in each),
        "core": median(one["cpu"] / one["wall"] for one in each),
        "server_core": median(one["server_cpu"] / one["wall"] for one in each),
        "late_ms": median(one["server_late"] / max(one["server_answered"], 1) * _MILLI for one in each),
    }
    row["ideal"] = runs[0].connections / delay
    row["share"] = row["per_second"] / row["ideal"]
    row["reached"] = _reached(row)
    return row


def _reached(row: Row) -> str:
    """Say what it was that let no more fetches pass."""
    if row["share"] >= IDEAL_SHARE:
        return "the ideal rate"
    if row["core"] >= FULL_CORE:
        return "a full core"
    return "the server's full core" if row["server_core"] >= FULL_CORE else "neither"


def _of_cancel(runs: Sequence[Run]) -> Row:
    times = [seconds * _MILLI for run in runs for seconds in run.figures["cancel"]]
    return {"median_ms": median(times), "max_ms": max(times), "times": len(times)}


def _of_tls(runs: Sequence[Run]) -> Row:
    each = [run.figures for run in runs]
    return {
        "per_second": median(one["fetches"] / one["wall"] for one in each),
        "cpu_us": median(_each(one, "cpu") for one in each),
        "core": median(one["cpu"] / one["wall"] for one in each),
        # Those that are under way when the counting begins and ends make it a little more or less.
        "handshakes_per_fetch": median(one["server_accepted"] / one["fetches"] for one in each),
    }


def report(summary: Summary, facts: Mapping[str, str], settings: str) -> str:
    """Return *summary* as Markdown.

    Args:
        summary: what `summarise` returned.
        facts: what was measured with, and on.
        settings: how it was measured, in a sentence.
    """
    sections = {"connections": _connections, "delay": _delay, "cancel": _cancel, "tls": _tls}
    lines = ["# Fetch speed", "", settings]
    for part, section in sections.items():
        if part in summary:
            lines += ["", *section(summary[part])]
    return "\n".join([*lines, "", *(f"- {name}: {value}" for name, value in facts.items()), ""])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |".replace("|  |", "| |") for row in (head, rule, *rows)]


def _met(*, met: bool) -> str:
    return "met" if met else "NOT MET"


def _connections(part: Mapping[str, Any]) -> list[str]:
    lines = ["## A fetch of 1 KB, by the number of connections"]
    for key, title in (("cpu", "CPU"), ("wall", "Wall clock")):
        head = [f"{title}, µs", RIVAL, *(text for name in part for text in (name, f"of {RIVAL}'s"))]
        lines += ["", *_table(head, _rows(part, key))]
    spreads = ", ".join(f"{name} {row['spread']:.2f}" for name, row in part.items())
    lines += ["", f"The greatest CPU over the smallest: {spreads}."]
    if "curl" in part:
        worst = max(row["cpu_ratio"] for row in part["curl"]["at"].values())
        verdict = _met(met=worst <= CURL_RATIO)
        lines += [f"Wanted: libcurl at most {CURL_RATIO} of {RIVAL}'s CPU; it is {worst:.2f}: {verdict}."]
    if "httpx" in part:
        spread = part["httpx"]["spread"]
        verdict = _met(met=spread <= HTTPX_SPREAD)
        lines += [f"Wanted: httpx flat within {HTTPX_SPREAD}; it is {spread:.2f}: {verdict}."]
    lines += [
        f"{name} opened up to {row['new_connections']:.0f} new connections while {count} were measured."
        for name, of in part.items()
        for count, row in of["at"].items()
        if row["new_connections"]
    ]
    return lines


def _rows(part: Mapping[str, Any], key: str) -> Iterator[list[str]]:
    for count in next(iter(part.values()))["at"]:
        at = [row["at"][count] for row in part.values()]
        rival = median(row[f"{RIVAL}_{key}_us"] for row in at)
        own = (text for row in at for text in (f"{row[f'{key}_us']:.0f}", f"{row[f'{key}_ratio']:.2f}"))
        yield [count, f"{rival:.0f}", *own]


def _delay(part: Mapping[str, Any]) -> list[str]:
    ideal = next(iter(part.values()))["ideal"]
    head = ["", "fetches/s", "of the ideal", "core", "server's core", "answers late, ms", "what was reached"]
    rows = (
        [
            *(name, f"{row['per_second']:,.0f}", f"{row['share']:.1%}", f"{row['core']:.1%}"),
            *(f"{row['server_core']:.1%}", f"{row['late_ms']:.1f}", row["reached"]),
        ]
        for name, row in part.items()
    )
    own = [row["reached"] for name, row in part.items() if name != RIVAL]
    verdict = _met(met=all(reached in {"the ideal rate", "a full core"} for reached in own))
    return [
        f"## A server that answers late: {ideal:,.0f} fetches a second are the ideal",
        "",
        *_table(head, rows),
        "",
        f"Wanted: {IDEAL_SHARE:.0%} of the ideal rate, or a full core ({FULL_CORE:.0%}): {verdict}.",
    ]


def _cancel(part: Mapping[str, Any]) -> list[str]:
    rows = (
        [name, f"{row['median_ms']:.0f}", f"{row['max_ms']:.0f}", str(row["times"])]
        for name, row in part.items()
    )
    verdicts = ", ".join(f"{name} {_met(met=row['max_ms'] < CANCEL_MS)}" for name, row in part.items())
    return [
        "## From cancelling all fetches in flight to the end of their scope",
        "",
        *_table(["ms", "median", "longest", "times"], rows),
        "",
        f"Wanted: less than {CANCEL_MS:.0f} ms, each time: {verdicts}.",
    ]


def _tls(part: Mapping[str, Any]) -> list[str]:
    head = ["", "connections/s", "CPU µs each", "core", "new connections per fetch"]
    rows = (
        [
            *(name, f"{row['per_second']:,.0f}", f"{row['cpu_us']:,.0f}", f"{row['core']:.1%}"),
            f"{row['handshakes_per_fetch']:.2f}",
        ]
        for name, row in part.items()
    )
    return ["## New TLS connections", "", *_table(head, rows)]
