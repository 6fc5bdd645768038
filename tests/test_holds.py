"""What a crawl writes is held: by whatever name another comes, in this process or another one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from sqlite3 import OperationalError, connect
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, objects_of, virtual

from trio_crawl import OutputError, Report, StateError, UsageError, crawl
from trio_crawl._cli.check import check
from trio_crawl._holds import HeldError, Hold, holder
from trio_crawl.fetchers import Cache
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files are held by flock")


def site(pages: int = 30) -> MemoryWeb:
    """Return pages in a chain, each of which takes a second."""
    web = MemoryWeb()
    for number in range(pages):
        web.add(f"{SITE}{number}", f"<a href=/{number + 1}>x</a>" if number < pages - 1 else "", delay=1)
    return web


OUTPUTS = [
    "o.jsonl",
    "o.tsv.gz",
    "o-{n}.jsonl",
    "o.sqlite",
    "o.parquet",
    "o.warc.gz",
    "o-{n}.warc.gz",
    "mirror/",
]


@pytest.mark.parametrize("stateful", [False, True])
@pytest.mark.parametrize("name", OUTPUTS)
@virtual
async def test_a_second_crawl_on_a_live_output(name: str, stateful: bool, tmp_path: Path) -> None:
    """It is refused, and told of the first, which is not disturbed."""
    output = f"{tmp_path}/{name}"
    state = tmp_path / "one.db" if stateful else None
    reports: list[Report] = []

    async def first(*, task_status: trio.TaskStatus[object]) -> None:
        reports.append(
            await crawl(f"{SITE}0", fetch=site(), write=output, state=state, task_status=task_status)
        )

    async with trio.open_nursery() as nursery:
        await nursery.start(first)
        for moment in (0.1, 10):
            await trio.sleep(moment)
            with pytest.raises(OutputError, match=f"is being written by a crawl of this process.*{name[:2]}"):
                await crawl(SITE, fetch=MemoryWeb(), write=output, overwrite=True, state=tmp_path / "two.db")
    assert reports[0].pages == 30
    if state is not None:
        assert check(str(state), [output]).problems == ()
    report = await crawl(f"{SITE}0", fetch=site(2), write=output, overwrite=True)
    assert report.pages == 2


@virtual
async def test_by_another_name(tmp_path: Path) -> None:
    """A hard link, a symbolic one, a descriptor's path, and a part of a template are what they are."""
    output = tmp_path / "o-{n}.jsonl"
    part = tmp_path / "o-1.jsonl"
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(crawl, f"{SITE}0", fetch=site(), write=output))
        await trio.sleep(3)
        os.link(part, tmp_path / "hard.jsonl")
        (tmp_path / "soft.jsonl").symlink_to(part)
        with part.open("rb") as file:
            names = ["hard.jsonl", "soft.jsonl", "o-1.jsonl", f"/dev/fd/{file.fileno()}"]
            from trio_crawl.writers import Lines  # noqa: PLC0415 - of this test alone

            for name in names:
                writer = Lines(tmp_path / name, format="jsonl", overwrite=True)
                with pytest.raises(OutputError, match="is being written by"):
                    await crawl(SITE, fetch=MemoryWeb(), write=writer)
        nursery.cancel_scope.cancel()
    assert len(objects_of(part)) >= 2


@virtual
async def test_a_state_by_a_hard_link(tmp_path: Path) -> None:
    """It is one state; and where the other name has its log, that is the name to go on with."""
    state = tmp_path / "crawl.db"
    begin = partial(crawl, f"{SITE}0", write=tmp_path / "o.jsonl", delay=0)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(begin, fetch=site(), state=state))
        await trio.sleep(3)
        os.link(state, tmp_path / "other.db")
        with pytest.raises(StateError, match=r"in use by a crawl of this process .*crawl\.db"):
            await crawl(SITE, fetch=MemoryWeb(), state=tmp_path / "other.db")
        # To look at it was not to open it: SQLite's own locks are as they were.
        code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA journal_mode = DELETE')"
        done = subprocess.run(  # noqa: ASYNC221, S603 - on a clock that waits for nobody
            [sys.executable, "-c", code, state], capture_output=True, text=True, check=False
        )
        assert "locked" in done.stderr
        nursery.cancel_scope.cancel()
    (tmp_path / "crawl.db-wal").write_bytes(b"as a kill would leave it")
    with pytest.raises(StateError, match="by two hard links"):
        await begin(fetch=site(), state=tmp_path / "other.db")
    (tmp_path / "crawl.db-wal").unlink()
    assert (await begin(fetch=site(), state=state)).pages == 30


