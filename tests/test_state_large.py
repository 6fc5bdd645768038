"""What grows with a state, or with what waits, can be cancelled: steps are counted, SQLite's and trio's."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual
from interrupt_support import Real
from state_support import select

from trio_crawl import Control, Link, Request, crawl
from trio_crawl._crawl import outlet
from trio_crawl._frontier import conduct, database
from trio_crawl._frontier.journal import Changes
from trio_crawl._frontier.sqlite import SqliteState
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trio_crawl import Page

URLS = 20_000
HOSTS = 2_000
STEPS = 1_000


class EnoughError(BaseException):
    """A cancellation."""


class Counter:
    """Counts how often a cancellation was looked for, and is one at one of these times."""

    def __init__(self) -> None:
        self.calls = 0
        self.at = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise EnoughError

    def begin(self, at: int = 0) -> None:
        self.calls, self.at = 0, at


def fill(path: Path, *, status: int, hosts: int = HOSTS) -> None:
    """Put many URLs into a new state, all of which came to the same."""
    state = SqliteState(path, {})
    state.open()
    state.commit(Changes(), [], {"pages": 0, "discovered": 0, "statuses": {}, "skipped": {}, "failed": {}})
    state.close()
    old = time.time() - 90_000
    details = {0: None, 1: 200, 2: "connect", 3: "max_pages"}
    with closing(sqlite3.connect(path)) as db:
        waiting = URLS // hosts if status == 0 else 0
        db.executemany(
            "INSERT INTO hosts VALUES (?, ?, ?)", ((n, f"h{n}.test", waiting) for n in range(1, hosts + 1))
        )
        db.executemany(
            "INSERT INTO urls (id, host, rank, status, url, detail, rows, batch, fetched_at)"
            " VALUES (?, ?, 1, ?, ?, ?, '', 1, ?)",
            (
                (n, n % hosts + 1, status, f"https://h{n % hosts + 1}.test/{n}", details[status], old)
                for n in range(1, URLS + 1)
            ),
        )
        db.executemany(
            "INSERT INTO conduct VALUES (?, 5, 0.5, 1, 0.5, 0, 0, ?, ?, 0, 0, NULL, 0.2)",
            ((f"h{n}.test", old, old) for n in range(1, hosts + 1)),
        )
        db.executemany(
            "INSERT INTO robots VALUES (?, ?, 'rules', 200, ?, ?, 9, NULL, 0, 'disallow: /x', 'p')",
            ((f"https://h{n}.test", f"h{n}.test", old, old + 1) for n in range(1, hosts + 1)),
        )
        books: dict[str, Any] = {"pages": 0, "unchanged": 0, "discovered": URLS}
        books |= {"statuses": {}, "skipped": {}, "failed": {}}
        if status == 1:
            books |= {"pages": URLS, "statuses": {"200": URLS}}
        if status:
            books |= {2: {"failed": {"connect": URLS}}, 3: {"skipped": {"max_pages": URLS}}}.get(status, {})
        db.execute("UPDATE facts SET value = ? WHERE name = 'books'", (json.dumps(books),))
        db.commit()


def dump(path: Path) -> str:
    """Return a digest of all that a state says."""
    with closing(sqlite3.connect(path)) as db:
        return hashlib.sha256("\n".join(db.iterdump()).encode()).hexdigest()


def reopening(**given: Any) -> Callable[[SqliteState], object]:  # noqa: ANN401 - limits
    """Return what makes URLs pending again."""
    limits = {"max_depth": None, "max_pages": None, "retry_failed": False, **given}
    return lambda state: state.reopen(**limits)


WORK: dict[str, tuple[int, Callable[[SqliteState], object]]] = {
    "a recrawl": (1, reopening(visited_before=time.time() - 1000)),
    "failures again": (2, reopening(retry_failed=True)),
    "a limit raised": (3, reopening()),
    "the rest skipped": (0, lambda state: state.commit(Changes(skip_rest="max_pages"), [], {})),
}


@pytest.mark.parametrize(("status", "work"), WORK.values(), ids=WORK)
def test_a_statement_that_is_cancelled_changes_nothing(
    status: int, work: Callable[[SqliteState], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is cancelled it ends at once, the state is as it was, and the same can be done after it."""
    monkeypatch.setattr(database, "STEPS", STEPS)
    path = tmp_path / "crawl.db"
    fill(path, status=status)
    before = dump(path)
    check = Counter()
    state = SqliteState(path, {}, check)
    state.open()
    check.begin()
    with pytest.raises(EnoughError):
        check.begin(1)
        work(state)
    # Each time it is looked is after so many steps: there are many of both.
    for at in (5, 50, 100):
        check.begin(at)
        with pytest.raises(EnoughError):
            work(state)
        assert check.calls == at
        assert dump(path) == before
    check.begin()
    work(state)
    assert check.calls > 100
    state.close()
    assert not (tmp_path / "crawl.db.lock").exists()
    assert dump(path) != before


def read_all(state: SqliteState, check: Callable[[], None]) -> None:
    state.resume(check, 0.0, count_hosts=True)


