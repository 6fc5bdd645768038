"""The lock beside a state: one holder at a time, who is named."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from trio_crawl import StateError
from trio_crawl._frontier.lock import StateLock

ROOT = Path(__file__).resolve().parents[1]

RACE = """
import sys, time
from pathlib import Path
from trio_crawl import StateError
from trio_crawl._frontier.lock import StateLock
path, marker = map(Path, sys.argv[1:])
end = time.monotonic() + 1.0
held = 0
while time.monotonic() < end:
    try:
        lock = StateLock(path)
    except StateError:
        continue
    marker.open("x").close()  # fails if another process is in here
    marker.unlink()
    lock.release()
    held += 1
print(held)
"""


def test_the_file_says_who_holds_it(tmp_path: Path) -> None:
    """It names process, machine and moment, and is gone when the lock is let go of."""
    lock = StateLock(tmp_path / "crawl.db")
    said = json.loads((tmp_path / "crawl.db.lock").read_text())
    assert said["pid"] == os.getpid()
    assert said["host"]
    assert datetime.fromisoformat(said["since"]).tzinfo is not None
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_second_holder_is_refused(tmp_path: Path) -> None:
    """Whoever comes second is told of the first, whose file stays as it is."""
    lock = StateLock(tmp_path / "crawl.db")
    text = (tmp_path / "crawl.db.lock").read_text()
    with pytest.raises(StateError, match=f"in use by process {os.getpid()} on .*, since "):
        StateLock(tmp_path / "crawl.db")
    assert (tmp_path / "crawl.db.lock").read_text() == text
    lock.release()
    StateLock(tmp_path / "crawl.db").release()


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"pid": 1}', b"\xff"])
def test_a_file_that_says_nothing(tmp_path: Path, text: bytes) -> None:
    """A holder that has not said yet who it is is another crawl."""
    lock = StateLock(tmp_path / "crawl.db")
    (tmp_path / "crawl.db.lock").write_bytes(text)
    with pytest.raises(StateError, match="in use by another crawl"):
        StateLock(tmp_path / "crawl.db")
    lock.release()


def test_a_file_that_was_left(tmp_path: Path) -> None:
    """The file of a process that was killed holds nobody off."""
    (tmp_path / "crawl.db.lock").write_text("left behind, and longer than what is written over it" * 9)
    lock = StateLock(tmp_path / "crawl.db")
    assert json.loads((tmp_path / "crawl.db.lock").read_text())["pid"] == os.getpid()
    lock.release()


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    """Where the file can't be made, the message says which and why, and names no holder."""
    (tmp_path / "crawl.db.lock").mkdir()
    with pytest.raises(StateError, match=rf"crawl\.db\.lock: {os.strerror(errno.EISDIR)}"):
        StateLock(tmp_path / "crawl.db")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_file_that_can_not_be_written(tmp_path: Path) -> None:
    """A disk that is full is no other crawl."""
    (tmp_path / "crawl.db.lock").symlink_to("/dev/full")
    with pytest.raises(StateError, match=r"crawl\.db can't be locked: crawl\.db\.lock: "):
        StateLock(tmp_path / "crawl.db")


def test_a_race_has_one_winner(tmp_path: Path) -> None:
    """Of processes that take and release it as fast as they can, never two hold it at once."""
    command = [sys.executable, "-c", RACE, str(tmp_path / "crawl.db"), str(tmp_path / "marker")]
    racers = [
        subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(3)
    ]
    ends = [racer.communicate() for racer in racers]
    assert [error for _, error in ends] == ["", "", ""]
    assert all(int(held) > 0 for held, _ in ends)


def test_a_lock_that_was_left_behind_is_told_from_a_new_one(tmp_path: Path) -> None:
    """A file that says who held it is there only if that one ended without letting go."""
    path = tmp_path / "crawl.db"
    for left_behind in (False, False, True):
        if left_behind:
            (tmp_path / "crawl.db.lock").write_text('{"pid": 1}')
        lock = StateLock(path)
        assert lock.left_behind is left_behind
        lock.release()
