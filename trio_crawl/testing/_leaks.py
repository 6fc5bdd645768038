"""What a piece of trio code left behind: descriptors, processes, threads, tasks and files.

A snapshot is taken before and after, and the two are compared; nothing is
patched, and nothing is collected first, since a socket that only the garbage
collector closes is a leak too.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_IDLE_THREAD: Final = re.compile(r"Trio thread \d+")
"""Trio's name for a worker thread that waits for work; a busy one is called after its work."""

_HANDOVER: Final = 0.005
"""Seconds that a worker thread which was just given work may need to take its name."""

_FALLBACK_DESCRIPTORS: Final = 1024
"""How many descriptors are tried one by one where no directory lists them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the process held at one moment.

    Args:
        descriptors: number and target of each open file descriptor.
        children: child processes that were not waited for, by process id.
        threads: threads at work; trio's idle ones are not.
        tasks: tasks of this trio run, its own ones included.
        files: what lies in the folder that was asked for.
    """

    descriptors: frozenset[tuple[int, str]]
    children: frozenset[int]
    threads: frozenset[threading.Thread]
    tasks: frozenset[trio.lowlevel.Task]
    files: frozenset[Path]

    @classmethod
    def take(cls, temp: Path | None = None) -> Snapshot:
        """Look around, from inside a trio run; *temp* is a folder to list as well."""
        threads = _working_threads()
        tasks = frozenset(each_task())
        children = _children()
        files = frozenset(temp.rglob("*")) if temp is not None else frozenset[Path]()
        return cls(descriptors=_descriptors(), children=children, threads=threads, tasks=tasks, files=files)

    def left_since(self, before: Snapshot) -> list[str]:
        """Name everything that is here and was not in *before*, one line each."""
        left = [
            f"file descriptor {number} ({target})"
            for number, target in sorted(self.descriptors - before.descriptors)
        ]
        left += [f"child process {pid} ({_command(pid)})" for pid in sorted(self.children - before.children)]
        left += [f"working thread {thread.name!r}" for thread in self.threads - before.threads]
        left += [describe_task(task) for task in self.tasks - before.tasks]
        left += [f"file {path}" for path in sorted(self.files - before.files)]
        return left


@asynccontextmanager
async def asserts_no_leaks(*, temp: Path | None = None) -> AsyncIterator[None]:
    """Assert that the block leaves behind nothing that it opened.

    Looked for are open file descriptors (sockets, files, pipes), child
    processes that were not waited for, threads at work, unfinished tasks of
    this trio run, and files in *temp*. Nothing is collected first. Whatever
    else runs in the process meanwhile must not open anything either.

    Child processes are looked for on Linux only, and Windows lists no sockets.
    Trio's worker threads are at work while they bear the name of their work:
    one that ``trio.lowlevel.start_thread_soon`` started without a name is not
    seen, and no thread is that Python does not know of.

    An exception from the block comes out as it is, and nothing is compared.

    Args:
        temp: a folder in which no file may be left; not looked at by default.

    Raises:
        AssertionError: something was left; names each.
    """
    before = Snapshot.take(temp)
    yield
    left = Snapshot.take(temp).left_since(before)
    if left:
        raise AssertionError("left behind: " + "; ".join(left))


def each_task(root: trio.lowlevel.Task | None = None) -> Iterator[trio.lowlevel.Task]:
    """Go through *root* and every task below it; through the whole run without one."""
    start = root or trio.lowlevel.current_root_task()
    waiting = [start] if start is not None else []
    while waiting:
        task = waiting.pop()
        yield task
        for nursery in task.child_nurseries:
            waiting.extend(nursery.child_tasks)


def describe_task(task: trio.lowlevel.Task) -> str:
    """Name *task* and the line that it waits at, the innermost outside trio if there is one."""
    frames = [(frame.f_code.co_filename, line) for frame, line in task.iter_await_frames()]
    trio_itself = str(Path(trio.__file__).parent)
    own = [place for place in frames if not place[0].startswith(trio_itself)] or frames
    return f"task {task.name!r}" + (f" waiting at {own[-1][0]}:{own[-1][1]}" if own else "")


def _working_threads() -> frozenset[threading.Thread]:
    threads = threading.enumerate()
    if any(_IDLE_THREAD.fullmatch(thread.name) for thread in threads):
        time.sleep(_HANDOVER)
        threads = threading.enumerate()
    return frozenset(thread for thread in threads if not _IDLE_THREAD.fullmatch(thread.name))


def _descriptors() -> frozenset[tuple[int, str]]:
    for folder in ("/proc/self/fd", "/dev/fd"):
        if Path(folder).is_dir():
            numbers: list[int] = [int(name) for name in os.listdir(folder)]  # noqa: PTH208 - names, and fast
            break
    else:
        numbers = list(range(_FALLBACK_DESCRIPTORS))
    return frozenset((number, target) for number in numbers if (target := _target(number)) is not None)


def _target(descriptor: int) -> str | None:
    """Return what *descriptor* stands for, so that a number used again is seen; None if it is closed.

    The one that listed the folder is closed by now.
    """
    try:
        if sys.platform == "linux":
            return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - called for each of them
        status = os.fstat(descriptor)
    except OSError:
        return None
    return f"device {status.st_dev}, inode {status.st_ino}, mode {status.st_mode:o}"


def _children() -> frozenset[int]:
    if sys.platform != "linux":
        return frozenset()
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # there is none at all, as nearly always
        return frozenset()
    own = os.getpid()
    found = (int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit())
    return frozenset(pid for pid in found if _parent(pid) == own)


def _parent(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it ended meanwhile
        return None
    # The command stands in brackets and may hold anything: count from the last bracket (proc(5)).
    return int(status.rpartition(")")[2].split()[1])


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "ended"