HOLDER = """
import os, sys, trio, trio_crawl
from pathlib import Path
from trio_crawl.testing import MemoryWeb, Reply
folder, how = Path(sys.argv[1]), sys.argv[2]

def main():
    web = MemoryWeb()
    web.otherwise("https://site.test", lambda hop: Reply(body=b"<a href=x/>x</a>", delay=0.01))
    pages = 0
    def parse(page):
        nonlocal pages
        pages += 1
        if pages == 30:
            child = 0
            if how == "fork":
                child = os.fork()
                if not child:
                    import time
                    time.sleep(600)
            print(os.getpid(), child, flush=True)
        yield from page.links()
        yield {"url": page.url}
    class Real:
        opens_connections = virtual = False
        open, fetch = web.open, web.fetch
    trio_crawl.run("https://site.test/", fetch=Real(), parse=parse, delay=0, traps=False, robots=False,
        write=[folder / "o-{n}.jsonl", folder / "o.sqlite", f"{folder}/o.parquet"], state=folder / "c.db")
main()
"""


@pytest.fixture
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Give the process of a crawl that goes on, and a child that it has forked."""
    command = [sys.executable, "-c", HOLDER, tmp_path, request.param]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:  # noqa: S603 - ourselves
        assert process.stdout is not None
        pid, child = map(int, process.stdout.readline().split())
        try:
            yield pid, child
        finally:
            for each in (pid, child):
                if each:
                    try:
                        os.kill(each, signal.SIGKILL)
                    except ProcessLookupError:
                        continue


async def refused(folder: Path) -> list[str]:
    """Return why each of the outputs of another crawl, and its state, is refused."""
    said = []
    for name in ("o-{n}.jsonl", "o-1.jsonl", "o.sqlite", "o.parquet"):
        try:
            web = MemoryWeb()
            web.add(SITE)
            await crawl(SITE, fetch=web, write=folder / name, overwrite=True, robots=False)
        except OutputError as error:
            said.append(str(error))
    try:
        await crawl(SITE, fetch=MemoryWeb(), state=folder / "c.db")
    except StateError as error:
        said.append(str(error))
    return said


@pytest.mark.parametrize("live", ["alone"], indirect=True)
def test_another_process(live: tuple[int, int], tmp_path: Path) -> None:
    """A crawl of another process holds what it writes, and is named."""
    said = trio.run(refused, tmp_path)
    assert len(said) == 5
    assert all(f"process {live[0]}" in each for each in said[:-1])
    assert f"process {live[0]}" in said[-1]


@pytest.mark.parametrize("live", ["fork"], indirect=True)
def test_no_hold_outlives_its_process(live: tuple[int, int], tmp_path: Path) -> None:
    """A child that was forked meanwhile holds nothing, once the crawl's process is gone."""
    pid, child = live
    os.kill(pid, signal.SIGKILL)
    os.kill(child, 0)
    # The kernel closes what it had before it tells its parent, who is us.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    (said,) = trio.run(refused, tmp_path)
    assert "is of a crawl with write=" in said


