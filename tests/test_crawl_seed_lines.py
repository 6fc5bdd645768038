"""Files of seeds, whichever way they are given: one decoding, bounded lines, and a loop that goes on."""

from __future__ import annotations

import codecs
import io
import os
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given, settings, strategies

from trio_crawl import Hop, Response, SeedError, crawl
from trio_crawl._crawl.seed_lines import LONGEST_LINE, LineDecoder, SeedLines
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import TypeAlias

    Read: TypeAlias = Callable[[Path, list[str]], Awaitable[list[str]]]

A, B = "http://a.test/", "http://a.test/caf\u00e9"


async def by_path(path: Path, first: list[str]) -> list[str]:
    return [line async for line in SeedLines(path, first=first)]


async def by_descriptor(path: Path, first: list[str]) -> list[str]:
    with path.open("rb") as file:
        return [line async for line in SeedLines(file.fileno(), first=first)]


async def inline(path: Path, first: list[str]) -> list[str]:
    return [line async for line in SeedLines(path, first=first, inline=True)]


ways = pytest.mark.parametrize("read", [by_path, by_descriptor, inline])


@ways
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
async def test_a_file_is_decoded_the_same_by_each_way(
    tmp_path: Path, read: Read, mark: bytes, encoding: str, end: str
) -> None:
    """UTF-8 with and without a mark, UTF-16 with one; lines of each kind, the last one without its end."""
    path = tmp_path / "seeds.txt"
    path.write_bytes(mark + end.join([A, "", B, A * 3]).encode(encoding))
    assert [line for line in await read(path, ["first"]) if line] == ["first", A, B, A * 3]


@ways
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (f"{A}\r\n{B}\r\n".encode("windows-1252"), "not UTF-8 in line 2, but windows-1252"),
        (
            f"{A}\n\n{A}\nhttp://a.test/\u65e5\u672c\u8a9e\u306e\u6587\u5b57\u5217\u3092\u8aad\u3080\u30ab\u30bf\u30ab\u30ca\u3068\u3072\u3089\u304c\u306a\n".encode(
                "shift_jis"
            ),
            "in line 4, but shift_jis",
        ),
        (A.encode("utf-16-le"), "in line 1, but UTF-16LE"),
        (A.encode("utf-16-be"), "in line 1, but UTF-16BE"),
        (A.encode("utf-32"), "in line 1, but UTF-32"),
        (
            codecs.BOM_UTF16_LE + A.encode("utf-16-le") + b"\n\0\x00\xd8x\0",
            "not the UTF-16 that it says, in line 2",
        ),
        (codecs.BOM_UTF16_LE + A.encode("utf-16-le") + b"x", "not the UTF-16 that it says, in line 1"),
        (b"x" * (LONGEST_LINE + 1), "a line has more than 65,536 bytes: line 1"),
        (A.encode() + b"\n" + "\u65e5".encode() * (LONGEST_LINE // 3 + 1), "more than 65,536 bytes: line 2"),
        (b"\0" * 5, "UTF-16"),
    ],
)
async def test_what_is_in_another_encoding_is_told_by_each_way(
    tmp_path: Path, read: Read, data: bytes, said: str
) -> None:
    """With the line, and the encoding to convert from."""
    path = tmp_path / "seeds.txt"
    path.write_bytes(data)
    with pytest.raises(SeedError) as caught:
        await read(path, [])
    assert said.lower() in str(caught.value).lower()
    assert "-t UTF-8" in str(caught.value) or "as it seems" not in str(caught.value)


def test_the_command_line_and_the_library_say_the_same(tmp_path: Path) -> None:
    """Of one file, by its path, beside a URL, by standard input, and as a path of ``crawl``."""
    path = tmp_path / "seeds.txt"
    path.write_bytes("http://127.0.0.1:1/\r\nhttp://127.0.0.1:1/caf\u00e9\r\n".encode("windows-1252"))
    flags = ["--allow-private", "--no-robots", "--retries", "0", "--delay", "0", "-o"]
    found: list[tuple[int, bool]] = []
    given = [["--seeds", str(path)], ["--seeds", "-"], ["http://127.0.0.1:1/", "--seeds", str(path)]]
    for number, seeds in enumerate(given):
        command = [sys.executable, "-m", "trio_crawl", *seeds, *flags, str(tmp_path / f"{number}.tsv")]
        with path.open("rb") as file:
            ended = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False)  # noqa: S603
        found.append((ended.returncode, "is not UTF-8 in line 2, but windows-1252" in ended.stderr))
    assert found == [(2, True)] * 3


@settings(max_examples=60)
@given(
    text=strategies.text(strategies.sampled_from("a\u00fc\u706f\U0001f600\r\n"), max_size=40),
    cuts=strategies.lists(strategies.integers(0, 90), max_size=5),
    encoding=strategies.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
)
def test_lines_are_the_same_however_they_are_cut(text: str, cuts: list[int], encoding: str) -> None:
    """Within a character, a mark, or between CR and LF."""
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
    data = marks.get(encoding, b"") + text.encode(encoding)
    places = [0, *sorted({min(cut, len(data)) for cut in cuts} - {0}), len(data)]
    decoder = LineDecoder("x")
    pieces = [data[start:end] for start, end in pairwise(places)]
    found = [line for piece in pieces if piece for line in decoder.feed(piece)] + decoder.feed(b"")
    expected = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert found == (expected[:-1] if not expected[-1] else expected)


async def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    """A file of 700 MB in one line (it is sparse) is refused at its beginning."""
    path = tmp_path / "seeds.txt"
    with path.open("wb") as file:
        file.write(b"http")
        file.truncate(700_000_000)
    lines = SeedLines(path)
    with pytest.raises(SeedError, match="a line has more than"):
        await anext(lines)
    lines.close()
    with pytest.raises(SeedError, match="a line has more than"):
        await crawl(io.StringIO("x" * 200_000), fetch=MemoryWeb(), robots=False)


async def test_a_pipe_that_says_nothing_holds_nobody_up(tmp_path: Path) -> None:
    """Neither its opening, for want of a writer, nor its reading; what is abandoned is closed in the end."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    lines = SeedLines(path)
    with trio.move_on_after(0.05) as scope:
        await anext(lines)
    assert scope.cancelled_caught
    lines.close()
    # The thread that opens it finds that it is not wanted any more, and closes it.
    both = os.open(path, os.O_RDWR)  # which waits for nobody
    file = lines._file  # noqa: SLF001 - to wait for its thread, which nobody else waits for
    await trio.to_thread.run_sync(file._lock.acquire)  # noqa: SLF001
    assert file._descriptor is None  # noqa: SLF001
    os.close(both)


async def test_seeds_come_through_a_pipe_as_they_are_written(tmp_path: Path) -> None:
    """A crawl by the path of a pipe fetches the first seed before the second is written."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    asked: list[str] = []
    first = trio.Event()

    class Web:
        opens_connections, virtual = False, False

        def __init__(self) -> None:
            self.open = MemoryWeb().open

        async def fetch(self, hop: Hop) -> Response:
            await trio.lowlevel.checkpoint()
            asked.append(hop.url)
            first.set()
            return Response(url=hop.url, status=200)

    async def write() -> None:
        descriptor = await trio.to_thread.run_sync(os.open, path, os.O_WRONLY)
        os.write(descriptor, f"{A}\n".encode())
        await first.wait()
        os.write(descriptor, f"{A}2".encode())
        os.close(descriptor)

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            report = await crawl(path, fetch=Web(), robots=False, delay=0)
    assert asked == [A, f"{A}2"]
    assert report.pages == 2
