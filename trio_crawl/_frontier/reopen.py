"""What of a state becomes pending again, since a limit is higher now, or somebody asks for it."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final, final

from .._lease import rank_of
from .._urls import host as host_of
from .conduct import forgive
from .journal import OF_FAILURE, Changes, Discovered
from .outside import url_in
from .requests import request_of
from .schema import DEEPEST, FAILED, KNOWN, SIGN, SITEMAP, SKIPPED, unsigned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model import Json, SkipReason
    from .database import Database
    from .takedown import Takedown

_REVIVE: Final = """
UPDATE urls SET status = 0, detail = NULL
WHERE status = ? AND (? IS NULL OR detail = ?) AND rank & ? <= ?
"""

_COUNT_REVIVED: Final = """
UPDATE hosts SET pending = pending + revived.number
FROM (
    SELECT host, count(*) AS number FROM urls
    WHERE status = ? AND (? IS NULL OR detail = ?) AND rank & ? <= ? GROUP BY host
) AS revived
WHERE revived.host = hosts.id
"""

_OLD: Final = "status = 1 AND fetched_at < ?"

_COUNT_OLD: Final = f"""
SELECT detail, coalesce(sum(unchanged), 0), count(*) FROM urls LEFT JOIN visits ON visits.url = urls.id
WHERE {_OLD} GROUP BY detail
"""  # noqa: S608 - nothing of it is from outside

_REVISIT: Final = (
    f"""
    INSERT INTO visits (url, number, unchanged, was) SELECT id, 2, 0, detail FROM urls WHERE {_OLD}
    ON CONFLICT (url) DO UPDATE SET number = number + 1, was = excluded.was
    """,  # noqa: S608 - likewise
    f"""
    UPDATE hosts SET pending = pending + old.number
    FROM (SELECT host, count(*) AS number FROM urls WHERE {_OLD} GROUP BY host) AS old
    WHERE old.host = hosts.id
    """,  # noqa: S608 - likewise
    f"UPDATE urls SET status = 0, detail = NULL WHERE {_OLD}",  # noqa: S608 - likewise
)


# Sitemaps and feeds are read again, for what they name now.
_COUNT_READ: Final = f"""
UPDATE hosts SET pending = pending + old.number
FROM (
    SELECT host, count(*) AS number FROM urls WHERE status = {SITEMAP} AND fetched_at < ? GROUP BY host
) AS old
WHERE old.host = hosts.id
"""  # noqa: S608 - likewise

_READ_AGAIN: Final = f"""
UPDATE urls SET status = 0, detail = NULL WHERE status = {SITEMAP} AND fetched_at < ?
"""  # noqa: S608 - likewise

# Hosts that were asked for as many pages as they may be.
_FULL_HOSTS: Final = """
INSERT INTO full_hosts SELECT host FROM urls WHERE status IN (1, 2) GROUP BY host HAVING count(*) >= ?
"""

_REVIVE_HOSTS: Final = """
UPDATE urls SET status = 0, detail = NULL
WHERE status = 3 AND detail = 'max_per_host' AND host NOT IN (SELECT host FROM full_hosts)
"""

_COUNT_REVIVED_HOSTS: Final = """
UPDATE hosts SET pending = pending + revived.number
FROM (
    SELECT host, count(*) AS number FROM urls
    WHERE status = 3 AND detail = 'max_per_host' AND host NOT IN (SELECT host FROM full_hosts)
    GROUP BY host
) AS revived
WHERE revived.host = hosts.id
"""

TRAPS: Final[tuple[SkipReason, ...]] = ("trap_depth", "trap_repetition", "trap_pattern")
"""What is skipped as long as traps are watched for."""


@final
class Reopening:
    """Makes URLs of a state pending again, before its crawl goes on.

    Args:
        database: of the state.
        takedown: takes down what is new.
        positions: where the outputs are, which stay as they are.
    """

    def __init__(self, database: Database, takedown: Takedown, positions: Sequence[Json]) -> None:
        self._database = database
        self._takedown = takedown
        self._positions = positions

    def reopen(  # noqa: PLR0913 - the limits of a crawl
        self,
        *,
        max_depth: int | None,
        max_pages: int | None,
        max_per_host: int | None,
        traps: bool,
        retry_failed: bool,
        visited_before: float | None,
    ) -> None:
        """Make pending again what is to be; see `SqliteState.reopen`."""
        with self._database.reading(), self._database.transaction():
            books: dict[str, Any] = self._database.fact("books") or {}
            skipped: dict[str, int] = books.get("skipped", {})
            if skipped.get("max_pages") and (max_pages is None or books["pages"] < max_pages):
                self._revive(SKIPPED, "max_pages")
                del skipped["max_pages"]
            if skipped.get("max_depth"):
                deep = self._reopen_passed("max_depth", max_depth) + self._reopen_deep(max_depth)
                skipped["max_depth"] -= deep
            if skipped.get("max_per_host"):
                skipped["max_per_host"] -= self._reopen_hosts(max_per_host)
            for reason in () if traps else TRAPS:
                if skipped.get(reason):
                    skipped[reason] -= self._reopen_passed(reason, None) + self._revive(SKIPPED, reason)
            books["skipped"] = skipped = {reason: number for reason, number in skipped.items() if number}
            if retry_failed:
                forgive(self._database.db)
            if retry_failed and (books.get("failed") or any(map(skipped.get, OF_FAILURE))):
                self._revive(FAILED)
                for reason in OF_FAILURE:
                    self._revive(SKIPPED, reason)
                    skipped.pop(reason, None)
                self._database.db.execute(
                    "DELETE FROM aliases"
                )  # what they are redirected to is theirs again
                books["failed"] = {}
            # After the limits: pages that wait for another visit make no room below `max_pages`.
            if visited_before is not None:
                self._revisit(books, visited_before)
            self._database.set_fact("books", books)

    def _revisit(self, books: dict[str, Any], before: float) -> None:
        """Let pages wait for a new visit, of which the last was earlier than that."""
        db = self._database.db
        statuses: dict[str, int] = books["statuses"]
        for status, unchanged, number in db.execute(_COUNT_OLD, (before,)).fetchall():
            books["pages"] -= number
            books["unchanged"] -= unchanged
            statuses[str(status)] -= number
            if not statuses[str(status)]:
                del statuses[str(status)]
        for statement in _REVISIT:
            db.execute(statement, (before,))
        db.execute(_COUNT_READ, (before,))
        books["sitemaps"] = books.get("sitemaps", 0) - db.execute(_READ_AGAIN, (before,)).rowcount

    def _reopen_deep(self, max_depth: int | None) -> int:
        """Make pages pending again that a lower limit stopped; return how many."""
        deepest = SIGN - 1 if max_depth is None else max_depth
        return self._revive(SKIPPED, "max_depth", deepest)

    def _revive(self, status: int, detail: str | None = None, deepest: int = SIGN - 1) -> int:
        """Make URLs of a *status* pending again, all or those with a *detail*; return how many."""
        which = (status, detail, detail, DEEPEST, deepest)
        self._database.db.execute(_COUNT_REVIVED, which)
        return self._database.db.execute(_REVIVE, which).rowcount

    def _reopen_hosts(self, max_per_host: int | None) -> int:
        """Make pages pending of hosts that may be asked for more; return how many."""
        if max_per_host is None:
            return self._revive(SKIPPED, "max_per_host")
        db = self._database.db
        db.execute("CREATE TEMP TABLE full_hosts (host INTEGER PRIMARY KEY)")
        db.execute(_FULL_HOSTS, (max_per_host,))
        db.execute(_COUNT_REVIVED_HOSTS)
        revived = db.execute(_REVIVE_HOSTS).rowcount
        db.execute("DROP TABLE full_hosts")
        return revived

    def _reopen_passed(self, reason: SkipReason, max_depth: int | None) -> int:
        """Make links pending that were passed by for a *reason*, and are no deeper; return how many."""
        deepest = SIGN - 1 if max_depth is None else max_depth
        found = self._database.db.execute(
            "SELECT fingerprint, url, depth, request, referrer FROM passed"
            " WHERE reason = ? AND depth <= ? ORDER BY depth, referrer, rowid",
            (reason, deepest),
        ).fetchall()
        # Some were fetched since, as what a redirect led to; those stay in the books as they are.
        fetched = self._known_of({unsigned(mark) for mark, *_ in found}) if found else set()
        found = [one for one in found if unsigned(one[0]) not in fetched]
        (last,) = self._database.db.execute("SELECT max(id) FROM urls").fetchone()
        discovered = []
        for number, (_, url, depth, text, referrer) in enumerate(found, (last or 0) + 1):
            url_in(url)
            request = None if text is None else request_of(url, text)
            rank = rank_of(0 if request is None else request.priority, depth)
            discovered.append(Discovered(number, host_of(url), rank, url, request, referrer))
        marks = array("Q", [unsigned(mark) for mark, *_ in found])
        if found:
            self._takedown.commit(
                Changes(discovered=discovered, fingerprints=marks, taken_back=list(marks)), self._positions
            )
        return len(found)

    def _known_of(self, marks: set[int]) -> set[int]:
        known: set[int] = set()
        for (piece,) in self._database.db.execute(KNOWN):
            known |= marks.intersection(array("Q", piece))
        return known