CHILD = """
import os, sys
from pathlib import Path
from trio_crawl._frontier.journal import Changes
from trio_crawl._frontier.sqlite import SqliteState
from trio_crawl._write.mirror import Item, Mirror
from trio_crawl._write.parts import Parts
from trio_crawl._write.sink import Sink
from trio_crawl._write.warc_file import ArchiveFile, Template
folder = Path(sys.argv[1])
state = SqliteState(folder / "c.db", {})
sink = Sink(Parts(str(folder / "o-{n}.jsonl")), rotate=4, packing=None, sync=False)
mirror = Mirror(folder / "m")
archive = ArchiveFile(Template(str(folder / "o.warc")), rotate=100, compress=False)
state.open()
sink.open(False, None)
mirror.open(None, False)
archive.open(False, None)

def add(what):
    done = 0
    for function, *arguments in (
        (sink.append, [what + "\\n"], (), ""),
        (mirror.append, [Item(what, b"x", "{}\\n")]),
        (archive.append, [what.encode()], "2026-01-01T00:00:00Z"),
        (state.commit, Changes(), [], {"pages": len(what)}),
    ):
        try:
            function(*arguments)
        except RuntimeError as error:
            assert "was forked from" in str(error)
        else:
            done += 1
    return done

assert add("one") == 4
child = os.fork()
if not child:
    done = add("child")
    for each in (sink, mirror, archive, state):
        each.close()
    os._exit(done)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert add("two") == 4
assert (folder / "c.db.lock").exists()
print(state.books())
for each in (sink, mirror, archive, state):
    each.close()
"""


def test_a_child_that_goes_on_writes_nothing(tmp_path: Path) -> None:
    """Whatever a forked child does with its copies, it adds no row, commits nothing and closes nothing."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", CHILD, tmp_path], capture_output=True, text=True, env=env, check=False
    )
    assert (done.stdout, done.returncode) == ("{'pages': 3}\n", 0), done.stderr
    assert [(tmp_path / f"o-{number}.jsonl").read_text() for number in (1, 2)] == ["one\n", "two\n"]
    assert (tmp_path / "m" / "files.jsonl").read_text() == "{}\n{}\n"
    assert (tmp_path / "o.warc").read_bytes().endswith(b"onetwo")
    names = {"c.db", "o-1.jsonl", "o-2.jsonl", "m", "o.warc"}
    assert {path.name for path in tmp_path.iterdir()} == names


@virtual
async def test_a_cache_in_use_is_no_output(tmp_path: Path) -> None:
    """Several crawls may use a cache, and none may write over it meanwhile."""
    path = tmp_path / "cache.sqlite"
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            await nursery.start(partial(crawl, f"{SITE}0", fetch=Cache(site(), path=path)))
        with pytest.raises(OutputError, match="as the cache"):
            await crawl(SITE, fetch=MemoryWeb(), write=path, overwrite=True)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(crawl, f"{SITE}0", fetch=site(), write=path, overwrite=True))
        await trio.sleep(3)
        with pytest.raises(UsageError, match="no cache|in use by"):
            await crawl(SITE, fetch=Cache(MemoryWeb(), path=path))
        nursery.cancel_scope.cancel()
    await crawl(f"{SITE}0", fetch=site(2), write=path, overwrite=True)


def test_a_hold_by_itself(tmp_path: Path) -> None:
    """One holds a file, and lets go of it; a device is held by as many as like."""
    path = tmp_path / "file"
    path.touch()
    hold = Hold.open(path, "the first")
    with pytest.raises(HeldError, match="as the first"):
        Hold.open(path, "the second")
    assert "the first" in str(holder(path))
    hold.close()
    assert holder(path) is None
    assert holder(tmp_path / "none") is None
    for each in [Hold.open(Path("/dev/null"), "null") for _ in range(2)]:
        each.close()


def test_a_reader_is_not_held_off(tmp_path: Path) -> None:
    """SQLite's readers read what is held, as before."""

    async def main() -> Any:  # noqa: ANN401 - rows
        async with trio.open_nursery() as nursery:
            output = tmp_path / "o.sqlite"
            await nursery.start(partial(crawl, f"{SITE}0", fetch=site(), write=output, delay=0))
            await trio.sleep(5)
            with closing(connect(output)) as database:
                found = database.execute("SELECT count(*) FROM pages").fetchone()
                try:
                    database.execute("BEGIN EXCLUSIVE")
                    database.rollback()
                except OperationalError:  # it writes at this moment
                    pass
            nursery.cancel_scope.cancel()
        return found

    (found,) = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert found >= 2
