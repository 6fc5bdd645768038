"""What is known of hosts goes to a state, and comes back from it."""

from __future__ import annotations

from trio_crawl._frontier.index import FingerprintSet
from trio_crawl._frontier.journal import Journal
from trio_crawl._frontier.manners import Manners
from trio_crawl._frontier.resumed import Resumed
from trio_crawl._frontier.schedule import Schedule
from trio_crawl._frontier.watch import Watch
from trio_crawl._policy import robots

RULES = robots.parse(b"User-agent: *\nDisallow: /a\nCrawl-delay: 9", "bot")


def schedule() -> Schedule:
    """Return one without hosts."""
    return Schedule(per_host=2, per_address=8, delay=1)


def resumed(journal: Journal, *, killed: bool = False) -> Resumed:
    """Return what a state would know that had what is cut off now."""
    changes = journal.cut()
    return Resumed(
        known=FingerprintSet(),
        passed={},
        seeds=(),
        stored={"a.test": 1},
        next_id=1,
        hosts=changes.hosts,
        robots=changes.robots,
        killed=killed,
    )


def test_what_was_told_is_kept_to() -> None:
    """Rules hold, their delay counts, and it counts from the last start of the run before."""
    journal = Journal()
    first = Manners(robots=True, product="bot", journal=journal)
    first.begin(1000.0)
    assert first.robots is not None
    first.robots.answer("http://a.test", RULES, 4.0, status=200, size=20)
    first.robots.skipped("http://a.test/a")
    hosts = schedule()
    host = hosts.host("a.test")
    watch = host.meet().watch = Watch()
    watch.started(5.0, delay=9, limit=2)
    first.note(host)
    assert journal.unsaved
    state = resumed(journal)
    assert not journal.unsaved
    [report] = first.conduct(hosts)
    assert (report.host, report.robots[0].skipped) == ("a.test", 0)  # which the state has by now

    second = Manners(robots=True, product="bot", journal=None)
    second.begin(1006.0)  # one second later, by another clock
    hosts = schedule()
    list(second.resume(state, hosts, 0.0))
    assert second.robots is not None
    assert second.robots.verdict("http://a.test/a", 0.0) == "robots"
    assert second.robots.verdict("http://a.test/b", 0.0) == "allowed"
    assert hosts.host("a.test").turns.next_start(0.0) == 8.0


def test_nothing_is_kept_to_that_nobody_asked_for() -> None:
    """Without ``robots`` no rule counts; after a kill, the hosts with pages wait."""
    journal = Journal()
    first = Manners(robots=True, product="bot", journal=journal)
    assert first.robots is not None
    first.robots.answer("http://a.test", RULES, 4.0)
    state = resumed(journal, killed=True)
    second = Manners(robots=False, product="bot", journal=None)
    hosts = schedule()
    list(second.resume(state, hosts, 5.0))
    assert second.robots is None
    assert hosts.host("a.test").turns.next_start(5.0) == 6.0
    assert second.conduct(hosts) == ()
