"""What is discovered is known from then on, followed or passed by, and taken down for the state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frontier_support import lease_of

from trio_crawl import Link, Request
from trio_crawl._frontier.discovery import Discoveries
from trio_crawl._frontier.index import FingerprintSet, fingerprint
from trio_crawl._frontier.journal import Journal
from trio_crawl._frontier.ledger import Ledger
from trio_crawl._policy.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

SITE = "https://a.test/"
ELSEWHERE = "https://b.test/"


def made(*, max_depth: int | None = None) -> tuple[Discoveries, Ledger, Journal]:
    """Return what has discovered nothing, its books, and its journal."""
    ledger, journal = Ledger(), Journal()
    return Discoveries(Scope("host"), max_depth, ledger, journal), ledger, journal


def links(discoveries: Discoveries, found: Iterable[str | Request], *, depth: int = 0) -> list[str]:
    """Find links on a page at *depth*; return those that are followed."""
    items = [Link(url=item) if isinstance(item, str) else item for item in found]
    return [waiting[1] for waiting in discoveries.links(items, lease_of(SITE, depth=depth))]


def skipped(ledger: Ledger) -> dict[Any, int]:
    return {reason: number for reason, number in ledger.skipped.items() if number}


def test_a_link_is_new_once() -> None:
    """Found twice on a page or on two, a link is followed once."""
    discoveries, ledger, journal = made()
    assert discoveries.seed(Request(SITE)) is not None
    assert links(discoveries, [SITE, f"{SITE}a", f"{SITE}a"]) == [f"{SITE}a"]
    assert links(discoveries, [f"{SITE}a", f"{SITE}b"], depth=1) == [f"{SITE}b"]
    assert ledger.discovered == 3
    assert [one.url for one in journal.changes.discovered] == [SITE, f"{SITE}a", f"{SITE}b"]
    assert [one.id for one in journal.changes.discovered] == [1, 2, 3]
    assert len(journal.changes.fingerprints) == 3


def test_requests_are_told_apart_by_their_key() -> None:
    """Method and body make another request of a URL, and a key of its own decides alone."""
    discoveries, _, _ = made()
    discoveries.seed(Request(SITE))
    form = Request(SITE, method="POST", body=b"1")
    found = [
        form,
        form,
        Request(SITE, method="POST", body=b"2"),
        Request(SITE, key="k"),
        Request("x:", key="k"),
    ]
    assert links(discoveries, found) == [SITE, SITE, SITE]


def test_a_link_out_of_scope_is_counted_once_and_not_known() -> None:
    """It is passed by, once in the books; followed when a seed widens the scope, and no skip then."""
    discoveries, ledger, journal = made()
    discoveries.seed(Request(SITE))
    assert links(discoveries, [ELSEWHERE, f"{ELSEWHERE}x", ELSEWHERE]) == []
    assert links(discoveries, [ELSEWHERE]) == []
    assert (ledger.discovered, skipped(ledger)) == (3, {"scope": 2})
    assert [one.url for one in journal.changes.passed] == [ELSEWHERE, f"{ELSEWHERE}x"]
    assert discoveries.seed(Request(ELSEWHERE)) is not None
    assert links(discoveries, [f"{ELSEWHERE}x"]) == [f"{ELSEWHERE}x"]
    assert (ledger.discovered, skipped(ledger)) == (3, {})
    assert journal.changes.taken_back == [fingerprint(ELSEWHERE), fingerprint(f"{ELSEWHERE}x")]


def test_a_link_that_is_too_deep_may_be_found_nearer() -> None:
    """It is passed by as too deep, and followed where it is found at a depth that is allowed."""
    discoveries, ledger, journal = made(max_depth=2)
    discoveries.seed(Request(SITE))
    assert links(discoveries, [f"{SITE}far"], depth=2) == []
    assert skipped(ledger) == {"max_depth": 1}
    assert journal.changes.passed[0].depth == 3
    assert links(discoveries, [f"{SITE}far"], depth=1) == [f"{SITE}far"]
    assert (ledger.discovered, skipped(ledger)) == (2, {})


def test_a_resumed_one_knows_what_was_known() -> None:
    """What an earlier crawl discovered is not new, nor are its numbers; its seeds are in scope."""
    known = FingerprintSet()
    known.fill([fingerprint(SITE), fingerprint(f"{SITE}a")])
    passed = FingerprintSet()
    passed.fill([fingerprint("https://c.test/")])
    discoveries, ledger, journal = made()
    discoveries.resume(known, {"scope": passed}, [SITE, ELSEWHERE], 41)
    assert discoveries.seed(Request(SITE)) is None
    assert links(discoveries, [f"{SITE}a", f"{ELSEWHERE}b", "https://c.test/"]) == [f"{ELSEWHERE}b"]
    assert [one.id for one in journal.changes.discovered] == [41]
    assert ledger.discovered == 1


def test_a_bad_seed_is_a_skip_of_its_own() -> None:
    """It has a number, a fingerprint and an outcome in the same commit, once."""
    discoveries, ledger, journal = made()
    assert discoveries.bad_seed("no URL")
    assert not discoveries.bad_seed("no URL")
    assert (ledger.discovered, skipped(ledger)) == (1, {"bad_seed": 1})
    assert (
        [one.id for one in journal.changes.skipped] == [one.id for one in journal.changes.discovered] == [1]
    )


def test_a_redirect_is_known_from_then_on() -> None:
    """Its target is not asked for again, but is taken down for the state only with the page's outcome."""
    discoveries, _, journal = made()
    discoveries.seed(Request(SITE))
    lease = lease_of(f"{SITE}moved", depth=1)
    assert discoveries.target(lease, f"{SITE}there", f"{SITE}there", own=False) is None
    assert lease.aliases == (fingerprint(f"{SITE}there"),)
    assert fingerprint(f"{SITE}there") not in journal.changes.fingerprints
    assert links(discoveries, [f"{SITE}there"]) == []
    other = lease_of(f"{SITE}other", depth=1)
    assert discoveries.target(other, f"{SITE}there", f"{SITE}there", own=False) == "known_target"
    assert discoveries.target(other, ELSEWHERE, ELSEWHERE, own=False) == "scope"
    seed = lease_of(SITE)
    assert discoveries.target(seed, ELSEWHERE, ELSEWHERE, own=False) is None
    assert journal.changes.seeds == [SITE, ELSEWHERE]
