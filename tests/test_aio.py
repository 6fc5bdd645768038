"""``trio_crawl.aio``: crawls as a part of asyncio programs, and nothing of them left."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import sniffio
import trio
from crawl_support import SITE, lines_of

import trio_crawl
from trio_crawl import CrawlError, Link, SeedError, UsageError, aio
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from trio_crawl import Page
    from trio_crawl.abc import Hop

PAGES = 7
OPTIONS: dict[str, Any] = {"delay": 0, "robots": False, "traps": False}


def site(*, delay: float = 0.0) -> MemoryWeb:
    """Return a site of seven pages, each of which but the last four links to two."""
    web = MemoryWeb()
    for number in range(PAGES):
        below = [f"/{2 * number + branch}" for branch in (1, 2) if 2 * number + branch < PAGES]
        links = "".join(f"<a href={path}>{path}</a>" for path in below)
        web.add(f"{SITE}{number}", f"<title>Page {number}</title>{links}", delay=delay)
    return web


def in_asyncio(program: Callable[[], Awaitable[None]]) -> None:
    """Run *program* by asyncio, and see that it leaves no task, thread or guest run."""
    threads = set(threading.enumerate())

    async def watched() -> None:
        async with asyncio.timeout(60):
            await program()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not trio.lowlevel.in_trio_run()

    asyncio.run(watched())
    assert [
        thread for thread in set(threading.enumerate()) - threads if "Trio thread" not in thread.name
    ] == []


# The whole


def test_a_crawl_in_asyncio_is_the_one_in_trio(tmp_path: Path) -> None:
    """It returns the same report, writes the same rows, and raises the same errors."""

    async def program() -> None:
        report = await aio.crawl(f"{SITE}0", fetch=site(), write=tmp_path / "a.tsv", **OPTIONS)
        assert (report.pages, report.ended) == (PAGES, "done")
        with pytest.raises(UsageError, match="max_pages"):
            await aio.crawl(SITE, fetch=site(), max_pages=0)
        page = await aio.fetch_page(f"{SITE}3", fetch=site(), robots=False)
        assert page.title == "Page 3"

    in_asyncio(program)
    trio_crawl.run(f"{SITE}0", fetch=site(), write=tmp_path / "b.tsv", **OPTIONS)
    assert lines_of(tmp_path / "a.tsv") == lines_of(tmp_path / "b.tsv")


def test_any_number_of_crawls_at_once() -> None:
    """They share one guest run, also where one begins while others end; a blocking one may run beside."""

    async def program() -> None:
        async def later(number: int) -> int:
            for _ in range(number):
                await asyncio.sleep(0)
            return (await aio.crawl(f"{SITE}0", fetch=site(), **OPTIONS)).pages

        assert await asyncio.gather(*[later(number) for number in range(40)]) == [PAGES] * 40
        for _ in range(20):  # each begins while the guest run of the one before comes to its end
            ending = asyncio.create_task(later(0))
            await asyncio.gather(ending, later(9))
        slow = asyncio.create_task(aio.crawl(f"{SITE}0", fetch=site(delay=600), **OPTIONS))
        await asyncio.sleep(0)
        assert trio.lowlevel.in_trio_run()
        assert trio_crawl.run(f"{SITE}0", fetch=site(), **OPTIONS).pages == PAGES
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow

    in_asyncio(program)


def test_loops_in_several_threads_have_a_guest_run_each() -> None:
    """What one loop does is nothing to another."""
    found: list[int] = []

    def body() -> None:
        async def program() -> None:
            found.append((await aio.crawl(f"{SITE}0", fetch=site(), **OPTIONS)).pages)

        asyncio.run(program())

    threads = [threading.Thread(target=body) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [PAGES] * 3


def test_without_a_loop_or_beside_another_trio_the_message_says_what_to_do() -> None:
    """Each form of the crawl names the one that was meant."""
    with pytest.raises(UsageError, match=r"trio_crawl\.run"):
        aio.crawl(SITE).send(None)

    async def in_trio() -> None:
        with pytest.raises(UsageError, match="no asyncio loop"):
            await aio.crawl(SITE)

    trio.run(in_trio)

    async def program() -> None:
        with pytest.raises(UsageError, match=r"trio_crawl\.aio"):
            await trio_crawl.crawl(SITE)
        ended = asyncio.get_running_loop().create_future()
        leave = trio.Event()
        trio.lowlevel.start_guest_run(
            leave.wait,
            run_sync_soon_threadsafe=asyncio.get_running_loop().call_soon_threadsafe,
            done_callback=ended.set_result,
            host_uses_signal_set_wakeup_fd=True,
        )
        with pytest.raises(UsageError, match="somebody else's guest"):
            await aio.crawl(SITE)
        leave.set()
        await ended

    in_asyncio(program)


# What is called in asyncio


_NAME: contextvars.ContextVar[str] = contextvars.ContextVar("name")


async def check() -> None:
    """Look whether this is a task of asyncio, with the variables of who called the crawl."""
    await asyncio.sleep(0)
    assert asyncio.current_task() is not None
    assert (sniffio.current_async_library(), _NAME.get()) == ("asyncio", "the caller's")


async def generator(page: Page) -> AsyncIterator[Link | dict[str, Any]]:
    async with asyncio.timeout(50):
        for link in page.links():
            await check()
            yield link  # noqa: ASYNC101, ASYNC119 - one task drives it, from beginning to end
    yield {"title": page.title}


async def function(page: Page) -> list[Any]:
    await check()
    return [*page.links(), {"title": page.title}]


async def seeds() -> AsyncIterator[str]:
    async with asyncio.timeout(50), asyncio.TaskGroup() as group:
        group.create_task(check())
        for number in (0, 1, 2):
            await check()
            yield f"{SITE}{number}"  # noqa: ASYNC101, ASYNC119 - likewise


def test_parsers_outputs_and_seeds_are_asyncios(tmp_path: Path) -> None:
    """Async parsers of every form, a function for rows and a generator of seeds run as tasks of asyncio."""
    rows: list[Any] = []

    class Parser:
        async def __call__(self, page: Page) -> dict[str, Any]:
            await check()
            return {"title": page.title}

    async def save(row: dict[str, Any]) -> None:
        await check()
        rows.append(row["title"])

    async def program() -> None:
        _NAME.set("the caller's")
        parsers: tuple[tuple[Any, int], ...] = (
            (generator, PAGES),
            (function, PAGES),
            (Parser(), 1),
            ({None: function}, PAGES),
        )
        for parse, pages in parsers:
            rows.clear()
            outputs = [save, tmp_path / "rows.jsonl"]
            report = await aio.crawl(
                f"{SITE}0", fetch=site(), parse=parse, write=outputs, overwrite=True, **OPTIONS
            )
            assert not report.failed
            assert sorted(rows) == [f"Page {number}" for number in range(pages)]
        report = await aio.crawl(seeds(), fetch=site(), max_depth=0, **OPTIONS)
        assert report.pages == 3

    in_asyncio(program)


def test_errors_of_what_is_called_come_out_as_in_trio() -> None:
    """A parser's costs its page, an output's and a source's the crawl; likewise what cancels itself."""

    async def parse(page: Page) -> None:
        if page.url.endswith("1"):
            raise ValueError("no")
        if page.url.endswith("2"):
            raise asyncio.CancelledError

    def forgotten(page: Page) -> object:
        return parse(page)

    async def save(_row: object) -> None:
        raise KeyError("full")

    async def leave(_row: object) -> None:
        raise asyncio.CancelledError

    async def seeds() -> AsyncIterator[str]:
        yield f"{SITE}0"
        raise LookupError("no more")

    async def program() -> None:
        pages = [f"{SITE}{number}" for number in range(3)]
        report = await aio.crawl(pages, fetch=site(), parse=parse, **OPTIONS)
        assert (report.pages, report.failed) == (1, {"parse": 2})
        with pytest.raises(UsageError, match="declare .*forgotten"):
            await aio.crawl(SITE, fetch=site(), parse=forgotten, **OPTIONS)
        with pytest.raises(KeyError, match="full"):
            await aio.crawl(pages, fetch=site(), write=save, **OPTIONS)
        with pytest.raises(RuntimeError, match="leave was cancelled"):
            await aio.crawl(pages, fetch=site(), write=leave, **OPTIONS)
        with pytest.raises(LookupError, match="no more"):
            await aio.crawl(seeds(), fetch=site(), **OPTIONS)

    in_asyncio(program)


