"""What waits at one host, and how it is held."""

from __future__ import annotations

import pytest
from frontier_support import lease_of

from trio_crawl._frontier.host import Host, State, Terms
from trio_crawl._lease import order_of
from trio_crawl._model import Request
from trio_crawl._policy.health import FAILURES_TO_GIVE_UP

REFERRER = "https://b.test/"


def host(name: str = "a.test") -> Host:
    """Return a host that nothing is known of."""
    return Host(name, Terms(per_host=2, delay=10))


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("a.test", "https://a.test/"),
        ("a.test", "https://a.test/b/c?d=https://a.test/"),
        ("a.test", "https://a.test//b.test/"),
        ("a.test", "http://a.test/b"),
        ("a.test", "https://a.test:8443/b"),
        ("a.test", "https://user:word@a.test/b"),
        ("[::1]", "https://[::1]/b"),
        ("[::1]", "https://[::1]:8443/b"),
    ],
)
def test_a_page_comes_back_as_it_was(name: str, url: str) -> None:
    """However its URL is held, the lease has all of it, its order and its referrer."""
    made = host(name)
    made.add((order_of(3, 7), url, REFERRER, None))
    lease = made.lease()
    assert (lease.url, lease.request, lease.order, lease.referrer) == (
        url,
        Request(url),
        order_of(3, 7),
        REFERRER,
    )


def test_what_else_a_page_has_to_say_comes_back_too() -> None:
    """So does a request that is no plain GET, and a lease is the very same one."""
    request = Request("https://a.test/form", method="POST", body=b"a=1")
    made = host()
    made.add((1, request.url, None, request))
    assert made.lease().request is request
    made.pop()
    lease = lease_of("https://a.test/b")
    made.push(lease)
    assert made.lease() is lease
    made.pop()
    assert made.head() is None


def test_pages_go_by_their_order() -> None:
    """Whatever there is to say of each, and in which order they came."""
    made = host()
    lease = lease_of("https://a.test/4", number=4)
    firsts = [
        made.add((3, "https://a.test/3", None, None)),
        made.add((2, "http://a.test/2", None, None)),
        made.add((1, "https://a.test/1", REFERRER, Request("https://a.test/1", method="HEAD"))),
        made.add((5, "https://a.test/5", None, None)),
    ]
    made.push(lease)
    assert firsts == [True, True, True, False]
    urls = []
    while made.head():
        urls.append(made.lease().url)
        made.pop()
    assert urls == [f"{scheme}://a.test/{n}" for n, scheme in enumerate(("https", "http", *["https"] * 3), 1)]


def test_nothing_is_made_for_who_only_waits() -> None:
    """A host that was never to be asked may start now, has not failed, and is not met by being looked at."""
    made = host()
    made.add((1, "https://a.test/", None, None))
    assert made.next_start(5.0) == 5.0
    assert (made.failures, made.given_up, made.robots_first, made.waiting) == (0, False, False, 1)
    assert made.bring_up(9.0) is None
    assert made.why() == "a free place among the hops"
    assert made.lease().url == "https://a.test/"
    assert made.met is None


def test_failures_count_from_the_first() -> None:
    """A host that failed often enough is given up."""
    made = host()
    made.health.failures = FAILURES_TO_GIVE_UP - 1
    assert not made.given_up
    made.health.failures += 1
    assert made.given_up
    assert made.failures == FAILURES_TO_GIVE_UP


def test_a_robots_txt_goes_first_and_pages_wait_for_it() -> None:
    """While it is out no page goes; the pages are there when it was read."""
    made = host()
    made.add((1, "https://a.test/", None, None))
    robots = lease_of("https://a.test/robots.txt")
    robots.robots_of = "https://a.test"
    made.meet().robots_pending += 1
    made.push(robots)
    assert made.robots_first
    assert made.lease() is robots
    made.pop()
    assert not made.robots_first
    assert made.head() is None
    assert made.why() == "its robots.txt is fetched"
    made.meet().robots_pending -= 1
    assert made.lease().url == "https://a.test/"


def test_later_pages_come_up_in_time() -> None:
    """Each waits for its moment, and counts as waiting meanwhile."""
    made = host()
    for number in (3, 1, 2):
        made.push_later(lease_of(f"https://a.test/{number}", number=number), number * 10.0)
    made.state = State.WAITING
    assert made.why() == "a page is to be retried then"
    assert made.bring_up(20.0) == 30.0
    assert (len(made.pages), made.waiting) == (2, 3)
    assert made.why() == "its delay"
    assert made.bring_up(30.0) is None
    assert len(made.pages) == 3
