"""The books of a crawl."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from trio_crawl._frontier.ledger import Ledger
from trio_crawl._write.batch import Batch

if TYPE_CHECKING:
    from trio_crawl._model import Statistics


def numbers(ledger: Ledger, *, pending: int = 0) -> Statistics:
    return ledger.statistics(pending=pending, in_flight=0, elapsed=1.5)


def test_a_batch_is_entered_as_a_whole() -> None:
    """What a batch counts for is added to what was before."""
    ledger = Ledger(discovered=5)
    for _ in range(2):
        ledger.commit(
            Batch(
                [],
                0.0,
                pages=2,
                rows=7,
                links=3,
                statuses=Counter({404: 1, 200: 1}),
                failed=Counter({"dns": 1}),
            )
        )
    found = numbers(ledger)
    assert (found.pages, found.rows, found.links, found.elapsed) == (4, 14, 6, 1.5)
    assert found.failed == {"dns": 2}
    assert list(found.statuses.items()) == [(200, 2), (404, 2)]


def test_the_first_skip_of_each_reason_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A reason is logged once, with the URL and the detail; further skips are only counted."""
    ledger = Ledger()
    with caplog.at_level(logging.INFO, "trio_crawl"):
        ledger.skip("scope", "https://a.test/")
        ledger.skip("scope", "https://b.test/")
        ledger.skip("known_target", "https://c.test/", target="https://d.test/")
    assert [record.getMessage() for record in caplog.records] == [
        "first skip for the reason 'scope': https://a.test/",
        "first skip for the reason 'known_target': https://c.test/ (redirected to https://d.test/)",
    ]
    assert numbers(ledger).skipped == {"scope": 2, "known_target": 1}


def test_a_skip_that_is_taken_back() -> None:
    """A reason whose skips were all taken back is not listed."""
    ledger = Ledger()
    ledger.skip("scope", "https://a.test/")
    ledger.skip("max_depth", "https://b.test/")
    ledger.unskip("scope")
    assert numbers(ledger).skipped == {"max_depth": 1}


def test_statistics_do_not_change_later() -> None:
    """What was told of one moment stays as it was, and can't be changed by who was told."""
    ledger = Ledger()
    ledger.skip("scope", "https://a.test/")
    before = numbers(ledger)
    ledger.skip("scope", "https://b.test/")
    ledger.commit(Batch([], 0.0, pages=1, statuses=Counter({200: 1})))
    assert before.skipped == {"scope": 1}
    assert (before.pages, before.statuses) == (0, {})
    with pytest.raises(TypeError):
        before.skipped["scope"] = 5  # type: ignore[index]
