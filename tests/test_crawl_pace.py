"""``pace=`` and ``delay=``: what slows a crawl down, that it says so, and what a fixed pace leaves out."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual

from trio_crawl import Delay, FetchError, UsageError, crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from trio_crawl import Control, Hop

OPTIONS: dict[str, Any] = {"robots": False, "traps": False, "max_depth": 0}


def seeds(number: int) -> list[str]:
    return [f"{SITE}{index}" for index in range(number)]


@virtual
async def test_a_fixed_pace_neither_slows_nor_rests_nor_gives_up() -> None:
    """Whatever the host answers, and if it does not, the next page is asked for after the delay."""
    troubles: list[Any] = [
        lambda _hop: Reply(status=500),
        lambda _hop: Reply(status=503),
        lambda _hop: Reply(failure=FetchError("connect", "refused")),
        lambda hop: Reply(delay=9 if hop.url.endswith("5") else 0.1),
    ]
    for trouble in troubles:
        web = MemoryWeb()
        web.otherwise(SITE, trouble)
        keywords = {**OPTIONS, "per_host": 20, "retries": 0}
        report = await crawl(seeds(40), fetch=web, pace="fixed", delay=1, **keywords)
        assert not report.skipped
        assert report.pages + report.failed.get("connect", 0) == 40
        assert web.gaps("site.test") == pytest.approx([1] * 39)


@virtual
async def test_a_fixed_pace_rests_while_robots_txt_can_not_be_had() -> None:
    """Else it would be asked for again and again, for each page, with no delay."""
    web = MemoryWeb()
    web.add(f"{SITE}robots.txt", status=503)
    options = {**OPTIONS, "robots": True}
    report = await crawl(seeds(1000), fetch=web, pace="fixed", delay=0, **options)
    assert sum(report.skipped.values()) == 1000
    assert len(web.requests) == 12


@virtual
async def test_a_fixed_pace_does_what_the_server_asks_for() -> None:
    """429, and Retry-After of a 503, give the host its rest all the same; a request is still tried again."""
    for status, headers, gap in (
        (429, (("Retry-After", "30"),), 30.0),
        (503, (("Retry-After", "30"),), 30.0),
        (429, (), 0.5),
    ):
        web = MemoryWeb()
        answers = iter([Reply(status=status, headers=headers)])
        web.otherwise(SITE, lambda _hop, answers=answers: next(answers, Reply()))  # type: ignore[misc]
        report = await crawl(seeds(3), fetch=web, pace="fixed", delay=0, per_host=1, **OPTIONS)
        assert report.statuses == {200: 3}
        first, *later = web.gaps("site.test")
        assert first >= gap
        assert later == pytest.approx([0, 0])


@virtual
async def test_what_slows_a_host_is_logged_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    """Slowing, resting and giving up are a line each, at INFO."""
    caplog.set_level(logging.INFO, "trio_crawl")
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply(status=500))
    await crawl(seeds(20), fetch=web, per_host=1, retries=0, delay=1, **OPTIONS)
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    slowed = [line for line in lines if "is slowed" in line]
    assert slowed[0] == (
        "the host site.test is slowed from 1.00 to 2.00 s between two requests, since it answered 500"
    )
    assert any(line == "the host site.test rests for 10.0 s, since it answered 500" for line in lines)
    assert "the host site.test is given up, since it answered 500" in lines
    caplog.clear()
    web.add(f"{SITE}0", status=429, headers=[("Retry-After", "30")])
    await crawl(seeds(1), fetch=web, retries=1, **OPTIONS)
    assert "the host site.test rests for 30.0 s, since it answered 429 with Retry-After: 30" in [
        record.getMessage() for record in caplog.records
    ]


@virtual
async def test_explain_says_what_a_host_waits_for() -> None:
    """Its delay, its delay made longer, or a rest; the last two with the reason."""
    web = MemoryWeb()

    def answer(hop: Hop) -> Reply:
        match hop.url.rpartition("/")[2]:
            case "0":
                return Reply(failure=FetchError("timeout", "too late"))
            case "2":
                return Reply(status=429, headers=(("Retry-After", "100"),))
            case _:
                return Reply()

    web.otherwise(SITE, answer)
    async with trio.open_nursery() as nursery:
        crawling = partial(crawl, seeds(4), fetch=web, per_host=1, retries=0, delay=10, **OPTIONS)
        control: Control = await nursery.start(crawling)
        await trio.sleep(5)
        assert "its delay, slowed from 10.00 to 20.00 s, since timeout: " in control.explain()
        await trio.sleep(60)
        assert "it rests, since it answered 429 with Retry-After: 100 (1 pages)" in control.explain()


@virtual
async def test_a_delay_by_address_is_one_of_its_own() -> None:
    """``Delay`` says what it lies between; a number is one by host."""
    for delay in (2, Delay(2), Delay(2, by="address")):
        web = MemoryWeb()
        web.otherwise(SITE, lambda _hop: Reply())
        await crawl(seeds(3), fetch=web, delay=delay, **OPTIONS)
        assert web.gaps("site.test") == pytest.approx([2, 2])
    for arguments in ({"seconds": -1}, {"seconds": True}, {"seconds": 1, "by": "page"}):
        with pytest.raises(UsageError):
            Delay(**arguments)
