"""What is done next, and when there is nothing left to do."""

from __future__ import annotations

from frontier_support import (
    SITE,
    accounts,
    answer_of,
    failure_of,
    fetched,
    frontier,
    page_of,
    seeded,
    started,
)

from trio_crawl._errors import FetchError
from trio_crawl._lease import Drained, Idle, Refuse, Start
from trio_crawl._model import Request
from trio_crawl._policy import robots

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


# Stopping


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
