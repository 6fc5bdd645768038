"""What a crawl has discovered: which links are new, which are followed, which are passed by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from trio.lowlevel import disable_ki_protection

from .. import _urls
from .._callbacks import call
from .._lease import ListRequest, order_of, rank_of
from .._model import Link, Request
from .index import FingerprintSet, fingerprint
from .journal import Discovered, Ended, Passed
from .lists import Lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .._lease import Lease
    from .._model import SkipReason
    from .._policy.scope import Scope
    from .dealings import Waiting
    from .journal import Journal
    from .ledger import Ledger
    from .trapwatch import TrapWatch

PASSED: Final[tuple[SkipReason, ...]] = (
    "scope",
    "max_depth",
    "nofollow",
    "trap_depth",
    "trap_repetition",
    "trap_pattern",
)
"""Why a link is passed by, unless it is found again where it may be followed."""

RECENT: Final = 20_000
"""Keys that are remembered as known, beside their fingerprints: a site's pages repeat their links."""

_UNVOUCHED: Final = frozenset({"nofollow", "ugc", "sponsored"})
"""Link types that ask robots not to follow."""


@final
class Discoveries:
    """Knows every URL that was found, by its fingerprint, and judges new ones.

    Args:
        scope: what is followed; seeds widen it.
        max_depth: links from a seed; None for no limit.
        ledger: the books that discoveries and skips are entered in.
        journal: takes them down for a state; None if there is none.
        robots: whether what links ask of robots is obeyed.
        watch: says which links lead into a trap; None if all are followed.
    """

    def __init__(  # noqa: PLR0913 - what a link has to pass
        self,
        scope: Scope,
        max_depth: int | None,
        ledger: Ledger,
        journal: Journal | None,
        *,
        robots: bool = False,
        watch: TrapWatch | None = None,
    ) -> None:
        self._watch = watch
        self._robots = robots
        self._scope = scope
        self.lists = Lists(scope)
        self._max_depth = max_depth
        self._ledger = ledger
        self._journal = journal
        self._recent: set[str] = set()
        # What the scope says of links that are about to be added, by their `id`; they live as long.
        self._judged: dict[int, bool] = {}
        self._known = FingerprintSet()
        # Links that are not followed, unless they are found again where they may be.
        self._passed: dict[SkipReason, FingerprintSet] = {reason: FingerprintSet() for reason in PASSED}
        self._next_id = 1

    def resume(
        self,
        known: FingerprintSet,
        passed: Mapping[SkipReason, FingerprintSet],
        seeds: Iterable[str],
        next_id: int,
    ) -> None:
        """Go on with what an earlier crawl discovered."""
        self._known = known
        self._passed.update(passed)
        self._next_id = next_id
        for url in seeds:
            self._scope.add_seed(url)

    # Seeds

    def seed(self, request: Request) -> Waiting | None:
        """Add a seed; return it as it waits, or None if it is known."""
        self.widen(request.url)
        mark = fingerprint(key_of(request))
        if mark in self._known:
            return None
        self._take_back(mark)
        return self._admit(request, mark, depth=0, parent=None)

    def widen(self, url: str) -> None:
        """Let the scope be that of the seed *url*, too."""
        if self._scope.add_seed(url) and self._journal is not None:
            self._journal.changes.seeds.append(url)

    def bad_seed(self, text: str) -> bool:
        """Count a seed that is no URL as skipped; return whether it is new."""
        mark = fingerprint(text)
        if not self._known.add(mark):
            return False
        self._ledger.discovered += 1
        self._ledger.skip("bad_seed", text)
        number, self._next_id = self._next_id, self._next_id + 1
        if self._journal is not None:
            changes = self._journal.changes
            changes.fingerprints.append(mark)
            changes.discovered.append(Discovered(number, "", 0, text, None, None))
            changes.skipped.append(Ended(number, "", "bad_seed"))
        return True

    # Links

    def begin_judging(self) -> None:
        """Forget what `judge` was told: other links come, which may be in the same places."""
        self._judged = {}

    @disable_ki_protection
    def judge(self, found: Iterable[Link | Request], parent: Lease) -> None:
        """Ask what the user gave whether what is new in *found* is in scope, before `links` changes anything.

        Raises:
            Exception: what a function of the user's raises.
        """
        if not self._scope.asks:
            return
        self._judged |= {
            id(item): self._is_in_scope(item, parent)
            for item in found
            if (key := item.url if isinstance(item, Link) else key_of(item)) not in self._recent
            and fingerprint(key) not in self._known
        }

    def _is_in_scope(self, item: Link | Request, parent: Lease) -> bool:
        if isinstance(item, ListRequest):
            return self.lists.allows(item, item.url, parent)
        if isinstance(item, Request) and item.anywhere:
            return True
        return self._scope.allows(item if isinstance(item, Link) else Link(url=item.url))

    def links(self, found: Iterable[Link | Request], parent: Lease) -> Iterator[Waiting]:
        """Add what the page of *parent* leads to; yield what is new and followed, as it waits."""
        # What a sitemap names is as deep as the sitemap, which is one deeper than what led to it.
        listed = isinstance(parent.request, ListRequest)
        depth = parent.depth + (not listed)
        family = None if listed or self._watch is None else self._watch.family(parent.request.url)
        for item in found:
            key = item.url if isinstance(item, Link) else key_of(item)
            if key in self._recent:
                continue
            mark = fingerprint(key)
            if mark in self._known:
                self._remember(key)
            elif isinstance(item, ListRequest) and not self.lists.has_room(item):
                continue
            elif self._follows(item, mark, depth, parent, family):
                if self._watch is not None and family is not None and not parent.fruitful:
                    # Where a parser of the user's leads is elsewhere: it knows what it wants.
                    wanted = isinstance(item, Request) and not isinstance(item, ListRequest)
                    parent.fruitful = wanted or self._watch.family(item.url) != family
                if isinstance(item, ListRequest):
                    self.lists.admitted(item)
                request = Request(key, lastmod=item.lastmod) if isinstance(item, Link) else item
                yield self._admit(request, mark, depth=depth, parent=parent)
                self._remember(key)

    def _remember(self, key: str) -> None:
        if len(self._recent) >= RECENT:
            self._recent.clear()
        self._recent.add(key)

    def _follows(
        self, item: Link | Request, mark: int, depth: int, parent: Lease, family: str | None
    ) -> bool:
        """Return whether *item* is to be followed; count it as skipped if not."""
        link = item if isinstance(item, Link) else Link(url=item.url)
        judged = self._judged.get(id(item))
        allowed = self._is_in_scope(item, parent) if judged is None else judged
        reason = self._objection(link, depth, allowed=allowed)
        if reason is None and self._watch is not None and link is item:
            reason = self._watch.objection(link.url, family)
        if reason is not None and mark in self._passed[reason]:
            return False
        self._take_back(mark)
        if reason is None:
            return True
        self._passed[reason].add(mark)
        self._ledger.discovered += 1
        self._ledger.skip(reason, link.url, referrer=parent.request.url)
        if self._journal is not None:
            request = None if isinstance(item, Link) else item
            self._journal.changes.url_bytes += len(link.url)
            self._journal.changes.passed.append(Passed(mark, link.url, depth, reason, request, parent.id))
        return False

    def _objection(self, link: Link, depth: int, *, allowed: bool) -> SkipReason | None:
        if not allowed:
            return "scope"
        if self._robots and link.rel and not _UNVOUCHED.isdisjoint(link.rel):
            return "nofollow"
        return "max_depth" if self._max_depth is not None and depth > self._max_depth else None

    def _take_back(self, mark: int) -> None:
        """Undo the skip of a link that is judged anew, if there is one."""
        for reason, marks in self._passed.items():
            if marks.discard(mark):
                self._ledger.unskip(reason)
                self._ledger.discovered -= 1
                if self._journal is not None:
                    self._journal.changes.taken_back.append(mark)

    def _admit(self, request: Request, mark: int, *, depth: int, parent: Lease | None) -> Waiting:
        self._known.add(mark)
        self._ledger.discovered += 1
        number, self._next_id = self._next_id, self._next_id + 1
        rank = rank_of(request.priority, depth)
        plain = request == Request(request.url) and request.asked == request.url
        more = None if plain else request
        if self._journal is not None:
            changes = self._journal.changes
            changes.fingerprints.append(mark)
            changes.url_bytes += len(request.url)
            parent_id = None if parent is None else parent.id
            changes.discovered.append(
                Discovered(number, _urls.host(request.url), rank, request.url, more, parent_id)
            )
        return (order_of(rank, number), request.url, None if parent is None else parent.request.url, more)

    # Redirects

    def target(self, lease: Lease, url: str, key: str, *, own: bool) -> SkipReason | None:
        """Add the URL that *lease* is redirected to, or return why it ends there instead.

        Args:
            lease: the page.
            url: where to.
            key: what makes that request the same as another.
            own: whether it is the page's own, and known for that reason.
        """
        mark = fingerprint(key)
        # Where its last visit led is the page's own as well, and so is where this one was before.
        own = own or mark in lease.own or mark in lease.aliases
        if mark in self._known and not own:
            return "known_target"
        if lease.seed:
            self.widen(url)
        elif not call(self._allows_target, lease, url):
            return "scope"
        # A skip before, as a link, stays in the books; but it is fetched now, and not again. A state
        # learns of it when the page is done: until then a crash leaves the page to be asked for.
        self._known.add(mark)
        lease.aliases += (mark,)
        return None

    def _allows_target(self, lease: Lease, url: str) -> bool:
        if isinstance(lease.request, ListRequest):
            return self.lists.allows(lease.request, url, lease)
        return lease.request.anywhere or self._scope.allows(Link(url=url))


def key_of(request: Request) -> str:
    """Return what makes *request* the same as another."""
    return request.key or _urls.request_key(request.method, request.url, request.body)
