"""The helpers cancel at each step and each time they say, and find each kind of leak."""

from __future__ import annotations

import gc
import random
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from trio_crawl._errors import UsageError
from trio_crawl.testing import cancel_at, cancel_everywhere

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

linux = pytest.mark.skipif(sys.platform != "linux", reason="child processes are looked for on Linux only")


async def _three_steps() -> str:
    await trio.lowlevel.checkpoint()
    await trio.lowlevel.checkpoint()
    await trio.sleep(3600)
    return "done"


def test_every_step_is_cancelled_once() -> None:
    """The k-th run is cancelled before its k-th step; the last one is not, and has all the steps."""
    results: list[tuple[int, object]] = []
    steps = cancel_everywhere(_three_steps, check=lambda k, result: results.append((k, result)))
    assert steps == 3
    assert results == [(1, None), (2, None), (3, None), (4, "done")]


def test_a_checkpoint_is_where_it_ends() -> None:
    """A run that is cancelled before a step ends at the checkpoint which that step would have passed."""
    reached: list[int] = []

    async def count() -> None:
        reached.append(0)
        for number in (1, 2, 3):
            await trio.lowlevel.checkpoint()
            reached[-1] = number

    assert cancel_everywhere(count) == 3
    assert reached == [0, 1, 2, 3]


def test_first_and_stride() -> None:
    """The first step to cancel before and the distance to the next are the caller's."""
    tried: list[int] = []
    steps = cancel_everywhere(_three_steps, first=2, stride=3, check=lambda k, _: tried.append(k))
    assert (steps, tried) == (3, [2, 5])


@pytest.mark.parametrize("bad", [{"first": 0}, {"stride": 0}, {"stride": -1}])
def test_steps_are_counted_from_one(bad: dict[str, int]) -> None:
    """A first step or a stride below 1 is a UsageError."""
    with pytest.raises(UsageError, match="at least 1"):
        cancel_everywhere(_three_steps, first=bad.get("first", 1), stride=bad.get("stride", 1))


def test_steps_of_all_tasks_count() -> None:
    """The steps of tasks in nurseries inside the scope are cancelled before, too."""
    ended: list[list[str]] = []

    async def child(name: str) -> None:
        await trio.sleep(1)
        ended[-1].append(name)

    async def parent() -> None:
        ended.append([])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child, "a")
            nursery.start_soon(child, "b")

    # Each child begins, wakes up and ends in two steps, and the parent wakes up once.
    assert cancel_everywhere(parent) == 5
    assert ended[0] == []
    assert sorted(ended[-1]) == ["a", "b"]


def test_a_clock_of_the_callers() -> None:
    """The clock of each run is made by the factory; None is trio's own."""
    clocks: list[trio.testing.MockClock] = []

    def clock() -> trio.testing.MockClock:
        clocks.append(trio.testing.MockClock(autojump_threshold=0))
        return clocks[-1]

    async def short() -> float:
        await trio.sleep(0.001)
        return trio.current_time()

    cancel_everywhere(short, clock=clock)
    assert len(clocks) == 2
    times: list[object] = []
    cancel_everywhere(short, clock=lambda: None, check=lambda _, result: times.append(result))
    virtual_start = 100.0
    assert isinstance(times[-1], float)
    assert times[-1] > virtual_start


def test_what_check_raises_says_where() -> None:
    """An assertion of the caller's comes out as it is, with a note that names the step."""

    def check(step: int, _result: object) -> None:
        assert step < 2, "mine"

    with pytest.raises(AssertionError, match="mine") as caught:
        cancel_everywhere(_three_steps, check=check)
    assert caught.value.__notes__ == ["cancelled before step 2"]


def test_another_exception_is_named_with_its_step() -> None:
    """An exception that a cancellation turned into another is an AssertionError that names the step."""

    def clean_up() -> None:
        message = "was cancelled"
        raise OSError(message)

    async def confused() -> None:
        await trio.lowlevel.checkpoint()
        with ExitStack() as stack:
            stack.callback(clean_up)
            await trio.sleep(1)

    with pytest.raises(AssertionError, match=r"cancelled before step 2: OSError.* came out") as caught:
        cancel_everywhere(confused)
    assert isinstance(caught.value.__cause__, OSError)


def test_an_exception_of_the_uncancelled_run_comes_out_too() -> None:
    """Code that fails by itself is found out, with its exception as the cause."""

    async def broken() -> None:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    with pytest.raises(AssertionError, match=r"not cancelled \(steps: 1\): ZeroDivisionError") as caught:
        cancel_everywhere(broken)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_interrupt_comes_out_as_it_is() -> None:
    """A KeyboardInterrupt is not taken for a fault of the code under test."""

    async def interrupted() -> None:
        await trio.lowlevel.checkpoint()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cancel_everywhere(interrupted)


def test_an_abort_function_that_raises_is_found() -> None:
    """An abort function that raises, which trio would only log, is found, though its task then hangs."""
    calls: list[object] = []

    def abort(raise_cancel: object) -> trio.lowlevel.Abort:
        calls.append(raise_cancel)
        if len(calls) == 1:
            raise ZeroDivisionError
        return trio.lowlevel.Abort.SUCCEEDED

    async def wait() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.lowlevel.wait_task_rescheduled, abort)
            await trio.sleep(1)
            nursery.cancel_scope.cancel()

    # Before the second step the child is blocked: the cancellation calls what aborts it.
    with pytest.raises(AssertionError, match="step 2: a task's abort function raised ZeroDivisionError"):
        cancel_everywhere(wait, first=2)


