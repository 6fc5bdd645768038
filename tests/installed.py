"""What an installed copy of the library can do: ``python -I installed.py [EXTRA]``.

It runs in an environment of its own, and needs nothing but the wheel and, where one is named, the packages
of that extra.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import trio

import trio_crawl
from trio_crawl._cli.demo_site import ORIGIN, make_site
from trio_crawl.testing import serving

MODULES: Final = ("abc", "fetchers", "testing", "writers")
FOR_DEVELOPMENT: Final = ("pytest", "hypothesis", "trustme", "mypy", "ruff")
OUTPUTS: Final = {"parquet": "found", "warc": "found.warc.gz"}


async def crawl(output: Path, fetch: object) -> trio_crawl.Report:
    """Crawl the demonstration's site."""
    async with serving(make_site(), origin=ORIGIN) as url:
        return await trio_crawl.crawl(f"{url}/", fetch=fetch, write=output, delay=0, allow_private=True)


def fetcher_for(extra: str, folder: Path) -> object:
    """Return the fetcher that the extra is for, or the one that needs none."""
    if extra == "asks":
        return trio_crawl.fetchers.Asks()
    if extra == "cache":
        return trio_crawl.fetchers.Cache("curl", path=folder / "cache.db")
    return "curl"


def main() -> None:
    """Import all that is public, crawl, and ask the command for its help."""
    extra = sys.argv[1] if len(sys.argv) > 1 else ""
    assert Path(trio_crawl.__file__).is_relative_to(sys.prefix), "this is no installed copy"
    assert not [name for name in FOR_DEVELOPMENT if find_spec(name)], "packages for development are there"
    for name in MODULES:
        module = import_module(f"trio_crawl.{name}")
        assert [getattr(module, item) for item in module.__all__]
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / OUTPUTS.get(extra, "found.tsv")
        output = output.with_suffix(".parquet") if extra == "parquet" else output
        report = trio.run(crawl, output, fetcher_for(extra, Path(name)))
        assert report.ended == "done", report
        assert output.exists(), output
    command = [sys.executable, "-I", "-m", "trio_crawl", "--help"]
    helped = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    expected, said = (0, "--max-depth") if extra == "cli" else (2, "pip install 'trio-crawl[cli]'")
    assert helped.returncode == expected, helped
    assert said in helped.stdout + helped.stderr, helped
    sys.stdout.write(f"{extra or 'the wheel alone':16} {report.pages} pages, {report.rows} rows\n")


if __name__ == "__main__":
    main()
