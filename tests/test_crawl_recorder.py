"""What went over the wire, kept until it is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from crawl_support import virtual
from warcio.archiveiterator import ArchiveIterator

from trio_crawl import FetchError, Hop, Response, crawl
from trio_crawl._crawl.recorder import HELD, Recorder
from trio_crawl._lease import Lease
from trio_crawl.testing import MemoryWeb
from trio_crawl.testing._outcomes import failure_of

if TYPE_CHECKING:
    from pathlib import Path

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


def test_what_is_on_its_way_when_the_crawl_ends_is_handed_over() -> None:
    """A page that waits for its retry, or for the host that it is redirected to, but none that is done."""
    recorder, done, waiting = Recorder(wanted=True), lease_of(), lease_of()
    for lease in (done, waiting):
        made(recorder, lease, Response(url=URL, status=302))
        recorder.goes_on(lease)
    recorder.completed(done, replace(failure_of(URL), exchanges=()))
    recorder.ends()
    recorder.ends()
    assert [len(exchanges) for exchanges in recorder.take_asides()] == [1]


def archived(path: Path) -> list[tuple[str, str]]:
    """Return the URL of each response in an archive, and the kind of each failure."""
    with path.open("rb") as file:
        return [
            (str(record.rec_headers["WARC-Target-URI"]), record.http_headers.get_statuscode())
            for record in ArchiveIterator(file)
            if record.rec_type == "response"
        ]


def redirecting() -> MemoryWeb:
    web = MemoryWeb()
    web.links(URL, ["/r"])
    web.add(URL + "r", redirect="http://other.test/p")
    web.add("http://other.test/p", "there", delay=9)
    return web


@virtual
async def test_what_was_skipped_on_its_way_is_in_the_archive(tmp_path: Path) -> None:
    """The redirect that led to where a robots.txt forbids to go."""
    web = redirecting()
    web.robots("http://other.test/", "User-agent: *\nDisallow: /")
    path = tmp_path / "all.warc"
    report = await crawl(URL, fetch=web, follow="any", write=path)
    assert report.skipped == {"robots": 1}
    assert (URL + "r", "302") in archived(path)


@virtual
async def test_what_a_stop_left_is_in_the_archive(tmp_path: Path) -> None:
    """A page that waits for another host is not asked for there any more; that it was redirected is kept."""
    web = redirecting()
    web.add("http://other.test/robots.txt", "", delay=9)
    path = tmp_path / "all.warc"
    async with trio.open_nursery() as nursery:
        control = await nursery.start(partial(crawl, URL, fetch=web, follow="any", write=path))
        await trio.sleep(5)
        control.stop()
        report = await control.wait()
    assert (report.pages, report.pending) == (1, 1)
    assert (URL + "r", "302") in archived(path)


@virtual
async def test_a_redirect_to_a_host_that_is_cancelled_is_in_the_archive(tmp_path: Path) -> None:
    """While the hop there is under way: what was answered before is kept, and the hop says how it ended."""
    path = tmp_path / "all.warc"
    async with trio.open_nursery() as nursery:
        start = partial(crawl, URL, fetch=redirecting(), follow="any", write=path, robots=False)
        control = await nursery.start(start)
        await trio.sleep(5)
        control.cancel_host("other.test", reason="a test")
        report = await control.wait()
    assert report.skipped == {"cancelled_host": 1}
    assert (URL + "r", "302") in archived(path)
    assert b"cancelled" in path.read_bytes()
    assert b"timeout" not in path.read_bytes()