def test_a_queue_of_seeds_keeps_a_crawl_open_until_none_comes() -> None:
    """``queue.join()`` waits until all seeds are in the frontier, and the control works from asyncio."""

    async def program() -> None:
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        started: asyncio.Future[aio.Control] = asyncio.get_running_loop().create_future()
        crawl = asyncio.create_task(
            aio.crawl(queue, fetch=site(), max_depth=0, started=started, delay=0, traps=False)
        )
        control = await started
        control.pause()
        for number in range(3):
            queue.put_nowait(f"{SITE}{number}")
        await queue.join()
        assert control.statistics().discovered == 3
        assert await control.add(f"{SITE}5")
        assert not await control.add(f"{SITE}5")
        with pytest.raises(SeedError):
            await control.add("no URL")
        assert "paused" in repr(control)
        assert "4 pages" in control.explain()
        control.resume()
        waiting = asyncio.create_task(control.wait())
        queue.put_nowait(None)
        report = await crawl
        assert report.pages == 4
        assert await waiting == report == await control.wait()
        # Also when the guest run has ended.
        assert not trio.lowlevel.in_trio_run()
        control.stop()
        control.cancel_host("site.test", reason="late")
        assert control.statistics().pages == 4
        assert "ended" in control.explain()
        with pytest.raises(trio.ClosedResourceError):
            await control.add(f"{SITE}6")

    in_asyncio(program)


