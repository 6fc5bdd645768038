"""What a page comes to: a page with what was found on it, or a failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from .page import Link, Page

if TYPE_CHECKING:
    from .exchange import Exchange, Request
    from .words import FailureKind, SkipReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A URL for which there is no page, or whose page could not be parsed.

    Args:
        id: names the page within its crawl, as `Page.id` does.
        request: what was asked for.
        url: the URL that was asked for, first of all.
        kind: what went wrong, one of a closed set.
        message: the same in words, without control characters, and of 200 characters or little more.
        depth: links from a seed.
        referrer: the page that led here; None for a seed.
        attempts: requests made for the last hop; 0 if none could be.
        traceback: for kind ``parse``, the traceback of the user's exception.
        exchanges: as in `Parsed`.
    """

    id: str
    request: Request
    url: str
    kind: FailureKind
    message: str
    depth: int
    referrer: str | None
    attempts: int
    traceback: str | None = None
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.url}: {self.kind}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A URL that was found, and is not asked for, or not to its end.

    A link that is skipped may be found again where it may be followed; then it comes as a page, too.

    Args:
        url: the URL; of a seed that is no URL, its text.
        reason: why, one of a closed set.
        referrer: the page that it was found on; None for a seed.
        target: where it redirected to, if that is the matter; None otherwise.
    """

    url: str
    reason: SkipReason
    referrer: str | None = None
    target: str | None = None

    def __str__(self) -> str:
        target = f" (redirected to {self.target})" if self.target is not None else ""
        return f"{self.url}: skipped: {self.reason}{target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A page with what was found on it; what writers are given.

    Args:
        page: the page.
        links: every http(s) link of ``a`` and ``area``, in order, each once.
        rows: what the user's ``parse`` yielded to be written; None where there is
            no such parser, and the page itself is the row.
        follow: what the page leads to: what such a parser yielded to be followed, or the links
            of ``a``, ``area`` and ``iframe``.
        chosen: every link of the kinds that an output asked for, in order; none if none did.
        found: how many links and requests such a parser yielded, within ``max_links``.
        exchanges: the hops that led to the page, the last one's last; none where no output wants them.
    """

    page: Page
    links: tuple[Link, ...]
    rows: tuple[Any, ...] | None = None
    follow: tuple[Link | Request, ...] = ()
    chosen: tuple[Link, ...] = ()
    found: int = 0
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False, compare=False)


Outcome: TypeAlias = Parsed | Failure
"""What a page came to, as writers see it."""

Parse: TypeAlias = Callable[[Page], Any]
"""A user's parser: a function, generator, async function or async generator of a page."""
