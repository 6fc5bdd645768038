"""The course of a page: what is done with what a hop came to. Decisions only; nothing here waits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, final

from .._errors import FetchError
from .._fetch.archive import NotArchivedError
from .._fetch.decode import decode_start
from .._lease import Kept, Redirect
from .._model import Failure, Page, Parsed, Response
from .._policy import robots
from .._policy.health import is_failure
from .._policy.retry import RetryPolicy
from .._policy.revisit import unchanged
from .._policy.verdict import Again, GiveUp, Keep, judge, rest
from .lists import ToRead
from .marks import Marks, Unnamed
from .pages import is_success
from .told import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from .._fetch.decode import Decoding
    from .._frontier.contents import Contents
    from .._lease import Lease, Unchanged
    from .._model import Link, Outcome, Request
    from .._policy.verdict import Verdict
    from .._write.batch import Encoded
    from ..abc import Frontier
    from .options import Options
    from .pages import Pages
    from .recorder import Recorder

MAX_ROBOTS_REDIRECTS: Final = 5
"""RFC 9309, section 2.3.1.2."""

MOST_AT_ONCE: Final = 500
"""Links of one page that are taken in before others get their turn: each takes 20 µs, or a little more."""

# The origin can't be had at all, so neither can a page of it: that is what the page's failure says.
_NO_ORIGIN: Final = frozenset({"dns", "connect", "tls", "blocked_address"})


@dataclass(frozen=True, slots=True)
class ToAwait:
    """A page that is not parsed at once.

    Args:
        page: without its content, if there is *response*.
        result: of an async parser, to be awaited or iterated; or that it is parsed in a worker process.
        response: what the content is made of again when its turn comes, since it takes less memory.
    """

    page: Page
    result: object
    response: Response | None = None


@dataclass(frozen=True, slots=True)
class ToDecode:
    """A page whose content coding is still being removed, in steps: *response* is what it came as."""

    response: Response
    decoding: Decoding


@dataclass(slots=True)
class Following:
    """A page whose links are being taken in, some at once.

    Args:
        parsed: what was found on it.
        found: all that it leads to.
        judged: how many of these are known to be in scope, or not.
        encoded: what outputs keep of the page; None as long as they were not asked.
        first: how many links are taken in.
    """

    parsed: Parsed
    found: Sequence[Link | Request]
    judged: int = 0
    encoded: Encoded | None = None
    first: int = 0


Step: TypeAlias = "Outcome | Unchanged | Kept | ToAwait | ToDecode | ToRead | Unnamed | None"
"""What a hop led to; None: the page went back to the frontier, or ended there."""


@final
class Course:
    """Takes pages from one hop to the next, and to their outcome.

    Args:
        frontier: where they come from, and go back to.
        pages: what makes pages of responses.
        options: of the crawl.
        contents: which page had a content first.
        recorder: keeps what went over the wire.
    """

    def __init__(
        self, frontier: Frontier, pages: Pages, options: Options, contents: Contents, recorder: Recorder
    ) -> None:
        self._marks = Marks(contents, pages)
        self._frontier = frontier
        self._recorder = recorder
        self._pages = pages
        self._policy = RetryPolicy(retries=options.retries)
        self.told = Told()
        self._adaptive = options.pace == "adaptive"
        self._max_redirects = options.max_redirects
        self._product = robots.product_token(options.user_agent)

    def hop_ended(self, lease: Lease, result: Response | FetchError, now: float, wall: datetime) -> Step:
        """Take the result of a hop that was made; see `settle`."""
        if isinstance(result, NotArchivedError):
            self._frontier.hop_ended(lease, now, None)
            self._not_archived(lease, result, now, wall)
            return None
        self.told.hop(lease, result, now)
        self._frontier.hop_ended(lease, now, result)
        if isinstance(result, Response) and self._pages.take_cookies(lease, result, wall):
            lease.changed = len(lease.chain)
        pause = rest(lease, result, wall, adaptive=self._adaptive)
        if pause is not None:
            self._frontier.slow_down(lease, now + pause, now)
        return self.settle(lease, result, now, wall)

    def _not_archived(self, lease: Lease, result: NotArchivedError, now: float, wall: datetime) -> None:
        """Let go of *lease*, which an archive does not have: that says nothing of any host."""
        self._recorder.ends_aside(lease)
        if lease.probe:
            self._marks.probed(lease, result, wall)
        elif lease.robots_of is not None:
            # As where there is none (RFC 9309, section 2.3.1.3); and nobody is asked for the pages.
            self._frontier.robots_known(lease, robots.ALLOW_ALL, now)
        else:
            self._frontier.skip(lease, "not_archived")

    def dropped(self, lease: Lease, now: float) -> None:
        """Take note that a hop was cancelled with its host."""
        self._recorder.ends_aside(lease)
        self._frontier.hop_ended(lease, now, None)
        self._frontier.drop(lease, now)

    def settle(self, lease: Lease, result: Response | FetchError, now: float, wall: datetime) -> Step:
        """Do what is to be done about *result*.

        Args:
            lease: what was asked for.
            result: what came of it.
            now: the time, in seconds of trio's clock.
            wall: the same moment, by the wall clock.

        Raises:
            Exception: of the user's parser, if it is to end the crawl.
        """
        if lease.probe:
            self._recorder.ends_aside(lease)
            self._marks.probed(lease, result, wall)
            return None
        of_robots = lease.robots_of is not None
        if of_robots and (is_failure(result) or (isinstance(result, FetchError) and result.ours)):
            self._robots_failed(lease, result, now)
            return None
        verdict = self._judge(lease, result, wall)
        match verdict:
            case Again(wait):
                self.told.again(lease, result, wait)
                self._recorder.goes_on(lease)
                self._frontier.retry(lease, now + wait, now)
            case Redirect():
                self._recorder.goes_on(lease)
                if self._frontier.redirect(lease, verdict, now) is not None:
                    self._recorder.ends_aside(lease)
                    if lease.was is not None:
                        return Kept("redirected", wall.timestamp())
            case _ if of_robots:
                self._recorder.ends_aside(lease)
                status, size, rules = self._read_robots(verdict)
                self._frontier.robots_known(lease, rules, now, status=status, size=size)
            case GiveUp(error):
                return self._pages.failure(lease, error.kind, error.message)
            case Keep(response):
                self.told.page(lease, response.status, now)
                return self._keep(lease, response, wall)
        return None

    def _judge(self, lease: Lease, result: Response | FetchError, wall: datetime) -> Verdict:
        decide = partial(
            judge,
            lease,
            result,
            policy=self._policy,
            max_redirects=self._max_redirects if lease.robots_of is None else MAX_ROBOTS_REDIRECTS,
            now=wall,
        )
        asked = (lease.method, lease.url, lease.cookie)
        verdict = self._decide(lease, decide, may_repeat=asked != lease.itself)
        lease.itself = asked if isinstance(verdict, Redirect) and verdict.url == lease.url else None
        return verdict

    @staticmethod
    def _decide(lease: Lease, decide: Callable[..., Verdict], *, may_repeat: bool) -> Verdict:
        changed = lease.changed
        if changed is None:
            return decide(may_repeat=may_repeat)
        verdict = decide(may_differ=True, may_repeat=may_repeat)
        # A URL that was asked for since has seen these cookies: to come back there is a loop.
        if isinstance(verdict, Redirect) and verdict.url in (*lease.chain, lease.url)[changed + 1 :]:
            return decide(may_repeat=may_repeat)
        return verdict

    def _robots_failed(self, lease: Lease, result: Response | FetchError, now: float) -> None:
        """Let the pages that a robots.txt is for wait for the next attempt, which their frontier makes."""
        self._recorder.ends_aside(lease)
        status = result.status if isinstance(result, Response) else None
        error = result if isinstance(result, FetchError) and result.kind in _NO_ORIGIN else None
        self._frontier.robots_known(lease, error, now, status=status, temporary=True)

    def _read_robots(
        self, verdict: GiveUp | Keep
    ) -> tuple[int | None, int, robots.Rules | FetchError | None]:
        """Return status and size of a robots.txt, and what `Frontier.robots_known` takes."""
        if isinstance(verdict, GiveUp):
            if verdict.error.kind == "redirects":
                return None, 0, robots.ALLOW_ALL
            return None, 0, verdict.error if verdict.error.kind in _NO_ORIGIN else None
        status = verdict.response.status
        match robots.from_status(status):
            case "allow":
                return status, 0, robots.ALLOW_ALL
            case "disallow":
                return status, 0, None
            case "parse":
                try:
                    coding = verdict.response.headers.get("content-encoding")
                    content = decode_start(verdict.response.body, coding, robots.MAX_BYTES + 1)
                except FetchError:
                    return status, 0, None
                return status, len(content), robots.parse(content, self._product)

    def _keep(self, lease: Lease, response: Response, wall: datetime) -> Step:
        """Make the page, and parse it; a sitemap is none, and is to be read."""
        if lease.is_list:
            if is_success(response.status):
                return ToRead(response)
            self._recorder.ends_aside(lease)
            self._frontier.list_ended(lease, "no_sitemap", wall.timestamp())
            return None
        if lease.conditional and (same := unchanged(lease, response, wall)) is not None:
            return same
        return self.decode(lease, ToDecode(response, self._pages.decoding(lease, response)), wall)

    def decode(self, lease: Lease, part: ToDecode, wall: datetime) -> Step:
        """Remove the content coding of a page; if that takes long, only a part of it, before `ToDecode`."""
        try:
            if not part.decoding.go_on():
                return part
        except FetchError as error:
            return self._pages.failure(lease, error.kind, error.message)
        page = self._marks.mark(lease, self._pages.page(lease, part.response, part.decoding.content, wall))
        return page if isinstance(page, Unnamed) else self.parse(lease, page, part.response)

    def parse(self, lease: Lease, page: Page, response: Response | None = None) -> Failure | Parsed | ToAwait:
        """Parse *page*, unless its parser is async, or it may take long.

        Raises:
            Exception: of the user's parser, if it is to end the crawl.
        """
        try:
            parsed = self._pages.parse(page)
        except Exception as error:  # noqa: BLE001 - a value from here on, or raised again
            return self._pages.parse_failure(lease, error)
        if isinstance(parsed, Parsed):
            return parsed
        if response is not None and self._pages.is_packed(page, parsed, response):
            return ToAwait(self._pages.emptied(lease, page), parsed, response)
        return ToAwait(page, parsed)

    def leads(self, lease: Lease, parsed: Parsed) -> Following:
        """Return what is to be followed of a page, of which nothing is taken in yet."""
        return Following(parsed, self._frontier.leads(parsed.follow, lease))

    def judge(self, lease: Lease, page: Following) -> bool:
        """Ask of some links whether they are in scope; return whether that is known of all."""
        if page.judged < len(page.found):
            end = page.judged + MOST_AT_ONCE
            self._frontier.judge(page.found[page.judged : end], lease)
            page.judged = end
        return page.judged >= len(page.found)

    def follow(self, lease: Lease, page: Following, now: float) -> bool:
        """Take in some links of a page; return whether that was the last of it."""
        end = page.first + MOST_AT_ONCE
        self._frontier.add_found(page.found[page.first : end], lease, now)
        page.first = end
        return end >= len(page.found)
