"""What changed in a frontier since the last commit: what a state has to take down."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, final

if TYPE_CHECKING:
    from .._lease import Validators
    from .._model import FailureKind, Request, SkipReason


class Discovered(NamedTuple):
    """A URL that was added.

    Args:
        id: its number, by the order of discovery.
        host: the name of its host.
        rank: its place among the host's: smaller goes first, and of equals the smaller `id`.
        url: as it will be asked for.
        request: what a plain GET of the URL would not say; None if it is one.
        referrer: the number of the page that led here; None for a seed.
    """

    id: int
    host: str
    rank: int
    url: str
    request: Request | None
    referrer: int | None


class Visit(NamedTuple):
    """What is kept of a page's visit beside its outcome.

    Args:
        unchanged: whether the page was as at the visit before.
        validators: to ask with next time; None if there are none.
        aliases: fingerprints of where the page was redirected to.
    """

    unchanged: bool
    validators: Validators | None
    aliases: tuple[int, ...]


class Ended(NamedTuple):
    """A URL whose outcome is known.

    Args:
        id: its number.
        host: the name of the host that it was queued at.
        detail: the status code of a page; the kind of a failure; the reason of a skip.
        rows: the rows that each output has of it.
        fetched_at: of a page, the moment in seconds since 1970.
        aliases: of a failure, or of a page whose host was given up, fingerprints of where it
            was redirected to: known, unless it is asked for again.
        visit: of a page, what is worth keeping for the next visit; None if nothing is.
    """

    id: int
    host: str
    detail: int | FailureKind | SkipReason
    rows: tuple[int, ...] = ()
    fetched_at: float | None = None
    aliases: tuple[int, ...] = ()
    visit: Visit | None = None


class Passed(NamedTuple):
    """A link that is not followed, unless it is found again where it may be.

    Args:
        fingerprint: of the key that it would have.
        url: where it leads.
        depth: links from a seed.
        reason: ``"scope"``, ``"max_depth"`` or ``"nofollow"``.
        request: as in `Discovered`.
        referrer: as in `Discovered`.
    """

    fingerprint: int
    url: str
    depth: int
    reason: SkipReason
    request: Request | None
    referrer: int | None


@dataclass(slots=True, kw_only=True)
class Changes:
    """What is committed together with a batch of rows.

    Args:
        discovered: URLs that were added, pending.
        pages: those that came to a page.
        failed: those that came to a failure.
        skipped: those that are skipped for good.
        passed: links that are not followed, new ones.
        taken_back: fingerprints of such that are followed after all.
        fingerprints: of keys that are known now.
        seeds: URLs that widened the scope.
        spilled: by host, how many of `discovered` are not held in memory.
        cancelled: hosts that were cancelled, with the reasons.
        skip_rest: why every URL that is still pending is skipped; None if it isn't.
        books: as they were when this was cut off, without what the batch itself counts for.
    """

    discovered: list[Discovered] = field(default_factory=list)
    pages: list[Ended] = field(default_factory=list)
    failed: list[Ended] = field(default_factory=list)
    skipped: list[Ended] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    taken_back: list[int] = field(default_factory=list)
    fingerprints: array[int] = field(default_factory=lambda: array("Q"))
    seeds: list[str] = field(default_factory=list)
    spilled: Counter[str] = field(default_factory=Counter)
    cancelled: dict[str, str] = field(default_factory=dict)
    skip_rest: SkipReason | None = None
    books: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(
            self.discovered
            or self.pages
            or self.failed
            or self.skipped
            or self.passed
            or self.taken_back
            or self.fingerprints
            or self.seeds
            or self.cancelled
            or self.skip_rest
        )


@final
class Journal:
    """Gathers `Changes`, until they are cut off to be committed with a batch."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        self.changes = Changes()

    def __repr__(self) -> str:
        return f"<Journal of {len(self.changes.discovered)} URLs>"

    def cut(self) -> Changes:
        """Return what was gathered, and begin anew."""
        changes, self.changes = self.changes, Changes()
        return changes
