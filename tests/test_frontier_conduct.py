"""What a state keeps of how hosts were treated."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from trio_crawl._frontier import conduct
from trio_crawl._frontier.journal import Changes
from trio_crawl._frontier.watch import HostRecord, RobotsRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = HostRecord("a.test", 3, 2.0, 2, 1.0, 0.0, 0, 100.0, 110.0, 0.0, 0, None, None)
ROBOTS = RobotsRecord("http://a.test", "a.test", "rules", 200, 100.0, 900.0, 7, 2.0, 1, "disallow: /a", "bot")


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """Return an empty database with the tables."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(conduct.SCHEMA)
        yield connection


def test_records_of_one_run_add_up(db: sqlite3.Connection) -> None:
    """Requests add up, the worst stays, and the last moment counts."""
    later = HOST._replace(
        requests=2, smallest_gap=3.0, most_at_once=1, last=190.0, shortfall=0.5, excess=1, delay=4.0
    )
    for record in (HOST, later):
        conduct.take_down(db, Changes(hosts=[record]))
    [report] = conduct.reports(db)
    assert (report.requests, report.smallest_gap, report.most_at_once) == (5, 2, 2)
    assert (report.shortfall, report.excess, report.delay) == (0.5, 1, 4)
    assert (report.first.timestamp(), report.last.timestamp()) == (100, 190)


@pytest.mark.parametrize(
    ("earlier", "began", "gap"), [(None, 111.5, 1.5), (2.0, 111.5, 1.5), (2.0, 150.0, 2), (None, 90.0, None)]
)
def test_the_gap_between_two_runs_counts(
    db: sqlite3.Connection, earlier: float | None, began: float, gap: float | None
) -> None:
    """The start of a run is measured against the end of the one before, unless the clock was set back."""
    conduct.take_down(db, Changes(hosts=[HOST._replace(smallest_gap=earlier)]))
    conduct.take_down(db, Changes(hosts=[HOST._replace(smallest_gap=None, first=began, last=began)]))
    [report] = conduct.reports(db)
    assert report.smallest_gap == gap


@pytest.mark.parametrize(
    ("moment", "change", "waits"),
    [
        (110.5, {}, True),
        (111.5, {}, False),
        (111.5, {"not_before": 112.0}, True),
        (111.5, {"failures": 1}, True),
        (111.5, {"rate": 0.5}, True),
        (50.0, {}, True),
    ],
)
def test_who_has_to_wait(
    db: sqlite3.Connection, moment: float, change: dict[str, Any], *, waits: bool
) -> None:
    """A host is remembered while its delay, a rest or a trouble lasts; and if the clock was set back."""
    conduct.take_down(db, Changes(hosts=[HOST._replace(**change)]))
    assert bool(conduct.waiting(db, moment)) is waits


def test_robots_records_replace_each_other_but_for_what_was_skipped(db: sqlite3.Connection) -> None:
    """The rules stay until there are others; the skips of all are counted."""
    for record in (ROBOTS, ROBOTS._replace(skipped=4, source=None)):
        conduct.take_down(db, Changes(robots=[record]))
    assert conduct.valid_robots(db, 500) == [ROBOTS._replace(skipped=5)]
    closed = ROBOTS._replace(decision="disallow_all", fetched_at=1000.0, until=2000.0, skipped=0, source=None)
    conduct.take_down(db, Changes(robots=[closed]))
    assert conduct.valid_robots(db, 1500) == [closed._replace(skipped=5)]
    assert conduct.valid_robots(db, 2000) == []


def test_forgiveness(db: sqlite3.Connection) -> None:
    """Failures and rests are forgotten, and robots.txt files that could not be had; no rule is."""
    failing = HOST._replace(failures=12, not_before=1e9)
    closed = ROBOTS._replace(origin="http://b.test", decision="disallow_all")
    conduct.take_down(db, Changes(hosts=[failing], robots=[ROBOTS, closed]))
    conduct.forgive(db)
    assert conduct.waiting(db, 500) == []
    assert conduct.valid_robots(db, 500) == [ROBOTS]


def test_cookies_of_a_site_replace_each_other(db: sqlite3.Connection) -> None:
    """A site has the cookies that it had last, and none if it has none any more."""
    conduct.take_down(db, Changes(cookies={"a.test": "[1]", "b.test": "[2]"}))
    conduct.take_down(db, Changes(cookies={"a.test": "[3]", "b.test": None}))
    assert conduct.cookies(db) == ["[3]"]


def test_the_worst_come_first(db: sqlite3.Connection) -> None:
    """Then the busiest, up to as many as are wanted, each with its latest robots.txt files."""
    records = [HOST._replace(host=f"{name}.test", requests=number) for number, name in enumerate("abcd")]
    records[1] = records[1]._replace(shortfall=0.1)
    robots = [ROBOTS._replace(origin=f"http://a.test:{port}", fetched_at=port) for port in range(20)]
    conduct.take_down(db, Changes(hosts=records, robots=robots))
    assert [report.host for report in conduct.reports(db, 3)] == ["b.test", "d.test", "c.test"]
    everybody = {report.host: report for report in conduct.reports(db, -1)}
    assert len(everybody) == 4
    assert {each.origin for each in everybody["a.test"].robots} == {
        f"http://a.test:{port}" for port in range(10, 20)
    }
