"""The addresses of hosts: looked up in time, judged, and shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from frontier_support import (
    SHARED,
    SITE,
    Doorkeeper,
    fetched,
    seeded,
    started,
)

from trio_crawl._errors import FetchError
from trio_crawl._fetch.resolve import ResolveError
from trio_crawl._frontier.doors import ADDRESS_TTL
from trio_crawl._lease import Drained, Idle, Lease, Lookup, Refuse, Start
from trio_crawl._policy.health import FAILURES_TO_GIVE_UP, MOST_REST

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_name_is_looked_up_once_and_again_when_it_is_old() -> None:
    """A host's name is looked up before its first page, once for all of them, and again after a while."""
    made = seeded(SITE, f"{SITE}b", f"{SITE}c", guard=Doorkeeper(), per_host=9)
    assert made.take(0) == Lookup("a.test")
    assert made.take(0) == Idle(None)
    made.resolved("a.test", (SHARED, "192.0.2.2"), 5)
    assert started(made.take(5)).addresses == (SHARED, "192.0.2.2")
    assert started(made.take(6)).url == f"{SITE}b"
    assert made.take(5 + ADDRESS_TTL) == Lookup("a.test")


def test_a_name_that_has_no_address() -> None:
    """Each page of a host without an address is refused, and its name is not asked about for each."""
    made = seeded(SITE, f"{SITE}b", guard=Doorkeeper())
    assert made.take(0) == Lookup("a.test")
    error = FetchError("dns", "no such name")
    made.resolved("a.test", error, 0)
    refused = [made.take(0), made.take(0)]
    assert [decision.error for decision in refused if isinstance(decision, Refuse)] == [error, error]
    assert made.lent == 2
    assert made.take(0) == Idle(None)


def test_a_host_whose_name_can_not_be_looked_up_rests() -> None:
    """A temporary failure charges the first page alone, once; the others wait until the host has rested."""
    error = ResolveError("try again", temporary=True)
    made = seeded(SITE, f"{SITE}b", f"{SITE}c", guard=Doorkeeper())
    made.take(0)
    made.resolved("a.test", error, 0)
    decision = made.take(0)
    assert isinstance(decision, Refuse)
    assert (decision.lease.url, decision.error, made.queued) == (SITE, error, 2)
    made.retry(decision.lease, 0.1, 0)
    idle = made.take(0)
    assert isinstance(idle, Idle)
    assert idle.until is not None
    assert idle.until > 0.5
    assert made.take(idle.until) == Lookup("a.test")
    made.resolved("a.test", (SHARED,), idle.until)
    # Another one than that which was charged, which would use up its attempts by itself.
    assert started(made.take(idle.until)).url == f"{SITE}b"


def test_a_host_without_a_name_server_is_given_up() -> None:
    """A name that never is looked up ends its pages in a quarter of an hour, after twelve look-ups."""
    error = ResolveError("try again", temporary=True)
    made = seeded(*(f"{SITE}{number}" for number in range(100)), guard=Doorkeeper())
    now, look_ups, refused = 0.0, 0, []
    while not isinstance(decision := made.take(now), Drained):
        if isinstance(decision, Lookup):
            look_ups += 1
            made.resolved("a.test", error, now)
        elif isinstance(decision, Refuse):
            refused.append(decision.lease.url)
            made.retry(decision.lease, now + 1, now)
        else:
            assert isinstance(decision, Idle)
            assert decision.until is not None
            now = decision.until
    assert look_ups == FAILURES_TO_GIVE_UP
    assert len(refused) == FAILURES_TO_GIVE_UP - 1
    assert 800 < now <= MOST_REST


def test_the_guard_judges_each_address_and_port() -> None:
    """Refused addresses are left out, for each port anew; where none is left the page is refused."""
    guard = Doorkeeper(refused=["10.0.0.1"])
    made = seeded(SITE, "https://a.test:8443/", guard=guard, delay=0, per_host=9)
    made.take(0)
    made.resolved("a.test", ("10.0.0.1", SHARED), 0)
    assert started(made.take(0)).addresses == (SHARED,)
    assert started(made.take(0)).addresses == (SHARED,)
    assert {(host, port) for host, port, _ in guard.asked} == {("a.test", 443), ("a.test", 8443)}
    made = seeded(SITE, guard=guard)
    made.take(0)
    made.resolved("a.test", ("10.0.0.1",), 0)
    decision = made.take(0)
    assert isinstance(decision, Refuse)
    assert decision.error.kind == "blocked_address"
    assert "10.0.0.1 is not for a.test" in decision.error.message


