"""What a state keeps of how hosts were treated: taken down with each batch, and read again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from .._model.conduct import SLACK, HostReport, RobotsReport
from .watch import HostRecord, RobotsRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from .journal import Changes

MOST_HOSTS: Final = 10_000
"""Hosts that a report has where there is no state: those where a rule was not kept, then the busiest."""

MOST_ROBOTS: Final = 10
"""Origins that a report has of each host: the latest."""

MOST_SOURCES: Final = 32 * 2**20
"""Characters of rules that are read of a state at once."""

SCHEMA: Final = """
CREATE TABLE conduct (
    host TEXT PRIMARY KEY,
    requests INTEGER NOT NULL,
    smallest_gap REAL,         -- seconds between two starts
    most_at_once INTEGER NOT NULL,
    delay REAL NOT NULL,       -- seconds to be kept at the last start
    shortfall REAL NOT NULL,   -- seconds by which a start came too soon
    excess INTEGER NOT NULL,   -- requests beyond per_host
    first REAL NOT NULL,       -- moments, in seconds since 1970
    last REAL NOT NULL,
    not_before REAL NOT NULL,
    failures INTEGER NOT NULL, -- in a row
    rate REAL,                 -- requests a second, where it is slower than the crawl's own
    usual REAL                 -- seconds of a response
) WITHOUT ROWID;
CREATE TABLE robots (
    origin TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    decision TEXT NOT NULL,    -- rules, allow_all, disallow_all, unreachable
    status INTEGER,
    fetched_at REAL NOT NULL,
    until REAL NOT NULL,
    size INTEGER NOT NULL,
    crawl_delay REAL,
    skipped INTEGER NOT NULL,
    source TEXT,               -- the rules of our group
    product TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX robots_of ON robots (host);
CREATE TABLE cookies (site TEXT PRIMARY KEY, jar TEXT NOT NULL) WITHOUT ROWID;
"""
"""The tables, beside those of `trio_crawl._frontier.schema`."""

_HOST: Final = """
INSERT INTO conduct VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (host) DO UPDATE SET
    requests = requests + excluded.requests,
    smallest_gap = nullif(min(
        coalesce(smallest_gap, 9e999),
        coalesce(excluded.smallest_gap, 9e999),
        iif(excluded.first > last, excluded.first - last, 9e999)  -- between two runs
    ), 9e999),
    most_at_once = max(most_at_once, excluded.most_at_once),
    delay = excluded.delay,
    shortfall = max(shortfall, excluded.shortfall),
    excess = max(excess, excluded.excess),
    first = min(first, excluded.first),
    last = excluded.last,
    not_before = excluded.not_before,
    failures = excluded.failures,
    rate = excluded.rate,
    usual = excluded.usual
"""

_ROBOTS: Final = """
INSERT INTO robots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (origin) DO UPDATE SET
    decision = excluded.decision,
    status = excluded.status,
    fetched_at = excluded.fetched_at,
    until = excluded.until,
    size = excluded.size,
    crawl_delay = excluded.crawl_delay,
    skipped = skipped + excluded.skipped,
    source = iif(fetched_at = excluded.fetched_at, coalesce(excluded.source, source), excluded.source),
    product = excluded.product
"""

# Whoever was asked, or has to be left alone, for so long that it still counts; by a clock that was set
# back, too. And whoever is in trouble.
_WAITING: Final = """
SELECT * FROM conduct
WHERE last + delay > ?1 OR not_before > ?1 OR last > ?1 OR failures OR rate IS NOT NULL
"""

_WORST: Final = """
SELECT * FROM conduct ORDER BY (shortfall > ?) + (excess > 0) DESC, requests DESC, host LIMIT ?
"""

_FORGIVE: Final = (
    "UPDATE conduct SET failures = 0, not_before = 0 WHERE failures",
    "UPDATE robots SET until = 0 WHERE decision = 'disallow_all'",
)


def take_down(db: sqlite3.Connection, changes: Changes) -> None:
    """Add what is new in *changes*, in the transaction that is open."""
    db.executemany(_HOST, changes.hosts)
    db.executemany(_ROBOTS, changes.robots)
    db.executemany(
        "DELETE FROM cookies WHERE site = ?",
        [(site,) for site, jar in changes.cookies.items() if jar is None],
    )
    db.executemany(
        "INSERT OR REPLACE INTO cookies VALUES (?, ?)",
        [(site, jar) for site, jar in changes.cookies.items() if jar is not None],
    )


def forgive(db: sqlite3.Connection) -> None:
    """Let hosts that failed be asked anew, and robots.txt files that could not be had."""
    for statement in _FORGIVE:
        db.execute(statement)


def waiting(db: sqlite3.Connection, moment: float) -> list[HostRecord]:
    """Return the hosts that may not be asked yet at *moment*, or are in trouble."""
    return [HostRecord(*row) for row in db.execute(_WAITING, (moment,))]


def valid_robots(db: sqlite3.Connection, moment: float) -> list[RobotsRecord]:
    """Return what is known of robots.txt files that need not be asked for again at *moment*.

    Of the rules there is as much as has room in memory, the latest; others are asked for again.
    """
    found, room = [], MOST_SOURCES
    for row in db.execute("SELECT * FROM robots WHERE until > ? ORDER BY fetched_at DESC", (moment,)):
        record = RobotsRecord(*row)
        room -= len(record.source or "")
        if record.decision != "rules" or room >= 0:
            found.append(record)
    found.reverse()
    return found


def cookies(db: sqlite3.Connection) -> list[str]:
    """Return the cookies, as they were told."""
    return [jar for (jar,) in db.execute("SELECT jar FROM cookies ORDER BY site")]


def reports(db: sqlite3.Connection, most: int = MOST_HOSTS) -> Iterator[HostReport]:
    """Yield how hosts were treated: first where a rule was not kept, then the busiest.

    Args:
        db: of a state.
        most: hosts that are wanted; -1 for all.
    """
    for row in db.execute(_WORST, (SLACK, most)):
        record = HostRecord(*row)
        known = db.execute(
            "SELECT * FROM robots WHERE host = ? ORDER BY fetched_at DESC, origin LIMIT ?",
            (record.host, MOST_ROBOTS),
        )
        yield report_of(record, (RobotsRecord(*each) for each in known))


def report_of(host: HostRecord, robots: Iterable[RobotsRecord]) -> HostReport:
    """Return what a report says of *host*."""
    return HostReport(
        host=host.host,
        requests=host.requests,
        smallest_gap=host.smallest_gap,
        most_at_once=host.most_at_once,
        delay=host.delay,
        shortfall=host.shortfall,
        excess=host.excess,
        failures=host.failures,
        first=_moment(host.first),
        last=_moment(host.last),
        robots=tuple(
            RobotsReport(
                origin=each.origin,
                decision=each.decision,
                status=each.status,
                fetched_at=_moment(each.fetched_at),
                until=_moment(each.until),
                size=each.size,
                crawl_delay=each.crawl_delay,
                skipped=each.skipped,
            )
            for each in sorted(robots, key=lambda each: each.origin)
        ),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
