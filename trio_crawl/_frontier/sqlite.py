"""A state in a SQLite database: what a frontier knows, committed with each batch of rows.

Everything here blocks; a crawl calls it in a thread.
"""

from __future__ import annotations

import json
from array import array
from typing import TYPE_CHECKING, Any, Final, final

from .. import _urls
from .._lease import Before, Lease, Stored, Validators, order_of, rank_in
from . import conduct
from .contents import GENERATION
from .database import Database
from .discovery import PASSED
from .index import FingerprintMap, FingerprintSet
from .outside import books_in, field_in, list_in, optional_url_in, url_in
from .reopen import Reopening
from .requests import request_of
from .resumed import Resumed
from .schema import KNOWN, SIGN, unsigned
from .slot import poison
from .takedown import Takedown
from .trapwatch import MOST_FAMILIES, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from .._lease import Wanted
    from .._model import Json, SkipReason
    from .journal import Changes

_LOAD: Final = """
SELECT page.id, page.rank, page.url, referrer.url, page.request, number, answered, etag, modified, aliases,
    was, unchanged
FROM urls AS page INDEXED BY pending LEFT JOIN urls AS referrer ON referrer.id = page.referrer
LEFT JOIN visits ON visits.url = page.id
WHERE page.status = 0 AND page.host = ? AND page.rank >= ? AND (page.rank, page.id) > (?, ?)
ORDER BY page.rank, page.id LIMIT ?
"""

_FAMILIES: Final = "SELECT name, remaining, fresh FROM families ORDER BY remaining LIMIT ?"

_ASKED: Final = """
SELECT hosts.name, count(*) FROM urls JOIN hosts ON hosts.id = urls.host
WHERE urls.status IN (1, 2) GROUP BY hosts.id
"""

_ROWS: Final = 1_000
"""Rows that are read before a look for a cancellation."""
_SLICE: Final = 100_000
"""Fingerprints that are taken up in one go, in some hundredths of a second."""

_LAST_BATCH: Final = "SELECT number, positions FROM batches ORDER BY number DESC LIMIT 1"


