"""Which name is looked up next: a share of the threads for each registrable domain."""

from __future__ import annotations

import threading

import pytest
import trio
import trio.testing

from trio_crawl._fetch.lookups import LookUps, Place
from trio_crawl._fetch.resolve import Resolver


def begun(look_ups: LookUps) -> list[tuple[str, Place]]:
    found = []
    while (one := look_ups.next()) is not None:
        found.append(one)
    return found


def test_no_more_are_under_way_than_there_are_threads() -> None:
    """Names of as many domains as there are threads begin; the others wait, and go when one has ended."""
    woken: list[None] = []
    look_ups = LookUps(lambda: woken.append(None), threads=4)
    for number in range(9):
        look_ups.add(f"h{number}.example")
    first = begun(look_ups)
    assert [host for host, _ in first] == [f"h{number}.example" for number in range(4)]
    assert repr(look_ups) == "<LookUps: 4 under way, 5 wait>"
    first[0][1].leave()
    first[0][1].leave()
    assert len(woken) == 1
    assert [host for host, _ in begun(look_ups)] == ["h4.example"]


def test_a_domain_has_half_of_the_threads_at_most() -> None:
    """However many names of one domain wait, another domain finds a thread free."""
    look_ups = LookUps(lambda: None, threads=16)
    for number in range(100):
        look_ups.add(f"n{number}.slow.test")
    slow = begun(look_ups)
    assert len(slow) == 8
    look_ups.add("www.good.test")
    [(host, _)] = begun(look_ups)
    assert host == "www.good.test"
    slow[0][1].leave()
    assert [host for host, _ in begun(look_ups)] == ["n8.slow.test"]


def test_domains_take_turns() -> None:
    """Names of a domain that came first do not go before the first of another."""
    look_ups = LookUps(lambda: None, threads=4)
    for host in ("a.one.test", "b.one.test", "c.one.test", "a.two.test", "a.three.test"):
        look_ups.add(host)
    assert [host for host, _ in begun(look_ups)][:3] == ["a.one.test", "a.two.test", "a.three.test"]


async def test_a_place_is_taken_until_its_thread_has_ended() -> None:
    """A look-up that nobody waits for any more has its place until the system lets go of it."""
    called, go_on, ended = threading.Event(), threading.Event(), trio.Event()

    def look_up(_host: str) -> list[str]:
        called.set()
        go_on.wait(10)
        return ["192.0.2.1"]

    resolver = Resolver(look_up=look_up)
    place = Place(ended.set)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(resolver.resolve, "a", place)
            await trio.to_thread.run_sync(called.wait, 10)
            scope.cancel()
    place.leave()
    assert not ended.is_set()
    go_on.set()
    with trio.fail_after(10):
        await ended.wait()


async def test_a_place_that_no_thread_took() -> None:
    """A look-up that was cancelled before it began, or knows the answer, leaves its place."""
    resolver = Resolver(look_up=lambda _host: ["192.0.2.1"])
    ended: list[str] = []
    place = Place(lambda: ended.append("known"))
    assert await resolver.resolve("192.0.2.7", place) == ("192.0.2.7",)
    place.leave()
    cancelled = Place(lambda: ended.append("cancelled"))
    with trio.CancelScope() as scope:
        scope.cancel()
        await resolver.resolve("a", cancelled)
    cancelled.leave()
    assert ended == ["known", "cancelled"]


async def test_an_exception_of_a_look_up_leaves_the_place() -> None:
    """A look-up that fails has ended."""

    def look_up(_host: str) -> list[str]:
        raise ZeroDivisionError

    ended: list[None] = []
    with pytest.raises(ZeroDivisionError):
        await Resolver(look_up=look_up).resolve("a", Place(lambda: ended.append(None)))
    assert len(ended) == 1
