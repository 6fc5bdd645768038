"""The progress: what its pictures and lines say, and that a terminal gets the one and a pipe the other."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cli_support import PATIENCE, program
from rich.console import Console
from rich.spinner import Spinner

from trio_crawl import Statistics
from trio_crawl._cli.progress import Pace, amount, duration, line, picture, showing_log

if TYPE_CHECKING:
    from pathlib import Path

COUNTS = Statistics(
    discovered=1250,
    pages=312,
    failed={"timeout": 2, "dns": 1},
    skipped={"scope": 20},
    pending=915,
    in_flight=12,
    statuses={404: 12, 200: 300},
    rows=18204,
    links=18204,
    bytes=4_200_000,
    elapsed=75.2,
)


def drawn(counts: Statistics, width: int = 80) -> str:
    """Return the live display as it looks on a terminal of *width* columns, without colours."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(picture(counts, 25.84, Spinner("dots")))
    return capture.get()


def test_a_picture_has_every_number() -> None:
    """Pages with their statuses, failures and skips with their reasons, the largest first."""
    text = drawn(COUNTS)
    for piece in ("1:15", "335 of 1,250 URLs", "25.8 pages/s", "200: 300, 404: 12", "timeout: 2, dns: 1"):
        assert piece in text
    for piece in ("scope: 20", "12 of them in flight", "18,204 rows written, 4.2 MB received"):
        assert piece in text


def test_sitemaps_are_told_where_there_are_some() -> None:
    """In both forms, and else in none."""
    assert "sitemaps" not in drawn(COUNTS) + line(COUNTS, 1)
    counts = replace(COUNTS, sitemaps=1200)
    assert "sitemaps" in drawn(counts)
    assert "1,200 sitemaps" in line(counts, 1)


def test_a_picture_fits_a_narrow_terminal() -> None:
    """No line is wider than the terminal, and there is one for each number still."""
    lines = drawn(COUNTS, width=60).splitlines()
    assert all(len(text) <= 60 for text in lines)
    assert sum(text.startswith("  ") for text in lines) >= 5


def test_a_picture_of_nothing_is_drawn() -> None:
    """A crawl that has found nothing yet has a picture too, without the lines that would be empty."""
    text = drawn(Statistics())
    assert "0 of 0 URLs" in text
    assert "failed" not in text


def test_a_line_says_the_same_in_words() -> None:
    """The plain line has the counts, and failures only where there are some."""
    assert line(COUNTS, 25.84) == (
        "1:15: 312 pages (25.8/s), 915 pending, 12 in flight, 3 failed, 20 skipped, 18,204 links, 4.2 MB"
    )
    assert "failed" not in line(Statistics(), 0)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (7.9, "0:07"), (750, "12:30"), (3605, "1:00:05"), (90000, "25:00:00")]
)
def test_durations_read_as_on_a_clock(seconds: float, shown: str) -> None:
    """Hours appear where there are some."""
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (4_200_000, "4.2 MB"), (5 * 10**12, "5.0 TB")],
)
def test_amounts_have_the_unit_that_fits(size: int, shown: str) -> None:
    """Sizes are shown in powers of a thousand."""
    assert amount(size) == shown


def test_the_pace_is_that_of_the_last_seconds() -> None:
    """What was long ago does not count, so a crawl that halts shows it."""
    pace = Pace()
    assert pace.add(0.0, 0) == 0.0
    assert pace.add(2.0, 100) == 50.0
    for second in range(3, 30):
        last = pace.add(float(second), 100)
    assert last == 0.0


def test_warnings_are_told_on_the_console_while_it_lasts() -> None:
    """The library's warnings come as lines, without control characters; afterwards, or quietly, none does."""
    console = Console(file=io.StringIO(), width=20, markup=False, highlight=False)
    log = logging.getLogger("trio_crawl")
    with showing_log(console, quiet=False):
        log.warning("%s", "http://site.test/\x1b[2J: timeout [bold]after[/] thirty seconds")
        log.info("of no interest")
    with showing_log(console, quiet=True):
        log.warning("unheard")
    assert console.file.getvalue() == (  # type: ignore[attr-defined] # it is the StringIO
        "trio-crawl: http://site.test/\\x1b[2J: timeout [bold]after[/] thirty seconds\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals that look like this")
def test_a_terminal_gets_a_live_display_and_a_pipe_does_not(tmp_path: Path) -> None:
    """On a terminal the picture is drawn over itself, and is gone at the end; a pipe gets plain text."""
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    with program("demo", cwd=tmp_path, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = read_all(ours)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert shown.count(" URLs") > 3
    assert "\x1b[1A" in shown  # the cursor goes up to draw again

    with program("demo", cwd=tmp_path, stderr=subprocess.PIPE, env=environment) as process:
        _, plain = process.communicate(timeout=PATIENCE)
    assert "\x1b" not in plain


def read_all(descriptor: int) -> str:
    """Return what is written to a pseudo-terminal until its other end is closed."""
    pieces = []
    try:
        while data := os.read(descriptor, 65536):
            pieces.append(data)
    except OSError:
        pass  # Linux tells the end by EIO.
    finally:
        os.close(descriptor)
    return b"".join(pieces).decode()
