"""The frontier in memory: what may be asked for now, told the time and nothing else."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any

import pytest
from frontier_support import answer_of, failure_of, lease_of, page_of
from hypothesis import given, settings, strategies as st

from trio_crawl._errors import FetchError
from trio_crawl._frontier.doors import ADDRESS_TTL, LOOKUP_AGAIN
from trio_crawl._frontier.ledger import Ledger
from trio_crawl._frontier.limits import Limits
from trio_crawl._frontier.memory import MemoryFrontier
from trio_crawl._lease import Drained, Idle, Lease, Lookup, Redirect, Refuse, Start
from trio_crawl._model import Link, Request, Response
from trio_crawl._policy import robots
from trio_crawl._policy.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_crawl._lease import Decision
    from trio_crawl._policy.scope import Follow

SITE = "https://a.test/"
SHARED = "192.0.2.1"


class Doorkeeper:
    """A guard that refuses the addresses it was given."""

    def __init__(self, refused: Sequence[str] = ()) -> None:
        self.refused = set(refused)
        self.asked: list[tuple[str, int, str]] = []

    def refusal(self, host: str, port: int, address: str) -> str | None:
        self.asked.append((host, port, address))
        return f"{address} is not for {host}" if address in self.refused else None


def frontier(
    *,
    guard: Doorkeeper | None = None,
    robots_txt: bool = False,
    follow: Follow = "any",
    **limits: Any,  # noqa: ANN401 - those of Limits
) -> tuple[MemoryFrontier, Ledger]:
    """Return a frontier and its books."""
    ledger = Ledger()
    given: dict[str, Any] = {
        "per_host": 1,
        "per_address": 8,
        "delay": 1.0,
        "max_depth": None,
        "max_pages": None,
        **limits,
    }
    scope = Scope(follow)
    return MemoryFrontier(scope, Limits(**given), ledger, guard=guard, robots=robots_txt), ledger


def seeded(*urls: str, **keywords: Any) -> MemoryFrontier:  # noqa: ANN401 - those of `frontier`
    """Return a frontier with these seeds and no others."""
    made, _ = frontier(**keywords)
    for url in urls:
        made.add_seed(Request(url), 0)
    made.seeds_exhausted()
    return made


def started(decision: Decision) -> Lease:
    assert isinstance(decision, Start)
    return decision.lease


def parent(depth: int) -> Lease:
    """Return the lease of a page at *depth* that links are found on."""
    return lease_of(SITE, depth=depth)


def fetched(made: MemoryFrontier, lease: Lease, now: float, *links: str) -> None:
    """Bring *lease* back as a page that leads to *links*."""
    made.hop_ended(lease, now, answer_of(lease))
    found = [Link(url=url) for url in links]
    made.add_found(found, lease, now)
    made.finish(lease, page_of(lease))


def accounts(made: MemoryFrontier, ledger: Ledger, *, pages: int) -> bool:
    """Return whether each URL that was discovered is a page, skipped, queued or lent."""
    return ledger.discovered == pages + sum(ledger.skipped.values()) + made.queued + made.lent


# Termination


def test_it_is_drained_when_nothing_is_left() -> None:
    """It is idle while seeds may come or a page is lent, and drained after that, for good."""
    made, _ = frontier()
    assert made.take(0) == Idle(None)
    made.add_seed(Request(SITE), 0)
    lease = started(made.take(0))
    made.seeds_exhausted()
    assert made.take(0) == Idle(None)
    fetched(made, lease, 5)
    assert made.take(5) == Drained()
    assert made.take(6) == Drained()


def test_the_turn_of_a_host() -> None:
    """A host's next start is told as the moment to ask again; before it nothing is lent."""
    made = seeded(SITE, f"{SITE}b", per_host=2)
    started(made.take(0))
    assert made.take(0) == Idle(1.0)
    assert made.take(0.999) == Idle(1.0)
    assert started(made.take(1.0)).url == f"{SITE}b"
    assert made.take(1.0) == Idle(None)


def test_a_host_at_its_limit() -> None:
    """A host with ``per_host`` requests waits for one to end, and the delay holds then."""
    made = seeded(SITE, f"{SITE}b")
    lease = started(made.take(0))
    assert made.take(50) == Idle(None)
    fetched(made, lease, 50)
    assert started(made.take(50)).url == f"{SITE}b"


def test_leases_are_numbered_as_they_are_lent() -> None:
    """Each lease has a greater number than the one before, a repeated one too, and counts its attempts."""
    made = seeded(SITE, "https://b.test/")
    first, second = started(made.take(0)), started(made.take(0))
    assert (first.number, second.number) == (1, 2)
    made.hop_ended(first, 1, answer_of(first))
    made.retry(first, 10, 1)
    assert made.take(5) == Idle(10)
    assert started(made.take(10)) is first
    assert (first.number, first.attempts) == (3, 2)


def test_a_retry_does_not_hold_its_host_up() -> None:
    """While a page waits for its next attempt the others of its host go on; then it goes before them."""
    made = seeded(SITE, f"{SITE}b", f"{SITE}c", f"{SITE}d")
    first = started(made.take(0))
    made.hop_ended(first, 1, answer_of(first))
    made.retry(first, 1.5, 1)
    order = []
    for now in (1, 2, 3, 4):
        lease = started(made.take(now))
        order.append(lease.url)
        fetched(made, lease, now + 0.5)
    assert order == [f"{SITE}b", SITE, f"{SITE}c", f"{SITE}d"]
    assert made.take(5) == Drained()


