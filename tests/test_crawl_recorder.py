"""What went over the wire, kept until it is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from trio_crawl import FetchError, Hop, Response
from trio_crawl._crawl.recorder import HELD, Recorder
from trio_crawl._lease import Lease
from trio_crawl.testing._outcomes import failure_of

URL = "http://site.test/"
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def made(recorder: Recorder, lease: Lease, result: Response | FetchError) -> None:
    recorder.asked(lease, Hop(url=lease.url))
    recorder.answered(lease, result, NOW)


def lease_of(url: str = URL) -> Lease:
    return Lease.new(0, url, None, None)


def test_exchanges_come_with_what_they_led_to() -> None:
    """All of a page's, in order, once."""
    recorder, lease = Recorder(wanted=True), lease_of()
    made(recorder, lease, Response(url=URL, status=302))
    recorder.goes_on(lease)
    made(recorder, lease, FetchError("timeout", "no answer"))
    plain = replace(failure_of(URL), exchanges=())
    outcome = recorder.completed(lease, plain)
    assert [(one.response and one.response.status, one.kind) for one in outcome.exchanges] == [
        (302, None),
        (None, "timeout"),
    ]
    assert outcome.exchanges[1].ended == NOW
    assert recorder.completed(lease, plain) is plain
    assert recorder.take_asides() == []


def test_what_comes_to_nothing_is_handed_over_once() -> None:
    """A robots.txt, or a page that is skipped on its way."""
    recorder, lease = Recorder(wanted=True), lease_of()
    made(recorder, lease, Response(url=URL, status=200))
    recorder.ends_aside(lease)
    recorder.ends_aside(lease)
    assert [len(exchanges) for exchanges in recorder.take_asides()] == [1]
    assert recorder.take_asides() == []


@pytest.mark.parametrize(("size", "asides"), [(HELD, 0), (HELD + 1, 1)])
def test_large_responses_on_the_way_are_not_held(size: int, asides: int) -> None:
    """They go to the output at once, small ones wait for their page."""
    recorder, lease = Recorder(wanted=True), lease_of()
    made(recorder, lease, Response(url=URL, status=503, body=bytes(size)))
    recorder.goes_on(lease)
    assert len(recorder.take_asides()) == asides
    assert len(lease.exchanges) == 1 - asides


def test_nothing_is_kept_that_nobody_wants() -> None:
    """Where no output keeps exchanges, a lease has none."""
    recorder, lease = Recorder(wanted=False), lease_of()
    made(recorder, lease, Response(url=URL, status=200))
    assert lease.exchanges == ()
    outcome = failure_of(URL)
    assert recorder.completed(lease, outcome) is outcome


def test_the_moment_of_an_archived_response_is_its_own() -> None:
    """It was fetched when the archive says."""
    recorder, lease = Recorder(wanted=True), lease_of()
    then = datetime(2020, 1, 1, tzinfo=UTC)
    made(recorder, lease, Response(url=URL, status=200, fetched_at=then))
    assert lease.exchanges[0].ended == then
