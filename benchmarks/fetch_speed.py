"""What a fetch costs, for each fetcher, beside aiohttp.

    python -m benchmarks.fetch_speed [--rounds 5] [--seconds 2] [--only FETCHER ...]
        [--parts PART ...] [--asks-python PATH] [--results DIRECTORY]

Four parts, all on loopback, each measurement in a process of its own:

- ``connections``: CPU and wall time for a fetch of a page of 1 KB over 1, 16, 64
  and 256 kept connections to nginx. Each is one of a pair with aiohttp, which of
  the two comes first changing from round to round.
- ``delay``: 1,000 connections to a server that answers after 50 ms. 20,000
  fetches a second are the ideal; if they are not reached, whose core was full?
- ``cancel``: 1,000 fetches in flight are cancelled; how long until their scope ends?
- ``tls``: fetches over a new TLS connection each, to nginx, 16 at once.

The medians are printed, and written with all runs to ``fetch_speed.json`` and
``fetch_speed.md``. It takes a quarter of an hour, on two cores that nothing else
uses. asks needs an environment of its own, whose Python is ``--asks-python``; if
there is none, it is left out, and the results say so.

It needs nginx, 2,000 file descriptors (``ulimit -n``), the extra ``bench``, and trustme.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Final, get_args

from . import machine, nginx
from .fetch_contestant import CLASSES
from .fetch_parts import CROWD, DELAY, Settings, measure
from .fetch_report import Part, report, summarise

_HERE: Final = Path(__file__).parent
_DESCRIPTORS: Final = 2 * CROWD
_LONGEST: Final = 30.0
"""Seconds for a program that looks what is installed."""
_PARTS: Final[tuple[Part, ...]] = get_args(Part)
_PACKAGES: Final = ("trio", "pycurl", "aiohttp")
_VERSIONS: Final = """
import json
from importlib.metadata import PackageNotFoundError, version
found = {}
for name in ("trio", "httpx", "httpcore", "h11", "asks", "anyio"):
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
try:
    import pycurl
    found["libcurl"] = pycurl.version_info()[1]
except ImportError:
    pass
print(json.dumps(found))
"""


def main() -> None:
    """Run the benchmark as the command line says."""
    arguments = _arguments()
    parts: list[Part] = arguments.parts or list(_PARTS)
    _require(parts)
    pythons = _pythons(arguments.only or list(CLASSES), arguments.asks_python)
    settings = Settings(pythons=pythons, rounds=arguments.rounds, seconds=arguments.seconds)
    facts = _facts(settings)
    runs = list(measure(parts, settings))
    summary = summarise(runs, delay=DELAY)
    text = report(summary, facts, _in_words(settings))
    print(text)
    results = {"machine": facts, "summary": summary, "runs": [asdict(run) for run in runs]}
    arguments.results.mkdir(parents=True, exist_ok=True)
    (arguments.results / "fetch_speed.json").write_text(json.dumps(results, indent=2) + "\n")
    (arguments.results / "fetch_speed.md").write_text(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fetch_speed", description="Compare fetchers.")
    parser.add_argument("--rounds", type=_positive_int, default=5, help="of each measurement (default 5)")
    parser.add_argument(
        "--seconds", type=_positive_float, default=2.0, help="that one counts fetches (default 2)"
    )
    parser.add_argument("--only", nargs="+", choices=CLASSES, help="fetchers (default all)")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, help="parts (default all)")
    parser.add_argument("--asks-python", help="the Python of an environment with asks")
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="where the results go")
    return parser.parse_args()


def _positive_int(text: str) -> int:
    number = int(text)
    if number < 1:
        msg = f"at least 1 is needed, not {number}"
        raise argparse.ArgumentTypeError(msg)
    return number


def _positive_float(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        msg = f"more than 0 is needed, not {text}"
        raise argparse.ArgumentTypeError(msg)
    return number


def _require(parts: list[Part]) -> None:
    """End with a message if something is missing that *parts* need."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _DESCRIPTORS:
        msg = f"{_DESCRIPTORS:,} file descriptors are needed, and the limit is {soft:,}: ulimit -n 4096"
        raise SystemExit(msg)
    needed = ["aiohttp", "aiofiles", *(["trustme"] if "tls" in parts else [])]
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        msg = f"not installed: {' and '.join(missing)}; pip install {' '.join(missing)}"
        raise SystemExit(msg)


def _pythons(names: list[str], asks_python: str | None) -> dict[str, str]:
    """Return the Python of each fetcher, without asks if it is nowhere to be had."""
    pythons = dict.fromkeys(names, sys.executable)
    if "asks" in pythons:
        pythons["asks"] = _absolute(asks_python) if asks_python else sys.executable
        # Looked for, not imported: that takes preparations.
        if not _ask(pythons["asks"], "from importlib.util import find_spec; print(find_spec('asks') or '')"):
            if asks_python:
                msg = f"asks is not installed for {asks_python}: pip install '.[asks]' there"
                raise SystemExit(msg)
            del pythons["asks"]
            print("asks is not installed here, and is left out: --asks-python", file=sys.stderr)
    if not pythons:
        msg = "no fetcher is left to measure"
        raise SystemExit(msg)
    return pythons


def _absolute(python: str) -> str:
    found = shutil.which(python)
    if found is None:
        msg = f"--asks-python: {python} is no program that can be run"
        raise SystemExit(msg)
    return str(Path(found).absolute())  # not resolved: a link is what makes it that of its environment


def _ask(python: str, program: str) -> str:
    result = subprocess.run(  # noqa: S603 - a program of ours
        [python, "-c", program], stdout=subprocess.PIPE, check=True, text=True, timeout=_LONGEST
    )
    return result.stdout.strip()


def _facts(settings: Settings) -> dict[str, str]:
    here: dict[str, str] = json.loads(_ask(sys.executable, _VERSIONS))
    facts = {
        **machine.facts(*_PACKAGES),
        "nginx": nginx.version(),
        "load before": f"{os.getloadavg()[0]:.2f}",
        **{name: here[name] for name in sorted(here)},
    }
    if "asks" in settings.pythons:
        there: dict[str, str] = json.loads(_ask(settings.pythons["asks"], _VERSIONS))
        facts["asks"] = f"{there['asks']}, with " + ", ".join(
            f"{name} {value}" for name, value in there.items() if name in {"trio", "anyio", "h11"}
        )
    else:
        facts["asks"] = "not measured"
    return facts


def _in_words(settings: Settings) -> str:
    return (
        f"The medians of {settings.rounds} rounds of {settings.seconds:g} s, each a process of its own, on "
        "loopback. CPU is that of the client, user and system; the server has a process of its own."
    )


if __name__ == "__main__":
    main()
