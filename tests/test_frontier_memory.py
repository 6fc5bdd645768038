"""The frontier in memory: what comes in and what comes back, told the time and nothing else."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

import pytest
from frontier_support import (
    SHARED,
    SITE,
    Doorkeeper,
    accounts,
    answer_of,
    failure_of,
    fetched,
    frontier,
    page_of,
    parent,
    seeded,
    started,
)
from hypothesis import given, settings, strategies as st

from trio_crawl._errors import FetchError
from trio_crawl._lease import Drained, Idle, Lease, Lookup, Redirect, Start
from trio_crawl._model import Link, Request, Response

if TYPE_CHECKING:
    from trio_crawl._lease import Decision

# Discovery


def test_each_key_is_taken_once() -> None:
    """A URL is added once, whether as a seed or as a link; a key of the user's is what counts."""
    made, ledger = frontier()
    assert made.add_seed(Request(SITE), 0)
    assert not made.add_seed(Request(SITE, label="again"), 0)
    assert made.add_seed(Request(SITE, key="other"), 0)
    assert not made.add_seed(Request(f"{SITE}x", key="other"), 0)
    assert made.add_seed(Request(SITE, method="POST", body=b"1"), 0)
    assert not made.add_seed(Request(SITE, method="POST", body=b"1"), 0)
    made.add_found([Link(url=SITE), Request(f"{SITE}y", key="other")], parent(0), 0)
    assert ledger.discovered == made.queued == 3


def test_a_skip_is_counted_once_and_taken_back() -> None:
    """What is out of scope is one skip however often it is found, and none when it comes into scope."""
    made, ledger = frontier(follow="host")
    made.add_seed(Request(SITE), 0)
    out = [Link(url="https://b.test/"), Link(url="https://b.test/")]
    for depth in (1, 2):
        made.add_found(out, parent(depth - 1), 0)
    assert (ledger.skipped["scope"], ledger.discovered) == (1, 2)
    made.add_seed(Request("https://b.test/x"), 0)
    made.add_found(out, parent(0), 0)
    assert (ledger.skipped["scope"], ledger.discovered, made.queued) == (0, 3, 3)


def test_a_scope_that_grows_for_another_host() -> None:
    """What stays out of scope when that grows is still one skip."""
    made, ledger = frontier(follow="host")
    made.add_seed(Request(SITE), 0)
    made.add_found([Link(url="https://b.test/")], parent(0), 0)
    made.add_seed(Request("https://c.test/"), 0)
    made.add_found([Link(url="https://b.test/")], parent(0), 0)
    assert (ledger.skipped["scope"], ledger.discovered) == (1, 3)


def test_a_function_is_asked_about_each_link() -> None:
    """A function of a link may take the second link to a URL whose first it did not."""
    made, ledger = frontier(follow=lambda link: "nofollow" not in link.rel)
    refused, allowed = Link(url=SITE, rel=("nofollow",)), Link(url=SITE)
    made.add_found([refused, refused], parent(0), 0)
    assert ledger.skipped["scope"] == 1
    made.add_found([allowed, refused], parent(0), 0)
    assert (ledger.skipped["scope"], ledger.discovered, made.queued) == (0, 1, 1)


# Pace


def test_a_host_in_trouble_is_asked_more_slowly() -> None:
    """A failure and a busy status double the delay of their own host, and good answers bring it back."""
    seeds = [f"{SITE}{number}" for number in range(12)]
    made = seeded(*seeds, "https://b.test/1", "https://b.test/2", delay=1)
    trouble: list[Response | FetchError] = [
        FetchError("connect", "refused"),
        Response(url=SITE, status=503),
    ]
    now, moments = 0.0, []
    while not isinstance(decision := made.take(now), Drained):
        if isinstance(decision, Idle):
            assert decision.until is not None
            now = decision.until
            continue
        lease = started(decision)
        moments.append((now, host_of(lease)))
        made.hop_ended(lease, now, trouble.pop() if lease.url in seeds and trouble else answer_of(lease))
        made.finish(lease, page_of(lease))
    assert [moment for moment, host in moments if host == "b.test"] == [0, 1]
    of_site = [moment for moment, host in moments if host != "b.test"]
    gaps = [later - earlier for earlier, later in pairwise(of_site)]
    assert gaps[:2] == [2, 4]
    assert gaps[2] == pytest.approx(1 / 0.375)
    assert gaps[-1] == 1


