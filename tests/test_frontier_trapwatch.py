"""What a watch learns of pages, it holds against links, and takes down for a state."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from frontier_support import lease_of

from trio_crawl._frontier import trapwatch
from trio_crawl._frontier.journal import Journal
from trio_crawl._frontier.trapwatch import TrapWatch

if TYPE_CHECKING:
    import pytest

SITE = "https://a.test/"
FAMILY = "a.test/n/#"


def spend(watch: TrapWatch, path: str = "n/", pages: int = 1_000) -> None:
    """Let a family have so many pages that say nothing."""
    for number in range(pages):
        watch.learn(f"{SITE}{path}{number}", b"", fruitful=False)


def test_a_spent_family_is_closed_from_within() -> None:
    """A link from it to itself is passed by; one from elsewhere, and one to elsewhere, is followed."""
    watch = TrapWatch(None)
    spend(watch, pages=999)
    assert watch.objection(f"{SITE}n/5000", FAMILY) is None
    spend(watch, pages=1)
    assert watch.objection(f"{SITE}n/5000", FAMILY) == "trap_pattern"
    assert watch.objection(f"{SITE}n/5000", None) is None
    assert watch.objection(f"{SITE}n/5000", "a.test/m/#") is None
    assert watch.objection(f"{SITE}m/5000", FAMILY) is None
    assert watch.objection("https://b.test/n/1", FAMILY) is None


def test_two_spent_families_are_closed_to_each_other() -> None:
    """Pages that lead from one trap to the other are passed by as well."""
    watch = TrapWatch(None)
    spend(watch)
    spend(watch, "m/")
    assert watch.objection(f"{SITE}m/5000", FAMILY) == "trap_pattern"


def test_what_was_queued_is_held_back_where_it_may_be_without_end() -> None:
    """A queued page of a spent family of queries is in a trap if it was found there; of a path it is not."""
    watch = TrapWatch(None)
    spend(watch, "list?page=")
    spend(watch, "n/")
    page = lease_of(f"{SITE}list?page=5000", depth=3)
    assert not watch.holds(page)
    page.referrer = f"{SITE}list?page=4999"
    assert watch.holds(page)
    page.referrer = SITE
    assert not watch.holds(page)
    page = lease_of(f"{SITE}n/5000", depth=3)
    page.referrer = f"{SITE}n/4999"
    assert not watch.holds(page)


def test_what_is_learned_outlives_the_watch() -> None:
    """From what the journal took down another watch goes on, word for word."""
    journal = Journal()
    watch = TrapWatch(journal)
    spend(watch, pages=600)
    watch.learn(f"{SITE}n/1", b"two words", fruitful=False)
    changes = journal.cut()
    families = [(name, *family) for name, family in changes.families.items()]
    assert families[0][2] == 1
    words = [(host, array("I", places).tobytes()) for host, places in changes.words.items()]
    other_journal = Journal()
    other = TrapWatch(other_journal)
    other.resume(families, words)
    for each in (watch, other):
        spend(each, pages=20)
        each.learn(f"{SITE}n/1", b"two words", fruitful=False)
    assert other_journal.changes.families == journal.changes.families
    assert not other_journal.changes.words


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many families those with the most left are forgotten; of too many hosts the first one."""
    monkeypatch.setattr(trapwatch, "MOST_FAMILIES", 100)
    monkeypatch.setattr(trapwatch, "MOST_HOSTS", 2)
    watch = TrapWatch(None)
    spend(watch)
    for number in range(300):
        watch.learn(f"{SITE}{'x' * number}/{number}", b"", fruitful=False)
    assert watch.objection(f"{SITE}n/5000", FAMILY) == "trap_pattern"
    assert repr(watch).endswith("families, 1 spent>")
    for host in ("a", "b", "c"):
        watch.learn(f"https://{host}.test/?sid=1", b"some words", fruitful=False)
    assert len(watch._words) == 2  # noqa: SLF001 - what is bounded
