"""A crawl that is cancelled, at whatever step or moment, leaves nothing behind, loses and repeats nothing."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
import trio.testing
from crawl_support import virtual

from trio_crawl import Control, CrawlError, Page, Report, Request, crawl, open_crawl
from trio_crawl.fetchers import Curl, Httpx
from trio_crawl.testing import MemoryWeb, Reply, asserts_no_leaks, cancel_at, cancel_everywhere

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from trio_crawl import Hop, Response
    from trio_crawl.abc import Environment, Fetcher

BOUND: Final = 6  # seconds: the grace of 5, and one more
START: Final = "http://one.test/"
HEADER: Final = "source_url\tparsed_url\n"


def small_web() -> MemoryWeb:
    """Return three hosts with robots.txt, redirects, a page that fails once, and pages that take time."""
    web = MemoryWeb()
    for host in ("one", "two"):
        web.robots(f"http://{host}.test", "User-agent: *\nDisallow: /private\n")
    web.links(START, ["/a", "/moved", "/private", "http://two.test/", "http://three.test/"])
    web.links("http://one.test/a", ["/", "/flaky"])
    web.add("http://one.test/moved", redirect="http://two.test/target")
    attempts = count()

    def flaky(_hop: Hop) -> Reply:
        return Reply(status=503 if next(attempts) == 0 else 200, delay=0.1)

    web.add("http://one.test/flaky", flaky)
    web.add("http://two.test/", "<a href=/slow>slow</a>", delay=0.3)
    web.add("http://two.test/slow", "<title>slow</title>", delay=2)
    web.add("http://two.test/target", "<title>target</title>", delay=0.2)
    web.add("http://three.test/", "<a href=http://two.test/>two</a>", delay=0.7)
    return web


def text(path: Path) -> str:
    """Return what a file holds; nothing if it is not there."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def urls_of(path: Path) -> list[str]:
    """Return the URL of each row of a file of JSON lines, in which every line is whole."""
    return [json.loads(line)["url"] for line in text(path).splitlines()]


# At each step, on virtual time


def test_files_hold_a_beginning_of_what_they_would(tmp_path: Path) -> None:
    """Cancelled at any step, each file ends with a whole line, and is the beginning of the whole crawl's."""
    paths = [tmp_path / "links.tsv", tmp_path / "pages.jsonl"]

    async def make() -> Report:
        return await crawl(
            START, fetch=small_web(), write=paths, overwrite=True, follow="any", delay=0.2, retries=1
        )

    whole: dict[Path, str] = {}

    def check(_step: int, report: object) -> None:
        for path in paths:
            content = text(path)
            assert whole[path].startswith(content)
            assert content == "" or content.endswith("\n")
            assert report is None or content == whole[path]

    # A first step that no run reaches: the crawl is not cancelled.
    cancel_everywhere(make, first=10**6, check=lambda *_: whole.update({path: text(path) for path in paths}))
    assert len(set(urls_of(paths[1]))) == len(urls_of(paths[1])) == 7
    assert len(whole[paths[0]].splitlines()) == 1 + 9
    cancel_everywhere(make, bound=BOUND, check=check)


@pytest.mark.parametrize("is_async", [False, True])
def test_what_was_parsed_is_written(is_async: bool, tmp_path: Path) -> None:
    """Cancelled at any step, every page that was parsed to its end is written once, in that order."""
    path = tmp_path / "pages.jsonl"
    parsed: list[str] = []
    taken: list[str] = []

    def parse(page: Page) -> Iterator[object]:
        yield from page.links()
        yield {"url": page.url}
        parsed.append(page.url)

    async def parse_slowly(page: Page) -> AsyncIterator[object]:
        await trio.sleep(0.05)
        for item in parse(page):
            yield item

    async def sink(row: dict[str, str]) -> None:
        taken.append(row["url"])
        await trio.sleep(0.01)

    async def make() -> Report:
        parsed.clear()
        taken.clear()
        return await crawl(
            START,
            fetch=small_web(),
            parse=parse_slowly if is_async else parse,
            write=[path, sink],
            overwrite=True,
            follow="any",
            delay=0.2,
        )

    def check(_step: int, report: object) -> None:
        # Parsers that end at one instant are taken in the order of their leases.
        assert sorted(taken) == sorted(parsed)
        assert urls_of(path) == taken
        assert report is None or len(taken) == 7

    cancel_everywhere(make, bound=BOUND, check=check)


