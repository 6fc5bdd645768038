"""What a crawl is tested with: the fakes and the checks that the library's own tests use.

- `MemoryWeb`: hosts and pages in memory, as a fetcher. With
  `trio.testing.MockClock` a crawl of hours takes milliseconds.
- `page`: a page for a parser alone.
- `serving` and `serve`: the same pages over HTTP/1.1 on a loopback socket.
- `cancel_everywhere` and `cancel_at`: cancel a piece of trio code at every step,
  or at given times, and compare what it left with before.
- `asserts_no_leaks`: that comparison alone, around a block.
- `check_writer`: what a writer has to keep, so that its rows are there exactly once.
- `check_frontier`: the same of a frontier and the state that it is kept in.
- `check_fetcher`: plays servers of every kind to a fetcher, and sees that it does
  what the Protocol promises; `FETCHER_CHECKS` are the names of its checks.

With pytest there are the fixtures ``web``, a `MemoryWeb`, and ``crawl_clock``, a clock that
jumps ahead when all wait, which pytest-trio runs a test by that asks for it.
"""

from __future__ import annotations

from ._cancel import cancel_at as cancel_at, cancel_everywhere as cancel_everywhere
from ._fetcher_check import FETCHER_CHECKS as FETCHER_CHECKS, check_fetcher as check_fetcher
from ._fetcher_check_contract import Shortcoming as Shortcoming
from ._frontier_check import check_frontier as check_frontier
from ._leaks import asserts_no_leaks as asserts_no_leaks
from ._page import page as page
from ._replies import Exchange as Exchange, Handler as Handler, Reply as Reply
from ._server import serve as serve, serving as serving
from ._web import MemoryWeb as MemoryWeb
from ._writer_check import check_writer as check_writer

__all__ = [
    "FETCHER_CHECKS",
    "Exchange",
    "Handler",
    "MemoryWeb",
    "Reply",
    "Shortcoming",
    "asserts_no_leaks",
    "cancel_at",
    "cancel_everywhere",
    "check_fetcher",
    "check_frontier",
    "check_writer",
    "page",
    "serve",
    "serving",
]
