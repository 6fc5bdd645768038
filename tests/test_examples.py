"""Each example runs on its own, offline, and does what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"

Run: TypeAlias = Callable[[str], str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs an example in an empty directory and returns what it printed.

    Where it ran, the base URL of its site reads ``http://site``, since the port is another each time.
    """

    def run_example(name: str) -> str:
        result = subprocess.run(  # noqa: S603 - a program of our own
            [sys.executable, "-W", "error", str(EXAMPLES / name)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, "")
        return portless(result.stdout)

    return run_example


def portless(text: str) -> str:
    """Return *text* with the base URL of an example's site replaced."""
    return re.sub(r"http://127\.0\.0\.1:\d+", "http://site", text)


def rows(path: Path) -> list[tuple[str, str]]:
    """Return the rows of a TSV file, without its header."""
    header, *lines = portless(path.read_text(encoding="utf-8")).splitlines()
    assert header == "source_url\tparsed_url"
    pairs = [line.split("\t") for line in lines]
    return [(source, target) for source, target in pairs]


def test_every_example_is_listed_and_tested() -> None:
    """The examples' README names each of them, and so does a test in this file."""
    names = {path.name for path in EXAMPLES.glob("*.py")}
    assert names == set(re.findall(r"\]\((\w+\.py)\)", (EXAMPLES / "README.md").read_text(encoding="utf-8")))
    assert names == set(re.findall(r'run\("(\w+\.py)"\)', Path(__file__).read_text(encoding="utf-8")))


def test_collect_links_writes_each_link_of_the_pages_in_the_file(run: Run, tmp_path: Path) -> None:
    """The file has one row per page and link, absolute and without fragments, each once and in order."""
    printed = run("collect_links.py")
    found = rows(tmp_path / "found.tsv")
    by_page = {source: [target for page, target in found if page == source] for source, _ in found}
    assert by_page == {
        "http://site/": ["http://site/poems/", "http://site/novels/", "https://example.org/"],
        "http://site/poems/": ["http://site/poems/ode.html", "http://site/"],
        "http://site/novels/": [
            "http://site/novels/Les%20Mis%C3%A9rables.html",
            "http://site/novels/?sort=year",
        ],
    }
    assert "http://site/\thttp://site/poems/\n" in printed


def test_stream_pages_stops_at_the_page_it_looks_for(run: Run) -> None:
    """The last page of the stream is the one that was looked for, and the crawl ended because it was left."""
    printed = run("stream_pages.py")
    pages = re.findall(r"^200 \d (\S+) (.+)$", printed, re.MULTILINE)
    assert pages[0] == ("http://site/book-0", "Volume 0")
    assert pages[-1] == ("http://site/book-17", "Volume 17")
    assert len(pages) < 100
    assert "left" in printed


def test_with_deadline_ends_both_ways_with_whole_pages(run: Run, tmp_path: Path) -> None:
    """A scope's deadline and ``max_time`` both end the endless crawl, and leave files with whole pages."""
    printed = run("with_deadline.py")
    assert "cancelled: True" in printed
    assert "ended by: max_time" in printed
    for name in ("cancelled.tsv", "stopped.tsv"):
        found = rows(tmp_path / name)
        pages = {source for source, _ in found}
        assert "http://site/" in pages
        assert len(found) == len(set(found)) == 3 * len(pages)


def test_own_parser_writes_the_quotes_of_every_page(run: Run, tmp_path: Path) -> None:
    """The parser's rows are the file's lines, and only the links it yielded were followed."""
    printed = run("own_parser.py")
    lines = portless((tmp_path / "quotes.jsonl").read_text(encoding="utf-8")).splitlines()
    quotes = [json.loads(line) for line in lines]
    assert [(quote["author"], quote["url"]) for quote in quotes] == [
        ("Alan Kay", "http://site/page/1"),
        ("Donald Knuth", "http://site/page/2"),
        ("Aristotle", "http://site/page/3"),
    ]
    assert quotes[2]["text"] == "Well begun is half done."
    assert "login" not in printed


def test_archive_parses_what_was_fetched_when_the_site_is_gone(run: Run, tmp_path: Path) -> None:
    """Every page that was archived is parsed from there."""
    printed = run("archive.py")
    assert printed.startswith("archived 3 pages\nparsed 3 pages\n")
    found = [
        json.loads(line) for line in (tmp_path / "titles.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert sorted(row["title"] for row in found) == ["Library", "Novels", "Poems"]