def test_a_control_cancels_with_a_report() -> None:
    """What is in flight is there as data, and dropped; the report says that it was cancelled."""

    async def program() -> None:
        asked = asyncio.Event()

        def late(_hop: Hop) -> Reply:
            asked.set()
            return Reply(delay=600)

        web = MemoryWeb()
        web.add(f"{SITE}0", "<a href=/1>1</a>")
        web.otherwise(SITE.rstrip("/"), late)
        started: asyncio.Future[aio.Control] = asyncio.get_running_loop().create_future()
        crawl = aio.crawl(f"{SITE}0", fetch=web, started=started, timeout=3600, **OPTIONS)
        crawling = asyncio.create_task(crawl)
        control = await started
        await asked.wait()
        assert [flying.url for flying in control.in_flight()] == [f"{SITE}1"]
        control.cancel("enough")
        report = await crawling
        assert (report.ended, report.pages, report.pending) == ("cancelled", 1, 1)

    in_asyncio(program)


def test_the_future_of_a_crawl_that_never_began_is_cancelled() -> None:
    """Who waits for its control is not left waiting."""

    async def program() -> None:
        started: asyncio.Future[aio.Control] = asyncio.get_running_loop().create_future()
        with pytest.raises(UsageError):
            await aio.crawl(SITE, started=started, max_pages=0)
        assert started.cancelled()

    in_asyncio(program)


def test_stop_and_wait_of_a_crawl_that_was_cancelled() -> None:
    """``stop`` ends it with a report; one that was cancelled has none."""

    async def program() -> None:
        for cancel in (False, True):
            started: asyncio.Future[aio.Control] = asyncio.get_running_loop().create_future()
            crawl = asyncio.create_task(
                aio.crawl(asyncio.Queue[str](), fetch=site(), started=started, **OPTIONS)
            )
            control = await started
            waiting = asyncio.create_task(control.wait())
            await asyncio.sleep(0)
            if cancel:
                crawl.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await crawl
                with pytest.raises(CrawlError, match="cancelled"):
                    await waiting
            else:
                control.stop()
                assert await waiting == await crawl

    in_asyncio(program)


# Streams


def test_the_pages_as_a_stream() -> None:
    """They come in order; leaving the block ends the crawl, and what was given is acknowledged."""

    async def program() -> None:
        async with aio.open_crawl(f"{SITE}0", fetch=site(), **OPTIONS) as pages:
            found = [page.title async for page in pages]
        assert sorted(found) == [f"Page {number}" for number in range(PAGES)]
        assert pages.report.ended == "done"
        async with aio.open_crawl(f"{SITE}0", fetch=site(), **OPTIONS) as pages:
            assert (await anext(pages)).title == "Page 0"
            assert (await anext(pages)).depth == 1
            assert "going on" in repr(pages)
        assert (pages.report.ended, pages.report.pages) == ("left", 2)

    in_asyncio(program)


