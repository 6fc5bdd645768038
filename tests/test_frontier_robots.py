"""What is remembered of each origin's robots.txt, and for how long."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from trio_crawl._errors import FetchError
from trio_crawl._frontier import robots as module
from trio_crawl._frontier.journal import Changes
from trio_crawl._frontier.robots import ROBOTS_TTL, UNREACHABLE_TTL, RobotsDesk
from trio_crawl._lease import Lease, order_of, rank_of
from trio_crawl._model import Request
from trio_crawl._policy import robots

if TYPE_CHECKING:
    from trio_crawl._frontier.watch import RobotsRecord

SITE = "https://a.test/"
RULES = robots.parse(b"User-agent: *\nDisallow: /private\nCrawl-delay: 7", "trio-crawl")
EMPTY = robots.parse(b"", "trio-crawl")


def lease(url: str) -> Lease:
    return Lease(
        request=Request(url),
        url=url,
        method="POST",
        body=b"x",
        depth=3,
        referrer=SITE,
        order=order_of(rank_of(1, 3), 9),
    )


def test_what_is_not_known() -> None:
    """Nothing is said of an origin that was not asked about; another scheme or port is another origin."""
    desk = RobotsDesk()
    assert desk.verdict(SITE, 0) is None
    assert desk.answer("https://a.test", RULES, 0) == 7
    assert desk.verdict(f"{SITE}public", 0) == "allowed"
    assert desk.verdict(f"{SITE}private/x", 0) == "robots"
    for other in ("http://a.test/", "https://a.test:8443/", "https://www.a.test/"):
        assert desk.verdict(other, 0) is None


def test_rules_are_asked_for_again_after_a_day() -> None:
    """Rules hold for a day (RFC 9309, section 2.4), and their absence for an hour."""
    desk = RobotsDesk()
    desk.answer("https://a.test", RULES, 100)
    assert desk.verdict(SITE, 100 + ROBOTS_TTL - 1) == "allowed"
    assert desk.verdict(SITE, 100 + ROBOTS_TTL) is None
    assert desk.answer("https://b.test", None, 0) == 0
    assert desk.verdict("https://b.test/x", UNREACHABLE_TTL - 1) == "robots_unreachable"
    assert desk.verdict("https://b.test/x", UNREACHABLE_TTL) is None


def test_an_origin_that_can_not_be_reached() -> None:
    """The error that an origin could not be reached for is what is said of its pages."""
    desk = RobotsDesk()
    error = FetchError("connect", "refused")
    assert desk.answer("https://a.test", error, 0) == 0
    assert desk.verdict(f"{SITE}x", 0) is error


def test_rules_without_a_delay() -> None:
    """Where a robots.txt asks for no delay, it asks for none."""
    assert RobotsDesk().answer("https://a.test", robots.ALLOW_ALL, 0) == 0


def test_the_lease_of_a_robots() -> None:
    """It is asked for by GET, without anything of the page that waits for it but its place in the queue."""
    asked = RobotsDesk().ask(lease("https://user:secret@a.test:8443/x?y"))
    assert asked.url == asked.key == "https://a.test:8443/robots.txt"
    assert (asked.method, asked.body, asked.seed, asked.referrer) == ("GET", None, False, None)
    assert asked.order == order_of(rank_of(1, 3), 9)
    assert asked.robots_of == "https://a.test:8443"


def test_the_sitemaps_that_a_robots_names() -> None:
    """None of an origin whose robots.txt is not there, or was not asked for."""
    desk = RobotsDesk()
    desk.answer("https://a.test", robots.parse(b"Sitemap: /m.xml", "trio-crawl"), 0)
    desk.answer("https://b.test", None, 0)
    desk.answer("https://c.test", FetchError("connect", "refused"), 0)
    assert desk.sitemaps(f"{SITE}x") == ("/m.xml",)
    assert [desk.sitemaps(f"https://{name}.test/") for name in "bcd"] == [(), (), ()]


def record(desk: RobotsDesk) -> RobotsRecord:
    """Return the only thing that *desk* has to tell."""
    changes = Changes()
    assert desk.unsaved
    desk.tell(changes)
    assert not desk.unsaved
    [found] = changes.robots
    return found


def test_what_was_known_is_known_again() -> None:
    """Another desk keeps to the rules, by its own clock, for as long as this one would have."""
    desk = RobotsDesk("bot")
    desk.epoch = 1000.0
    desk.answer("https://a.test", RULES, 50, status=200, size=99)
    told = record(desk)
    assert (told.decision, told.status, told.size, told.crawl_delay) == ("rules", 200, 99, 7)
    other = RobotsDesk("bot")
    other.epoch = 1040.0
    assert other.resume(told, 11)
    assert other.verdict(f"{SITE}private/x", 11) == "robots"
    assert other.verdict(SITE, 10 + ROBOTS_TTL - 1) == "allowed"
    assert other.verdict(SITE, 10 + ROBOTS_TTL) is None
    assert not other.unsaved
    other.skipped(f"{SITE}private/x")
    assert record(other)._replace(skipped=0, source=told.source) == told._replace(skipped=0)


def test_what_is_not_known_again() -> None:
    """Rules for another crawler, from the future, too old, or of an origin that could not be reached."""
    desk = RobotsDesk("bot")
    desk.answer("https://a.test", RULES, 50)
    told = record(desk)
    assert not RobotsDesk("other").resume(told, 60)
    assert not RobotsDesk("bot").resume(told, 49)
    assert not RobotsDesk("bot").resume(told, 50 + ROBOTS_TTL)
    assert not RobotsDesk("bot").resume(told._replace(until=1e12), 50 + ROBOTS_TTL)
    assert not RobotsDesk("bot").resume(told._replace(decision="unreachable"), 60)


def test_each_decision_survives() -> None:
    """All is allowed, or nothing, or what the rules say; an empty file has none."""
    for verdict, said in ((robots.ALLOW_ALL, "allowed"), (None, "robots_unreachable"), (EMPTY, "allowed")):
        desk = RobotsDesk()
        desk.answer("https://a.test", verdict, 0)
        other = RobotsDesk()
        assert other.resume(record(desk), 1)
        assert other.verdict(SITE, 1) == said


def test_nothing_is_gathered_for_a_state_that_is_not_there() -> None:
    """What nobody will be told is not kept for telling; a report has it all the same."""
    desk = RobotsDesk("bot", kept=False)
    desk.answer("https://a.test", RULES, 10)
    desk.skipped(f"{SITE}private/x")
    assert not desk.unsaved
    assert [(found.origin, found.skipped) for found in desk.records()] == [("https://a.test", 1)]


@pytest.mark.parametrize("source", ["Disallow: /private", "", "Allow: /", "Disallow: /caf\u00e9%FF*x$"])
def test_rules_are_read_again_from_what_they_were(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that have no room as they were read say the same when they are read again."""
    monkeypatch.setattr(module, "RULES_BYTES", 1)
    desk = RobotsDesk()
    urls = [f"private/{number}" for number in range(3)] + ["x", "caf%C3%A9%FFyx", "caf%C3%A9%FFy"]
    rules = robots.parse(f"User-agent: *\n{source}\nSitemap: /m.xml".encode(), "trio-crawl")
    for host in "abc":
        desk.answer(f"https://{host}.test", rules, 0)
    for host in "abcabc":
        for url in urls:
            full = f"https://{host}.test/{url}"
            assert desk.verdict(full, 1) == ("allowed" if rules.allows(full) else "robots")
        assert desk.sitemaps(f"https://{host}.test/") == ("/m.xml",)


