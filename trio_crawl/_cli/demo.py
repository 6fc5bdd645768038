"""``trio-crawl demo``: a site and its crawler in one trio program."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .._crawl import crawl
from .._errors import UsageError
from ..testing import serving
from .demo_site import ORIGIN, make_site
from .run import supervise_crawl
from .terminal import safe

if TYPE_CHECKING:
    from .._model import Report
    from .run import Ending, Say, Show

OUTPUT: Final = "found.tsv"
"""The file that is written, in the working directory."""

_DELAY: Final = 0.05
"""Seconds between two requests: a site of one's own needs none, a person wants to see something."""

_SHOWN_LINES: Final = 10

_BEGINNING: Final = b"source_url\tparsed_url\nhttp://127.0.0.1:"
"""Of the file that a demonstration writes; this one may be replaced."""


async def run(*, show: Show, say: Say) -> Ending[Report]:
    """Serve the site on a free port of this machine, and crawl it to `OUTPUT`.

    Raises:
        UsageError: there is a file of that name which no demonstration wrote.
    """
    _check_output(Path(OUTPUT))
    async with serving(make_site(), origin=ORIGIN) as base_url:
        say(f"crawling a small site of its own at {base_url}/")
        ready = partial(crawl, f"{base_url}/", write=OUTPUT, overwrite=True, delay=_DELAY, allow_private=True)
        return await supervise_crawl(ready, show=show, say=say)


def _check_output(path: Path) -> None:
    # The README's first example writes to the same name: what it found is not to be lost by a demonstration.
    if not path.is_file() or path.stat().st_size == 0:
        return
    with path.open("rb") as file:
        beginning = file.read(len(_BEGINNING))
    if beginning != _BEGINNING:
        raise UsageError(
            f"{path} exists, and is no demonstration's: move it away, or run this in another folder"
        )


def account(report: Report) -> str:
    """Return the *report*, and the first lines of what was written."""
    with Path(OUTPUT).open(encoding="utf-8") as file:
        lines = [safe(line.rstrip("\n")) for line in islice(file, _SHOWN_LINES + 1)]
    more = "\n…" if report.rows > _SHOWN_LINES else ""
    return f"{report}\n\nThe first lines of {OUTPUT}:\n\n" + "\n".join(lines) + f"{more}\n"