def test_an_exception_of_the_block_comes_out_unchanged() -> None:
    """The page that it held is not acknowledged, and a crawl that failed as well is told in a note."""

    async def save(_row: object) -> None:
        raise OSError("disk full")

    async def program() -> None:
        for error in (KeyError("mine"), StopIteration(), StopAsyncIteration(), GeneratorExit("mine")):
            with pytest.raises(type(error)) as caught:
                async with aio.open_crawl(f"{SITE}0", fetch=site(), **OPTIONS) as pages:
                    await anext(pages)
                    raise error
            if not isinstance(error, StopIteration | StopAsyncIteration | GeneratorExit):
                assert caught.value is error
            assert pages.control.statistics().pages == 0
        with pytest.raises(OSError, match="disk full"):
            async with aio.open_crawl(f"{SITE}0", fetch=site(), write=save, **OPTIONS) as pages:
                async for _ in pages:
                    pass
        mine = KeyError("mine")
        with pytest.raises(KeyError) as caught:
            async with aio.open_crawl(f"{SITE}0", fetch=site(), write=save, **OPTIONS) as pages:
                with suppress(OSError):
                    async for _ in pages:
                        pass
                raise mine
        assert "disk full" in caught.value.__notes__[0]
        with pytest.raises(UsageError, match="max_pages"):
            async with aio.open_crawl(SITE, max_pages=0):
                pass

    in_asyncio(program)


@pytest.mark.slow
def test_a_time_out_around_one_page_loses_none() -> None:
    """Whatever the moment at which a time-out cancels the question for a page, all of them come."""

    async def program() -> None:
        late = 0
        for steps in range(60):
            async with aio.open_crawl(f"{SITE}0", fetch=site(), **OPTIONS) as pages:
                found: list[str] = []
                while True:
                    asking = asyncio.ensure_future(anext(pages, None))
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    asking.cancel()
                    try:
                        page = await asking
                    except asyncio.CancelledError:  # noqa: ASYNC103 - of the question alone
                        late += 1
                        page = await anext(pages, None)  # noqa: ASYNC102 - likewise
                    if page is None:
                        break
                    found.append(page.title)
            assert sorted(found) == [f"Page {number}" for number in range(PAGES)]
            assert pages.report.pages == PAGES
        assert late

    in_asyncio(program)


# Cancelling


async def cancelled_before(step: int, function: Callable[[], Awaitable[None]]) -> bool:
    """Cancel *function* before a step of the loop; return whether it had not ended by then."""
    task = asyncio.ensure_future(function())
    for _ in range(step):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not trio.lowlevel.in_trio_run()
    return task.cancelled()


@pytest.mark.slow
def test_cancelling_at_every_step_leaves_nothing(tmp_path: Path) -> None:
    """Before whichever step of the loop the task is cancelled, it ends, and the file holds whole pages."""
    output = tmp_path / "found.jsonl"

    async def save(_row: object) -> None:
        await asyncio.sleep(0)

    async def parse(page: Page) -> list[Any]:
        await asyncio.sleep(0)
        return [*page.links(), {"title": page.title}]

    async def one_seed() -> AsyncIterator[str]:
        yield f"{SITE}0"
        await asyncio.sleep(0)

    async def streamed() -> None:
        async with aio.open_crawl(f"{SITE}0", fetch=site(), parse=parse, **OPTIONS) as pages:
            async for _ in pages:
                await asyncio.sleep(0)

    async def whole() -> None:
        outputs = [save, output]
        await aio.crawl(one_seed(), fetch=site(), parse=parse, write=outputs, overwrite=True, **OPTIONS)

    async def program() -> None:
        for function in (whole, streamed):
            steps = 0
            while await cancelled_before(steps, function):
                steps += 1
                assert not output.exists() or output.read_text()[-1:] in ("", "\n")
            assert steps > 20

    in_asyncio(program)


