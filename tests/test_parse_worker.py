"""Worker processes: what they do, how long they may take, and that none is left."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import parsers_elsewhere
import pytest
import trio
from test_parse_elsewhere import page
from trio.testing import MockClock

from trio_crawl import Link, ParseError, RowError
from trio_crawl._parse import wire
from trio_crawl._parse.elsewhere import RemoteError, fields_of, names_of
from trio_crawl._parse.reading import unpacked
from trio_crawl._parse.worker import Workers
from trio_crawl.testing import asserts_no_leaks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio_crawl import Page

BOTH = pytest.mark.parametrize("virtual", [False, True])


def with_workers(
    use: Callable[[Workers], Awaitable[None]], *, virtual: bool, seconds: float | None = None
) -> None:
    """Run *use* with workers, and see that nothing is left of them."""

    async def main() -> None:
        async with asserts_no_leaks():
            workers = Workers(virtual=virtual, seconds=seconds)
            async with workers.open():
                await use(workers)

    trio.run(main, clock=MockClock(autojump_threshold=0) if virtual else None)


def parts_of(page: Page) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a page, and its document, is made of."""
    return fields_of(page), page._document.parts()  # type: ignore[attr-defined] # noqa: SLF001


async def parsed(workers: Workers, parse: object, content: bytes = b"<p>x") -> tuple[list[Any], list[Any]]:
    """Return what a parser follows, and yields, in a worker process."""
    follow, rows, _ = await workers.do("parse", names_of(parse), *parts_of(page(content)))
    return follow, rows


@BOTH
def test_a_document_is_read(virtual: bool) -> None:
    """Its links come back, as many as were asked for, with its title, its encoding, and the time it took."""

    async def use(workers: Workers) -> None:
        content = b"<title>A</title><a href=/a>a</a><a href=b rel=nofollow>b</a><a href=c>c"
        known, packed, more = await workers.do("read", parts_of(page(content))[1], [], 2)
        assert len(list(unpacked(known, packed))) == 1
        assert known["links"] == [
            Link(url="https://site.test/a"),
            Link(url="https://site.test/b", rel=("nofollow",)),
        ]
        assert more == 1
        assert known["title"] == "A"

    with_workers(use, virtual=virtual)


@BOTH
def test_a_process_serves_again(virtual: bool) -> None:
    """One that has done its job does the next one."""

    async def use(workers: Workers) -> None:
        seen = {(await parsed(workers, parsers_elsewhere.titles))[1][0]["process"] for _ in range(3)}
        assert len(seen) == 1
        assert seen != {os.getpid()}

    with_workers(use, virtual=virtual)


def test_processes_work_at_once() -> None:
    """As many as there are processors, and no more than four."""

    async def use(workers: Workers) -> None:
        seen = set()

        async def one() -> None:
            seen.add((await parsed(workers, parsers_elsewhere.titles))[1][0]["process"])

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(one)
        assert 1 <= len(seen) <= min(4, os.cpu_count() or 1)

    with_workers(use, virtual=False)


@BOTH
@pytest.mark.parametrize("parse", [parsers_elsewhere.endless, parsers_elsewhere.slow])
def test_what_takes_too_long_is_ended(virtual: bool, parse: object) -> None:
    """Whether it computes or waits; and the next job finds another process."""

    async def use(workers: Workers) -> None:
        with pytest.raises(ParseError, match="more than 0.5 s"):
            await parsed(workers, parse, b"endless")
        assert await parsed(workers, parsers_elsewhere.nothing) == ([], [])

    with_workers(use, virtual=virtual, seconds=0.5)


@BOTH
def test_what_takes_too_much_memory_fails(virtual: bool) -> None:
    """A limit of the operating system makes an error of it."""

    async def use(workers: Workers) -> None:
        with pytest.raises(ParseError, match="memory"):
            await parsed(workers, parsers_elsewhere.greedy, b"greedy")
        assert (await parsed(workers, parsers_elsewhere.greedy))[1] == [{"url": "https://site.test/"}]

    with_workers(use, virtual=virtual)


@BOTH
def test_a_process_that_ends_costs_its_page(virtual: bool) -> None:
    """The error says how it ended, and the next page finds another process."""

    async def use(workers: Workers) -> None:
        with pytest.raises(ParseError, match="status 3"):
            await parsed(workers, parsers_elsewhere.dying, b"dying")
        assert (await parsed(workers, parsers_elsewhere.dying))[1] == [{"url": "https://site.test/"}]

    with_workers(use, virtual=virtual)