# Redirects


def target(url: str, *, method: str = "GET") -> Redirect:
    return Redirect(url=url, method=method, keep_body=False)


def test_a_redirect_waits_for_its_turn() -> None:
    """A lease that was redirected is queued for the other host, with its chain and its place."""
    made = seeded("https://b.test/1", "https://b.test/2", SITE)
    first = started(made.take(0))
    lease = started(made.take(0))
    made.hop_ended(lease, 0.5, answer_of(lease))
    assert made.redirect(lease, target("https://b.test/0"), 0.5) is None
    assert (lease.url, lease.chain, lease.attempts) == ("https://b.test/0", (SITE,), 0)
    assert made.take(0.5) == Idle(None)
    fetched(made, first, 0.6)
    assert made.take(0.6) == Idle(1.0)
    assert started(made.take(1.0)).url == "https://b.test/2"


def test_a_target_is_known_from_then_on() -> None:
    """What a redirect leads to is not taken a second time, as a link or as another redirect's target."""
    made, ledger = frontier(follow="host", delay=0, per_host=9)
    for name in ("1", "2"):
        made.add_seed(Request(SITE + name), 0)
    first, second = started(made.take(0)), started(made.take(0))
    for lease in (first, second):
        made.hop_ended(lease, 0, answer_of(lease))
    assert made.redirect(first, target(f"{SITE}new"), 0) is None
    assert made.redirect(second, target(f"{SITE}new"), 0) == "known_target"
    made.add_found([Link(url=f"{SITE}new")], parent(0), 0)
    assert ledger.discovered == 2
    assert accounts(made, ledger, pages=0)


def test_a_form_that_leads_to_its_own_url() -> None:
    """A POST whose redirect is a GET of the same URL comes to itself, and is no known target."""
    made, _ = frontier()
    made.add_seed(Request(SITE, method="POST", body=b"x"), 0)
    lease = started(made.take(0))
    made.hop_ended(lease, 0, answer_of(lease))
    assert made.redirect(lease, target(SITE), 0) is None
    assert (lease.method, lease.body) == ("GET", None)


@pytest.mark.parametrize(("seed", "reason"), [(True, None), (False, "scope")])
def test_only_a_seeds_redirect_widens_the_scope(seed: bool, reason: str | None) -> None:
    """A seed's target is in scope by that; a link's target has to be."""
    made, ledger = frontier(follow="host", delay=0)
    made.add_seed(Request(SITE), 0)
    lease = started(made.take(0))
    if not seed:
        fetched(made, lease, 0, f"{SITE}link")
        lease = started(made.take(0))
    made.hop_ended(lease, 0, answer_of(lease))
    assert made.redirect(lease, target("https://b.test/"), 0) == reason
    made.add_found([Link(url="https://b.test/x")], parent(0), 0)
    assert ledger.skipped["scope"] == (0 if seed else 2)


def test_a_skip_that_a_redirect_leads_to_is_not_fetched_again() -> None:
    """A URL that was too deep as a link, and is reached by a redirect, is not taken as a link later."""
    made, ledger = frontier(max_depth=1, delay=0, per_host=9)
    made.add_seed(Request(SITE), 0)
    made.add_found([Link(url=f"{SITE}deep")], parent(1), 0)
    lease = started(made.take(0))
    made.hop_ended(lease, 0, answer_of(lease))
    assert made.redirect(lease, target(f"{SITE}deep"), 0) is None
    made.add_found([Link(url=f"{SITE}deep")], parent(0), 0)
    assert started(made.take(0)) is lease
    assert made.queued == 0
    assert accounts(made, ledger, pages=0)


# Whatever happens


