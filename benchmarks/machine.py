"""What a benchmark ran on, for its results."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import trio_crawl


def facts(*packages: str) -> dict[str, str]:
    """Return date, machine and versions, those of *packages* among them."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [
        line.partition(":")[2].strip()
        for line in (cpuinfo.read_text().splitlines() if cpuinfo.exists() else ())
        if line.startswith("model name")
    ]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} cores, {models[0] if models else platform.processor() or 'unknown'}",
        "system": platform.platform(),
        "python": platform.python_version(),
        "trio-crawl": trio_crawl.__version__,
        **{package: version(package) for package in packages},
    }