@final
class SqliteState:
    """One database file.

    Args:
        path: of the file.
        identity: what makes a crawl this one, by name: its scope, its outputs. A state that was
            made with another is refused.
        check_cancelled: called now and then, wherever work grows with the state; what it raises ends that,
            and comes out. Nothing is changed then.
    """

    def __init__(
        self, path: Path, identity: Mapping[str, Json], check_cancelled: Callable[[], None] = lambda: None
    ) -> None:
        self.path = path
        self._database = Database(path, identity, check_cancelled)
        self._takedown = Takedown(self._database)
        self.positions: list[Json] = []

    def __repr__(self) -> str:
        return f"SqliteState({str(self.path)!r})"

    def open(self) -> bool:
        """Lock and open the file, made if there is none; return whether it holds a crawl to go on with.

        Raises:
            StateError: it is in use, is something else, is damaged, is of another crawl, or can't
                be opened.
        """
        self._database.open()
        with self._database.reading():
            self._takedown.hosts.fill(self._database.db.execute("SELECT name, id FROM hosts"))
            row = self._database.db.execute(_LAST_BATCH).fetchone()
            if row is not None:
                self._takedown.batch, self.positions = row[0], list_in(json.loads(row[1]))
            # Without a batch no output was begun: as if there were no state yet.
            return row is not None

    # Going on

    def reading(self) -> AbstractContextManager[None]:
        """Tell what comes of content that can't be ours as a `StateError`."""
        return self._database.reading()

    def books(self) -> dict[str, Any]:
        """Return the books of the crawl, as `Ledger.to_json` returned them."""
        with self._database.reading():
            return books_in(self._database.fact("books") or {})

    def reopen(  # noqa: PLR0913 - the limits of a crawl
        self,
        *,
        max_depth: int | None,
        max_pages: int | None,
        max_per_host: int | None = None,
        traps: bool = True,
        retry_failed: bool,
        visited_before: float | None = None,
    ) -> None:
        """Make pending again what a limit skipped that is higher now, and what is asked for again.

        Args:
            max_depth: as in ``crawl()``.
            max_pages: likewise.
            max_per_host: likewise.
            traps: likewise.
            retry_failed: likewise.
            visited_before: pages whose last visit was before this moment, in seconds since 1970,
                wait for a new one; None for none.
        """
        reopening = Reopening(self._database, self._takedown, self.positions)
        reopening.reopen(
            max_depth=max_depth,
            max_pages=max_pages,
            max_per_host=max_per_host,
            traps=traps,
            retry_failed=retry_failed,
            visited_before=visited_before,
        )

    def resume(
        self,
        check_cancelled: Callable[[], None],
        moment: float = 0.0,
        *,
        count_hosts: bool = False,
    ) -> Resumed:
        """Return what a frontier goes on with.

        Args:
            check_cancelled: called now and then; what it raises ends the reading.
            moment: the present one, by the wall clock, in seconds since 1970.
            count_hosts: whether it has to know how many pages each host was asked for.
        """
        with self._database.reading():
            known = array("Q")
            for (piece,) in self._database.db.execute(KNOWN):
                known.frombytes(piece)
                check_cancelled()
            fingerprints = FingerprintSet()
            fingerprints.fill(_slowly(known, check_cancelled))
            pending = dict(self._database.db.execute("SELECT name, pending FROM hosts WHERE pending"))
            (last,) = self._database.db.execute("SELECT max(id) FROM urls").fetchone()
            return Resumed(
                known=fingerprints,
                passed=self._passed(),
                seeds=[url_in(url) for (url,) in self._database.db.execute("SELECT url FROM seeds")],
                stored=pending,
                next_id=(last or 0) + 1,
                families=self._database.db.execute(_FAMILIES, (MOST_FAMILIES,)).fetchall(),
                words=self._words(check_cancelled),
                contents=self._contents(check_cancelled),
                asked=dict(self._database.db.execute(_ASKED)) if count_hosts else {},
                hosts=conduct.waiting(self._database.db, moment),
                robots=conduct.valid_robots(self._database.db, moment),
                cookies=conduct.cookies(self._database.db),
                killed=self._database.killed,
            )

    def _words(self, check_cancelled: Callable[[], None]) -> Words:
        """Return what hosts have said, row by row: of many hosts no more is held than of those at the end."""
        words = Words()
        for number, row in enumerate(
            self._database.db.execute("SELECT host, places FROM words ORDER BY rowid")
        ):
            words.add(*row)
            if not number % _ROWS:
                check_cancelled()
        return words

    def _contents(self, check_cancelled: Callable[[], None]) -> FingerprintMap:
        """Return the last pages by the hashes of their contents."""
        pieces: list[bytes] = []
        pages = 0
        for (piece,) in self._database.db.execute("SELECT contents FROM batches ORDER BY number DESC"):
            pieces.append(piece)
            pages += len(piece) // 16
            if pages >= GENERATION:
                break
        contents = FingerprintMap()
        for piece in reversed(pieces):
            pairs = array("Q", piece)
            for content, number in zip(pairs[::2], pairs[1::2], strict=True):
                contents.add(content, number)
            check_cancelled()
        return contents

    def mark(self, page: int) -> None:
        """Keep the mark of the page that is being read in this process; 0 is none. It does not block."""
        slot = self._database.slot
        if slot is not None:
            slot.set(page)

    def poison(self) -> frozenset[int]:
        """Return the marks of pages that were being read at two unclean ends."""
        with self._database.reading():
            return poison(self._database.fact("suspects") or {})

    def url_of(self, number: int) -> str | None:
        """Return the URL that was discovered with a *number*; None if there is none."""
        with self._database.reading():
            row = self._database.db.execute("SELECT url FROM urls WHERE id = ?", (number,)).fetchone()
            return None if row is None else url_in(row[0])

    def _passed(self) -> dict[SkipReason, FingerprintSet]:
        marks: dict[SkipReason, list[int]] = {reason: [] for reason in PASSED}
        for mark, reason in self._database.db.execute("SELECT fingerprint, reason FROM passed"):
            marks[reason].append(unsigned(mark))
        found: dict[SkipReason, FingerprintSet] = {}
        for reason, numbers in marks.items():
            found[reason] = FingerprintSet()
            found[reason].fill(numbers)
        return found

    def load(self, wanted: Iterable[Wanted]) -> dict[str, list[Stored]]:
        """Return the pages that are wanted, by host."""
        with self._database.reading():
            return {each.host: self._load(each) for each in wanted}

    def _load(self, wanted: Wanted) -> list[Stored]:
        host = self._takedown.hosts.get(wanted.host)
        if host is None:
            return []
        rank = max(rank_in(wanted.after), -SIGN)
        number = wanted.after - order_of(rank_in(wanted.after), 0)
        # All at once: a cursor that an error left in a traceback would keep the file open.
        found = self._database.db.execute(_LOAD, (host, rank, rank, number, wanted.most)).fetchall()
        pages = [_stored(row) for row in found]
        for page in pages:
            if _urls.host(page.url) != wanted.host:
                raise ValueError(f"{page.url!r:.80} waits at the host {wanted.host!r}")
        return pages

    # Committing

    def commit(self, changes: Changes, positions: Sequence[Json], books: Mapping[str, Any]) -> None:
        """Take down one batch, all of it or nothing.

        Args:
            changes: of the frontier.
            positions: where each output is after the batch.
            books: as `Ledger.to_json` returns them, after the batch.
        """
        with self._database.translated(), self._database.transaction():
            self._takedown.commit(changes, positions)
            self._database.set_fact("books", books)
        self.positions = list(positions)

    def close(self) -> None:
        """Close the file, and let go of it."""
        self._database.close()


def _slowly(numbers: array[int], check_cancelled: Callable[[], None]) -> Iterator[int]:
    """Yield *numbers*, and look for a cancellation meanwhile."""
    for start in range(0, len(numbers), _SLICE):
        check_cancelled()
        yield from numbers[start : start + _SLICE]


def _stored(row: tuple[Any, ...]) -> Stored:
    """Return a page of `_LOAD`."""
    number, rank, url, referrer, said, visit, answered, etag, modified, aliases, was, unchanged = row
    order = order_of(rank, number)
    url, referrer = url_in(url), optional_url_in(referrer)
    request = None if said is None else request_of(url, said)
    if visit is None:
        return Stored(order, url, referrer, request)
    lease = Lease.new(order, url, referrer, request)
    lease.visit = visit
    lease.was = None if was is None else Before(was, unchanged=bool(unchanged))
    if answered is not None:
        lease.validators = Validators(url_in(answered), field_in(etag), field_in(modified))
    lease.own = tuple(array("Q", aliases or b""))
    return Stored(order, url, referrer, lease)
