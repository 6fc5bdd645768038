"""The command line on a terminal: what is drawn is never drawn over rows, and messages stay whole."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import sys
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from cli_support import PATIENCE, beside

from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_crawl.abc import Hop

PROGRAM = f"{shlex.quote(sys.executable)} -m trio_crawl"


class Terminal:
    """A terminal of so many columns, and what a program on it wrote."""

    def __init__(self, descriptor: int, child: int) -> None:
        self._descriptor = descriptor
        self._child = child
        self.written = ""

    def until(self, text: str) -> None:
        while text not in self.written:
            assert self._read(), f"it ended before {text!r}: {self.written!r}"

    def press(self, key: bytes) -> None:
        os.write(self._descriptor, key)

    def end(self) -> int:
        """Wait for the end of the program, and return its status."""
        while self._read():
            pass
        _, status = os.waitpid(self._child, 0)
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> bool:
        if not select.select([self._descriptor], [], [], PATIENCE)[0]:
            pytest.fail(f"nothing more came: {self.written!r}")
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # Linux: the program has ended
            return False
        self.written += data.decode(errors="replace")
        return bool(data)


@contextmanager
def terminal(command: str, folder: Path, *, columns: int = 80) -> Iterator[Terminal]:
    """Run a shell's *command* on a terminal of its own."""
    child, descriptor = pty.fork()
    if child == 0:
        os.read(0, 1)  # until the size is set
        os.chdir(folder)
        os.environ.pop("COLUMNS", None)
        os.execvpe("/bin/bash", ["bash", "-c", command], {**os.environ, "TERM": "xterm"})  # noqa: S606
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    os.write(descriptor, b"\n")
    try:
        yield Terminal(descriptor, child)
    finally:
        os.close(descriptor)
        try:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def tree(*, delay: float = 0.0, last: int = 1000) -> MemoryWeb:
    """Return a site whose pages link to two more each."""
    web = MemoryWeb()
    web.robots("http://site.test", "")

    def page(hop: Hop) -> Reply:
        number = int(hop.url.rpartition("/")[2] or 0)
        links = "".join(f"<a href=/{2 * number + n}>x</a>" for n in (1, 2) if 2 * number + n < last)
        return Reply(body=links.encode(), delay=delay)

    web.otherwise("http://site.test", page)
    return web


@pytest.mark.parametrize("reader", ["| cat", "| head -n 4", "> rows.tsv", "-o rows.tsv"])
def test_nothing_is_drawn_where_rows_may_come_out(reader: str, tmp_path: Path) -> None:
    """A pipe may lead back to the terminal: there are no cursor movements then; a file is no reason."""
    with beside(tree(last=12)) as url:
        command = f"{PROGRAM} {url}/ --allow-private --delay 0 --per-host 1 {reader}"
        with terminal(command, tmp_path) as screen:
            assert screen.end() == 0
    drawn = re.findall(r"\x1b\[(?:\d*A|2K|\?25l)", screen.written)
    if "|" in reader:
        assert drawn == []
        rows = [line for line in screen.written.splitlines() if "\t" in line]
        assert rows[0] == "source_url\tparsed_url"
        assert len(rows) == (4 if "head" in reader else 12)
        assert all(re.fullmatch(r"http://\S+\thttp://\S+", row) for row in rows[1:])
    else:
        assert drawn
        assert len((tmp_path / "rows.tsv").read_text().splitlines()) == 12


def test_head_ends_it_quietly(tmp_path: Path) -> None:
    """Not a word, neither of pipes nor of what was not written."""
    with beside(tree(delay=0.01)) as url:
        command = f"{PROGRAM} {url}/ --allow-private --delay 0 | head -n 2; exit ${{PIPESTATUS[0]}}"
        with terminal(command, tmp_path) as screen:
            assert screen.end() == 0
    assert len(screen.written.splitlines()) <= 3  # the line feed that began it, and two rows


def test_messages_are_whole_on_a_narrow_terminal(tmp_path: Path) -> None:
    """What Ctrl-C is answered by fits into 60 columns, above a display that goes on."""
    with beside(tree(delay=0.5)) as url:
        command = f"exec {PROGRAM} {url}/ --allow-private --delay 0.1 -o rows.tsv"
        with terminal(command, tmp_path, columns=60) as screen:
            screen.until("200: 1")
            screen.press(b"\x03")
            screen.until("again to drop it")
            assert screen.end() == 128 + signal.SIGINT
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", screen.written).splitlines()
    told = [line.strip() for line in plain if "trio-crawl:" in line]
    assert told[:2] == [
        "trio-crawl: stopping: finishing what is in flight",
        "trio-crawl: press Ctrl-C again to drop it",
    ]
    assert all(len(line) <= 60 for line in told)


@pytest.mark.parametrize(("flag", "levels"), [("", 0), ("-v", 1), ("-vv", 2), ("--verbose", 1)])
def test_verbose_tells_more(flag: str, levels: int, tmp_path: Path) -> None:
    """-v what is asked for again and slowed, -vv each request."""
    web = tree(last=3)
    answers = iter([Reply(status=503)])
    web.add("http://site.test/1", lambda _hop: next(answers, Reply()))
    with beside(web) as url:
        command = f"{PROGRAM} {url}/ --allow-private --delay 0 -o rows.tsv {flag} 2> told.txt"
        with terminal(command, tmp_path) as screen:
            assert screen.end() == 0
    told = (tmp_path / "told.txt").read_text()
    assert ("is asked for again in" in told) is (levels >= 1)
    assert ("rests for" in told) is (levels >= 1)
    assert (f"GET {url}/2: 200, 0 bytes" in told) is (levels >= 2)