def test_an_async_parser_is_closed() -> None:
    """Cancelled at any step, each async generator that began to parse has run its ``finally``."""
    begun: list[str] = []
    closed: list[str] = []

    async def parse(page: Page) -> AsyncIterator[object]:
        begun.append(page.url)
        try:
            for link in page.links():
                await trio.sleep(0.05)
                yield link
        finally:
            closed.append(page.url)

    async def make() -> Report:
        begun.clear()
        closed.clear()
        return await crawl(START, fetch=small_web(), parse=parse, follow="any", delay=0.2)

    def check(_step: int, _report: object) -> None:
        assert sorted(begun) == sorted(closed)

    cancel_everywhere(make, bound=BOUND, stride=3, check=check)


def test_a_stream_gives_what_is_written(tmp_path: Path) -> None:
    """Cancelled at any step, the file beside a stream holds exactly the pages that were acknowledged."""
    path = tmp_path / "pages.jsonl"
    acknowledged: list[str] = []

    async def make() -> Report:
        acknowledged.clear()
        async with open_crawl(
            START, fetch=small_web(), write=path, overwrite=True, follow="any", delay=0.2
        ) as pages:
            async for page in pages:
                await trio.sleep(0.15)
                acknowledged.append(page.url)
        return pages.report

    def check(_step: int, report: object) -> None:
        assert urls_of(path) == acknowledged
        assert len(set(acknowledged)) == len(acknowledged)
        assert report is None or len(acknowledged) == 7

    cancel_everywhere(make, bound=BOUND, check=check)


def test_a_stop_is_cancelled(tmp_path: Path) -> None:
    """Cancelled at any step of a crawl that is paused, resumed and stopped, what was parsed is written."""
    path = tmp_path / "pages.jsonl"
    parsed: list[str] = []

    def parse(page: Page) -> Iterator[object]:
        parsed.append(page.url)
        yield {"url": page.url}
        yield from page.links()

    async def make() -> Report:
        parsed.clear()
        async with trio.open_nursery() as nursery:
            crawling = partial(
                crawl, START, fetch=small_web(), parse=parse, write=path, overwrite=True, follow="any"
            )
            control: Control = await nursery.start(crawling)
            await control.add("http://three.test/added")
            control.pause()
            await trio.sleep(1)
            control.resume()
            await trio.sleep(0.5)
            control.stop()
            return await control.wait()  # noqa: ASYNC121 - the crawl has ended

    def check(_step: int, report: object) -> None:
        assert urls_of(path) == parsed
        assert report is None or (isinstance(report, Report) and report.ended == "stopped")

    cancel_everywhere(make, bound=BOUND, stride=2, check=check)


class NotVirtual:
    """A web in memory that says it is on the network's time, so that files are written in threads."""

    opens_connections: Final = False
    virtual: Final = False

    def __init__(self, web: MemoryWeb) -> None:
        self._web = web

    @asynccontextmanager
    async def open(self, environment: Environment, /) -> AsyncIterator[None]:
        async with self._web.open(environment):
            yield

    async def fetch(self, hop: Hop, /) -> Response:
        return await self._web.fetch(hop)


def test_files_that_are_written_in_threads(tmp_path: Path) -> None:
    """Cancelled at any step of a crawl whose files are written in threads, what was parsed is written."""
    path = tmp_path / "pages.jsonl"
    parsed: list[str] = []

    def parse(page: Page) -> Iterator[object]:
        parsed.append(page.url)
        yield {"url": page.url}
        yield from page.links()

    async def make() -> Report:
        web = MemoryWeb()
        web.links(START, ["/a", "/b"])
        parsed.clear()
        return await crawl(START, fetch=NotVirtual(web), parse=parse, write=path, overwrite=True, delay=0)

    def check(_step: int, report: object) -> None:
        assert urls_of(path) == parsed
        assert report is None or len(parsed) == 3

    cancel_everywhere(make, clock=lambda: None, bound=BOUND, check=check)


