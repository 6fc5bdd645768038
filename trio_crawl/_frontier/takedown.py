"""What changed in a frontier, taken down in the tables of its state."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from typing import TYPE_CHECKING, Final, final

from . import conduct
from .index import FingerprintMap, fingerprint
from .requests import text_of
from .schema import FAILED, PAGE, PENDING, SITEMAP, SKIPPED, signed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._model import Json, SkipReason
    from .database import Database
    from .journal import Changes, Discovered, Ended


_VISIT: Final = """
INSERT INTO visits (url, number, unchanged, answered, etag, modified, aliases) VALUES (?, 1, ?, ?, ?, ?, ?)
ON CONFLICT (url) DO UPDATE SET unchanged = excluded.unchanged, answered = excluded.answered,
    etag = excluded.etag, modified = excluded.modified, aliases = excluded.aliases
"""


@final
class HostNumbers:
    """The numbers of hosts in a state, by name: 30 bytes each, where a `dict` takes 160.

    A host is told by the fingerprint of its name, as URLs are by theirs.
    """

    def __init__(self) -> None:
        self._numbers = FingerprintMap()

    def __repr__(self) -> str:
        return f"<HostNumbers of {len(self._numbers):,}>"

    def fill(self, hosts: Iterable[tuple[str, int]]) -> None:
        """Take up the hosts that a state has."""
        for name, number in hosts:
            self._numbers.add(fingerprint(name), number)

    def get(self, name: str) -> int | None:
        """Return the number of a host; None if it has none."""
        return self._numbers.get(fingerprint(name))

    def new(self, name: str) -> int:
        """Return the number of a host that had none."""
        number = len(self._numbers) + 1
        self._numbers.add(fingerprint(name), number)
        return number


@final
class Takedown:
    """Takes down one batch after the other.

    Args:
        database: of the state.

    Attributes:
        hosts: the numbers of hosts in the state, by name.
        batch: the number of the last batch.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.hosts = HostNumbers()
        self.batch = 0

    def __repr__(self) -> str:
        return f"<Takedown of {self.batch} batches>"

    def commit(self, changes: Changes, positions: Sequence[Json]) -> None:
        """Take down one batch, in the transaction that is open.

        Args:
            changes: of the frontier.
            positions: where each output is after the batch.
        """
        self.batch += 1
        db = self._database.db
        pending: Counter[str] = Counter()
        self._insert(changes.discovered, pending)
        for status, ended in (
            (PAGE, changes.pages),
            (PAGE, changes.kept),
            (FAILED, changes.failed),
            (SKIPPED, changes.skipped),
            (SITEMAP, changes.sitemaps),
        ):
            self._end(status, ended, pending)
        self._visit(changes.pages)
        self._mark(changes.pages)
        self._pass_by(changes)
        db.executemany("INSERT OR IGNORE INTO seeds VALUES (?)", [(url,) for url in changes.seeds])
        db.executemany(
            "UPDATE hosts SET pending = pending + ? WHERE id = ?",
            [(number, self.hosts.get(name)) for name, number in pending.items() if number],
        )
        conduct.take_down(db, changes)
        if changes.cancelled:
            said = [(host, _sayable(reason)) for host, reason in changes.cancelled.items()]
            db.executemany("INSERT OR REPLACE INTO cancelled VALUES (?, ?)", said)
        if changes.skip_rest is not None:
            self._skip_rest(changes.skip_rest)
        db.execute(
            "INSERT INTO batches VALUES (?, ?, ?, ?)",
            (
                self.batch,
                changes.fingerprints.tobytes(),
                json.dumps(positions),
                _contents(changes.pages).tobytes(),
            ),
        )
        self._learn(changes)

    def _learn(self, changes: Changes) -> None:
        db = self._database.db
        db.executemany(
            "INSERT OR REPLACE INTO families VALUES (?, ?, ?)",
            [(_sayable(name), *family) for name, family in changes.families.items()],
        )
        db.executemany(
            "INSERT INTO words VALUES (?, ?)",
            [(host, array("I", places).tobytes()) for host, places in changes.words.items()],
        )

    def _pass_by(self, changes: Changes) -> None:
        self._database.db.executemany(
            "DELETE FROM passed WHERE fingerprint = ?", [(signed(m),) for m in changes.taken_back]
        )
        # Passed by and then followed after all, both since the last commit.
        followed = set(changes.taken_back).intersection(changes.fingerprints) if changes.taken_back else ()
        self._database.db.executemany(
            "INSERT OR REPLACE INTO passed VALUES (?, ?, ?, ?, ?, ?)",
            [
                (signed(p.fingerprint), p.url, p.depth, p.reason, text_of(p.request), p.referrer)
                for p in changes.passed
                if p.fingerprint not in followed
            ],
        )

    def _insert(self, discovered: Sequence[Discovered], pending: Counter[str]) -> None:
        pending.update(one.host for one in discovered)
        hosts = [self._number(one.host) for one in discovered]
        # A row at a time: a batch may have tens of thousands.
        self._database.db.executemany(
            "INSERT INTO urls (id, host, rank, status, url, request, referrer) VALUES (?, ?, ?, 0, ?, ?, ?)",
            (
                (one.id, host, one.rank, _sayable(one.url), text_of(one.request), one.referrer)
                for one, host in zip(discovered, hosts, strict=True)
            ),
        )

    def _number(self, name: str) -> int:
        number = self.hosts.get(name)
        if number is None:
            number = self.hosts.new(name)
            self._database.db.execute("INSERT INTO hosts VALUES (?, ?, 0)", (number, name))
        return number

    def _end(self, status: int, ended: Sequence[Ended], pending: Counter[str]) -> None:
        rows = []
        for one in ended:
            pending[one.host] -= 1
            counts = " ".join(map(str, one.rows))
            rows.append((status, one.detail, counts, self.batch, one.fetched_at, one.id))
        self._database.db.executemany(
            "INSERT OR REPLACE INTO aliases VALUES (?, ?)",
            [(one.id, array("Q", one.aliases).tobytes()) for one in ended if one.aliases],
        )
        self._database.db.executemany(
            "UPDATE urls SET status = ?, detail = ?, rows = coalesce(rows || ' + ', '') || ?, batch = ?,"
            " fetched_at = ? WHERE id = ?",
            rows,
        )

    def _visit(self, pages: Sequence[Ended]) -> None:
        rows = []
        for page in pages:
            if page.visit is not None:
                unchanged, validators, aliases = page.visit
                rows.append((page.id, unchanged, *(validators or (None,) * 3), array("Q", aliases).tobytes()))
        self._database.db.executemany(_VISIT, rows)

    def _mark(self, pages: Sequence[Ended]) -> None:
        # Most have no marks; another visit, of which there is a content, may have lost them.
        rows = [
            (page.duplicate_of, 1 if page.soft_404 else None, page.id)
            for page in pages
            if page.soft_404 or page.duplicate_of or (page.visit is not None and not page.visit.unchanged)
        ]
        self._database.db.executemany("UPDATE urls SET duplicate_of = ?, soft_404 = ? WHERE id = ?", rows)

    def _skip_rest(self, reason: SkipReason) -> None:
        self._database.db.execute(
            "UPDATE urls SET status = ?, detail = ? WHERE status = ?", (SKIPPED, reason, PENDING)
        )
        self._database.db.execute("UPDATE hosts SET pending = 0")


def _contents(pages: Sequence[Ended]) -> array[int]:
    pairs = array("Q")
    for page in pages:
        if page.content is not None:
            pairs.extend((page.content, page.id))
    return pairs


def _sayable(text: str) -> str:
    # A seed that is no URL may hold half of a surrogate pair, which UTF-8 can't say.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
