"""Takes a frontier and its state through a crawl that is broken off again and again, beside a model.

The model is what a person would write down: what waits, what is out, what is done. It is
copied when a batch is committed, and the copy is what has to be there after a crash.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, final

from .. import _urls
from .._frontier.journal import Changes, Journal
from .._frontier.ledger import Ledger
from .._frontier.limits import Limits
from .._frontier.memory import MemoryFrontier
from .._lease import Drained, Idle, Load, Redirect, Start
from .._model import Link, Request, Response
from .._policy.scope import Scope
from ._made_up import Model, Web
from ._outcomes import failure_of, page_of

if TYPE_CHECKING:
    from .._frontier.resumed import Resumed
    from .._lease import Decision, Lease, Stored, Wanted
    from .._model import Json


class State(Protocol):
    """What a frontier is kept in: the seam between a crawl and a database. Its methods block.

    What one call of `commit` takes down is there as a whole or not at all, whatever
    happens to the process; and so is what is opened afterwards.
    """

    positions: list[Json]
    """Where each output was at the last commit."""

    def open(self) -> bool:
        """Open it for one crawl alone; return whether it holds one to go on with."""

    def books(self) -> dict[str, Any]:
        """Return the books as they were at the last commit."""

    def resume(self, check_cancelled: Callable[[], None]) -> Resumed:
        """Return what a frontier goes on with."""

    def load(self, wanted: Iterable[Wanted]) -> Mapping[str, Sequence[Stored]]:
        """Return pages that wait, by host, in their order."""

    def commit(self, changes: Changes, positions: Sequence[Json], books: Mapping[str, Any]) -> None:
        """Take down one batch."""

    def close(self) -> None:
        """Let go of it."""


MakeState: TypeAlias = Callable[[Path], State]

_COMMIT_EVERY: Final = 40  # steps, on average
_CRASH_EVERY: Final = 400
_MOST_OUT: Final = 8
_RETRIES, _ANSWERS, _EVEN = 0.1, 0.1, 0.5
"""How likely each is."""


def check_frontier(
    make_state: MakeState, folder: Path, *, seeds: Iterable[int] = range(5), urls: int = 800
) -> None:
    """Check that a crawl which is kept in a state loses no URL and asks for none twice.

    A frontier is driven by seeded random steps (take, finish, fail, retry, redirect, find
    links, add seeds, load, commit) through a web without pages, and dropped in the middle,
    as by a kill: what was not committed is forgotten, and all else has to be there. Each
    host's pages have to come in the order of priority, depth and discovery, and in the
    end each URL has to have exactly one outcome.

    Args:
        make_state: returns the state that is kept in a folder, not yet open; called again
            for the same folder after a crash.
        folder: an empty folder.
        seeds: of the steps; each makes one crawl.
        urls: of one crawl. More than the 512 pages that a host may have in memory show
            more, and take more time.

    Raises:
        AssertionError: something was lost, came twice, or out of order; says what, and the seed.
    """
    for seed in seeds:
        place = folder / f"seed-{seed}"
        place.mkdir()
        try:
            _Crawl(make_state, place, seed, urls).run()
        except Exception as error:
            error.add_note(f"with seed {seed}")
            raise


@final
class _Crawl:
    """One crawl through one web, broken off and gone on with until nothing is left."""

    def __init__(self, make_state: MakeState, folder: Path, seed: int, urls: int) -> None:
        self._make_state = make_state
        self._folder = folder
        self._chance = random.Random(seed)  # noqa: S311 - the steps of a test
        self._web = Web(urls, seed)
        self._committed = Model()
        self._batches = 0

    def run(self) -> None:
        self._begin()
        while not self._step():
            if self._chance.random() < 1 / _CRASH_EVERY:
                self._crash()
        self._end()

    # From one crash to the next

    def _begin(self) -> None:
        self._state = self._make_state(self._folder)
        resumed = self._state.open()
        _require(resumed == bool(self._batches), "the state does not know whether it holds a crawl")
        self._ledger, self._journal = Ledger(), Journal()
        limits = Limits(per_host=4, per_address=8, delay=0, max_depth=None, max_pages=None)
        self._frontier = MemoryFrontier(
            Scope("any"), limits, self._ledger, guard=None, robots=False, journal=self._journal
        )
        self._model = self._committed.copy()
        self._now = 0.0
        self._out: list[Lease] = []
        self._later: set[str] = set()
        self._moved: dict[str, str] = {}
        self._loads: deque[Mapping[str, Sequence[Stored]]] = deque()
        self._unsaved: list[Changes] = []
        if resumed:
            _require(
                self._state.positions == [self._batches], "the positions are not those of the last commit"
            )
            self._ledger.resume(self._state.books())
            for _ in self._frontier.resume(self._state.resume(lambda: None), 0.0):
                pass
        else:
            # As a crawl does, before it asks for anything.
            self._commit(wait=False)
        waiting = len(self._model.waiting)
        _require(self._frontier.queued == waiting, f"{self._frontier.queued} pages wait, and not {waiting}")
        # As many seeds as one crawl is given; all but the first are found again after a crash.
        for number in range(3):
            self._add_seed(self._web.url(number))
        self._frontier.seeds_exhausted()

    def _crash(self) -> None:
        # As the system does for a process that is killed: nothing is written any more.
        self._state.close()
        self._begin()

    def _end(self) -> None:
        self._commit(wait=False)
        _require(not self._model.waiting, f"{len(self._model.waiting)} pages still wait in the end")
        reached = self._reachable()
        lost = reached - set(self._model.done)
        _require(not lost, f"lost: {sorted(lost)[:3]}")
        _require(self._ledger.discovered == len(self._model.done), "the books do not add up")
        self._state.close()

    def _reachable(self) -> set[str]:
        """Return what has to have an outcome: what pages that came to be link to."""
        found = {self._web.url(number) for number in range(3)}
        for url, outcome in self._model.done.items():
            if outcome == "page":
                links = self._web.found_on(self._web.number(url))
                found.update(link.url for link in links)
        # Where a page led by a redirect counts as that page's, and not by itself.
        return found - (self._model.known - set(self._model.done))

    # A step

    def _step(self) -> bool:
        """Do one thing that may happen now; return whether nothing is left to do."""
        self._now += self._chance.random()
        draw = self._chance.random()
        if draw < 1 / _COMMIT_EVERY:
            self._commit(wait=self._chance.random() < _EVEN)
        elif draw < _ANSWERS and (self._loads or self._unsaved):
            self._answer()
        elif self._out and (draw < _EVEN or len(self._out) >= _MOST_OUT):
            self._come_back(self._out.pop(self._chance.randrange(len(self._out))))
        else:
            return self._take(self._frontier.take(self._now))
        return False

    def _take(self, decision: Decision) -> bool:
        match decision:
            case Start(lease):
                self._check_turn(lease)
                self._out.append(lease)
            case Load(wanted):
                self._loads.append(self._state.load(wanted))
            case Drained():
                return True
            case Idle():
                # A crawl that can start nothing commits at once.
                if not self._out:
                    self._commit(wait=False)
                    self._answer()
            case _:
                raise AssertionError(f"{decision} was not asked for")
        return False

    def _answer(self) -> None:
        """Let the frontier know what a thread came to, in whatever order it learns of that."""
        commits = self._unsaved and (not self._loads or self._chance.random() < _EVEN)
        if commits:
            self._told_of_commit(self._unsaved.pop(0))
        elif self._loads:
            self._frontier.loaded(self._loads.popleft(), self._now)

    def _check_turn(self, lease: Lease) -> None:
        url = lease.request.url
        _require(url in self._model.waiting, f"{url} was asked for, and does not wait")
        _require(all(url != one.request.url for one in self._out), f"{url} is out twice")
        _require(lease.order == self._model.waiting[url], f"{url} has another place than it had")
        asked = {"asked": self._web.number(url)}
        _require(lease.request.priority == 0 or lease.request.data == asked, f"{url} lost its data")
        if url in self._later or url in self._moved:
            self._later.discard(url)
            return
        host = _urls.host(url)
        out = {one.request.url for one in self._out} | self._later | set(self._moved)
        first = min(
            order
            for each, order in self._model.waiting.items()
            if _urls.host(each) == host and each not in out
        )
        _require(lease.order == first, f"{url} came before others of its host that go first")

    def _come_back(self, lease: Lease) -> None:
        """Let a hop end, in one of the ways in which it may."""
        self._frontier.hop_ended(lease, self._now, Response(url=lease.url, status=200))
        url = lease.request.url
        number = self._web.number(url)
        target = None if url in self._moved else self._web.redirects_to(number)
        if self._chance.random() < _RETRIES:
            self._frontier.retry(lease, self._now + 3 * self._chance.random(), self._now)
            self._later.add(url)
        elif target is not None:
            self._redirect(lease, target)
        elif self._web.fails(number):
            self._frontier.finish(lease, failure_of(url))
            self._done(url, "failed")
        else:
            self._found(self._web.found_on(number), lease)
            self._frontier.finish(lease, page_of(url))
            self._done(url, "page")

    def _redirect(self, lease: Lease, target: str) -> None:
        url = lease.request.url
        reason = self._frontier.redirect(
            lease, Redirect(url=target, method="GET", keep_body=False), self._now
        )
        known = target in self._model.known or target in self._moved.values()
        _require(
            (reason is not None) == (known and target != url),
            f"{url}: the redirect to {target} came to {reason}",
        )
        if reason is None:
            self._moved[url] = target
        else:
            self._done(url, "skipped")

    def _done(self, url: str, outcome: str) -> None:
        del self._model.waiting[url]
        self._model.done[url] = outcome
        if url in self._moved:
            self._model.known.add(self._moved.pop(url))

    def _add_seed(self, url: str) -> None:
        new = self._frontier.add_seed(Request(url), self._now)
        _require(new == (url not in self._known()), f"the seed {url} is {'' if new else 'not '}new")
        self._note_discoveries()

    def _known(self) -> set[str]:
        return self._model.known | set(self._moved.values())

    def _found(self, found: list[Link | Request], parent: Lease) -> None:
        before = self._known()
        self._frontier.add_found(found, parent, self._now)
        new = self._note_discoveries()
        expected = {one.url for one in found} - before
        _require(new == expected, f"{parent.url} led to {len(new)} new URLs, and not to {len(expected)}")

    def _note_discoveries(self) -> set[str]:
        """Take over the order of what is new: each has a greater number than all before."""
        new = [one for one in self._journal.changes.discovered if one.url not in self._model.known]
        for one in new:
            _require(one.url not in self._model.waiting, f"{one.url} was discovered twice")
            self._model.waiting[one.url] = (one.rank << 48) | one.id
            self._model.known.add(one.url)
        return {one.url for one in new}

    def _commit(self, *, wait: bool) -> None:
        """Commit what there is; the frontier may learn of it later."""
        changes = self._journal.cut()
        self._batches += 1
        self._state.commit(changes, [self._batches], {**self._ledger.to_json(), **_counted(self._model)})
        self._committed = self._model.copy()
        self._unsaved.append(changes)
        while self._unsaved and not wait:
            self._told_of_commit(self._unsaved.pop(0))

    def _told_of_commit(self, changes: Changes) -> None:
        self._frontier.committed(changes.spilled, changes.ended())


def _counted(model: Model) -> dict[str, Any]:
    ends = Counter(model.done.values())
    return {"pages": ends["page"], "failed": {"connect": ends["failed"]} if ends["failed"] else {}}


def _require(condition: object, message: str) -> None:
    if not condition:
        raise AssertionError(message)
