"""What changed since the last commit."""

from __future__ import annotations

from array import array
from collections import Counter

import pytest

from trio_crawl._frontier.journal import Changes, Discovered, Ended, Journal, Passed

FOUND = Discovered(1, "a.test", 0, "http://a.test/", None, None)
ENDED = Ended(1, "a.test", 200)


def test_cutting_begins_anew() -> None:
    """What was gathered is handed over once, and later changes are not in it."""
    journal = Journal()
    journal.changes.discovered.append(FOUND)
    cut = journal.cut()
    journal.changes.pages.append(ENDED)
    assert (cut.discovered, cut.pages) == ([FOUND], [])
    assert (journal.changes.discovered, journal.changes.pages) == ([], [ENDED])
    assert repr(journal) == "<Journal of 0 URLs>"


@pytest.mark.parametrize(
    "changes",
    [
        Changes(discovered=[FOUND]),
        Changes(pages=[ENDED]),
        Changes(failed=[ENDED]),
        Changes(skipped=[ENDED]),
        Changes(passed=[Passed(1, "http://a.test/", 1, "scope", None, None)]),
        Changes(taken_back=[1]),
        Changes(fingerprints=array("Q", [1])),
        Changes(seeds=["http://a.test/"]),
        Changes(skip_rest="max_pages"),
    ],
)
def test_each_kind_of_change_is_worth_a_commit(changes: Changes) -> None:
    """Nothing that a state has to know waits for the next row to be written."""
    assert changes


def test_nothing_is_worth_none() -> None:
    """Without a change there is nothing to commit, whatever the books say."""
    assert not Changes(books={"requests": 3}, spilled=Counter())


class Told:
    """Something that is told of when there is a commit."""

    unsaved = True

    def tell(self, changes: Changes) -> None:
        """Say one thing, once."""
        changes.cookies["a.test"] = "[]"
        self.unsaved = False


def test_sources_are_asked_with_each_commit_and_at_the_end() -> None:
    """What a source has to tell is no reason for a commit, but for the last one."""
    journal = Journal()
    journal.sources.append(Told())
    assert not journal.changes
    assert journal.unsaved
    assert journal.cut().cookies == {"a.test": "[]"}
    assert not journal.unsaved
