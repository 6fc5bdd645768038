"""A cache at work in one crawl: its file in a thread of its own, and the fetcher that asks servers."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple, final

import trio

from .._callbacks import call_async, log
from .._model import Response
from ..abc import TimedFetcher
from .cache_control import without
from .cache_entry import request_headers
from .cache_file import trouble
from .cache_rules import Ask, Unavailable, Use, contradicted, decide, invalidated, is_cached, judge
from .cache_store import Store
from .response import too_large

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .._model import Headers, Hop
    from ..abc import Environment, Fetcher
    from .cache_entry import Stored

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# The file may serve the crawls of others, and a later one of ours: a session is one crawl's alone.
_SESSION: Final = ("set-cookie", "set-cookie2")
_NO_BODY: Final = -1  # bytes of a body that is not wanted
_NOT_STORED: Final = 504
_FORGETTING: Final = 1.0  # seconds to wait for the turn to delete what is invalid


@final
class Shelf:
    """Answers hops from a file or by another fetcher, for one crawl.

    Args:
        inner: that fetcher; it is opened elsewhere.
        path: the file.
        max_bytes: bytes of all that is stored.
        environment: of the crawl.
        counts: counts hops that were ``used``, ``validated`` and ``asked``.
    """

    def __init__(
        self, inner: Fetcher, path: Path, max_bytes: int, environment: Environment, counts: dict[str, int]
    ) -> None:
        self._inner = inner
        self._path = path
        self._store = Store(path, max_bytes)
        self._run = environment.run_in_thread
        # One connection, one thread at a time.
        self._limiter = trio.CapacityLimiter(1)
        self._counts = counts
        self._now = partial(_now_of, inner) if isinstance(inner, TimedFetcher) and _is_mocked() else time.time
        self._distrusted: set[str] = set()
        self._complained = False

    async def open(self) -> None:
        """Open the file.

        Raises:
            UsageError: it can't be opened, is damaged, or is no cache.
        """
        await self._run(self._store.open, limiter=self._limiter)

    async def close(self) -> None:
        """Close the file, open or not."""
        await self._guarded(self._store.close, otherwise=None)

    async def fetch(self, hop: Hop) -> Response:
        """Answer *hop*.

        Raises:
            FetchError: there is no response, or it is larger than *hop* takes.
        """
        if not is_cached(hop):
            return await self._pass_on(hop)
        started = trio.current_time()
        found = await self._find(hop, hop.method, hop.max_bytes)
        match decide(hop, found, self._now()):
            case Use() as use:
                self._counts["used"] += 1
                return _answer(hop, use.stored, use.headers, started)
            case Unavailable():
                return Response(url=hop.url, status=_NOT_STORED, elapsed=trio.current_time() - started)
            case Ask() as ask:
                return await self._ask(ask)

    async def _pass_on(self, hop: Hop) -> Response:
        self._counts["asked"] += 1
        response = await call_async(self._inner.fetch, hop)
        urls = invalidated(hop, response)
        if urls:
            # Until they are deleted, and if they can't be, they are not used. Nor does a cancellation
            # keep them: the server has changed them already.
            self._distrusted.update(urls)
            with trio.move_on_after(_FORGETTING, shield=True):
                if await self._guarded(self._forget, urls, otherwise=False):
                    self._distrusted.difference_update(urls)
        return response

    async def _ask(self, ask: Ask) -> Response:
        started = trio.current_time()
        requested = self._now()
        self._counts["asked"] += 1
        response = await call_async(self._inner.fetch, ask.hop)
        verdict = judge(ask, response, requested, self._now())
        outdated = verdict.forget
        if ask.hop.method == "HEAD":
            outdated += contradicted(response, await self._find(ask.original, "GET", _NO_BODY))
        keep = verdict.keep
        if keep is not None:
            keep = replace(keep, headers=without(keep.headers, _SESSION))
        if outdated or keep is not None:
            await self._guarded(self._store.change, outdated, keep, otherwise=None)
        if verdict.again is not None:
            self._counts["asked"] -= 1
            return await self._ask(verdict.again)
        if verdict.answer is None:
            return response
        self._counts["asked"] -= 1
        self._counts["validated"] += 1
        answer = _answer(ask.original, verdict.answer, verdict.answer.headers, started)
        return replace(answer, http_version=response.http_version, address=response.address)

    async def _find(self, hop: Hop, method: str, most: int) -> Sequence[Stored]:
        if hop.url in self._distrusted:
            return ()
        none: list[Stored] = []
        return await self._guarded(
            self._store.find, hop.url, method, request_headers(hop), most, otherwise=none
        )

    def _forget(self, urls: Sequence[str]) -> bool:
        self._store.forget(urls)
        return True

    async def _guarded(self, function: Callable[[*Ts], T], *args: *Ts, otherwise: T) -> T:
        """Call *function* in the thread; where the file fails, log the first time, and return *otherwise*."""
        try:
            return await self._run(function, *args, limiter=self._limiter)
        except sqlite3.Error as error:
            if not self._complained:
                self._complained = True
                log.warning("%s; the crawl goes on, and asks servers instead", trouble(self._path, error))
            return otherwise


def _answer(hop: Hop, stored: Stored, headers: Headers, started: float) -> Response:
    if stored.body is None:
        raise too_large(hop)
    return Response(
        url=hop.url,
        status=stored.status,
        headers=without(headers, _SESSION),
        body=stored.body,
        http_version=stored.http_version,
        elapsed=trio.current_time() - started,
    )


def _is_mocked() -> bool:
    """Return whether time is a test's. Else it is trio's own, which starts anywhere in each run."""
    from trio.testing import MockClock  # noqa: PLC0415 - who is in a test has loaded it already

    return isinstance(trio.lowlevel.current_clock(), MockClock)


def _now_of(fetcher: TimedFetcher) -> float:
    return fetcher.now.timestamp()
