"""Seeds from a descriptor: lines as they come, however the bytes are cut."""

from __future__ import annotations

import os
import threading
from itertools import pairwise

import pytest
import trio
from hypothesis import given, settings, strategies

from trio_crawl import UsageError
from trio_crawl.__main__ import main
from trio_crawl._cli.seeds import seeds_of
from trio_crawl._crawl.seed_lines import SeedLines


@settings(max_examples=25)
@given(
    lines=strategies.lists(strategies.text(strategies.sampled_from("aü灯 \t")), max_size=6),
    cuts=strategies.lists(strategies.integers(0, 40), max_size=4),
    ending=strategies.booleans(),
)
def test_lines_are_whole_however_they_are_cut(lines: list[str], cuts: list[int], *, ending: bool) -> None:
    """A line is given once it is whole, in whatever pieces it comes, and a last one without its end too."""
    text = "\n".join(lines)
    data = (text + "\n" if ending and text else text).encode()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            for start, end in pairwise(places):
                pipe.write(data[start:end])

    async def read() -> list[str]:
        return [line async for line in SeedLines(reading, first=["first"])]

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        found = trio.run(read)
    finally:
        feeder.join()
        os.close(reading)
    assert [line for line in found[1:] if line] == [line for line in lines if line]
    assert found[0] == "first"


async def test_waiting_for_a_line_can_be_cancelled() -> None:
    """A pipe that says nothing does not hold up who waits for it."""
    reading, writing = os.pipe()
    try:
        with trio.move_on_after(0.05) as scope:
            await anext(aiter(SeedLines(reading)))
        assert scope.cancelled_caught
    finally:
        os.close(writing)  # which lets the abandoned thread end
        os.close(reading)


async def test_a_line_without_end_is_refused() -> None:
    """Something that is no list of URLs does not fill the memory."""
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(b"x" * 1_100_000)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, feed)
        with pytest.raises(UsageError, match="a line has more than"):
            await anext(aiter(SeedLines(reading)))
        while await trio.to_thread.run_sync(os.read, reading, 65536):
            pass
    os.close(reading)


def test_closed_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no standard input, the message says so."""
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match="there is no standard input"):
        seeds_of([], "-")


def test_a_file_that_is_given_as_a_url(capsys: pytest.CaptureFixture[str]) -> None:
    """The message says how a file of URLs is given."""
    assert main(["urls.txt"]) == 2
    assert "For a file of URLs, give --seeds urls.txt." in capsys.readouterr().err
