"""What became of each page, in the books and in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontier_support import SITE, failure_of, lease_of, page_of

from trio_crawl._frontier.endings import Endings
from trio_crawl._frontier.journal import Ended, Journal
from trio_crawl._frontier.ledger import Ledger

if TYPE_CHECKING:
    from trio_crawl._lease import Lease

MARK = 7


def redirected() -> Lease:
    """Return a lease that was redirected to what has the fingerprint `MARK`."""
    lease = lease_of(SITE, number=3)
    lease.aliases = (MARK,)
    return lease


def test_where_a_finished_page_was_redirected_to_is_known_for_good() -> None:
    """The target of a page or of a skip is known from its commit on."""
    journal = Journal()
    endings = Endings(Ledger(), journal)
    lease = redirected()
    endings.finished(lease, page_of(lease, status=404), (2,))
    endings.skipped(redirected(), "scope")
    assert [(ended.id, ended.host, ended.detail, ended.rows) for ended in journal.changes.pages] == [
        (3, "a.test", 404, (2,))
    ]
    assert journal.changes.skipped == [Ended(3, "a.test", "scope")]
    assert list(journal.changes.fingerprints) == [MARK, MARK]


def test_what_may_be_asked_for_again_keeps_its_target_for_itself() -> None:
    """The target of a failure, or of a page whose host was given up, is noted with it."""
    journal = Journal()
    endings = Endings(Ledger(), journal)
    lease = redirected()
    endings.finished(lease, failure_of(lease), (0,))
    endings.skipped(redirected(), "host_given_up")
    assert journal.changes.failed == [Ended(3, "a.test", "connect", (0,), aliases=(MARK,))]
    assert journal.changes.skipped == [Ended(3, "a.test", "host_given_up", aliases=(MARK,))]
    assert not journal.changes.fingerprints


def test_skips_are_counted_with_a_state_and_without() -> None:
    """A skip stands in the books at once; nothing is taken down where there is no state."""
    ledger = Ledger()
    endings = Endings(ledger, None)
    endings.skipped(lease_of(SITE), "scope")
    endings.rest_skipped(5)
    assert ledger.skipped == {"scope": 1, "max_pages": 5}


def test_the_rest_is_taken_down_if_there_is_any() -> None:
    """What was queued when ``max_pages`` was reached is skipped in the state too; nothing is no change."""
    journal = Journal()
    endings = Endings(Ledger(), journal)
    endings.rest_skipped(0)
    assert not journal.changes
    endings.rest_skipped(2)
    assert journal.changes.skip_rest == "max_pages"
