"""A state read for a check: whether its accounts agree, and what each batch left in the outputs.

Reads only, beside a crawl that may be running: nothing is locked, and nothing is written.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .._errors import StateError
from .._model.conduct import SLACK
from . import conduct
from .database import BUSY_TIMEOUT
from .outside import check_schema
from .schema import APPLICATION_ID, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from .._model import Json
    from .._model.conduct import HostReport

T = TypeVar("T")

_STATUSES: Final = ("pending", "pages", "failed", "skipped", "sitemaps")
_FOUND: Final = 10
"""Damaged places of a database that are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a state says of its crawl.

    Args:
        outputs: their names, in the order of ``write=``.
        problems: where the accounts do not agree, in words.
        positions: by batch number, where each output was after it.
        rows: by batch number, the rows that its outcomes have in each output. Empty if that
            can't be said of each batch, since a page was asked for again that had rows before.
        totals: the rows of all outcomes in each output.
        outcomes: how many URLs are pending, pages, failed, skipped and sitemaps.
        finished: whether nothing is pending, and no crawl has the state, or was killed with it.
    """

    outputs: tuple[str, ...]
    problems: tuple[str, ...]
    positions: Mapping[int, tuple[Json, ...]]
    rows: Mapping[int, tuple[int, ...]]
    totals: tuple[int, ...]
    outcomes: Mapping[str, int]
    finished: bool


def audit(path: Path) -> Audit:
    """Read the state at *path*, as it was committed last.

    Raises:
        StateError: there is none, it is something else, or it can't be read.
    """
    if not path.is_file():
        raise StateError(f"there is no state {path}")
    try:
        with closing(_open(path)) as state:
            state.execute("BEGIN")  # all that follows is of one moment
            _recognise(state, path)
            check_schema(state)
            return _read(state, path)
    except (sqlite3.Error, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise StateError(f"the state {path} is damaged, or can't be read ({error})") from error


def _open(path: Path) -> sqlite3.Connection:
    log, shared = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    uri = path.absolute().as_uri() + "?mode=ro"
    if not log.exists():
        uri += "&immutable=1"  # or SQLite would put a log beside it, to read nothing from
    elif shared.exists():
        uri += "&readonly_shm=1"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None)


def _recognise(state: sqlite3.Connection, path: Path) -> None:
    (application,) = state.execute("PRAGMA application_id").fetchone()
    (version,) = state.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise StateError(f"{path} is no state of a crawl")
    if version != VERSION:
        raise StateError(
            f"{path} was made by another version of trio_crawl (schema {version}, not {VERSION})"
        )


def _read(state: sqlite3.Connection, path: Path) -> Audit:
    outputs = tuple(_fact(state, "identity")["write"])
    books = _fact(state, "books") or {}
    positions = {
        number: tuple(json.loads(said))
        for number, said in state.execute("SELECT number, positions FROM batches")
    }
    rows, totals, misfits = _rows(state, len(outputs))
    pending, pages, failed, skipped, sitemaps = _outcomes(state)
    outcomes = (pending, pages.total(), failed.total(), skipped.total(), sitemaps.total())
    problems = [
        *(f"the database: {found}" for found in _damage(state)),
        *misfits,
        *_missing_batches(positions, len(outputs)),
        *_disagreements(books, pages=pages, failed=failed, skipped=skipped),
        *_totals(books, sum(outcomes), sum(totals), sitemaps=outcomes[-1], unchanged=_unchanged(state)),
        *_hosts(state),
        *_conduct(state),
    ]
    return Audit(
        outputs=outputs,
        problems=tuple(problems),
        positions=positions,
        rows=rows,
        totals=totals,
        outcomes=dict(zip(_STATUSES, outcomes, strict=True)),
        finished=not pending and not path.with_name(path.name + ".lock").exists(),
    )


def _fact(state: sqlite3.Connection, name: str) -> Any:  # noqa: ANN401 - JSON
    row = state.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return None if row is None else json.loads(row[0])


def _damage(state: sqlite3.Connection) -> Iterator[str]:
    for (found,) in state.execute(f"PRAGMA integrity_check({_FOUND})"):
        if found != "ok":
            yield found


def _outcomes(
    state: sqlite3.Connection,
) -> tuple[int, Counter[str], Counter[str], Counter[str], Counter[str]]:
    pending = 0
    ended: tuple[Counter[str], Counter[str], Counter[str], Counter[str]]
    ended = (Counter(), Counter(), Counter(), Counter())
    found = state.execute("SELECT status, detail, count(*) FROM urls GROUP BY status, detail").fetchall()
    for status, detail, number in found:
        if status:
            ended[status - 1][str(detail)] += number
        else:
            pending += number
    for reason, number in state.execute("SELECT reason, count(*) FROM passed GROUP BY reason"):
        ended[2][reason] += number
    return pending, *ended


def _unchanged(state: sqlite3.Connection) -> int:
    (found,) = state.execute(
        "SELECT count(*) FROM visits JOIN urls ON urls.id = visits.url WHERE unchanged AND status = 1"
    ).fetchone()
    return int(found)


def _rows(
    state: sqlite3.Connection, outputs: int
) -> tuple[dict[int, tuple[int, ...]], tuple[int, ...], list[str]]:
    """Return the rows in each output, by batch and in all, and which URLs have them wrong."""
    by_batch: dict[int, list[int]] = {}
    totals = [0] * outputs
    misfits = []
    once = True
    for url, status, batch, said in state.execute(
        "SELECT url, status, batch, rows FROM urls WHERE rows IS NOT NULL OR status IN (1, 2)"
    ):
        visits = [[int(count) for count in visit.split()] for visit in (said or "").split(" + ")]
        # A skip has no rows; an earlier visit of what is pending again has.
        visits = [visit for visit in visits if visit]
        if any(len(visit) != outputs for visit in visits) or (outputs and status in {1, 2} and not visits):
            misfits.append(f"{url} has {said!r} for its rows in {outputs} outputs")
            continue
        once = once and " + " not in (said or "")
        for visit in visits:
            counts = by_batch.setdefault(batch, [0] * outputs)
            for place, count in enumerate(visit):
                counts[place] += count
                totals[place] += count
    rows = {batch: tuple(counts) for batch, counts in by_batch.items()} if once else {}
    return rows, tuple(totals), misfits


def _missing_batches(positions: Mapping[int, tuple[Json, ...]], outputs: int) -> Iterator[str]:
    for number in range(1, max(positions, default=0) + 1):
        if number not in positions:
            yield f"batch {number} is missing in the state"
        elif len(positions[number]) != outputs:
            yield f"batch {number} has {len(positions[number])} positions for {outputs} outputs"


def _disagreements(
    books: Mapping[str, Any], *, pages: Counter[str], failed: Counter[str], skipped: Counter[str]
) -> Iterator[str]:
    """Compare the books with the URLs, outcome by outcome."""
    for what, said, found in (
        ("pages with the status", books.get("statuses", {}), pages),
        ("failures of the kind", books.get("failed", {}), failed),
        ("skips for the reason", books.get("skipped", {}), skipped),
    ):
        for detail in sorted({*said, *found}):
            if said.get(detail, 0) != found[detail]:
                yield f"the books have {said.get(detail, 0):,} {what} {detail}, the URLs {found[detail]:,}"


def _totals(
    books: Mapping[str, Any], discovered: int, rows: int, *, sitemaps: int, unchanged: int
) -> Iterator[str]:
    for what, found in (("discovered", discovered), ("rows", rows), ("sitemaps", sitemaps)):
        said = books.get(what, 0)
        if said != found:
            yield f"the books have {said:,} {what}, the URLs {found:,}"
    said = books.get("unchanged", 0)
    if said != unchanged:
        yield f"the books have {said:,} unchanged pages, the URLs {unchanged:,}"
    if books.get("pages", 0) != sum(books.get("statuses", {}).values()):
        yield f"the books have {books.get('pages', 0):,} pages, and another number of statuses"


def _hosts(state: sqlite3.Connection) -> Iterator[str]:
    query = (
        "SELECT hosts.name, hosts.pending, count(urls.id) FROM hosts"
        " LEFT JOIN urls ON urls.host = hosts.id AND urls.status = 0"
        " GROUP BY hosts.id HAVING hosts.pending <> count(urls.id)"
    )
    for name, said, found in state.execute(query):
        yield f"the host {name} has {said:,} pending, its URLs {found:,}"


def _conduct(state: sqlite3.Connection) -> Iterator[str]:
    """Tell of hosts that were not treated as they should have been."""
    for host in conduct.reports(state, conduct.MOST_HOSTS):
        if host.kept:
            return  # those that were not come first
        if host.shortfall > SLACK:
            yield (
                f"the host {host.host} was asked {host.shortfall:.3f} s sooner than its delay allowed; "
                f"the smallest gap between two requests was {host.smallest_gap:.3f} s"
            )
        if host.excess:
            yield (
                f"the host {host.host} had {host.most_at_once} requests at once, "
                f"{host.excess} more than per_host allowed"
            )


def number_of_hosts(path: Path) -> int:
    """Return how many hosts `hosts` yields; raises what it does."""
    return sum(1 for _ in _reading(path, lambda state: state.execute("SELECT 1 FROM conduct")))


def hosts(path: Path) -> Iterator[HostReport]:
    """Yield how every host was treated, in all runs: first where a rule was not kept, then the busiest.

    Raises:
        StateError: there is no state at *path*, it is something else, or it can't be read.
    """
    yield from _reading(path, lambda state: conduct.reports(state, -1))


def _reading(path: Path, read: Callable[[sqlite3.Connection], Iterable[T]]) -> Iterator[T]:
    if not path.is_file():
        raise StateError(f"there is no state {path}")
    try:
        with closing(_open(path)) as state:
            state.execute("BEGIN")  # all of one moment
            _recognise(state, path)
            yield from read(state)
    except (sqlite3.Error, ValueError, TypeError, LookupError) as error:
        raise StateError(f"the state {path} is damaged, or can't be read ({error})") from error
