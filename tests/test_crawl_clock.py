"""The wall clock of a crawl, where it parts from trio's: the machine slept, or somebody set it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import trio
from crawl_support import objects_of
from interrupt_support import Real

from trio_crawl import crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from trio_crawl import Page
    from trio_crawl.abc import Hop

HOUR = timedelta(hours=1)


class Set(datetime):
    """A wall clock that is set an hour forward at some time."""

    forward = timedelta(0)

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override] # one of the real kind
        assert tz is UTC
        return datetime.now(UTC) + cls.forward


def test_an_hour_of_sleep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is dated is dated by the wall clock as it is now, and a date to wait for is understood by it."""
    monkeypatch.setattr("datetime.datetime", Set)
    monkeypatch.setattr(Set, "forward", timedelta(0))
    asked: list[float] = []

    def busy(_hop: Hop) -> Reply:
        asked.append(time.monotonic())
        until = Set.now(UTC) + timedelta(seconds=2)
        fields = (("Retry-After", format_datetime(until, usegmt=True)),)
        return Reply(status=503, headers=fields) if len(asked) == 1 else Reply(body=b"at last")

    web = MemoryWeb()
    web.add("https://a.test/", "before")
    web.add("https://b.test/", busy)

    parsed = trio.Event()

    def parse(page: Page) -> dict[str, object]:
        parsed.set()
        return {"fetched_at": page.fetched_at}

    async def seeds() -> AsyncIterator[str]:
        yield "https://a.test/"
        await parsed.wait()
        Set.forward = HOUR
        yield "https://b.test/"

    async def main() -> None:
        path = tmp_path / "pages.jsonl"
        state = tmp_path / "c.db"
        await crawl(seeds(), fetch=Real(web), parse=parse, write=path, state=state, robots=False, delay=0)

    began = datetime.now(UTC)
    trio.run(main)
    rows = objects_of(tmp_path / "pages.jsonl")
    first, second = [datetime.fromisoformat(row["fetched_at"]) for row in rows]
    lasted = datetime.now(UTC) - began
    assert timedelta(0) <= first - began + timedelta(seconds=0.001) <= lasted
    assert timedelta(0) <= second - began - HOUR <= lasted
    assert 0.9 < asked[1] - asked[0] < 60  # a date has no fractions of a second
