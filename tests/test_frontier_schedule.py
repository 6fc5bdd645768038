"""Whose turn it is, of hosts and of the addresses that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontier_support import lease_of

from trio_crawl._frontier.host import Host, State
from trio_crawl._frontier.schedule import Schedule

if TYPE_CHECKING:
    from trio_crawl._lease import Lease


def lease(name: str, number: int, *, priority: int = 0, addresses: tuple[str, ...] = ()) -> Lease:
    url = f"https://{name}/{number}"
    made = lease_of(url, number=number, priority=priority)
    made.addresses = addresses
    return made


def schedule(
    *, per_host: int = 1, per_address: int = 1, delay: float = 1.0, per_address_delay: bool = False
) -> Schedule:
    return Schedule(
        per_host=per_host, per_address=per_address, delay=delay, per_address_delay=per_address_delay
    )


def next_host(made: Schedule, now: float) -> Host:
    host = made.next(now)
    assert isinstance(host, Host)
    return host


def test_the_host_whose_head_comes_first_is_chosen() -> None:
    """Of hosts that may start, that one is next whose head was discovered first, or has priority."""
    made = schedule()
    assert made.next(0) is None
    for name, number, priority in (("b", 2, 0), ("a", 1, 0), ("c", 3, 0), ("d", 4, 1)):
        made.push(made.host(name), lease(name, number, priority=priority), 0)
    order = []
    while isinstance(host := made.next(0), Host):
        assert made.start(host, host.lease(), 0)
        order.append(host.name)
    assert order == ["d", "a", "b", "c"]
    assert host is None


def test_a_better_head_changes_the_order() -> None:
    """A lease that is pushed later, but goes first, is what its host is chosen for."""
    made = schedule()
    made.push(made.host("a"), lease("a", 5), 0)
    made.push(made.host("b"), lease("b", 6), 0)
    made.push(made.host("b"), lease("b", 1), 0)
    host = next_host(made, 0)
    head = host.head()
    assert host.name == "b"
    assert head is not None
    assert head[1] == "https://b/1"


def test_the_moment_to_ask_again() -> None:
    """Where every host waits, the earliest of their moments is told."""
    made = schedule()
    made.push(made.host("a"), lease("a", 1), 0, not_before=7)
    made.push(made.host("b"), lease("b", 2), 0, not_before=3)
    assert made.next(0) == 3
    assert next_host(made, 3).name == "b"
    assert next_host(made, 7).name in {"a", "b"}


def test_a_moment_that_no_longer_holds() -> None:
    """A host that gets something to do at once is not waited for, and its old moment does not count."""
    made = schedule()
    host = made.host("a")
    made.push(host, lease("a", 1), 0, not_before=50)
    made.push(host, lease("a", 2), 0)
    assert next_host(made, 0) is host
    assert made.start(host, host.lease(), 0)
    assert made.next(0) is None
    assert host.state is State.BUSY
    made.finish(host, lease("a", 2), 1)
    assert made.next(1) == 50


def test_a_crowd_is_called_when_a_place_is_free() -> None:
    """Hosts that share an address wait for each other in the order in which they came."""
    made = schedule(per_address=1, delay=0)
    leases = {name: lease(name, number, addresses=("192.0.2.1",)) for number, name in enumerate("abc")}
    for name in "abc":
        made.push(made.host(name), leases[name], 0)
    assert made.start(next_host(made, 0), leases["a"], 0)
    for name in "bc":
        host = next_host(made, 0)
        assert host.name == name
        assert not made.start(host, leases[name], 0)
        assert host.state is State.CROWDED
    assert made.next(0) is None
    made.finish(made.host("a"), leases["a"], 1)
    assert next_host(made, 1).name == "b"
    assert made.start(made.host("b"), leases["b"], 1)
    assert made.next(1) is None
    made.finish(made.host("b"), leases["b"], 2)
    assert next_host(made, 2).name == "c"


def test_robots_goes_before_pages() -> None:
    """The robots.txt of a host goes before its pages, which wait while it is not answered."""
    made = schedule(delay=0)
    host = made.host("a")
    made.push(host, lease("a", 1), 0)
    asked = lease("a", 1)
    asked.robots_of = "https://a"
    host.meet().robots_pending += 1
    made.push(host, asked, 0)
    assert next_host(made, 0).head() == (asked.order, asked.url, None, asked)
    assert made.start(host, asked, 0)
    made.finish(host, asked, 1)
    assert made.next(1) is None
    assert [url for _, url, *_ in host.pages] == ["https://a/1"]
    host.meet().robots_pending -= 1
    made.settle(host, 1)
    assert next_host(made, 1) is host


def test_a_delay_holds_between_the_starts_on_one_address() -> None:
    """Hosts that share an address start one after the other, as far apart as the delay; others don't wait."""
    made = schedule(per_host=9, per_address=9, delay=2.0, per_address_delay=True)
    for number, name in enumerate("abcd" * 2):
        address = "192.0.2.9" if name == "d" else "192.0.2.1"
        made.push(made.host(name), lease(name, number, addresses=(address,)), 0)
    now, starts = 0.0, []
    while (found := made.next(now)) is not None:
        if isinstance(found, float):
            assert found > now
            now = found
            continue
        head = found.lease()
        if made.start(found, head, now):
            starts.append((now, found.name))
            made.finish(found, head, now)
    assert starts[:2] == [(0.0, "a"), (0.0, "d")]
    shared = [moment for moment, name in starts if name != "d"]
    assert shared == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert [moment for moment, name in starts if name == "d"] == [0.0, 2.0]
    assert sorted(name for _, name in starts) == sorted("abcd" * 2)


def test_both_the_places_and_the_delay_of_an_address_count() -> None:
    """Where an address has no place left, the delay alone lets nobody in; and a place alone doesn't."""
    made = schedule(per_host=1, per_address=1, delay=1.0, per_address_delay=True)
    leases = {name: lease(name, number, addresses=("192.0.2.1",)) for number, name in enumerate("ab")}
    for name, of_host in leases.items():
        made.push(made.host(name), of_host, 0)
    assert made.start(next_host(made, 0), leases["a"], 0)
    assert not made.start(next_host(made, 0), leases["b"], 0)
    assert made.next(0) == 1.0
    assert made.next(1.5) is None
    made.finish(made.host("a"), leases["a"], 1.5)
    assert next_host(made, 1.5).name == "b"
    assert made.start(made.host("b"), leases["b"], 1.5)
    made.finish(made.host("b"), leases["b"], 1.6)
    made.push(made.host("a"), leases["a"], 1.6)
    assert not made.start(next_host(made, 2.0), leases["a"], 2.0)
    assert made.next(2.0) == 2.5
    assert next_host(made, 2.5).name == "a"
