"""Seeds from the command line: URLs, a file of them, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .._crawl.seed_lines import SeedLines
from .._crawl.seeds import alone
from .._errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._crawl.seeds import Seeds


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
        return SeedLines(sys.stdin.fileno(), first=urls)
    if file is None:
        return list(urls)
    return SeedLines(Path(file), first=urls, name=f"the file of seeds {file!r}")