@BOTH
def test_a_process_that_was_ended_between_two_pages_costs_none(virtual: bool) -> None:
    """As the system may do where memory is short; the next page finds another process."""

    async def use(workers: Workers) -> None:
        process = (await parsed(workers, parsers_elsewhere.titles))[1][0]["process"]
        os.kill(process, signal.SIGKILL)
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 - it is dead
        assert (await parsed(workers, parsers_elsewhere.titles))[1][0]["process"] != process

    with_workers(use, virtual=virtual)


@BOTH
def test_what_a_parser_raises_comes_back_by_its_name(virtual: bool) -> None:
    """With the traceback of the other process as a note."""

    async def use(workers: Workers) -> None:
        with pytest.raises(RemoteError) as caught:
            await parsed(workers, parsers_elsewhere.raising, b"raising")
        assert str(caught.value) == "LookupError: no price on https://site.test/"
        assert "parsers_elsewhere.py" in caught.value.__notes__[0]
        with pytest.raises(RowError, match="list_iterator"):
            await parsed(workers, parsers_elsewhere.unsendable)

    with_workers(use, virtual=virtual)


@BOTH
def test_what_a_parser_prints_is_not_taken_for_its_rows(
    virtual: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """It goes to standard error, by whichever way it is written; and there is nothing to read."""

    async def use(workers: Workers) -> None:
        for _ in range(2):
            _, [row] = await parsed(workers, parsers_elsewhere.printing)
            assert row == {"url": "https://site.test/", "read": b""}

    with_workers(use, virtual=virtual)
    assert sorted(capfd.readouterr().err.split()) == ["printed", "printed", "written", "written"]


def test_cancellation_kills_the_process_at_once() -> None:
    """Whatever it is doing, and while it is started, too."""

    async def main() -> None:
        for seconds in (0.0, 0.01, 0.1, 3.0):
            async with asserts_no_leaks():
                workers = Workers()
                began = time.monotonic()
                async with workers.open():
                    with trio.move_on_after(seconds) as scope:
                        await parsed(workers, parsers_elsewhere.endless, b"endless")
                assert scope.cancelled_caught
                assert time.monotonic() - began < seconds + 5

    trio.run(main)


def test_no_process_is_started_without_need() -> None:
    """Opening and closing costs nothing."""

    async def main() -> None:
        async with asserts_no_leaks(), Workers().open():
            assert not children_of(os.getpid())

    trio.run(main)


PARENT = """
import sys, trio
sys.path[:0] = [{tests!r}]
import parsers_elsewhere
from test_parse_elsewhere import page
from test_parse_worker import parts_of
from trio_crawl._parse.elsewhere import names_of
from trio_crawl._parse.worker import Workers

async def main():
    workers = Workers(seconds={seconds})
    async with workers.open(), trio.open_nursery() as nursery:
        await workers.do("parse", names_of(parsers_elsewhere.nothing), *parts_of(page()))
        print("ready", flush=True)
        if {busy}:
            await workers.do("parse", names_of(parsers_elsewhere.endless), *parts_of(page(b"endless")))
        await trio.sleep_forever()

trio.run(main)
"""


def children_of(pid: int) -> list[int]:
    """Return the processes that *pid* has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        if task.name != str(pid)
        for child in (task / "children").read_text().split()
    ]


def is_there(pid: int) -> bool:
    """Say whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("busy", [False, True])
def test_a_worker_process_does_not_outlive_the_crawl(how: signal.Signals, busy: bool) -> None:
    """Its input ends with the process that started it; if it is busy then, its alarm ends it."""
    seconds = 1.0
    program = PARENT.format(tests=str(Path(__file__).parent), seconds=seconds, busy=busy)
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        workers = children_of(parent.pid)
        assert workers
        if busy:
            time.sleep(0.2)
        parent.send_signal(how)
        parent.wait(timeout=30)
    patience = time.monotonic() + 30
    while any(map(is_there, workers)) and time.monotonic() < patience:
        time.sleep(0.05)
    assert not any(map(is_there, workers))


@pytest.mark.parametrize(
    "sent", [b"", wire.dumps(1), wire.dumps((None, 1)), wire.dumps(([], [])), pickle.dumps(object())]
)
def test_what_is_no_slice_of_links_is_a_failure_of_the_page(sent: bytes) -> None:
    """Whatever a process sends that a stranger's page has taken over."""
    with pytest.raises(ParseError, match="sent what it should not"):
        list(unpacked({}, [sent]))
