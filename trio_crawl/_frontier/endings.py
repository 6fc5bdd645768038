"""What became of the pages of a frontier: entered in the books, and taken down for a state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .._lease import Kept, Unchanged
from .._model import Failure, Parsed, Skip
from .._policy.revisit import NOT_MODIFIED, validators_of
from .journal import OF_FAILURE, Ended, Visit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._lease import Lease
    from .._model import Outcome, Page, SkipReason
    from .journal import Journal
    from .ledger import Ledger


_OK: Final = 200
"""The status of what was read, as nearly all have it."""


@final
class Endings:
    """Enters each page's outcome where it has to stand.

    Args:
        ledger: the books, in which skips are entered; the rest when it is written.
        journal: takes all of it down; None if there is no state.
    """

    def __init__(self, ledger: Ledger, journal: Journal | None) -> None:
        self._ledger = ledger
        self._journal = journal

    def skipped(self, lease: Lease, reason: SkipReason, *, target: str | None = None) -> None:
        """Enter that *lease* is skipped, since it was redirected to *target* if there is one."""
        url = lease.request.url
        if target is None and lease.chain:
            target = lease.url
        self._ledger.skip(reason, url, referrer=lease.referrer, target=target)
        if self._journal is not None:
            changes = self._journal.changes
            ended = Ended(lease.id, _urls.host(lease.request.url), reason)
            if reason in OF_FAILURE:  # it may be asked for again, as a failure may
                ended = ended._replace(aliases=lease.aliases)
            else:
                changes.fingerprints.extend(lease.aliases)
            changes.skipped.append(ended)

    def read(self, lease: Lease, moment: float) -> None:
        """Enter that *lease*, a sitemap or feed, was read to its end at a *moment* (seconds since 1970)."""
        self._ledger.sitemaps += 1
        if self._journal is not None:
            changes = self._journal.changes
            changes.fingerprints.extend(lease.aliases)
            changes.sitemaps.append(Ended(lease.id, _urls.host(lease.request.url), _OK, (), moment))

    def rest_skipped(self, number: int, named: Iterable[tuple[str, str | None]] = ()) -> None:
        """Enter that every page which is queued, so many, is skipped because of ``max_pages``.

        Args:
            number: how many.
            named: URL and referrer of each that is in memory, if somebody wants to hear of them.
        """
        if self._ledger.heard is not None:
            skips = [Skip(url=url, reason="max_pages", referrer=referrer) for url, referrer in named]
            self._ledger.heard.extend(skips)
        if self._journal is not None and number:
            self._journal.changes.skip_rest = "max_pages"
        self._ledger.skip_several("max_pages", f"{number} pages", number)

    def host_cancelled(self, name: str, reason: str) -> None:
        """Take down why the pages of a host are skipped."""
        if self._journal is not None:
            self._journal.changes.cancelled[name] = reason

    def finished(self, lease: Lease, outcome: Outcome | Unchanged | Kept, rows: tuple[int, ...]) -> None:
        """Take down that *lease* came to *outcome*, of which each output has so many *rows*."""
        if isinstance(outcome, Kept):
            self._ledger.revisits_redirected += outcome.why == "redirected"
            self._ledger.revisits_failed += outcome.why == "failed"
        if self._journal is None:
            return
        changes = self._journal.changes
        host = _urls.host(lease.request.url)
        match outcome:
            case Parsed(page=page):
                changes.fingerprints.extend(_new_aliases(lease))
                moment = page.fetched_at.timestamp()
                ended = Ended(lease.id, host, page.status, rows, moment, visit=_visit(lease, page))
                changes.pages.append(
                    ended._replace(content=lease.content, duplicate_of=lease.original, soft_404=page.soft_404)
                )
            case Unchanged(validators, moment):
                changes.fingerprints.extend(_new_aliases(lease))
                visit = Visit(unchanged=True, validators=validators, aliases=lease.aliases)
                changes.pages.append(Ended(lease.id, host, NOT_MODIFIED, rows, moment, visit=visit))
            case Kept(moment=moment):
                assert lease.was is not None  # noqa: S101 - or there were nothing to keep
                changes.kept.append(Ended(lease.id, host, lease.was.status, rows, moment))
            case Failure():
                changes.failed.append(Ended(lease.id, host, outcome.kind, rows, aliases=lease.aliases))


def _new_aliases(lease: Lease) -> tuple[int, ...]:
    if not lease.own:
        return lease.aliases
    return tuple([mark for mark in lease.aliases if mark not in lease.own])


def _visit(lease: Lease, page: Page) -> Visit | None:
    """Return what is worth keeping for the next visit; None if nothing is."""
    validators = validators_of(page)
    if validators is None and not lease.aliases and lease.visit == 1:
        return None
    return Visit(unchanged=False, validators=validators, aliases=lease.aliases)
