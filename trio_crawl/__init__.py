"""A fetch → parse → write web crawler on trio: a crawl is one function call inside one cancel scope.

::

     seeds ─▶ frontier ──lease──▶ fetch ──Response──▶ parse ──Page, links──▶ write
                 ▲   only what may start now:  │ one hop, bounded,   │            one batch:
                 │   the host's turn has come, │ cancellable at      │            every output
                 │   address and robots known  │ any moment          │
                 └── links, as data: added when the page is parsed ──┘

`crawl` is the whole job; `open_crawl` gives the pages as a stream, `fetch_page`
one page. `run`, `collect` and `iterate` are for programs that are not async, and
`trio_crawl.aio` for asyncio. `Control` steers a crawl that goes on.
The four seams are Protocols in `trio_crawl.abc`; transports are in
`trio_crawl.fetchers`, formats in `trio_crawl.writers`, and what crawls are tested
with in `trio_crawl.testing`.
"""

from __future__ import annotations

from . import abc as abc, fetchers as fetchers, writers as writers
from ._crawl import (
    Control as Control,
    __version__ as __version__,
    collect as collect,
    crawl as crawl,
    fetch_page as fetch_page,
    iterate as iterate,
    open_crawl as open_crawl,
    run as run,
)
from ._errors import (
    ContentError as ContentError,
    CrawlError as CrawlError,
    FetchError as FetchError,
    MissingExtraError as MissingExtraError,
    OutputError as OutputError,
    ParseError as ParseError,
    RefusedError as RefusedError,
    RowError as RowError,
    SeedError as SeedError,
    StateError as StateError,
    TooManyFailuresError as TooManyFailuresError,
    UsageError as UsageError,
)
from ._model import (
    Failure as Failure,
    Headers as Headers,
    Hop as Hop,
    InFlight as InFlight,
    Link as Link,
    Page as Page,
    Report as Report,
    Request as Request,
    Response as Response,
    Skip as Skip,
    Statistics as Statistics,
)
from ._model.conduct import HostReport as HostReport, RobotsReport as RobotsReport
from ._policy.politeness import Delay as Delay

__all__ = [
    "ContentError",
    "Control",
    "CrawlError",
    "Delay",
    "Failure",
    "FetchError",
    "Headers",
    "Hop",
    "HostReport",
    "InFlight",
    "Link",
    "MissingExtraError",
    "OutputError",
    "Page",
    "ParseError",
    "RefusedError",
    "Report",
    "Request",
    "Response",
    "RobotsReport",
    "RowError",
    "SeedError",
    "Skip",
    "StateError",
    "Statistics",
    "TooManyFailuresError",
    "UsageError",
    "__version__",
    "abc",
    "collect",
    "crawl",
    "fetch_page",
    "fetchers",
    "iterate",
    "open_crawl",
    "run",
    "writers",
]
