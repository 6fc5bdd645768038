"""One measurement of the benchmark of fetching, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.fetch_contestant import Job, cancel_on_trio, rate_on_trio
from benchmarks.fetch_servers import Server, delaying

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS = 5


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server that answers after ten milliseconds."""
    with delaying(0.01) as running:
        yield running


@pytest.mark.parametrize("name", ["curl", "httpx"])
async def test_what_is_counted_is_what_happened_in_the_window(name: str, server: Server) -> None:
    """Fetches count only while the window is open, and agree with what the server says it answered."""
    job = Job(
        kind="rate",
        name=name,
        url=server.url,
        figures_url=server.figures_url,
        connections=CONNECTIONS,
        seconds=0.2,
    )
    figures = await rate_on_trio(job)
    assert figures["wall"] >= 0.2
    assert figures["cpu"] > 0
    assert figures["server_accepted"] == 0  # all were made before
    # One for each connection may be under way when it opens, and when it closes.
    assert abs(figures["fetches"] - figures["server_answered"]) <= CONNECTIONS
    assert figures["fetches"] > 0


@pytest.mark.parametrize("name", ["curl", "httpx"])
async def test_every_cancellation_is_timed(name: str, server: Server) -> None:
    """There is a time for each repetition, and the server sees every connection closed after each."""
    job = Job(
        kind="cancel",
        name=name,
        url=server.never_url,
        figures_url=server.figures_url,
        connections=CONNECTIONS,
        repeats=3,
    )
    figures = await cancel_on_trio(job)
    assert len(figures["cancel"]) == 3
    assert min(figures["cancel"]) > 0


async def test_a_page_that_is_not_what_was_asked_for_ends_the_measurement(server: Server) -> None:
    """An answer of another size is no fetch that counts."""
    job = Job(
        kind="rate",
        name="curl",
        url=server.figures_url,
        figures_url=server.figures_url,
        connections=1,
        seconds=0.1,
    )
    with pytest.RaisesGroup(
        pytest.RaisesExc(AssertionError, match="status 200 with"),
        flatten_subgroups=True,
        allow_unwrapped=True,
    ):
        await rate_on_trio(job)
