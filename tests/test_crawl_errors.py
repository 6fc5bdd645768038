"""What comes out of a crawl that can't go on: the first error as itself, and never a group of ours."""

from __future__ import annotations

import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, lines_of, objects_of, virtual
from trio.testing import MockClock

from trio_crawl import CrawlError, Page, crawl, open_crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from trio_crawl import Hop, Report, Response
    from trio_crawl.abc import Environment


def site(pages: int = 20) -> tuple[MemoryWeb, list[str]]:
    """Return a site, and the URLs of its pages."""
    web = MemoryWeb()
    seeds = [f"{SITE}{number}" for number in range(pages)]
    for seed in seeds:
        web.add(seed, '<a href="/next">next</a>', delay=1)
    return web, seeds


class BrokenError(Exception):
    """What the user's code raises below."""


def fifty_runs(once: Callable[[], Awaitable[object]]) -> list[BaseException]:
    """Return what came out of *once*, run fifty times on clocks of their own."""
    errors: list[BaseException] = []
    for _ in range(50):
        try:
            trio.run(once, clock=MockClock(autojump_threshold=0))
        except BaseException as error:  # noqa: ASYNC103, BLE001 - whatever it is, it is looked at below
            errors.append(error)
    return errors


def test_parsers_that_fail_at_once() -> None:
    """Where several async parsers fail at one instant, one of their errors comes out, and no group."""

    async def parse(page: Page) -> None:
        await trio.sleep(1)
        raise BrokenError(page.url)

    async def once() -> None:
        web, seeds = site()
        await crawl(seeds, fetch=web, parse=parse, parse_errors="raise", delay=0, per_host=20, robots=False)

    assert [type(error) for error in fifty_runs(once)] == [BrokenError] * 50


def test_later_errors_are_notes() -> None:
    """What others raise while they are cancelled because of the first error is noted on that."""

    async def parse(page: Page) -> None:
        try:
            await trio.sleep(1 if page.url.endswith("/7") else 1000)
        finally:
            raise BrokenError(page.url)

    async def once() -> None:
        web, seeds = site()
        await crawl(seeds, fetch=web, parse=parse, parse_errors="raise", delay=0, per_host=20, robots=False)

    errors = fifty_runs(once)
    assert [(type(error), str(error)) for error in errors] == [(BrokenError, f"{SITE}7")] * 50
    expected = sorted(f"afterwards: BrokenError: {SITE}{number}" for number in range(20) if number != 7)
    assert all(sorted(error.__notes__) == expected for error in errors)


def test_a_writer_that_fails_while_parsers_do() -> None:
    """A failing output comes out as itself too, whatever else fails then."""

    async def parse(page: Page) -> dict[str, str]:
        await trio.sleep(1)
        if page.url.endswith("7"):
            raise BrokenError(page.url)
        return {"url": page.url}

    async def write(_row: object) -> None:
        await trio.lowlevel.checkpoint()
        raise BrokenError("write")

    async def once() -> None:
        web, seeds = site()
        await crawl(
            seeds,
            fetch=web,
            parse=parse,
            write=write,
            parse_errors="raise",
            delay=0,
            per_host=20,
            robots=False,
        )

    errors = fifty_runs(once)
    assert [type(error) for error in errors] == [BrokenError] * 50


def test_a_fetcher_that_fails_in_several_hops() -> None:
    """A bug in a fetcher ends the crawl with the very exception."""

    def fails(_hop: Hop) -> Reply:
        raise BrokenError("fetch")

    async def once() -> None:
        web = MemoryWeb()
        web.otherwise(SITE, fails)
        await crawl([f"{SITE}{n}" for n in range(9)], fetch=web, delay=0, per_host=9, robots=False)

    assert [type(error) for error in fifty_runs(once)] == [BrokenError] * 50


def test_a_block_that_fails_while_the_crawl_does() -> None:
    """The exception of the block comes out unchanged, as it does whether or not the crawl failed as well."""

    async def parse(page: Page) -> dict[str, str]:
        await trio.sleep(1)
        if page.url.endswith("7"):
            raise BrokenError(page.url)
        return {"url": page.url}

    async def once() -> None:
        web, seeds = site()
        async with open_crawl(
            seeds, fetch=web, parse=parse, parse_errors="raise", delay=0, per_host=20, robots=False
        ):
            await trio.sleep(2)
            raise LookupError("block")

    errors = fifty_runs(once)
    assert [type(error) for error in errors] == [LookupError] * 50


@pytest.mark.parametrize(
    "error",
    [ValueError("a"), ExceptionGroup("theirs", [ValueError("b")]), KeyboardInterrupt(), SystemExit(3)],
)
@virtual
async def test_an_exception_of_the_block(error: BaseException) -> None:
    """An exception of the ``open_crawl`` block, a group of the user's too, is the one that comes out."""
    web, seeds = site()
    with pytest.raises(BaseException, match=".*") as caught:
        async with open_crawl(seeds, fetch=web) as pages:
            async for _page in pages:
                raise error
    assert caught.value is error
    assert caught.value.__context__ is None or caught.value.__context__ is not error
    assert all(exchange.finished is not None for exchange in web.requests)


