"""The report says how each host was treated, and says the same as the web's other end."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual
from hypothesis import HealthCheck, given, settings, strategies as st
from trio.testing import MockClock

from trio_crawl import HostReport, Report, StateError, crawl
from trio_crawl._frontier import manners
from trio_crawl._frontier.audit import audit, hosts
from trio_crawl._model.conduct import HostSums
from trio_crawl._policy.politeness import Turns
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from pathlib import Path

OTHER = "https://other.test/"
START = datetime(2000, 1, 1, tzinfo=UTC)


def busy_web() -> MemoryWeb:
    """Return two sites, one of which is slow, asks for a delay and disallows pages, and has two origins."""
    web = MemoryWeb()
    web.robots(SITE, "User-agent: *\nDisallow: /private\nCrawl-delay: 3")
    web.robots(OTHER, "", status=404)
    web.robots("http://site.test", "", status=500)
    links = [f"/{number}" for number in range(6)]
    web.links(SITE, [*links, "/private/a", "/private/b", f"{OTHER}from", "http://site.test/plain"])
    web.otherwise(SITE, lambda hop: Reply(delay=len(hop.url) % 3 * 4.0))
    web.otherwise(OTHER, lambda _hop: Reply(delay=2.5))
    web.add(f"{SITE}3", redirect=f"{OTHER}elsewhere")
    return web


def check_against(web: MemoryWeb, report: Report) -> None:
    """See that *report* says of every host what the web saw."""
    for host in report.hosts:
        gaps = web.gaps(host.host)
        mine = [each for each in web.requests if each.url.split("/")[2].split(":")[0] == host.host]
        assert host.requests == len(mine)
        assert host.most_at_once == web.peak(host.host)
        assert host.smallest_gap == (pytest.approx(min(gaps), abs=1e-5) if gaps else None)
        assert host.first == pytest.approx(
            START + timedelta(seconds=mine[0].started), abs=timedelta(seconds=1)
        )
        assert host.last == pytest.approx(
            START + timedelta(seconds=mine[-1].started), abs=timedelta(seconds=1)
        )
        assert host.kept
    assert len(report.hosts) == len({each.url.split("/")[2].split(":")[0] for each in web.requests})


@pytest.mark.parametrize("state", [False, True])
@virtual
async def test_gaps_and_requests_at_once(state: bool, tmp_path: Path) -> None:
    """The smallest gap, the most at once, and the number of requests are those that the hosts saw."""
    web = busy_web()
    keywords: dict[str, Any] = {"follow": "any", "state": tmp_path / "a.db" if state else None}
    report = await crawl([SITE, *(f"{OTHER}{number}" for number in range(9))], fetch=web, **keywords)
    check_against(web, report)
    ours = {host.host: host for host in report.hosts}
    assert ours["site.test"].delay >= 3 > ours["other.test"].delay == 0.5
    assert ours["other.test"].most_at_once == 2
    assert sum(host.requests for host in report.hosts) == report.requests


@pytest.mark.parametrize("state", [False, True])
@virtual
async def test_each_robots_decision(state: bool, tmp_path: Path) -> None:
    """Of each origin the report says what its robots.txt came to, when, until when, and what was skipped."""
    web = busy_web()
    web.add("https://gone.test/", failure="connect")
    keywords: dict[str, Any] = {"follow": "any", "state": tmp_path / "a.db" if state else None}
    report = await crawl([SITE, "https://gone.test/"], fetch=web, **keywords)
    found = {robots.origin: robots for host in report.hosts for robots in host.robots}
    assert {origin: (each.decision, each.status, each.skipped) for origin, each in found.items()} == {
        "https://site.test": ("rules", 200, 2),
        "http://site.test": ("disallow_all", 500, 1),
        "https://other.test": ("allow_all", 404, 0),
        "https://gone.test": ("allow_all", 404, 0),
    }
    rules = found["https://site.test"]
    assert rules.crawl_delay == 3
    assert rules.size == 47
    assert rules.until - rules.fetched_at == timedelta(hours=24)
    closed = found["http://site.test"]
    assert timedelta(0) < closed.until - closed.fetched_at < timedelta(minutes=1), "its host rests"


@virtual
async def test_over_all_runs(tmp_path: Path) -> None:
    """With a state the figures are those of all runs, and those of a finished crawl are there again."""
    web = busy_web()
    seeds = [SITE, *(f"{OTHER}{number}" for number in range(9))]
    for pages in (2, 5, 9, 12, None):
        report = await crawl(seeds, fetch=web, follow="any", state=tmp_path / "a.db", max_pages=pages)
        check_against(web, report)
    skipped = sum(robots.skipped for host in report.hosts for robots in host.robots)
    assert skipped == report.skipped["robots"] + report.skipped["robots_unreachable"]
    again = await crawl(seeds, fetch=web, follow="any", state=tmp_path / "a.db")
    assert again.hosts == report.hosts == tuple(hosts(tmp_path / "a.db"))


@virtual
async def test_a_report_has_a_bounded_number_of_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many hosts a report has the busiest, and the others as sums; with a state it has all."""
    monkeypatch.setattr(manners, "MOST_HOSTS", 100)
    web = MemoryWeb()
    for number in range(150):
        web.otherwise(f"https://h{number}.test/", lambda _hop: Reply())
    seeds = [f"https://h{number}.test/" for number in range(150)]
    seeds += [f"https://h{number}.test/more" for number in range(50, 60)]
    keywords: dict[str, Any] = {"robots": False, "concurrency": 1000}
    busiest = {f"h{number}.test" for number in range(50, 60)}
    report = await crawl(seeds, fetch=web, **keywords)
    assert len(report.hosts) == 100
    assert {host.host for host in report.hosts[:10]} == busiest
    assert report.hosts_beyond == HostSums(hosts=50, requests=50, most_at_once=1)
    assert sum(host.requests for host in report.hosts) + 50 == report.requests
    assert "100 hosts are told of one by one, 50 as sums" in str(report)
    report = await crawl(seeds, fetch=web, state=tmp_path / "a.db", **keywords)
    assert len(report.hosts) == 150
    assert {host.host for host in report.hosts[:10]} == busiest
    assert report.hosts_beyond is None
    assert report.hosts == tuple(hosts(tmp_path / "a.db"))
    assert report.hosts[-1] == report.hosts[149] == list(report.hosts)[149]
    with pytest.raises(IndexError):
        report.hosts[150]
    (tmp_path / "a.db").unlink()
    with pytest.raises(StateError, match="there is no state"):
        list(report.hosts)


