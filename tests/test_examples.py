"""Each example runs on its own, offline, and does what it says."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
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
            # The options are those of this run; one of the examples runs a pytest of its own.
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "PYTEST_ADDOPTS": ""},
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
    tests = Path(__file__).read_text(encoding="utf-8")
    assert names == {*re.findall(r'run\("(\w+\.py)"\)', tests), "web_service.py"}
    assert "web_service.py" in Path(__file__).with_name("test_examples_web_service.py").read_text()


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


def test_producers_and_consumers_come_to_a_clean_end(run: Run) -> None:
    """Each page that was produced was consumed, once, and both consumers had some."""
    printed = run("producers_and_consumers.py")
    taken = re.findall(r"^consumer (\w) took http://site/(\S+): Page (\S+)$", printed, re.MULTILINE)
    assert sorted(page for _, page, _ in taken) == [f"{n}/{page}" for n in range(3) for page in range(4)]
    assert all(page == title for _, page, title in taken)
    assert {name for name, _, _ in taken} == {"A", "B"}
    assert printed.endswith("12 pages, done\n")


def test_chained_stages_pass_on_what_they_have(run: Run) -> None:
    """Each product comes through all stages."""
    printed = run("chained.py")
    assert re.findall(r"found (\w+)", printed) == ["tea", "cup", "pot"]
    assert sorted(re.findall(r"(\w+ costs \S+)", printed)) == [
        "cup costs 7.15",
        "pot costs 22.00",
        "tea costs 4.40",
    ]


def test_hundred_sites_are_cancelled_in_time(run: Run) -> None:
    """Results come as they are there, failures too, and what was in flight is named."""
    printed = run("hundred_sites.py")
    results, _, cancelled = printed.partition("cancelled")
    sites = re.findall(r"^https://site-(\d+)\.test/:? (.+)$", results, re.MULTILINE)
    left = re.findall(r"^  https://site-(\d+)\.test/ after \d\.\d s$", cancelled, re.MULTILINE)
    assert {number for number, _ in sites}.isdisjoint(left)
    assert len(sites) > 3
    assert dict(sites)["7"].startswith("connect: ")
    assert cancelled.startswith(f" {len(left)} requests:")
    assert "100" in left


def test_server_status_has_a_handle_for_each(run: Run) -> None:
    """Twenty servers are polled; the third one, which was cancelled, less often than its neighbours."""
    lines = {
        name: said for name, *said in (line.split(", ") for line in run("server_status.py").splitlines())
    }
    assert len(lines) == 20
    assert 0 < len(lines["server-3"]) < len(lines["server-2"])
    assert set(lines["server-5"]) == {"503 load 5%"}
    assert set(lines["server-7"]) == {"down (timeout)"}
    assert set(lines["server-1"]) == {"200 load 1%"}


def test_scrape_urls_gives_a_result_for_each(run: Run) -> None:
    """In the order asked, one given twice included; errors are results."""
    printed = run("scrape_urls.py")
    results = re.findall(r"Result\(url='(?:http://site)?([^']+)', title=(.+), error=(.+)\)", printed)
    assert results == [
        ("/0", "'Page 0'", "None"),
        ("/busy", "'Not busy'", "None"),
        ("/slow", "None", "'timeout'"),
        ("/missing", "'404'", "'HTTP 404'"),
        ("/1", "'Page 1'", "None"),
        ("/2", "'Page 2'", "None"),
        ("/0", "'Page 0'", "None"),
        ("/3#part", "'Page 3'", "None"),
        ("no URL", "None", "'bad_seed'"),
    ]


def test_files_and_threads_hold_up_nobody(run: Run, tmp_path: Path) -> None:
    """What worker processes computed is in the database."""
    assert run("files_and_threads.py") == "8 pages, 8 rows\n"
    with closing(sqlite3.connect(tmp_path / "words.sqlite")) as db:
        found = db.execute("SELECT words, most FROM words ORDER BY words").fetchall()
    assert [words for words, _ in found] == list(range(3, 11))
    assert {most for words, most in found if words > 3} == {"tea"}


def test_locks_events_semaphores_share_a_limiter(run: Run) -> None:
    """Both crawls and the other work came to their end, and no token is left in use."""
    printed = run("locks_events_semaphores.py").splitlines()
    assert [line.split(". ")[0] for line in printed[:-1]] == [f"{number}" for number in range(1, 8)]
    assert sum("other work was done" in line for line in printed) == 1
    assert printed[-1] == "tokens in use: 0"


def test_from_asyncio_runs_in_asyncio(run: Run) -> None:
    """Crawls at once, a stream, and one that its time-out cancels."""
    printed = run("from_asyncio.py").splitlines()
    assert printed[:3] == [str([f"{n}: home", f"https://{n}.test/1", f"https://{n}.test/2"]) for n in "abc"]
    assert printed[3:] == ["200 https://d.test/", "out of time; nothing is left running: True"]


def test_from_jupyter_runs_in_cells(run: Run) -> None:
    """Cells with and without ``await``, in a loop that runs already."""
    assert run("from_jupyter.py").splitlines() == [
        "3 rows: [{'title': 'Shop'}, {'title': 'Tea'}, {'title': 'Cup'}]",
        "done",
        "https://shop.test/",
        "https://shop.test/tea",
        "something else ran meanwhile",
        "3 pages",
    ]


def test_from_a_view_answers(run: Run) -> None:
    """A view answers with all of it, another one row by row."""
    first, summary, second, *rows, _ = run("from_a_view.py").splitlines()
    assert first == second == "200 OK"
    said = json.loads(summary)
    assert (said["ended"], said["pages"]) == ("done", 4)
    assert [json.loads(row) for row in rows] == said["rows"]


def test_news_by_sitemap_asks_for_what_is_new_alone(run: Run) -> None:
    """The two articles of the week; of the archive nothing is asked for."""
    assert run("news_by_sitemap.py").splitlines() == [
        "2026-11-27 News of 1 days ago",
        "2026-11-25 News of 3 days ago",
        "6 requests, 2 sitemaps",
    ]


def test_tested_passes(run: Run) -> None:
    """The tests of the example are tests: they pass."""
    assert "3 passed" in run("tested.py")


def test_every_example_fits_on_a_screen() -> None:
    """Each has 60 lines at most; the web service twice as many."""
    lengths = {
        path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in EXAMPLES.glob("*.py")
    }
    assert {name for name, length in lengths.items() if length > 60} <= {"web_service.py"}
    assert lengths["web_service.py"] <= 120