@virtual
async def test_a_cancelled_block() -> None:
    """A scope around ``open_crawl`` that is cancelled ends it, and catches its own cancellation alone."""
    web, seeds = site()
    taken = 0
    with trio.move_on_after(3) as scope:
        async with open_crawl(seeds, fetch=web) as pages:
            async for _page in pages:
                taken += 1
    assert scope.cancelled_caught
    assert 0 < taken < 20
    with pytest.raises(RuntimeError, match="no report"):
        _ = pages.report


@virtual
async def test_an_error_of_the_crawl_comes_out_of_the_iteration() -> None:
    """Where the consumer iterates, the crawl's error is raised to it, and it may catch it there."""

    async def write(row: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        if row["url"].endswith("3"):
            raise BrokenError("write")

    web, seeds = site()
    caught: BaseException | None = None
    with pytest.raises(BrokenError):
        async with open_crawl(seeds, fetch=web, write=write) as pages:
            try:
                async for _page in pages:
                    pass
            except BrokenError as error:
                caught = error
                raise
    assert caught is not None


@virtual
async def test_an_error_of_the_crawl_comes_out_of_the_block() -> None:
    """Where the consumer has stopped iterating, the crawl's error comes out of the block's end."""

    async def write(_row: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        raise BrokenError("write")

    web, seeds = site()
    with pytest.raises(BrokenError):
        async with open_crawl(seeds, fetch=web, write=write) as pages:
            async for _page in pages:
                break
            await trio.sleep(100)


def _numbers() -> Iterator[str]:
    yield f"{SITE}0"
    raise BrokenError("seeds")


async def _async_numbers() -> AsyncIterator[str]:
    yield f"{SITE}0"
    raise BrokenError("seeds")


@pytest.mark.parametrize("seeds", [_numbers, _async_numbers])
@virtual
async def test_seeds_that_fail(seeds: Any) -> None:  # noqa: ANN401 - a source of either kind
    """What an iterable of seeds raises comes out as it is."""
    web, _ = site()
    with pytest.raises(BrokenError, match="seeds"):
        await crawl(seeds(), fetch=web)


@virtual
async def test_a_fetcher_serves_one_crawl_at_a_time() -> None:
    """A second crawl with the same fetcher is refused, and the first goes on undisturbed."""
    web, seeds = site()
    reports: list[Report] = []

    async def first() -> None:
        reports.append(await crawl(seeds, fetch=web))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await trio.sleep(2)
        with pytest.raises(trio.BusyResourceError):
            await crawl(seeds, fetch=web)
        with pytest.raises(trio.BusyResourceError):
            async with open_crawl(seeds, fetch=web):
                pytest.fail("the block was entered")
    assert reports[0].pages == 21
    assert (await crawl(seeds[:1], fetch=web)).pages == 2


@virtual
async def test_a_second_consumer() -> None:
    """A second task that iterates over the pages is refused; the first gets all of them."""
    web, seeds = site()
    got: list[str] = []
    async with open_crawl(seeds, fetch=web) as pages, trio.open_nursery() as nursery:

        async def first() -> None:
            async for page in pages:
                got.append(page.url)  # noqa: PERF401 - what came so far is looked at meanwhile

        nursery.start_soon(first)
        await trio.sleep(0.1)
        with pytest.raises(trio.BusyResourceError, match="another task"):
            await anext(pages)
    assert sorted(got) == sorted([*seeds, f"{SITE}next"])


class FailsToOpen:
    """A fetcher whose resources are not there."""

    opens_connections = False
    virtual = True

    def __init__(self, error: BaseException) -> None:
        self.error = error

    @asynccontextmanager
    async def open(self, _environment: Environment, /) -> AsyncIterator[None]:
        await trio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        yield

    async def fetch(self, _hop: Hop, /) -> Response:
        raise NotImplementedError


@pytest.mark.parametrize(
    "error", [BrokenError("open"), ExceptionGroup("theirs", [BrokenError("a"), BrokenError("b")])]
)
@virtual
async def test_a_fetcher_that_can_not_be_opened(error: Exception) -> None:
    """What opening a fetcher raises comes out of each form of a crawl as it is."""
    with pytest.raises(Exception, match=".*") as caught:
        await crawl(SITE, fetch=FailsToOpen(error))
    assert caught.value is error
    with pytest.raises(Exception, match=".*") as caught:
        async with open_crawl(SITE, fetch=FailsToOpen(error)):
            pytest.fail("the block was entered")
    assert caught.value is error
    with pytest.raises(Exception, match=".*") as caught:
        async with trio.open_nursery() as nursery:  # noqa: ASYNC112 - a user's own
            await nursery.start(_crawl_with, FailsToOpen(error))
    assert isinstance(caught.value, BaseExceptionGroup)
    # The nursery of the user's copies a group that comes out of it.
    assert repr(caught.value.exceptions) == repr((error,))


async def _crawl_with(
    fetcher: FailsToOpen, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED
) -> None:
    await crawl(SITE, fetch=fetcher, task_status=task_status)


@virtual
async def test_rows_that_were_there_are_written(tmp_path: Path) -> None:
    """A crawl that ends with an error has written what it had parsed before."""

    def parse(page: Page) -> dict[str, str]:
        if page.url.endswith("9"):
            raise BrokenError(page.url)
        return {"url": page.url}

    web, seeds = site()
    with pytest.raises(BrokenError):
        await crawl(seeds, fetch=web, parse=parse, parse_errors="raise", write=tmp_path / "r.jsonl")
    assert [row["url"] for row in objects_of(tmp_path / "r.jsonl")] == seeds[:9]


@virtual
async def test_rows_of_a_cancelled_crawl_are_written(tmp_path: Path) -> None:
    """A crawl that is cancelled writes what it had parsed, and each row once."""
    web, seeds = site()
    with trio.move_on_after(5.2):
        await crawl(seeds, fetch=web, write=tmp_path / "r.tsv")
    rows = lines_of(tmp_path / "r.tsv")
    done = [e.url for e in web.requests if e.outcome == 200]
    assert [source for source, _ in rows] == done
    assert 0 < len(done) < 20


@virtual
async def test_a_writer_that_hangs_gets_its_grace_and_no_more() -> None:
    """An output that never ends holds a cancelled crawl up for ``grace`` seconds."""

    async def write(_row: object) -> None:
        await trio.sleep_forever()

    web, seeds = site()
    with trio.move_on_after(100):
        await crawl(seeds, fetch=web, write=write, grace=7)
    assert trio.current_time() == pytest.approx(107)


@virtual
async def test_waiting_for_a_crawl_that_failed() -> None:
    """`Control.wait` raises an error of its own, whose cause is the crawl's, if it was not cancelled."""
    web, seeds = site()

    async def watched(*, task_status: trio.TaskStatus[Any]) -> None:
        with pytest.raises(BrokenError):
            await crawl(seeds, fetch=web, parse=_breaks, parse_errors="raise", task_status=task_status)

    async with trio.open_nursery() as nursery:
        control = await nursery.start(watched)
        with pytest.raises(CrawlError) as caught:
            await control.wait()
    assert isinstance(caught.value.__cause__, BrokenError)

    async def cancelled(*, task_status: trio.TaskStatus[Any]) -> None:
        with trio.move_on_after(3):
            await crawl(seeds, fetch=web, task_status=task_status)

    async with trio.open_nursery() as nursery:
        control = await nursery.start(cancelled)
        with pytest.raises(CrawlError, match="cancelled"):
            await control.wait()


def _breaks(page: Page) -> None:
    raise BrokenError(page.url)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(  # noqa: S603 - our own folder
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)],  # noqa: S607 - wherever mount is
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607 - as above


@virtual
async def test_a_disk_that_is_full(small_disk: Path) -> None:
    """Where the disk is full the crawl ends with the system's error and names the file; rows are whole."""
    web = MemoryWeb()
    path = small_disk / "links.tsv"
    web.otherwise(SITE, lambda hop: "".join(f'<a href="{hop.url}{"x" * n}">' for n in range(9)))
    with pytest.raises(OSError, match="No space left on device") as caught:
        await crawl(SITE, fetch=web, write=path, robots=False)
    assert str(path) in caught.value.__notes__[0]
    text = path.read_text()
    assert text.endswith("\n")
    assert all(len(line.split("\t")) == 2 for line in text.splitlines())


class WithTasks:
    """A web whose tasks beside the crawl fail after a while."""

    opens_connections = False
    virtual = True

    def __init__(self, web: MemoryWeb, error: BaseException) -> None:
        self._web, self._error = web, error

    @asynccontextmanager
    async def open(self, environment: Environment, /) -> AsyncIterator[None]:
        environment.nursery.start_soon(self._beside)
        async with self._web.open(environment):
            yield

    async def _beside(self) -> None:
        await trio.sleep(5.5)
        raise self._error

    async def fetch(self, hop: Hop, /) -> Response:
        return await self._web.fetch(hop)


@pytest.mark.parametrize("error", [BrokenError("beside"), ExceptionGroup("of the user", [BrokenError()])])
@virtual
async def test_a_task_of_the_fetcher_that_fails(error: Exception) -> None:
    """Its error ends the crawl, as itself; what was parsed is written all the same."""
    parsed: list[str] = []
    written: list[object] = []

    def parse(page: Page) -> dict[str, str]:
        parsed.append(page.url)
        return {"url": page.url}

    async def write(row: object) -> None:
        await trio.sleep(0.3)
        written.append(row)

    web, seeds = site()
    with pytest.raises(type(error)) as caught:
        await crawl(seeds, fetch=WithTasks(web, error), parse=parse, write=write, delay=0, robots=False)
    assert str(caught.value) == str(error)
    assert 5 < len(parsed) == len(written) < len(seeds)
