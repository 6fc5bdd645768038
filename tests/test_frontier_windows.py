"""Windows on a state: which pages are in memory, and when others are asked for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from trio_crawl import StateError
from trio_crawl._frontier import windows as module
from trio_crawl._frontier.schedule import Schedule
from trio_crawl._frontier.windows import Windows
from trio_crawl._lease import Load, Stored

if TYPE_CHECKING:
    from trio_crawl._frontier.host import Host

NAME = "a.test"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a window hold no more than four pages."""
    monkeypatch.setattr(module, "WINDOWS", 4)


def made(stored: int = 0) -> tuple[Schedule, Windows, Host]:
    """Return windows on a state that has so many pages of one host."""
    schedule = Schedule(per_host=2, per_address=8, delay=0)
    windows = Windows(schedule)
    if stored:
        list(windows.resume({NAME: stored}))
    return schedule, windows, schedule.host(NAME)


def find(schedule: Schedule, windows: Windows, host: Host, order: int) -> bool:
    """Find a page; return whether it is held in memory."""
    taken = windows.takes(host, order)
    if taken:
        schedule.add(host, (order, f"http://{NAME}/{order}", None, None), 0)
    return taken


def stored(*orders: int) -> dict[str, list[Stored]]:
    return {NAME: [Stored(order, f"http://{NAME}/{order}", None, None) for order in orders]}


def wanted(windows: Windows) -> list[tuple[str, int, int]]:
    load = windows.load()
    return [(one.host, one.after, one.most) for one in load.wanted] if isinstance(load, Load) else []


def pages(host: Host) -> list[int]:
    return sorted(page[0] for page in host.pages)


def test_a_window_is_filled_and_the_rest_left_to_the_state() -> None:
    """The first pages are held; then all that comes after them is left, and what comes before is held."""
    schedule, windows, host = made()
    assert [find(schedule, windows, host, order) for order in (10, 20, 30, 40, 50, 45)] == [True] * 4 + [
        False
    ] * 2
    assert find(schedule, windows, host, 35)
    assert (host.stored, host.unsaved) == (2, 2)
    # Empty or not: what was left is not committed yet, and can't be read.
    host.pages.clear()
    windows.feed(host)
    assert wanted(windows) == []
    windows.committed(Counter({NAME: 2}))
    assert wanted(windows) == [(NAME, 40, 4)]


def test_pages_are_loaded_once_at_a_time() -> None:
    """While an answer is awaited nothing more is asked for; then the host is fed until it has enough."""
    _, windows, host = made(stored=6)
    assert len(wanted(windows)) == 1
    assert wanted(windows) == []
    windows.loaded(stored(1, 2, 3, 4), 0)
    assert (pages(host), host.stored, wanted(windows)) == ([1, 2, 3, 4], 2, [])
    del host.pages[1:]
    windows.feed(host)
    assert wanted(windows) == [(NAME, 4, 4)]
    windows.loaded(stored(5, 6), 0)
    assert (pages(host), host.stored) == ([1, 5, 6], 0)
    assert find(*(_, windows, host), order=7)


def test_what_is_found_while_others_are_read_keeps_its_place() -> None:
    """A page that is left to the state in the middle of what is read bounds what is taken of that."""
    schedule, windows, host = made(stored=4)
    assert len(wanted(windows)) == 1
    assert not find(schedule, windows, host, 25)
    windows.loaded(stored(10, 20, 30, 40), 0)
    assert pages(host) == [10, 20]
    host.pages.clear()
    windows.feed(host)
    assert wanted(windows) == []
    windows.committed(Counter({NAME: 1}))
    assert wanted(windows) == [(NAME, 20, 4)]
    windows.loaded(stored(25, 30, 40), 0)
    assert (pages(host), host.stored) == ([25, 30, 40], 0)


def test_news_of_a_commit_that_overtakes_an_answer() -> None:
    """An answer that was read before a commit and told after it lacks pages of that: none is lost."""
    schedule, windows, host = made(stored=4)
    assert len(wanted(windows)) == 1
    assert not find(schedule, windows, host, 25)
    windows.committed(Counter({NAME: 1}))
    windows.loaded(stored(10, 20, 30, 40), 0)
    assert pages(host) == [10, 20]
    host.pages.clear()
    windows.feed(host)
    assert wanted(windows) == [(NAME, 20, 4)]


def test_a_state_that_lacks_pages() -> None:
    """Where the state has fewer pages than it said, it was changed, and that is said."""
    _, windows, _ = made(stored=3)
    assert len(wanted(windows)) == 1
    with pytest.raises(StateError, match="lacks 3 pages of a.test: it was changed from outside"):
        windows.loaded({NAME: []}, 0)


def test_many_hosts_share_the_memory_and_the_hops(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hop asks for 64 hosts, each with its share of what is held in memory, 1 to 512."""
    monkeypatch.setattr(module, "WINDOWS", 1000)
    windows = Windows(Schedule(per_host=2, per_address=8, delay=0))
    list(windows.resume({f"h{number}.test": 9 for number in range(100)}))
    first = wanted(windows)
    assert len(first) == 64
    assert {most for _, _, most in first} == {10}
    windows.loaded({name: [Stored(1, f"http://{name}/", None, None)] for name, _, _ in first}, 0)
    # Those that had no turn yet come before those whose windows run low again.
    assert [name for name, _, _ in wanted(windows)][:36] == [f"h{number}.test" for number in range(64, 100)]
    alone = Windows(Schedule(per_host=2, per_address=8, delay=0))
    monkeypatch.setattr(module, "WINDOWS", 100_000)
    list(alone.resume({NAME: 9}))
    assert wanted(alone)[0][2] == 512