def test_to_read_a_state_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So can opening it, and taking up what it knows."""
    monkeypatch.setattr(database, "STEPS", STEPS)
    path = tmp_path / "crawl.db"
    fill(path, status=0)
    check = Counter()
    state = SqliteState(path, {}, check)
    check.begin(2)
    with pytest.raises(EnoughError):
        state.open()
    state.close()
    check.begin()
    state.open()
    check.begin()
    read_all(state, check)
    most = check.calls
    assert most > 5
    for at in (1, most // 2):
        check.begin(at)
        with pytest.raises(EnoughError):
            read_all(state, check)
        assert check.calls == at
    state.close()


def test_to_look_back_takes_steps_for_each_host_once(tmp_path: Path) -> None:
    """Of ten times as many hosts, with a robots.txt each, it takes about ten times the steps."""
    taken = []
    for hosts in (HOSTS // 10, HOSTS):
        path = tmp_path / f"{hosts}.db"
        fill(path, status=0, hosts=hosts)
        steps = Counter()
        with closing(sqlite3.connect(path)) as state:
            state.set_progress_handler(steps, STEPS)
            assert sum(1 for _ in conduct.reports(state, -1)) == hosts
        taken.append(steps.calls)
    assert taken[1] < taken[0] * 15


def test_a_cancelled_crawl_leaves_its_state_closed(tmp_path: Path) -> None:
    """Cancelled while SQLite works, a crawl with threads returns, and the state can be opened at once."""
    path = tmp_path / "crawl.db"

    async def go(web: MemoryWeb, **keywords: Any) -> None:  # noqa: ANN401 - of crawl()
        await crawl(SITE, fetch=Real(web), state=path, delay=0, robots=False, **keywords)

    web = MemoryWeb()
    web.add(SITE, "x")
    trio.run(partial(go, web))
    original = database.Database._go_on  # noqa: SLF001 - where SQLite asks whether to go on
    asked = trio.Event()

    def slowly(self: database.Database) -> bool:
        trio.from_thread.run_sync(asked.set)
        while not original(self):
            time.sleep(0.001)  # the work of a large state
        return True

    async def cancelled() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(go, web, recrawl=0.001))
            await asked.wait()
            nursery.cancel_scope.cancel()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "STEPS", 1)
        patch.setattr(database.Database, "_go_on", slowly)
        trio.run(cancelled)
    assert not (tmp_path / "crawl.db.lock").exists()
    trio.run(partial(go, web))


# What waits in memory


class Jumps(trio.abc.Instrument):
    """Notes by how much a number grows between two steps of tasks."""

    def __init__(self) -> None:
        self.number: Callable[[], int] = int
        self.most = 0
        self._last = 0

    def before_task_step(self, _task: trio.lowlevel.Task) -> None:
        number = self.number()
        self.most = max(self.most, number - self._last)
        self._last = number


def all_at_once(page: Page) -> Iterator[object]:
    """Lead from the seed to lists, and from these to many pages, which come last."""
    name = page.url.rpartition("/")[2]
    if not name:
        yield from (Request(f"{SITE}{each}", priority=1) for each in range(20))
    elif name.isdecimal():
        yield from (Link(url=f"{SITE}page/{name}-{each}") for each in range(1000))


@pytest.mark.parametrize("why", ["cancelled_host", "max_per_host", "max_pages", "robots"])
@pytest.mark.parametrize("stateful", [False, True])
def test_many_pages_are_let_go_of_bit_by_bit(why: str, stateful: bool, tmp_path: Path) -> None:
    """However many are skipped at once, the event loop has its turn in between, and no commit is large."""
    web = MemoryWeb()
    web.robots(SITE, "User-agent: *\nDisallow: /page/" if why == "robots" else "")
    web.otherwise(SITE, lambda _: "x")
    jumps = Jumps()
    limits: dict[str, Any] = {"max_per_host": {"max_per_host": 21}, "max_pages": {"max_pages": 21}}.get(
        why, {}
    )

    async def main() -> dict[str, int]:
        async with trio.open_nursery() as nursery:
            control: Control = await nursery.start(
                partial(
                    crawl,
                    SITE,
                    fetch=web,
                    parse=all_at_once,
                    state=tmp_path / "crawl.db" if stateful else None,
                    delay=1,
                    traps=False,
                    max_links=2000,
                    **limits,
                )
            )

            def skipped() -> int:
                return control.statistics().skipped.get(why, 0)  # type: ignore[call-overload, no-any-return] # a reason

            jumps.number = skipped if why != "max_pages" else int
            found = why in {"cancelled_host", "robots"}
            while found and control.statistics().discovered < URLS:  # noqa: ASYNC110 - there is no event for it
                await trio.sleep(1)
            if why == "cancelled_host":
                control.cancel_host("site.test", reason="enough")
            elif why == "robots":
                await trio.sleep(5)
                control.stop()
            report = await control.wait()
        return {str(reason): number for reason, number in report.skipped.items()}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outlet, "MOST_CHANGES", 500)
        skipped = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0), instruments=[jumps])
    assert skipped[why] > (100 if why == "robots" else URLS - 100)
    assert jumps.most <= 256
    if stateful and why in {"cancelled_host", "max_per_host"}:
        batches = select(tmp_path, "SELECT count(*) FROM urls WHERE status = 3 GROUP BY batch")
        assert max(batches)[0] <= 500 + 2 * 256


@virtual
async def test_a_state_with_many_hosts_is_taken_up_bit_by_bit(tmp_path: Path) -> None:
    """For a thousand hosts there is a step in between."""
    path = tmp_path / "crawl.db"
    fill(path, status=0)
    identity: dict[str, Any] = {"follow": "any", "include": [], "exclude": [], "write": [], "parse": None}
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE facts SET value = ? WHERE name = 'identity'", (json.dumps(identity),))
        db.commit()
    web = MemoryWeb()
    for number in range(1, HOSTS + 1):
        web.add(f"https://h{number}.test/")
    report = await crawl([], fetch=web, state=path, follow="any", max_time=0.1, grace=0, robots=False)
    assert report.discovered == URLS