class Crawl:
    """A crawl without a network: it takes leases, brings them back somehow, and checks what it sees."""

    def __init__(self, *, per_host: int, per_address: int, max_pages: int | None) -> None:
        self.per_host = per_host
        self.per_address = per_address
        self.frontier, self.ledger = frontier(
            guard=Doorkeeper(), per_host=per_host, per_address=per_address, max_pages=max_pages, max_depth=3
        )
        self.lent: list[Lease] = []
        self.now = 0.0
        self.pages = self.failures = 0
        self._last_start: dict[str, float] = {}

    def balances(self) -> bool:
        ended = self.pages + self.failures + sum(self.ledger.skipped.values())
        return self.ledger.discovered == ended + self.frontier.queued + self.frontier.lent

    def happens(self, event: str, number: int) -> None:
        """Let something happen."""
        match event:
            case "seed":
                self.frontier.add_seed(Request(page_url(number)), self.now)
            case "links":
                found = [Link(url=page_url(other)) for other in range(number)]
                self.frontier.add_found(found, parent(number % 5 - 1), self.now)
            case "wait":
                self.now += number / 4
            case "take":
                self.take()
            case "rest" if self.lent:
                self.frontier.slow_down(self.lent[0], self.now + number, self.now)
            case "page" | "fail" | "retry" | "redirect" if self.lent:
                self.give_back(event, number)

    def take(self) -> Decision:
        decision = self.frontier.take(self.now)
        if isinstance(decision, Lookup):
            address = SHARED if decision.host < "h2" else "192.0.2.2"
            self.frontier.resolved(decision.host, (address,), self.now)
        elif isinstance(decision, Start):
            self.start(decision.lease)
        return decision

    def start(self, lease: Lease) -> None:
        host = host_of(lease)
        assert self.now - self._last_start.get(host, -inf) >= 1.0
        self._last_start[host] = self.now
        self.lent.append(lease)
        assert [host_of(other) for other in self.lent].count(host) <= self.per_host
        assert [other.addresses for other in self.lent].count(lease.addresses) <= self.per_address

    def give_back(self, how: str, number: int) -> None:
        lease = self.lent.pop(number % len(self.lent))
        self.frontier.hop_ended(lease, self.now, answer_of(lease))
        if how == "retry":
            self.frontier.retry(lease, self.now + number, self.now)
        elif how == "redirect" and len(lease.chain) < 3:
            self.frontier.redirect(lease, target(page_url(number)), self.now)
        else:
            self.frontier.finish(lease, page_of(lease) if how == "page" else failure_of(lease))
            self.pages += how == "page"
            self.failures += how != "page"

    def goes_on(self) -> bool:
        """Do one thing more, and return whether anything is left."""
        decision = self.take()
        if isinstance(decision, Idle) and self.lent:
            self.give_back("page", 0)
        elif isinstance(decision, Idle):
            assert decision.until is not None, "nothing is lent, and nothing may start: it hangs"
            assert decision.until > self.now, "there was something to start"
            self.now = decision.until
        return not isinstance(decision, Drained)


def page_url(number: int) -> str:
    return f"https://h{number % 4}.test/{number}"


def host_of(lease: Lease) -> str:
    return lease.url.split("/")[2]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["seed", "take", "page", "fail", "retry", "redirect", "links", "wait", "rest"]),
        st.integers(0, 11),
    ),
    max_size=80,
)


@settings(max_examples=150)
@given(EVENTS, st.integers(1, 3), st.integers(1, 3), st.sampled_from([None, 2, 5]))
def test_the_books_balance_and_it_ends(
    events: list[tuple[str, int]], per_host: int, per_address: int, max_pages: int | None
) -> None:
    """Whatever comes in whatever order, every URL has one outcome, no limit is passed, and it drains."""
    crawl = Crawl(per_host=per_host, per_address=per_address, max_pages=max_pages)
    for event, number in events:
        crawl.happens(event, number)
        assert crawl.balances()
    crawl.frontier.seeds_exhausted()
    rounds = 0
    while crawl.goes_on():
        rounds += 1
        assert rounds < 1000
    assert (crawl.frontier.queued, crawl.frontier.lent) == (0, 0)
    assert crawl.balances()
    assert max_pages is None or crawl.pages <= max_pages
