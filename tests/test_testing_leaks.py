"""What a block leaves behind is found and named; what it closes is not."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from typing import TYPE_CHECKING

import pytest
import trio

from trio_crawl.testing import asserts_no_leaks

if TYPE_CHECKING:
    from pathlib import Path

linux = pytest.mark.skipif(sys.platform != "linux", reason="child processes are looked for on Linux only")


async def test_a_block_that_cleans_up_passes(tmp_path: Path) -> None:
    """Sockets, tasks, threads, processes and files that are gone at the end are no leak."""
    async with asserts_no_leaks(temp=tmp_path), trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 0)
        await trio.to_thread.run_sync(int)
        await trio.run_process([sys.executable, "-c", ""])
        with socket.socket(), tempfile.TemporaryFile(dir=tmp_path):
            pass


async def test_a_socket() -> None:
    """An open socket is named with its descriptor."""
    with pytest.raises(AssertionError, match=r"file descriptor \d+ \(.*\)"):
        async with asserts_no_leaks():
            left = socket.socket()
    left.close()


async def test_a_socket_in_the_place_of_another() -> None:
    """A socket that took over the number of one that was open before is a leak all the same."""
    sockets = [socket.socket()]
    number = sockets[0].fileno()

    async def swap() -> None:
        async with asserts_no_leaks():
            sockets[0].close()
            sockets.append(socket.socket())

    with pytest.raises(AssertionError, match=f"file descriptor {number} "):
        await swap()
    assert sockets[1].fileno() == number
    sockets[1].close()


async def test_a_socket_that_only_the_collector_closes() -> None:
    """A socket that nobody can reach any more, but that was not closed, is a leak."""
    seen: list[weakref.ref[socket.socket]] = []

    def leak() -> None:
        left = socket.socket()
        seen.append(weakref.ref(left))
        circle: list[object] = [left]
        circle.append(circle)

    gc.disable()
    try:
        with pytest.raises(AssertionError, match="file descriptor"):
            async with asserts_no_leaks():
                leak()
        left = seen[0]()
        assert left is not None
        left.close()
    finally:
        gc.enable()


@linux
async def test_a_child_process() -> None:
    """A child process that was not waited for is named, running or ended."""
    with pytest.raises(AssertionError, match=r"child process \d+ \("):
        async with asserts_no_leaks():
            left = subprocess.Popen([sys.executable, "-c", ""])  # noqa: ASYNC220 - started quickly
    left.wait()


@linux
async def test_a_child_process_from_before_is_none_of_ours() -> None:
    """A child process that was there already is no leak."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as earlier:  # noqa: ASYNC220
        async with asserts_no_leaks():
            pass
        earlier.communicate(b"\n")


async def test_a_working_thread() -> None:
    """A thread that was abandoned at its work is named after the work."""
    release = threading.Event()

    def slow_work() -> None:
        release.wait()

    async def abandon() -> None:
        async with asserts_no_leaks():
            with trio.move_on_after(0.01):
                await trio.to_thread.run_sync(slow_work, abandon_on_cancel=True)

    with pytest.raises(AssertionError, match=r"working thread .*slow_work"):
        await abandon()
    release.set()


async def test_a_thread_that_was_started_at_the_last_moment() -> None:
    """A thread that has had no time yet to take the name of its work is found too."""
    for _ in range(20):
        release, done = threading.Event(), threading.Event()

        def deliver(_result: object, done: threading.Event = done) -> None:
            done.set()

        await trio.to_thread.run_sync(int)  # so that an idle thread is there to be given the work
        with pytest.raises(AssertionError, match="working thread 'last'"):
            async with asserts_no_leaks():
                trio.lowlevel.start_thread_soon(release.wait, deliver, name="last")
        release.set()
        done.wait()


async def test_a_plain_thread() -> None:
    """A thread that is none of trio's is a leak while it lives."""
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="of my own")
    with pytest.raises(AssertionError, match="working thread 'of my own'"):
        async with asserts_no_leaks():
            thread.start()
    release.set()
    thread.join()


async def test_a_task() -> None:
    """A task that still runs is named with the line that it waits at."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(AssertionError, match=r"task '.*sleep_forever' waiting at .*\.py:\d+"):
            async with asserts_no_leaks():
                nursery.start_soon(trio.sleep_forever)
        nursery.cancel_scope.cancel()


async def test_a_system_task() -> None:
    """A task outside of every nursery of the caller's is found too."""
    release = trio.Event()
    with pytest.raises(AssertionError, match="task 'mine'"):
        async with asserts_no_leaks():
            trio.lowlevel.spawn_system_task(release.wait, name="mine")
    release.set()


async def test_a_file(tmp_path: Path) -> None:
    """A file that was left in the folder, or in one below it, is named."""
    (tmp_path / "deep").mkdir()
    with pytest.raises(AssertionError, match=r"file .*deep.left"):
        async with asserts_no_leaks(temp=tmp_path):
            (tmp_path / "deep" / "left").touch()


async def test_everything_is_named_at_once(tmp_path: Path) -> None:
    """Of several things that were left each is named."""
    left = []

    async def leave() -> None:
        async with asserts_no_leaks(temp=tmp_path):
            left.append(socket.socket())
            (tmp_path / "left").touch()

    with pytest.raises(AssertionError, match=r"descriptor.*; file"):
        await leave()
    left[0].close()


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
async def test_an_exception_comes_out_as_it_is(error: BaseException) -> None:
    """An exception from the block is not hidden by what the block left."""
    made: list[socket.socket] = []

    async def block() -> None:
        async with asserts_no_leaks():
            made.append(socket.socket())
            raise error

    with pytest.raises(type(error)) as caught:
        await block()
    assert caught.value is error
    made[0].close()