# At seeded times, over real sockets

_SERVER: Final = """
import trio
from functools import partial
from trio_crawl.testing import MemoryWeb, Reply, serve

web = MemoryWeb()
web.links("http://site.test/", [f"/{number}" for number in range(24)] + ["/moved"])
web.otherwise("http://site.test", lambda hop: Reply(delay=0.02, body="<p>" + "x" * 300_000))
web.add("http://site.test/moved", redirect="/target")
web.robots("http://site.test", "")

async def main():
    async with trio.open_nursery() as nursery:
        print(await nursery.start(partial(serve, web, origin="http://site.test")), flush=True)

trio.run(main)
"""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Serve a small site from a process of its own, whose sockets are nobody's leak; give its root."""
    with subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip() + "/"
        finally:
            server.terminate()


@pytest.mark.parametrize(
    "fetcher",
    [
        pytest.param(
            lambda: Curl(watch="epoll"),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux's"),
            id="curl-epoll",
        ),
        pytest.param(lambda: Curl(watch="tasks"), id="curl-tasks"),
        pytest.param(Httpx, id="httpx"),
    ],
)
def test_real_sockets(fetcher: Callable[[], Fetcher], site: str, tmp_path: Path) -> None:
    """Cancelled at any time of a crawl over sockets, nothing is left, and what was parsed is written."""
    path = tmp_path / "pages.jsonl"
    parsed: list[str] = []

    def parse(page: Page) -> Iterator[object]:
        parsed.append(page.url)
        yield {"url": page.url, "bytes": len(page.content)}
        yield from page.links()

    async def make() -> Report:
        parsed.clear()
        path.unlink(missing_ok=True)  # cancelled early, the crawl leaves what was there
        return await crawl(
            site,
            fetch=fetcher(),
            parse=parse,
            write=path,
            allow_private=True,
            delay=0,
            per_host=8,
            retries=0,
        )

    def check(_number: int, report: object) -> None:
        assert urls_of(path) == parsed
        assert len(set(parsed)) == len(parsed)
        if isinstance(report, Report):
            assert (report.pages, report.pending, dict(report.failed)) == (26, 0, {})

    times = random.Random(20)  # noqa: S311 - seeded, so that a failure can be had again
    seconds = [times.uniform(0, 0.15) for _ in range(20)]
    assert cancel_at(make, [*seconds, 60], bound=BOUND, check=check) >= 5


# The time that is left for what was parsed


@virtual
async def test_a_slow_output_has_the_grace_and_no_more() -> None:
    """What an output has not taken when *grace* seconds have passed since the cancellation is dropped."""
    taken: list[float] = []

    async def sink(_row: object) -> None:
        await trio.sleep(2)
        taken.append(trio.current_time() - began)

    web = MemoryWeb()
    web.links(START, [f"/{number}" for number in range(9)])
    began = trio.current_time()
    with trio.move_on_after(1) as scope:
        await crawl(START, fetch=web, write=sink, delay=0, grace=4.5)
    assert scope.cancelled_caught
    assert taken == [2, 4]
    assert trio.current_time() - began == 5.5


@virtual
async def test_an_output_that_is_quick_enough_gets_all() -> None:
    """What was parsed before the cancellation is written after it; the crawl ends when it is."""
    taken: list[str] = []

    async def sink(row: dict[str, str]) -> None:
        await trio.sleep(0.5)
        taken.append(row["url"])

    web = MemoryWeb()
    web.links(START, [f"/{number}" for number in range(5)])
    began = trio.current_time()
    with trio.move_on_after(0.7):
        await crawl(START, fetch=web, write=sink, delay=0)
    assert taken == [START, *(f"{START}{number}" for number in range(5))]
    assert trio.current_time() - began == 3


@virtual
async def test_an_output_that_hangs_is_cut_off() -> None:
    """A write that never returns holds a cancelled crawl for *grace* seconds."""
    began = trio.current_time()
    with trio.move_on_after(1):
        await crawl(START, fetch=small_web(), write=_hang, grace=3)
    assert trio.current_time() - began == 4


async def _hang(_row: object) -> None:
    await trio.sleep_forever()