def test_a_file_that_disallows_everything_does_so_when_it_is_read_again() -> None:
    """One of too many lines, of which nothing is kept."""
    rules = robots.parse(b"User-agent: *\n" + b"Allow: /\n" * 9_000, "trio-crawl")
    assert rules is robots.DISALLOW_ALL
    assert not robots.reread(rules.source, None).allows(f"{SITE}x")
    desk = RobotsDesk()
    desk.answer("https://a.test", rules, 0)
    other = RobotsDesk()
    assert other.resume(record(desk), 1)
    assert other.verdict(f"{SITE}x", 1) == "robots"


def test_rules_that_have_no_room_at_all_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not taken for none; and large files take the place of large ones only."""
    monkeypatch.setattr(module, "RULES_BYTES", 1)
    monkeypatch.setattr(module, "SOURCES_BYTES", 20_000)
    desk = RobotsDesk()
    desk.answer("https://small.test", RULES, 0)
    noise = random.Random(1)  # noqa: S311 - a file that can't be compressed
    for number in range(10):
        paths = "".join(f"Disallow: /{noise.randbytes(60).hex()}\n" for _ in range(150))
        desk.answer(f"https://l{number}.test", robots.parse(f"User-agent: *\n{paths}".encode(), "x"), 0)
    assert desk.verdict("https://small.test/private", 1) == "robots"
    assert desk.verdict("https://l9.test/", 1) == "allowed"
    assert desk.verdict("https://l0.test/", 1) is None
    assert len([found for found in desk.records() if found.decision == "rules"]) == 11
