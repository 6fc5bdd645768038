"""The program as a process: signals, pipes, and what it does without its packages."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from array import array
from typing import TYPE_CHECKING

import pytest
from cli_support import PATIENCE, beside, endless, eventually, program

if TYPE_CHECKING:
    from pathlib import Path

    from trio_crawl.testing import MemoryWeb

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")

FAST = ("--allow-private", "--delay", "0")


def asked(web: MemoryWeb) -> int:
    """Return how many requests were made so far."""
    return len(web.requests)


def whole_rows(file: Path, base_url: str) -> int:
    """Return how many rows a table of links holds, each of them whole."""
    text = file.read_text()
    assert text.endswith("\n")
    header, *rows = text.splitlines()
    assert header == "source_url\tparsed_url"
    for row in rows:
        assert all(url.startswith(f"{base_url}/") for url in row.split("\t", 1))
    assert len(set(rows)) == len(rows)
    return len(rows)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_stops_gracefully(tmp_path: Path, number: signal.Signals, status: int) -> None:
    """What is in flight is finished and written, and the report comes; the status names the signal."""
    web = endless(delay=0.02)
    with beside(web) as url, program(f"{url}/1", "-o", "found.tsv", *FAST, cwd=tmp_path) as process:
        eventually(lambda: asked(web) > 20)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == status
    assert "stopping: finishing what is in flight" in err
    assert "Crawl stopped" in err
    assert "Traceback" not in err
    finished = [request for request in web.requests if request.outcome == 200]
    assert finished == web.requests
    assert whole_rows(tmp_path / "found.tsv", url) == 2 * (len(finished) - 1)  # robots.txt has no row


def test_two_signals_drop_what_is_in_flight(tmp_path: Path) -> None:
    """Pages that would take minutes are dropped by the second signal; what was parsed is written."""
    web = endless(slow_after=15)
    flags = (*FAST, "--timeout", "500")
    with beside(web) as url, program(f"{url}/1", "-o", "found.tsv", *flags, cwd=tmp_path) as process:
        # Which two of them depends on how fast this machine is.
        eventually(lambda: [number > 15 for number in under_way(web)] == [True, True])
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert any("stopping" in line for line in process.stderr)  # each is read up to that
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    done = sum(request.outcome == 200 for request in web.requests) - 1  # robots.txt
    assert f"dropped what was in flight: {done} pages are done" in err
    assert process.returncode == 130
    assert "Traceback" not in err
    assert whole_rows(tmp_path / "found.tsv", url) == 2 * done


def test_a_third_signal_ends_a_program_that_hangs(tmp_path: Path) -> None:
    """An output that nobody reads can't be waited for in good order: what is left is the signal itself."""
    web = endless(padding=1000)
    with beside(web) as url, program(f"{url}/1", *FAST, cwd=tmp_path) as process:
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        eventually(lambda: unread(pipe) > 60_000)

        def ended_by_signals() -> bool:
            process.send_signal(signal.SIGINT)
            return process.poll() is not None

        eventually(ended_by_signals)
        assert process.returncode == -signal.SIGINT
        assert process.stderr is not None
        assert "dropping that, writing what is parsed" in process.stderr.read()


def under_way(web: MemoryWeb) -> list[int]:
    """Return the numbers of the pages that were asked for and have not been answered yet."""
    urls = [asked.url for asked in list(web.requests) if asked.outcome is None]
    return sorted(int(url.rpartition("/")[2]) for url in urls if not url.endswith("/robots.txt"))


def unread(pipe: int) -> int:
    """Return how many bytes stand in a pipe."""
    import fcntl  # noqa: PLC0415 - Windows has none
    import termios  # noqa: PLC0415 - nor this

    size = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, size)
    return size[0]


def test_fetch_is_dropped_by_one_signal(tmp_path: Path) -> None:
    """Showing one page has nothing to finish: the first signal ends it."""
    web = endless(slow_after=0)
    flags = ("--allow-private", "--no-robots")
    with beside(web) as url, program("fetch", f"{url}/1", *flags, cwd=tmp_path) as process:
        eventually(lambda: asked(web))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert (out, err) == ("", "")