@virtual
async def test_max_time_holds_for_the_outputs_as_well() -> None:
    """A crawl out of time, one grace for what is in flight and one for its outputs, ends, and says so."""
    web = MemoryWeb()
    web.add(START, "all there is")
    began = trio.current_time()
    with trio.move_on_after(1000):  # not to hang as well
        report = await crawl(START, fetch=web, write=_hang, max_time=3, grace=2)
    assert trio.current_time() - began <= 3 + 2 + 2
    assert (report.ended, report.pending) == ("max_time", 1)


@virtual
async def test_rows_of_async_parsers_that_nobody_took_up_are_flushed() -> None:
    """What async parsers found while the loop waited for a slow output is written after a cancellation."""
    written: list[str] = []
    parsed: list[str] = []

    class Slow:
        name = "slow"
        prompt = True
        rows = 0

        def check(self, _position: object = None, /) -> None: ...

        def ending(self) -> None: ...

        def audit(self, *_accounts: object, finished: bool) -> list[str]: ...  # type: ignore[empty-body]

        @asynccontextmanager
        async def open(self, _environment: Environment, _position: object = None, /) -> AsyncIterator[None]:
            yield

        def encode(self, outcome: Any) -> str:  # noqa: ANN401 - a page that was parsed
            self.rows += 1
            return str(outcome.page.url).ljust(300_000)  # a batch by itself

        async def write(self, items: list[str]) -> None:
            await trio.sleep(0.2)
            written.extend(item.strip() for item in items)

    async def parse(page: Page) -> AsyncIterator[object]:
        await trio.sleep(0.1)
        yield {"url": page.url}
        parsed.append(page.url)

    web = MemoryWeb()
    web.otherwise(START, lambda _hop: Reply())
    seeds = [f"{START}{number}" for number in range(12)]
    with trio.move_on_after(0.3):
        await crawl(seeds, fetch=web, parse=parse, write=Slow(), robots=False, delay=0, per_host=12)
    assert sorted(written) == sorted(parsed) == sorted(seeds)


# Errors and cancellation at one time


@virtual
async def test_an_error_of_the_last_flush_comes_out() -> None:
    """What an output raises while a cancelled crawl is flushed comes out of it, as itself."""

    async def sink(_row: object) -> None:
        await trio.sleep(1)
        raise broken

    broken = OSError("the disk is full")
    with pytest.raises(OSError, match="disk is full") as caught, trio.move_on_after(0.5):
        await crawl(START, fetch=small_web(), write=sink, delay=0)
    assert caught.value is broken


@virtual
async def test_no_cancellation_comes_out_with_an_error() -> None:
    """What a parser raises in its own nursery while the crawl cancels it comes out without ``Cancelled``."""

    async def parse(_page: Page) -> None:
        async def child() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("while cleaning up")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            await trio.sleep_forever()

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="while cleaning up")):
        await crawl(START, fetch=small_web(), parse=parse, max_time=3, parse_errors="raise")


@virtual
async def test_an_interrupt_is_more_than_an_error() -> None:
    """An interrupt comes out of the crawl even if errors that it led to came before it."""

    class Interrupted:
        opens_connections = False
        virtual = True

        @asynccontextmanager
        async def open(self, environment: Environment, /) -> AsyncIterator[None]:
            self._gone = trio.Event()
            environment.nursery.start_soon(self._serve)
            yield

        async def _serve(self) -> None:
            await trio.sleep(1)
            self._gone.set()
            raise KeyboardInterrupt

        async def fetch(self, _hop: Hop, /) -> Response:
            await self._gone.wait()
            raise trio.ClosedResourceError("the one who serves has gone")

    with pytest.raises(KeyboardInterrupt):
        await crawl(START, fetch=Interrupted())