@pytest.mark.parametrize("state", [False, True])
def test_a_crawl_that_does_not_keep_to_its_delay_is_found_out(
    state: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is reported is measured, and not what was meant: a scheduler that errs is shown to err."""
    monkeypatch.setattr(Turns, "next_start", lambda _self, now: now)
    monkeypatch.setattr(Turns, "start", lambda _self, _now: None)
    monkeypatch.setattr(Turns, "finish", lambda _self: None)
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply(delay=5))
    path = tmp_path / "a.db"

    async def main() -> Report:
        seeds = [f"{SITE}{number}" for number in range(5)]
        return await crawl(seeds, fetch=web, robots=False, delay=4, per_host=2, state=path if state else None)

    [host] = trio.run(main, clock=MockClock(autojump_threshold=0)).hosts
    assert (host.smallest_gap, host.most_at_once, host.shortfall, host.excess) == (0, 5, 4, 3)
    assert not host.kept
    if state:
        problems = audit(path).problems
        assert len(problems) == 2
        assert "site.test was asked 4.000 s sooner than its delay" in problems[0]
        assert "site.test had 5 requests at once, 3 more than per_host" in problems[1]


@virtual
async def test_a_polite_state_has_no_such_problem(tmp_path: Path) -> None:
    """An audit has nothing to say of a crawl that kept to its rules; of a damaged table it says so."""
    await crawl(SITE, fetch=busy_web(), state=tmp_path / "a.db", follow="any")
    assert audit(tmp_path / "a.db").problems == ()
    with closing(sqlite3.connect(tmp_path / "a.db")) as state, state:
        state.execute("UPDATE conduct SET shortfall = 0.5, smallest_gap = 2.5 WHERE host = 'site.test'")
    [problem] = audit(tmp_path / "a.db").problems
    assert problem.startswith("the host site.test was asked 0.500 s sooner")


def test_hosts_are_values(tmp_path: Path) -> None:
    """They can be written as JSON by whoever likes, and need a state that is one."""
    del tmp_path
    host = HostReport(
        host="a.test",
        requests=1,
        smallest_gap=None,
        most_at_once=1,
        delay=0.5,
        shortfall=0.0005,
        excess=0,
        failures=0,
        first=START,
        last=START,
    )
    assert host.kept
    assert json.loads(json.dumps(asdict(host), default=str))["host"] == "a.test"


# Over random sites and limits

_LIMITS = st.fixed_dictionaries(
    {
        "delay": st.sampled_from([0.0, 0.25, 1.0, 7.5]),
        "per_host": st.integers(1, 4),
        "concurrency": st.integers(1, 12),
        "retries": st.integers(0, 2),
        "robots": st.booleans(),
    }
)
_ANSWERS = st.lists(
    st.tuples(
        st.sampled_from([200, 200, 200, 301, 404, 429, 500, 503]),
        st.sampled_from([0.0, 0.1, 2.0, 11.0, 45.0]),  # seconds; beyond the timeout, too
        st.integers(0, 3),  # which host a redirect leads to
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limits=_LIMITS, answers=_ANSWERS, hosts=st.integers(1, 4), crawl_delay=st.sampled_from([None, 2, 30]))
def test_delays_and_limits_hold_on_every_web(
    limits: dict[str, Any], answers: list[tuple[int, float, int]], hosts: int, crawl_delay: int | None
) -> None:
    """Whatever sites answer, starts are ``delay`` apart, and no more requests go on at once than may."""
    web = MemoryWeb()
    most = 0

    def site(number: int) -> None:
        def page(hop: Any) -> Reply:  # noqa: ANN401 - a Hop
            nonlocal most
            most = max(most, sum(each.finished is None for each in web.requests))
            status, delay, target = answers[(len(hop.url) + number) % len(answers)]
            location = f"https://h{target % hosts}.test/r{'r' * (len(hop.url) % 5)}"
            fields = (("Location", location),) if status == 301 else (("Retry-After", "3"),)
            body = "".join(f'<a href="/{"x" * step}">x</a>' for step in range(1, 12))
            return Reply(status=status, headers=fields, body=body, delay=delay)

        web.otherwise(f"https://h{number}.test/", page)
        if crawl_delay is not None:
            web.robots(f"https://h{number}.test", f"User-agent: *\nCrawl-delay: {crawl_delay}")

    for number in range(hosts):
        site(number)

    async def main() -> Report:
        return await crawl([f"https://h{number}.test/" for number in range(hosts)], fetch=web, **limits)

    report = trio.run(main, clock=MockClock(autojump_threshold=0))
    assert most <= limits["concurrency"]
    for number in range(hosts):
        name = f"h{number}.test"
        assert web.peak(name) <= limits["per_host"]
        assert all(gap >= limits["delay"] - 1e-6 for gap in web.gaps(name))
        if limits["robots"] and crawl_delay is not None:
            assert all(gap >= max(crawl_delay, limits["delay"]) - 1e-6 for gap in web.gaps(name)[1:])
    check_against(web, report)
