"""The parts of the benchmark of fetching: which measurements are made, and in what order."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import fetch_servers
from .fetch_contestant import RIVAL, Job
from .fetch_report import Part, Run

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

COUNTS: Final = (1, 16, 64, 256)
CROWD: Final = 1_000
"""Connections of the parts ``delay`` and ``cancel``."""
DELAY: Final = 0.05
"""Seconds until the server of ``delay`` answers."""
TLS_CONNECTIONS: Final = 16
CANCELS: Final = 5
"""How often a process of the part ``cancel`` cancels."""

_ROOT: Final = Path(__file__).parents[1]
_LONGEST: Final = 180.0
"""Seconds for one process, with those that it measures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line asked for.

    Args:
        pythons: the fetchers to measure, and the Python that runs each.
        rounds: how often each measurement is made.
        seconds: how long fetches are counted in one.
    """

    pythons: dict[str, str]
    rounds: int
    seconds: float

    def turns(self) -> Iterator[tuple[int, str]]:
        """Yield each round's number with each name, the first of a round being another each time."""
        names = list(self.pythons)
        for number in range(self.rounds):
            start = number % len(names)
            for name in names[start:] + names[:start]:
                yield number, name

    def with_rival(self) -> Settings:
        """Return the same with aiohttp among the contestants."""
        pythons = {RIVAL: sys.executable, **self.pythons}
        return Settings(pythons=pythons, rounds=self.rounds, seconds=self.seconds)


def measure(parts: Collection[Part], settings: Settings) -> Iterator[Run]:
    """Make every measurement of *parts*, one after the other, and yield them as they come."""
    if "connections" in parts or "tls" in parts:
        with fetch_servers.nginx(tls="tls" in parts) as server:
            if "connections" in parts:
                yield from _connections(settings, server)
            if "tls" in parts:
                yield from _tls(settings.with_rival(), server)
    if "delay" in parts or "cancel" in parts:
        with fetch_servers.delaying(DELAY) as server:
            if "delay" in parts:
                yield from _delay(settings.with_rival(), server)
            if "cancel" in parts:
                yield from _cancel(settings, server)


def _connections(settings: Settings, server: fetch_servers.Server) -> Iterator[Run]:
    for number, name in settings.turns():
        for count in COUNTS:
            pair = (name, RIVAL) if number % 2 == 0 else (RIVAL, name)
            figures = {
                one: _rate(settings, one, url=server.url, figures_url=server.figures_url, connections=count)
                for one in pair
            }
            own, rival = figures[name], figures[RIVAL]
            _tell("connections", number, name, f"{count}: {_cost(own)}, {RIVAL} {_cost(rival)}")
            yield Run(part="connections", name=name, connections=count, figures=own, rival=rival)


def _delay(settings: Settings, server: fetch_servers.Server) -> Iterator[Run]:
    for number, name in settings.turns():
        figures = _rate(settings, name, url=server.url, figures_url=server.figures_url, connections=CROWD)
        _tell("delay", number, name, f"{figures['fetches'] / figures['wall']:,.0f} fetches/s")
        yield Run(part="delay", name=name, connections=CROWD, figures=figures)


def _tls(settings: Settings, server: fetch_servers.Server) -> Iterator[Run]:
    for number, name in settings.turns():
        figures = _rate(
            settings,
            name,
            url=server.tls_url,
            figures_url=server.figures_url,
            connections=TLS_CONNECTIONS,
            ca=server.ca,
        )
        _tell("tls", number, name, f"{figures['fetches'] / figures['wall']:,.0f} connections/s")
        yield Run(part="tls", name=name, connections=TLS_CONNECTIONS, figures=figures)


def _cancel(settings: Settings, server: fetch_servers.Server) -> Iterator[Run]:
    for number, name in settings.turns():
        job = Job(
            kind="cancel",
            name=name,
            url=server.never_url,
            figures_url=server.figures_url,
            connections=CROWD,
            repeats=CANCELS,
        )
        figures = _run(job, settings.pythons[name])
        _tell("cancel", number, name, f"{max(figures['cancel']) * 1e3:.0f} ms at the longest")
        yield Run(part="cancel", name=name, connections=CROWD, figures=figures)


def _rate(settings: Settings, name: str, **rest: Any) -> dict[str, Any]:  # noqa: ANN401 - the fields of Job
    job = Job(kind="rate", name=name, seconds=settings.seconds, **rest)
    return _run(job, settings.pythons.get(name, sys.executable))


def _run(job: Job, python: str) -> dict[str, Any]:
    command = [python, "-m", f"{__package__}.fetch_contestant", json.dumps(asdict(job))]
    result = subprocess.run(  # noqa: S603 - this program itself
        command, cwd=_ROOT, stdout=subprocess.PIPE, check=False, timeout=_LONGEST
    )
    if result.returncode != 0:
        msg = f"{job.name} failed at {job.url} with {job.connections} connections; what it said is above"
        raise SystemExit(msg)
    figures: dict[str, Any] = json.loads(result.stdout)
    return figures


def _cost(figures: dict[str, Any]) -> str:
    return f"{figures['cpu'] / figures['fetches'] * 1e6:.0f} µs CPU a fetch"


def _tell(part: Part, number: int, name: str, text: str) -> None:
    print(f"{part}, round {number + 1}: {name}: {text}", file=sys.stderr)