def test_an_interrupt_leaves_what_was_parsed(tmp_path: Path) -> None:
    """An interrupt that reaches the crawl while it waits comes out when what was parsed is written."""
    path = tmp_path / "pages.jsonl"

    # Protected, so that trio raises it not here, but in its main task, which is the crawl.
    @trio.lowlevel.enable_ki_protection
    def interrupt(_hop: Hop) -> Reply:
        signal.raise_signal(signal.SIGINT)
        return Reply()

    web = MemoryWeb()
    web.links(START, ["/a", "/b", "/interrupt"])
    web.add(f"{START}interrupt", interrupt)
    # One hop at a time, so that rows wait for others; no robots.txt, and no pause.
    crawling = partial(crawl, START, fetch=web, write=path, concurrency=1, robots=False, delay=0)
    with pytest.raises(KeyboardInterrupt):
        trio.run(crawling, clock=trio.testing.MockClock(autojump_threshold=0))
    assert urls_of(path)[:3] == [START, f"{START}a", f"{START}b"]


@pytest.mark.parametrize("of_stream", [False, True])
def test_a_users_group_comes_out_unchanged(of_stream: bool) -> None:
    """A group that a writer raises when it is opened comes out as it is, with its cause."""
    group = ExceptionGroup("mine", [ValueError("a"), KeyError("b")])
    cause = OSError("why")

    class Broken:
        name = "broken"
        prompt = False
        rows = 0

        def check(self, _position: object = None, /) -> None: ...

        def ending(self) -> None: ...

        def audit(self, *_accounts: object, finished: bool) -> list[str]: ...  # type: ignore[empty-body]

        @asynccontextmanager
        async def open(self, _environment: Environment, _position: object = None, /) -> AsyncIterator[None]:
            raise group from cause
            yield

        def encode(self, _outcome: object) -> None: ...

        async def write(self, _items: object) -> None: ...

    @virtual
    async def main() -> None:
        crawling: Callable[..., Awaitable[object]] = _leave_at_once if of_stream else crawl
        with pytest.raises(ExceptionGroup) as caught:  # noqa: ASYNC401 - which object it is counts
            await crawling(START, fetch=small_web(), write=Broken())
        assert caught.value is group
        assert group.__cause__ is cause

    main()


@virtual
async def test_an_error_keeps_its_cause_in_the_stream() -> None:
    """What ends a crawl comes out of the iteration over its pages with its cause."""
    error = ValueError("a bug")

    async def sink(_row: object) -> None:
        raise error from OSError("the reason")

    with pytest.raises(ValueError, match="a bug"):
        await _take_all(START, fetch=small_web(), write=sink)
    assert isinstance(error.__cause__, OSError)


async def _leave_at_once(seed: str, *, fetch: MemoryWeb, write: object) -> None:
    async with open_crawl(seed, fetch=fetch, write=write):
        raise AssertionError("the block was entered")


async def _take_all(seed: str, *, fetch: MemoryWeb, write: object) -> None:
    async with open_crawl(seed, fetch=fetch, write=write) as pages:
        async for _ in pages:
            pass


# The consumer of a stream


@pytest.mark.parametrize("pause", [0, 0.05, 1])
@pytest.mark.parametrize("taken", [1, 2, 3, 4, 9])
def test_a_consumer_that_leaves_has_what_the_file_has(taken: int, pause: float, tmp_path: Path) -> None:
    """However slow it was, a consumer that leaves has acknowledged the pages of the file, and no others."""

    @virtual
    async def main() -> None:
        web = MemoryWeb()
        web.links(START, [f"/{number}" for number in range(9)])
        seen: list[str] = []
        path = tmp_path / "pages.jsonl"
        async with open_crawl(START, fetch=web, write=path, delay=0, per_host=8) as pages:
            async for page in pages:
                seen.append(page.url)
                await trio.sleep(pause)
                if len(seen) == taken:
                    break
        assert urls_of(path) == seen
        assert pages.report.pages == taken
        assert pages.report.ended == "left"

    main()


@virtual
async def test_a_consumer_that_leaves_at_the_end_has_left() -> None:
    """A crawl with nothing left to fetch, but pages that its consumer did not take, was left."""
    web = MemoryWeb()
    web.links(START, ["/a"])
    async with open_crawl(START, fetch=web, delay=0) as pages:
        async for _ in pages:
            await trio.sleep(5)
            break
    assert (pages.report.ended, pages.report.pages, pages.report.pending) == ("left", 1, 1)


