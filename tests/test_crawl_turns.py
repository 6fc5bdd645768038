"""Turns at worker processes and async parsers, shared fairly by hosts."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_crawl._crawl import turns
from trio_crawl._crawl.turns import Crowd, FairTurns


class Held:
    """Hosts that nothing more is asked of."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()

    def __call__(self, host: str, held: bool) -> None:
        (self.hosts.add if held else self.hosts.remove)(host)


class Table:
    """Pages that have a turn, or wait for one; each has it until `end`."""

    def __init__(self, places: int, *, spare: int | None = None, most_bytes: int = 1 << 60) -> None:
        self.held = Held()
        self.crowd = Crowd(10, self.held)
        self.turns = FairTurns(places, self.crowd, spare=spare, most_bytes=most_bytes)
        self.running: list[str] = []
        self._ends: dict[str, list[trio.Event]] = {}

    async def page(self, host: str, size: int = 1) -> None:
        async with self.turns.ask(host, size):
            self.running.append(host)
            end = trio.Event()
            self._ends.setdefault(host, []).append(end)
            await end.wait()

    async def begin(self, nursery: trio.Nursery, host: str, number: int = 1, size: int = 1) -> None:
        for _ in range(number):
            nursery.start_soon(self.page, host, size)
            await trio.testing.wait_all_tasks_blocked()

    async def end(self, host: str) -> None:
        self._ends[host].pop(0).set()
        self.running.remove(host)
        await trio.testing.wait_all_tasks_blocked()


async def test_a_host_has_half_of_the_places() -> None:
    """Whoever comes later finds one free; and with two of its pages waiting a host is held."""
    table = Table(8)
    async with trio.open_nursery() as nursery:
        await table.begin(nursery, "bad", 5)
        assert (table.running, table.held.hosts) == (["bad"] * 4, set())
        await table.begin(nursery, "bad")
        assert table.held.hosts == {"bad"}
        await table.begin(nursery, "good", 2)
        assert table.running == ["bad"] * 4 + ["good"] * 2
        await table.end("bad")
        assert table.running == ["bad"] * 3 + ["good"] * 2, "three are free, and it has three"
        await table.end("good")
        assert table.running.count("bad") == 4
        assert table.held.hosts == set()
        nursery.cancel_scope.cancel()
    assert repr(table.turns) == "<FairTurns: 0 under way, 8 free>"
    assert repr(table.crowd) == "<Crowd of 0 pages, 0 bytes>"


async def test_a_spare_place_is_for_others() -> None:
    """One host has all but so many, and another gets what is left."""
    table = Table(3, spare=1)
    async with trio.open_nursery() as nursery:
        await table.begin(nursery, "bad", 4)
        assert table.running == ["bad"] * 2
        await table.begin(nursery, "good", 2)
        assert table.running == ["bad"] * 2 + ["good"]
        await table.end("bad")
        assert table.running == ["bad", "good"]
        await table.end("good")
        assert sorted(table.running) == ["bad", "bad", "good"]
        nursery.cancel_scope.cancel()


async def test_hosts_take_turns() -> None:
    """Those that wait go one after the other, however many pages each has waiting."""
    table = Table(1)
    order: list[str] = []
    async with trio.open_nursery() as nursery:
        await table.begin(nursery, "a", 3)
        await table.begin(nursery, "b", 2)
        await table.begin(nursery, "c")
        while table.running:
            order += table.running
            await table.end(table.running[0])
    assert order == ["a", "a", "b", "c", "a", "b"]


async def test_bytes_count_too() -> None:
    """A host has half of the bytes at most, unless it has nothing else; all together have no more."""
    table = Table(100, most_bytes=100)
    async with trio.open_nursery() as nursery:
        await table.begin(nursery, "bad", 4, size=20)
        assert table.running == ["bad"] * 2
        await table.begin(nursery, "good", 2, size=30)
        assert table.running == ["bad"] * 2 + ["good"]
        await table.begin(nursery, "other", 1, size=40)
        assert "other" not in table.running
        await table.end("good")
        assert table.running.count("other") + table.running.count("good") == 1
        nursery.cancel_scope.cancel()
    alone = Table(100, most_bytes=100)
    async with trio.open_nursery() as nursery:
        await alone.begin(nursery, "large", 1, size=1000)
        assert alone.running == ["large"]
        nursery.cancel_scope.cancel()


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With so many pages waiting, or so many bytes, nothing more is to come."""
    table = Table(1)
    async with trio.open_nursery() as nursery:
        for number in range(10):
            await table.begin(nursery, f"h{number}")
        assert not table.crowd.full
        await table.begin(nursery, "one more")
        assert table.crowd.full
        nursery.cancel_scope.cancel()
    assert not table.crowd.full
    monkeypatch.setattr(turns, "MOST_BYTES", 100)
    async with trio.open_nursery() as nursery:
        await table.begin(nursery, "a", 2, size=100)
        assert table.crowd.full
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("at", range(12))
async def test_a_turn_is_never_lost(at: int) -> None:
    """Whenever a page that waits is cancelled, all places are free in the end, and nobody is held."""
    table = Table(2)
    async with trio.open_nursery() as nursery:
        await table.begin(nursery, "a", 1)
        scopes = [trio.CancelScope() for _ in range(4)]

        async def page(scope: trio.CancelScope) -> None:
            with scope:
                await table.page("a")

        for scope in scopes:
            nursery.start_soon(page, scope)
            await trio.testing.wait_all_tasks_blocked()
        # Its turn has come in the very moment in which it is cancelled, in some of these.
        if at % 3 == 0:
            table._ends["a"].pop(0).set()  # noqa: SLF001 - of this file
        scopes[at % 4].cancel()
        if at % 3 == 1:
            table._ends["a"].pop(0).set()  # noqa: SLF001 - of this file
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert repr(table.turns) == "<FairTurns: 0 under way, 2 free>"
    assert repr(table.crowd) == "<Crowd of 0 pages, 0 bytes>"
    assert table.held.hosts == set()