def test_a_host_that_rests() -> None:
    """A host that asked for a rest gets it; others go on."""
    made = seeded(SITE, f"{SITE}b", "https://b.test/")
    lease = started(made.take(0))
    assert started(made.take(0)).url == "https://b.test/"
    made.hop_ended(lease, 1, answer_of(lease))
    made.slow_down(lease, 100, 1)
    made.finish(lease, page_of(lease))
    assert made.take(1) == Idle(100)
    assert started(made.take(100)).url == f"{SITE}b"


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


def test_max_pages() -> None:
    """When so many pages are done or under way nothing more is lent; one that fails makes room."""
    made, ledger = frontier(max_pages=2, delay=0, per_host=9)
    for number in range(5):
        made.add_seed(Request(f"{SITE}{number}"), 0)
    made.seeds_exhausted()
    first, second = started(made.take(0)), started(made.take(0))
    assert made.take(0) == Idle(None)
    made.hop_ended(first, 1, answer_of(first))
    made.finish(first, failure_of(first))
    third = started(made.take(1))
    for lease in (second, third):
        fetched(made, lease, 2)
    assert made.take(2) == Drained()
    assert ledger.skipped == {"max_pages": 2}
    assert made.queued == made.lent == 0


def test_stop_leaves_the_queue() -> None:
    """After ``stop`` nothing is lent, what is lent comes back, and the queue is pending."""
    made = seeded(SITE, f"{SITE}b", f"{SITE}c", delay=0, per_host=2)
    first, second = started(made.take(0)), started(made.take(0))
    made.stop()
    assert made.take(0) == Idle(None)
    fetched(made, first, 1, f"{SITE}d")
    made.hop_ended(second, 1, answer_of(second))
    made.retry(second, 5, 1)
    assert made.take(9) == Drained()
    assert (made.queued, made.lent) == (3, 0)


# Names and addresses


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


def test_a_look_up_that_may_pass_is_made_again() -> None:
    """A temporary failure holds for less than any back-off, so that a retry asks again."""

    class TemporaryError(FetchError):
        temporary = True

    made = seeded(SITE, guard=Doorkeeper())
    made.take(0)
    made.resolved("a.test", TemporaryError("dns", "try again"), 0)
    decision = made.take(0)
    assert isinstance(decision, Refuse)
    made.retry(decision.lease, 0.5, 0)
    assert made.take(0) == Idle(0.5)
    assert LOOKUP_AGAIN < 0.5
    assert made.take(0.5) == Lookup("a.test")


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


# robots.txt


def test_robots_goes_before_the_pages_of_its_host() -> None:
    """The robots.txt is asked for first, in the host's turn; its rules and delay hold for what follows."""
    made, ledger = frontier(robots_txt=True, delay=1.0)
    for name in ("", "private", "c"):
        made.add_seed(Request(SITE + name), 0)
    made.seeds_exhausted()
    lease = started(made.take(0))
    assert (lease.url, lease.robots_of) == (f"{SITE}robots.txt", "https://a.test")
    assert (made.queued, made.lent) == (3, 0)
    assert made.take(5) == Idle(None)
    made.hop_ended(lease, 5, answer_of(lease))
    rules = robots.parse(b"User-agent: *\nDisallow: /private\nCrawl-delay: 20", "trio-crawl")
    made.robots_known(lease, rules, 5)
    assert made.take(5) == Idle(20)
    page = started(made.take(20))
    assert page.url == SITE
    fetched(made, page, 21)
    assert started(made.take(40)).url == f"{SITE}c"
    assert ledger.skipped == {"robots": 1}


def test_a_robots_that_disallows_all() -> None:
    """Where the robots.txt can't be had, every page of the origin is a skip."""
    made, ledger = frontier(robots_txt=True)
    for name in ("", "b"):
        made.add_seed(Request(SITE + name), 0)
    made.seeds_exhausted()
    lease = started(made.take(0))
    made.hop_ended(lease, 0, answer_of(lease))
    made.robots_known(lease, None, 0)
    assert made.take(1) == Drained()
    assert ledger.skipped == {"robots_unreachable": 2}
    assert accounts(made, ledger, pages=0)


def test_a_robots_of_a_host_that_is_not_there() -> None:
    """Where the host can't be reached, each page of the origin is refused with that error."""
    made = seeded(SITE, robots_txt=True)
    lease = started(made.take(0))
    made.hop_ended(lease, 0, answer_of(lease))
    error = FetchError("connect", "refused")
    made.robots_known(lease, error, 0)
    assert isinstance(decision := made.take(1), Refuse)
    assert decision.error is error


def test_two_origins_of_one_host() -> None:
    """Each origin of a host has a robots.txt of its own, and both keep to the host's turns."""
    made = seeded(SITE, "http://a.test/", robots_txt=True)
    order = []
    now = 0.0
    while not isinstance(decision := made.take(now), Drained):
        if isinstance(decision, Start):
            lease = decision.lease
            order.append((now, lease.url))
            if lease.robots_of is None:
                fetched(made, lease, now)
            else:
                made.hop_ended(lease, now, answer_of(lease))
                made.robots_known(lease, robots.ALLOW_ALL, now)
        else:
            assert isinstance(decision, Idle)
            assert decision.until is not None
            now = decision.until
    assert [moment for moment, _ in order] == [0, 1, 2, 3]
    assert sorted(url for _, url in order) == sorted(
        [SITE, "http://a.test/", f"{SITE}robots.txt", "http://a.test/robots.txt"]
    )


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