def test_an_answer_is_judged_anew() -> None:
    """Where a name's next answer is another one, that is judged: nobody rebinds a name past the guard."""
    made = seeded(SITE, f"{SITE}b", guard=Doorkeeper(refused=["10.0.0.1"]), delay=ADDRESS_TTL)
    made.take(0)
    made.resolved("a.test", (SHARED,), 0)
    fetched(made, started(made.take(0)), 1)
    assert made.take(ADDRESS_TTL) == Lookup("a.test")
    made.resolved("a.test", ("10.0.0.1",), ADDRESS_TTL)
    decision = made.take(ADDRESS_TTL)
    assert isinstance(decision, Refuse)
    assert decision.error.kind == "blocked_address"


def test_hosts_that_share_an_address() -> None:
    """No more than ``per_address`` hops go to one address, whatever hosts they are for."""
    hosts = [f"https://h{number}.test/" for number in range(6)]
    made = seeded(*hosts, "https://alone.test/", guard=Doorkeeper(), per_address=2, delay=0)
    lent: list[Lease] = []
    while True:
        decision = made.take(0)
        if isinstance(decision, Lookup):
            address = "192.0.2.9" if decision.host == "alone.test" else SHARED
            made.resolved(decision.host, (address,), 0)
        elif isinstance(decision, Start):
            lent.append(decision.lease)
        else:
            break
    assert decision == Idle(None)
    assert {lease.url for lease in lent} == {*hosts[:2], "https://alone.test/"}
    order = []
    while lent:
        lease = lent.pop(0)
        order.append(lease.url)
        fetched(made, lease, 1)
        while isinstance(decision := made.take(1), Start):
            lent.append(decision.lease)
        shared = [lease for lease in lent if lease.addresses == (SHARED,)]
        assert len(shared) <= 2
    assert sorted(order) == sorted([*hosts, "https://alone.test/"])
    assert made.take(1) == Drained()


@pytest.mark.parametrize(
    "addresses",
    [
        lambda number: (f"192.0.2.{number + 100}", SHARED),
        lambda number: (SHARED,) if number % 2 else (f"::ffff:{SHARED}",),
        lambda number: (f"64:ff9b::{SHARED}", f"192.0.2.{number + 100}"),
    ],
    ids=["second", "mapped", "translated"],
)
def test_each_address_of_a_host_counts(addresses: Callable[[int], tuple[str, ...]]) -> None:
    """Whichever of a host's addresses is shared, and whatever form it has, its server has so many hops."""
    hosts = [f"https://h{number}.test/" for number in range(20)]
    made = seeded(*hosts, guard=Doorkeeper(), per_address=3, delay=0)
    lent: list[Lease] = []
    done = 0
    while not isinstance(decision := made.take(0), Drained):
        if isinstance(decision, Lookup):
            made.resolved(decision.host, addresses(int(decision.host[1:].partition(".")[0])), 0)
        elif isinstance(decision, Start):
            lent.append(decision.lease)
            assert len(lent) <= 3
        else:
            assert len(lent) == min(3, 20 - done)
            fetched(made, lent.pop(), 0)
            done += 1
    assert done == 20


def test_a_place_that_was_not_used_goes_to_the_next() -> None:
    """A host that was called from a crowd, and has no use for the place, leaves it to another."""
    hosts = [f"https://h{number}.test/" for number in range(4)]
    guard = Doorkeeper()
    made = seeded(*hosts, guard=guard, per_address=1, delay=0)
    lent: list[Lease] = []
    while not isinstance(decision := made.take(0), Idle):
        if isinstance(decision, Lookup):
            made.resolved(decision.host, (SHARED,), 0)
        elif isinstance(decision, Start):
            lent.append(decision.lease)
    assert len(lent) == 1
    # The look-ups are old when the place is free: each host that is called asks for its name first.
    now = ADDRESS_TTL + 1
    fetched(made, lent.pop(), now)
    seen: list[str] = []
    while not isinstance(decision := made.take(now), Drained):
        if isinstance(decision, Lookup):
            made.resolved(decision.host, (SHARED,) if decision.host != "h1.test" else ("192.0.2.7",), now)
        elif isinstance(decision, Start):
            lent.append(decision.lease)
        else:
            assert lent, "nothing is lent, and nothing may start: it hangs"
            lease = lent.pop(0)
            seen.append(lease.url)
            fetched(made, lease, now)
    assert sorted(seen) == hosts[1:]