def test_a_reader_that_has_seen_enough_ends_the_crawl_quietly(tmp_path: Path) -> None:
    """`| head` ends the crawl with status 0 and without a word about pipes."""
    web = endless()
    with beside(web) as url, program(f"{url}/1", *FAST, "--quiet", cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "source_url\tparsed_url\n"
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        assert process.wait(timeout=PATIENCE) == 0
    assert err == ""


def test_head_reads_what_it_wants(tmp_path: Path) -> None:
    """With the real `head` behind a pipe, the crawl ends with status 0, and nothing is said of pipes."""
    crawl = " ".join([shlex.quote(sys.executable), "-m", "trio_crawl", "{}/1", *FAST, "--quiet"])
    with beside(endless()) as url:
        found = subprocess.run(  # noqa: S603 - our own program
            ["bash", "-o", "pipefail", "-c", f"{crawl.format(url)} | head -n 3"],  # noqa: S607 - wherever it is
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=PATIENCE,
        )
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.splitlines()[0] == "source_url\tparsed_url"
    assert len(found.stdout.splitlines()) == 3


def test_a_report_that_nobody_reads_ends_quietly(tmp_path: Path) -> None:
    """A closed pipe for --json or --help is no traceback either."""
    web = endless()
    with beside(web) as url:
        for flags in ((f"{url}/1", "--max-depth", "0", "--json", *FAST), ("--help",)):
            with program(*flags, cwd=tmp_path) as process:
                assert process.stdout is not None
                process.stdout.close()
                assert process.stderr is not None
                err = process.stderr.read()
                assert process.wait(timeout=PATIENCE) == 0
            assert "Traceback" not in err
            assert "BrokenPipe" not in err


def test_seeds_come_from_standard_input(tmp_path: Path) -> None:
    """Lines of a pipe are crawled as they come, and the crawl ends when it does."""
    web = endless()
    with beside(web) as url:
        flags = ("--seeds", "-", "--max-depth", "0", "-o", "found.tsv", *FAST)
        with program(*flags, cwd=tmp_path, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(f"{url}/1\n")
            process.stdin.flush()
            eventually(lambda: asked(web) == 2)
            _, err = process.communicate(f"{url}/2", timeout=PATIENCE)
        assert process.returncode == 0, err
        assert whole_rows(tmp_path / "found.tsv", url) == 4


def test_a_signal_ends_a_crawl_that_waits_for_standard_input(tmp_path: Path) -> None:
    """A pipe into which nobody writes holds nothing up."""
    web = endless()
    with beside(web) as url:
        flags = (f"{url}/1", "--seeds", "-", "--max-depth", "0", "-o", "found.tsv", *FAST)
        with program(*flags, cwd=tmp_path, stdin=subprocess.PIPE) as process:
            eventually(lambda: asked(web) == 2)
            process.send_signal(signal.SIGINT)
            # Not communicate(), which would close standard input.
            assert process.wait(timeout=PATIENCE) == 130
            assert process.stderr is not None
            assert "Fatal" not in process.stderr.read()


@pytest.mark.parametrize("package", ["cyclopts", "rich"])
def test_without_its_packages_it_says_what_to_install(package: str, tmp_path: Path) -> None:
    """Without the extra the command tells the pip command, and ends with 2."""
    without = f"import sys; sys.modules[{package!r}] = None"
    code = f"{without}; from trio_crawl.__main__ import main; sys.exit(main(['http://site.test/']))"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert package in done.stderr
    assert "pip install 'trio-crawl[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_ends_the_crawl_with_1(tmp_path: Path) -> None:
    """What the operating system says about an output is told, and the status is 1."""
    (tmp_path / "full.tsv").symlink_to("/dev/full")
    with beside(endless()) as url, program(f"{url}/1", "-o", "full.tsv", *FAST, cwd=tmp_path) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "trio-crawl: error: " in err
    assert "No space left" in err
    assert "full.tsv" in err
    assert "Traceback" not in err
