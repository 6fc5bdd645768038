"""Seeds from the command line: URLs, a file of them, or standard input."""

from __future__ import annotations

import codecs
import os
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import trio

from .._crawl.seeds import alone
from .._errors import SeedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .._crawl.seeds import Seeds

_CHUNK: Final = 64 * 1024
_LONGEST_LINE: Final = 1024 * 1024


def seeds_of(urls: Sequence[str], file: str | None) -> Seeds:
    """Return what ``crawl`` takes as seeds for the *urls* and the *file* of the command line.

    A file is read as the crawl goes on, and a line of it that is no URL is
    counted as skipped; one of *urls* is an error.

    Args:
        urls: URLs, which come first.
        file: a text file of one URL a line; ``"-"`` is standard input.

    Raises:
        UsageError: there is neither, or no standard input.
        SeedError: one of *urls* is no URL, or the file can't be read.
    """
    if not urls and file is None:
        msg = "no seeds: give a URL or more, or --seeds FILE (- is standard input)"
        raise UsageError(msg)
    for url in urls:
        alone(url)
    if file == "-":
        if sys.stdin is None or sys.stdin.closed:
            msg = "--seeds -: there is no standard input (it is closed); name a file"
            raise UsageError(msg)
        return Lines(sys.stdin.fileno(), first=urls)
    if file is None:
        return list(urls)
    return Path(file) if not urls else _chained(urls, file)


def _chained(urls: Sequence[str], file: str) -> Iterator[str]:
    try:
        lines = Path(file).open(encoding="utf-8-sig")  # noqa: SIM115 - who reads it closes it
    except OSError as error:
        msg = f"the file of seeds {file!r} can't be read: {error.strerror or error}"
        raise SeedError(msg) from error

    def lazily() -> Iterator[str]:
        with lines:
            yield from urls
            yield from lines

    return lazily()


@final
class Lines:
    """The lines of a descriptor that may be a pipe whose writer takes its time.

    It is read in a thread that a cancelled crawl abandons, and below Python's
    own buffers: a thread that holds the lock of one would stop the interpreter
    from ending.

    Args:
        descriptor: what is read, as UTF-8; it stays open.
        first: lines that come before those.
    """

    def __init__(self, descriptor: int, *, first: Sequence[str] = ()) -> None:
        self._descriptor = descriptor
        self._lines = deque(first)
        self._rest = ""
        self._ended = False
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")

    def __aiter__(self) -> Lines:
        return self

    async def __anext__(self) -> str:
        """Return the next line, without its line feed; always a checkpoint."""
        await trio.lowlevel.checkpoint()
        while not self._lines:
            if self._ended:
                raise StopAsyncIteration
            await self._read()
        return self._lines.popleft()

    async def _read(self) -> None:
        data = await trio.to_thread.run_sync(_read_some, self._descriptor, abandon_on_cancel=True)
        self._ended = not data
        *lines, self._rest = (self._rest + self._decoder.decode(data, final=self._ended)).split("\n")
        if len(self._rest) > _LONGEST_LINE:
            msg = f"--seeds -: a line has more than {_LONGEST_LINE} characters; one URL a line is expected"
            raise UsageError(msg)
        if self._ended and self._rest:
            lines.append(self._rest)
        self._lines.extend(line.strip() for line in lines)


def _read_some(descriptor: int) -> bytes:
    return os.read(descriptor, _CHUNK)