def test_a_leaked_socket_is_found() -> None:
    """A socket that is closed on every way but one is found at the step of that way."""
    leaked: list[socket.socket] = []

    async def careless() -> None:
        await trio.lowlevel.checkpoint()
        left = socket.socket()
        leaked.append(left)
        await trio.lowlevel.checkpoint()
        left.close()

    with pytest.raises(AssertionError, match=r"cancelled before step 2: left behind: file descriptor"):
        cancel_everywhere(careless)
    for left in leaked:
        left.close()


def test_a_leaked_task_is_found() -> None:
    """A task that runs on after the scope is named."""

    async def careless() -> None:
        trio.lowlevel.spawn_system_task(trio.sleep_forever, name="forgotten")
        await trio.lowlevel.checkpoint()

    with pytest.raises(AssertionError, match=r"step 1: left behind: task 'forgotten'"):
        cancel_everywhere(careless)


def test_a_leaked_thread_is_found() -> None:
    """A thread that was abandoned at its work is named."""
    release = threading.Event()

    def forgotten() -> None:
        release.wait(20)  # so that a leak that was not seen fails the test, rather than hang it

    async def careless() -> None:
        await trio.lowlevel.checkpoint()
        await trio.to_thread.run_sync(forgotten, abandon_on_cancel=True)

    try:
        with pytest.raises(AssertionError, match=r"left behind: working thread 'forgotten"):
            cancel_everywhere(careless)
    finally:
        release.set()


@linux
def test_a_leaked_child_process_is_found() -> None:
    """A process that is killed on every way but one, or was not waited for, is named."""
    left: list[subprocess.Popen[bytes]] = []

    async def careless() -> None:
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.DEVNULL)  # noqa: ASYNC220
        left.append(process)
        await trio.lowlevel.checkpoint()
        process.wait()

    with pytest.raises(AssertionError, match=r"step 1: left behind: child process \d+"):
        cancel_everywhere(careless)
    for process in left:
        process.wait()


def test_a_leaked_file_is_found(tmp_path: Path) -> None:
    """A temporary file that is removed on every way but one is named."""

    async def careless() -> None:
        file = tmp_path / "half-written"
        file.touch()
        await trio.lowlevel.checkpoint()
        file.unlink()

    with pytest.raises(AssertionError, match=r"step 1: left behind: file .*half-written"):
        cancel_everywhere(careless, temp=tmp_path)


@pytest.mark.parametrize("cancel", [cancel_everywhere, lambda make: cancel_at(make, [0.01], bound=0.1)])
def test_what_never_ends_is_thrown_out(cancel: Callable[[Callable[[], Awaitable[object]]], int]) -> None:
    """Code that shields itself for ever fails, and does not hang the test: the line it waits at is named."""

    async def stubborn() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            with trio.CancelScope(shield=True):
                await trio.Event().wait()

    with pytest.raises(AssertionError, match=r"s later: task .* waiting at .*test_testing_cancel.py:\d+"):
        cancel(stubborn)


def test_the_bound_is_measured_on_the_clock_of_the_run() -> None:
    """A clean-up of 3 virtual seconds passes a bound of 4, and fails one of 2."""

    async def slow_to_end() -> None:
        try:
            await trio.sleep(1)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)

    assert cancel_everywhere(slow_to_end, bound=4) == 2
    with pytest.raises(AssertionError, match=r"had not ended 2 s later"):
        cancel_everywhere(slow_to_end, bound=2)


def test_the_collector_is_off_only_meanwhile() -> None:
    """Nothing is collected while the code runs, and the collector is as it was afterwards."""
    states: list[bool] = []

    async def look() -> None:
        states.append(gc.isenabled())
        await trio.lowlevel.checkpoint()

    assert gc.isenabled()
    cancel_everywhere(look)
    assert gc.isenabled()
    assert set(states) == {False}


async def _talk_to_itself() -> None:
    """Open a listener, a connection to it, a thread and a process, and close them all."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, _echo, 0)
        port = listeners[0].socket.getsockname()[1]
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            for _ in range(10):
                await stream.send_all(b"x")
                await stream.receive_some(1)
                await trio.to_thread.run_sync(int)
        await trio.run_process(["true"])
        nursery.cancel_scope.cancel()


async def _echo(stream: trio.SocketStream) -> None:
    async for data in stream:
        await stream.send_all(data)


def test_sockets_threads_and_processes_at_seeded_times() -> None:
    """Code that cleans up passes at any time; how many runs were cancelled is returned."""
    seeded = random.Random(5)  # noqa: S311 - repeatable, not secret
    times = [seeded.uniform(0, 0.01) for _ in range(20)]
    assert cancel_at(_talk_to_itself, [*times, 30]) in range(1, 21)


def test_a_time_names_a_leak() -> None:
    """A leak after a time is named with the number of the run and the time."""
    leaked: list[socket.socket] = []

    async def careless() -> None:
        leaked.append(socket.socket())
        await trio.sleep(60)

    with pytest.raises(AssertionError, match=r"run 1, cancelled after 0.001 s: left behind: file descriptor"):
        cancel_at(careless, [0.001])
    for left in leaked:
        left.close()


def test_times_that_come_too_late() -> None:
    """Runs that end before their time are checked all the same, and not counted as cancelled."""
    results: list[tuple[int, object]] = []

    async def quick() -> str:
        await trio.lowlevel.checkpoint()
        return "done"

    assert cancel_at(quick, [30, 30], check=lambda run, result: results.append((run, result))) == 0
    assert results == [(1, "done"), (2, "done")]