@virtual
async def test_a_consumer_that_raises_while_the_crawl_does() -> None:
    """An exception of the block comes out as itself, with the crawl's own as a note."""

    def parse(page: Page) -> Iterator[object]:
        if page.depth:
            raise ValueError("of the parser")
        yield from page.links()
        yield {"url": page.url}

    async def consume() -> None:
        async with open_crawl(START, fetch=small_web(), parse=parse, parse_errors="raise") as rows:
            async for _ in rows:
                await trio.sleep(100)
                raise KeyError("of the block")

    with pytest.raises(KeyError) as caught:
        await consume()
    assert caught.value.__notes__ == ["the crawl ended with ValueError: of the parser"]


# Before it began, and after it ended


@virtual
async def test_cancelled_before_it_begins_nothing_is_touched(tmp_path: Path) -> None:
    """A crawl in a scope that is cancelled already replaces no file, and asks for nothing."""
    path = tmp_path / "links.tsv"
    path.write_text("precious\n")
    web = small_web()
    with trio.CancelScope() as scope:
        scope.cancel(reason="before it began")
        await crawl(START, fetch=web, write=path, overwrite=True)
    assert scope.cancelled_caught
    assert text(path) == "precious\n"
    assert web.requests == []


@virtual
async def test_cancelled_before_it_started() -> None:
    """A nursery's ``start`` that is cancelled while an output opens is over, and so is the crawl."""

    class NeverOpen:
        name = "never open"
        prompt = False
        rows = 0

        def check(self, _position: object = None, /) -> None: ...

        def ending(self) -> None: ...

        def audit(self, *_accounts: object, finished: bool) -> list[str]: ...  # type: ignore[empty-body]

        @asynccontextmanager
        async def open(self, _environment: Environment, _position: object = None, /) -> AsyncIterator[None]:
            await trio.sleep_forever()
            yield

        def encode(self, _outcome: object) -> None: ...

        async def write(self, _items: object) -> None: ...

    web = small_web()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1) as scope:
            await nursery.start(partial(crawl, START, fetch=web, write=NeverOpen(), grace=2))
        assert scope.cancelled_caught
        assert not nursery.child_tasks
    assert trio.current_time() - began <= 3
    assert web.requests == []


@virtual
async def test_a_pause_ends_by_a_stop() -> None:
    """A crawl that is stopped while it is paused ends, with what was not started pending."""
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, START, fetch=small_web(), follow="any"))
        await trio.sleep(0.7)  # one page: robots.txt was asked for half a second before it
        control.pause()
        await trio.sleep(100)
        control.stop()
        report = await control.wait()
    assert (report.ended, report.pages) == ("stopped", 1)
    assert report.pending > 0


@virtual
async def test_who_waits_for_a_cancelled_crawl_is_told() -> None:
    """The one who waits for a crawl that is cancelled gets an error that says so."""
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, START, fetch=small_web()))
        nursery.cancel_scope.cancel(reason="enough")
    with pytest.raises(CrawlError, match="cancelled"):
        await control.wait()


@pytest.mark.slow
def test_an_async_source_of_seeds_is_closed() -> None:
    """An async generator of seeds that waits until there is room for more is closed by a cancellation."""
    closed: list[str] = []

    async def seeds() -> AsyncIterator[Request]:
        try:
            for number in count():
                yield Request(f"{START}{number}")
        finally:
            closed.append("closed")

    async def main() -> None:
        web = MemoryWeb()
        web.otherwise(START, lambda _hop: Reply())
        with trio.move_on_after(3):
            await crawl(seeds(), fetch=web, delay=1, robots=False)
        assert closed == ["closed"]

    virtual(main)()


def test_a_file_of_seeds_is_closed_whatever_is_wrong(tmp_path: Path) -> None:
    """A crawl that can't begin, for an output that is there already, leaves its file of seeds closed."""
    seeds, output = tmp_path / "seeds.txt", tmp_path / "links.tsv"
    seeds.write_text(START)
    output.write_text("full")

    async def main() -> None:
        for write in (output, 7):
            async with asserts_no_leaks():
                # While the error is there, its traceback keeps all alive that nobody closed.
                with pytest.raises(CrawlError) as caught:
                    await crawl(seeds, fetch=small_web(), write=write)
            assert caught.value.__traceback__ is not None

    trio.run(main)