def test_a_second_cancellation_while_it_flushes_changes_nothing() -> None:
    """The rows that are there are written all the same, and only then does the task end."""
    rows: list[object] = []

    async def program() -> None:
        flushing, go_on = asyncio.Event(), asyncio.Event()

        async def save(row: object) -> None:
            flushing.set()
            await go_on.wait()
            rows.append(row)

        pages = [f"{SITE}{number}" for number in range(PAGES)]
        crawl = asyncio.create_task(
            aio.crawl(pages, fetch=site(), write=save, max_depth=0, grace=50, per_host=PAGES, **OPTIONS)
        )
        await flushing.wait()
        for _ in range(5):
            crawl.cancel()
            await asyncio.sleep(0.01)
        assert not crawl.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await crawl
        assert len(rows) >= 1

    in_asyncio(program)


def test_what_runs_in_asyncio_is_cancelled_with_the_crawl() -> None:
    """An async parser, a source of seeds and a function for rows are cancelled, and waited for."""
    ended: list[str] = []

    async def program() -> None:
        begun = asyncio.Event()

        async def forever(name: str) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)  # noqa: ASYNC102 - which a cancelled task of asyncio may do
                ended.append(name)

        async def parse(_page: Page) -> None:
            await forever("parser")

        async def save(_row: object) -> None:
            await forever("output")

        async def seeds() -> AsyncIterator[str]:
            yield f"{SITE}0"
            await forever("seeds")

        for keywords in ({"parse": parse}, {"write": save, "grace": 0.01}):
            crawl = asyncio.create_task(aio.crawl(f"{SITE}0", fetch=site(), **keywords, **OPTIONS))
            await begun.wait()
            begun.clear()
            crawl.cancel()
            with pytest.raises(asyncio.CancelledError):
                await crawl
        crawl = asyncio.create_task(aio.crawl(seeds(), fetch=site(), **OPTIONS))
        await begun.wait()
        crawl.cancel()
        with pytest.raises(asyncio.CancelledError):
            await crawl

    in_asyncio(program)
    assert ended == ["parser", "output", "seeds"]


def test_the_scopes_of_asyncio_hold() -> None:
    """A time-out, and a task group whose other task failed, end a crawl as trio's scopes do."""

    async def program() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await aio.crawl(f"{SITE}0", fetch=site(delay=600), **OPTIONS)

        async def fail() -> None:
            await asyncio.sleep(0.05)
            raise KeyError("other")

        with pytest.RaisesGroup(KeyError):
            async with asyncio.TaskGroup() as group:
                group.create_task(aio.crawl(f"{SITE}0", fetch=site(delay=600), **OPTIONS))
                group.create_task(fail())

    in_asyncio(program)


_INTERRUPTED = """
import asyncio, signal, sys, trio
from trio_crawl import aio
from trio_crawl.testing import MemoryWeb, Reply

web = MemoryWeb()
web.links("https://site.test/", ["/a"])
def slow(hop):
    print("asked", flush=True)
    return Reply(delay=600)

web.add("https://site.test/a", slow)

async def main():
    await aio.crawl("https://site.test/", fetch=web, delay=0, timeout=900)

try:
    if sys.argv[1] == "run":
        asyncio.run(main())
    else:  # where nobody handles the signal
        loop = asyncio.new_event_loop()
        task = loop.create_task(main())
        if sys.argv[1] == "kernel":  # as those of notebooks do, which wakes no loop that sleeps
            signal.signal(signal.SIGINT, lambda *_: loop.call_soon(task.cancel))
        try:
            loop.run_until_complete(task)
        except KeyboardInterrupt:
            task.cancel()
            loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
            raise
        finally:
            loop.close()
except (KeyboardInterrupt, asyncio.CancelledError):
    running = [e for e in web.requests if e.finished is None]
    print("interrupted", len(running), "in flight", trio.lowlevel.in_trio_run(), flush=True)
"""


@pytest.mark.parametrize("form", ["run", "loop", "kernel"])
def test_an_interrupt_cancels_the_crawl_and_ends_the_program(form: str) -> None:
    """Ctrl-C in a program of ``asyncio.run`` cancels the crawl, and is raised when that has ended."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", _INTERRUPTED, form], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == "asked\n"
            program.send_signal(signal.SIGINT)
            out, err = program.communicate(timeout=30)
        finally:
            program.kill()
    assert out == "interrupted 0 in flight False\n", err
    assert err == ""
