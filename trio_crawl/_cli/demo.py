"""``trio-crawl demo``: a site and its crawler in one trio program."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .._crawl import crawl
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


async def run(*, show: Show, say: Say) -> Ending[Report]:
    """Serve the site on a free port of this machine, and crawl it to `OUTPUT`."""
    async with serving(make_site(), origin=ORIGIN) as base_url:
        say(f"crawling a small site of its own at {base_url}/")
        ready = partial(crawl, f"{base_url}/", write=OUTPUT, overwrite=True, delay=_DELAY, allow_private=True)
        return await supervise_crawl(ready, show=show, say=say)


def account(report: Report) -> str:
    """Return the *report*, and the first lines of what was written."""
    with Path(OUTPUT).open(encoding="utf-8") as file:
        lines = [safe(line.rstrip("\n")) for line in islice(file, _SHOWN_LINES + 1)]
    more = "\n…" if report.rows > _SHOWN_LINES else ""
    return f"{report}\n\nThe first lines of {OUTPUT}:\n\n" + "\n".join(lines) + f"{more}\n"
