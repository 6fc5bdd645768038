"""What changed in a frontier since the last commit: what a state has to take down."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._lease import Validators
    from .._model import FailureKind, Request, SkipReason
    from .._policy.families import Family
    from .watch import HostRecord, RobotsRecord


OF_FAILURE: Final[tuple[SkipReason, ...]] = ("host_given_up", "robots_unreachable", "not_archived")
"""Reasons of skips that are failures of the host's, or of an archive's: pages may be asked for again."""


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
        detail: the status code of a page, or of a sitemap; the kind of a failure; the reason of a skip.
        rows: the rows that each output has of it.
        fetched_at: of a page, the moment in seconds since 1970.
        aliases: of a failure, or of a skip that is one, fingerprints of where it
            was redirected to: known, unless it is asked for again.
        visit: of a page, what is worth keeping for the next visit; None if nothing is.
        content: of a page, the hash of its content.
        duplicate_of: of a page, the number of the first one with the same content.
        soft_404: of a page, whether its host says the same of what does not exist.
    """

    id: int
    host: str
    detail: int | FailureKind | SkipReason
    rows: tuple[int, ...] = ()
    fetched_at: float | None = None
    aliases: tuple[int, ...] = ()
    visit: Visit | None = None
    content: int | None = None
    duplicate_of: int | None = None
    soft_404: bool = False


class Passed(NamedTuple):
    """A link that is not followed, unless it is found again where it may be.

    Args:
        fingerprint: of the key that it would have.
        url: where it leads.
        depth: links from a seed.
        reason: one of `trio_crawl._frontier.discovery.PASSED`.
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
        kept: pages that another visit brought nothing of; they are what they were.
        sitemaps: those that were sitemaps or feeds, and were read.
        failed: those that came to a failure.
        skipped: those that are skipped for good.
        passed: links that are not followed, new ones.
        taken_back: fingerprints of such that are followed after all.
        fingerprints: of keys that are known now.
        seeds: URLs that widened the scope.
        spilled: by host, how many of `discovered` are not held in memory.
        hosts: what was done to hosts.
        robots: what came of robots.txt files.
        cookies: by registrable domain, its cookies as text; None for none any more.
        cancelled: hosts that were cancelled, with the reasons.
        skip_rest: why every URL that is still pending is skipped; None if it isn't.
        families: what is left to families of pages, by name.
        words: by host, the places of words that it had not said before.
        books: as they were when this was cut off, without what the batch itself counts for.
        url_bytes: of URLs in `discovered` and `passed`, about.
    """

    discovered: list[Discovered] = field(default_factory=list)
    pages: list[Ended] = field(default_factory=list)
    kept: list[Ended] = field(default_factory=list)
    sitemaps: list[Ended] = field(default_factory=list)
    failed: list[Ended] = field(default_factory=list)
    skipped: list[Ended] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    taken_back: list[int] = field(default_factory=list)
    fingerprints: array[int] = field(default_factory=lambda: array("Q"))
    seeds: list[str] = field(default_factory=list)
    spilled: Counter[str] = field(default_factory=Counter)
    hosts: list[HostRecord] = field(default_factory=list)
    robots: list[RobotsRecord] = field(default_factory=list)
    cookies: dict[str, str | None] = field(default_factory=dict)
    cancelled: dict[str, str] = field(default_factory=dict)
    skip_rest: SkipReason | None = None
    families: dict[str, Family] = field(default_factory=dict)
    words: dict[str, list[int]] = field(default_factory=dict)
    books: dict[str, Any] = field(default_factory=dict)
    url_bytes: int = 0

    def ended(self) -> Iterator[int]:
        """Yield the numbers of the pages whose outcome is known."""
        for some in (self.pages, self.kept, self.sitemaps, self.failed, self.skipped):
            for one in some:
                yield one.id

    @property
    def size(self) -> int:
        """The URLs that it is about."""
        return len(self.discovered) + len(self.skipped) + len(self.passed)

    def __bool__(self) -> bool:
        return bool(
            self.discovered
            or self.pages
            or self.kept
            or self.sitemaps
            or self.failed
            or self.skipped
            or self.passed
            or self.taken_back
            or self.fingerprints
            or self.seeds
            or self.cancelled
            or self.skip_rest
            or self.spilled
        )


class Source(Protocol):
    """Something that a state is told of with each commit, though it is no reason for one."""

    @property
    def unsaved(self) -> bool:
        """Whether there is anything to tell."""

    def tell(self, changes: Changes, /) -> None:
        """Put into *changes* what was not told before."""


@final
class Step:
    """What happens in it happens as a whole: an error leaves it torn, and nothing is committed then.

    Nothing in it waits, and it calls nothing of the user's.

    Attributes:
        torn: whether there was an error.
    """

    __slots__ = ("torn",)

    def __init__(self) -> None:
        self.torn: bool = False

    def __repr__(self) -> str:
        return f"<Step{', torn' * self.torn}>"

    def __enter__(self) -> None:
        """Begin it; within another one, it is a part of that."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End it."""
        if kind is not None:
            self.torn = True


@final
class Journal:
    """Gathers `Changes`, until they are cut off to be committed with a batch.

    Attributes:
        sources: those who have something to tell when that happens.
        step: in which changes are made that have to be committed together.
    """

    __slots__ = ("changes", "sources", "step")

    def __init__(self) -> None:
        self.changes: Changes = Changes()
        self.sources: list[Source] = []
        self.step: Step = Step()

    def __repr__(self) -> str:
        return f"<Journal of {len(self.changes.discovered)} URLs>"

    def cut(self) -> Changes:
        """Return what was gathered, and begin anew."""
        changes, self.changes = self.changes, Changes()
        for source in self.sources:
            source.tell(changes)
        return changes

    @property
    def unsaved(self) -> bool:
        """Whether there is anything that the end of a crawl has to commit."""
        return bool(self.changes) or any(source.unsaved for source in self.sources)
