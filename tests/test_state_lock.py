"""One crawl at a time has a state; the second one is told which is the first."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from crawl_support import virtual
from state_support import files_in, go, small_site, urls_in

from trio_crawl import StateError

if TYPE_CHECKING:
    from trio_crawl import Control

ROOT = Path(__file__).resolve().parents[1]

HOLDER = """
import sys, time
from pathlib import Path
from trio_crawl._frontier.lock import StateLock
lock = StateLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


@virtual
async def test_a_second_crawl_of_this_process(tmp_path: Path) -> None:
    """Two crawls of one process do not share a state; the first one is not disturbed."""

    async def slowly(*, task_status: trio.TaskStatus[Control]) -> None:
        await go(tmp_path, small_site(), delay=5, task_status=task_status)

    async with trio.open_nursery() as nursery:
        await nursery.start(slowly)
        with pytest.raises(StateError, match=f"in use by process {os.getpid()} on "):
            await go(tmp_path, small_site())
        assert "crawl.db.lock" in files_in(tmp_path)
    assert files_in(tmp_path) == ["crawl.db", "pages.jsonl"]
    assert len(urls_in(tmp_path)) == 12


@virtual
async def test_another_process(tmp_path: Path) -> None:
    """The message names the other process, its machine and since when; once it is gone the crawl begins."""
    with subprocess.Popen(  # noqa: S603, ASYNC220 - on a clock that waits for nobody
        [sys.executable, "-c", HOLDER, tmp_path / "crawl.db"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            words = rf"crawl\.db is in use by process {holder.pid} on {socket.gethostname()}, since 20\d\d-"
            with pytest.raises(StateError, match=words):
                await go(tmp_path, small_site())
            assert files_in(tmp_path) == ["crawl.db.lock"]
        finally:
            holder.kill()
    # The file of a process that was killed is left, and in nobody's way.
    assert files_in(tmp_path) == ["crawl.db.lock"]
    await go(tmp_path, small_site())
    assert files_in(tmp_path) == ["crawl.db", "pages.jsonl"]
