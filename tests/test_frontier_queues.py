"""Where pages are: each is counted where it is, in memory or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontier_support import SITE, lease_of

from trio_crawl._frontier import windows
from trio_crawl._frontier.journal import Journal
from trio_crawl._frontier.limits import Limits
from trio_crawl._frontier.queues import Queues

if TYPE_CHECKING:
    import pytest

LIMITS = Limits(per_host=1, per_address=8, delay=0, max_depth=None, max_pages=None)


def add(queues: Queues, number: int) -> None:
    queues.add((number, f"{SITE}{number}", None, None), 0)


def test_a_page_is_queued_or_lent_and_never_both() -> None:
    """A page that is lent is queued no more, and one that comes back is again."""
    queues = Queues(LIMITS, None)
    add(queues, 1)
    assert (queues.queued, queues.lent) == (1, 0)
    host = queues.schedule.hosts["a.test"]
    lease = host.lease()
    host.pop()
    queues.lend(host, lease)
    assert (queues.queued, queues.lent) == (0, 1)
    queues.back(lease, 0, not_before=9)
    assert (queues.queued, queues.lent) == (1, 0)
    assert queues.schedule.next(0) == 9


def test_a_robots_txt_is_no_page() -> None:
    """A robots.txt comes and goes without being counted."""
    queues = Queues(LIMITS, None)
    lease = lease_of(f"{SITE}robots.txt")
    lease.robots_of = "https://a.test"
    queues.back(lease, 0)
    assert (queues.queued, queues.lent) == (0, 0)
    assert queues.schedule.next(0) is queues.host(lease)


def test_a_cancelled_host_waits_for_nothing() -> None:
    """What comes back to a cancelled host comes up at once: it is only skipped."""
    queues = Queues(LIMITS, None)
    queues.lent = 1
    queues.cancelled["a.test"] = "why"
    queues.back(lease_of(SITE), 0, not_before=9)
    assert queues.schedule.next(0) is queues.schedule.hosts["a.test"]


def test_what_is_left_to_a_state_is_queued_and_taken_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a state, a page beyond its host's window is counted, and noted as spilled."""
    monkeypatch.setattr(windows, "WINDOWS", 4)
    journal = Journal()
    queues = Queues(LIMITS, journal)
    for number in range(6):
        add(queues, number)
    assert len(queues.schedule.hosts["a.test"].pages) == 4
    assert journal.changes.spilled == {"a.test": 2}
    assert queues.queued == 6
    assert queues.clear() == 6
    assert queues.queued == 0
