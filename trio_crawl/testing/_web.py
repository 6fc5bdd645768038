"""A web in memory: the network's other end for tests, examples and the demonstration."""

from __future__ import annotations

import html
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, final

import trio

from .. import _urls
from .._callbacks import call
from .._errors import FetchError, UsageError
from ._replies import HTML, Exchange, Handler, Reply, default_body, encode, failure_of, response_to
from ._wall import START, WallClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from .._model import FailureKind, Hop, Response
    from ..abc import Environment


@final
class MemoryWeb:
    """Hosts and pages in memory, as a fetcher that opens no connection.

    ::

        web = MemoryWeb()
        web.add("https://example.org/", "<a href=/a>a</a>")
        web.add("https://example.org/a", status=503, delay=2.5)
        await trio_crawl.crawl("https://example.org/", fetch=web)

    It knows no time but trio's clock: with a `trio.testing.MockClock` nothing
    waits. What the calendar says of it is `now`, from which a crawl takes all that it
    writes and decides: `fetched_at` is the same in each run, and with `pass_time` pages
    come of the age at which ``recrawl=`` visits them again.

    What was not added fails as on the real network: an unknown host has
    no address (kind ``dns``), an unknown origin of a known host refuses the
    connection (``connect``), and an unknown path is a page of status 404,
    ``/robots.txt`` included.

    The same requests at the same times get the same answers. Requests that
    start at one instant may be recorded in either order, since trio shuffles
    its tasks: sort what a test compares.

    Pages may be added while it serves. `fetch` works without `open` too.

    Args:
        now: the moment at which its time begins, aware.

    Raises:
        UsageError: *now* is no aware moment.
    """

    opens_connections: Final = False
    virtual: Final = True

    def __init__(self, *, now: datetime = START) -> None:
        self._wall = WallClock(now)
        self._pages: dict[str, Reply | Handler] = {}
        self._others: dict[str, Handler] = {}
        self._origins: set[str] = set()
        self._hosts: set[str] = set()
        self._requests: list[Exchange] = []
        self._in_flight: dict[str, int] = {}
        self._peaks: dict[str, int] = {}
        self._open = False

    def __repr__(self) -> str:
        return (
            f"<MemoryWeb: {len(self._hosts)} hosts, {len(self._pages)} pages, "
            f"{len(self._requests)} requests, {sum(self._in_flight.values())} in flight>"
        )

    def add(  # noqa: PLR0913 - each is one thing that a server may do
        self,
        url: str,
        content: str | bytes | Handler | None = None,
        *,
        status: int | None = None,
        content_type: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        redirect: str | None = None,
        coding: Literal["gzip"] | None = None,
        delay: float = 0.0,
        failure: FetchError | FailureKind | None = None,
    ) -> None:
        """Put a page at *url*; what was there before is replaced.

        Every method gets the same answer, but ``HEAD`` gets no body. A query
        is a part of the URL.

        Args:
            url: where, an absolute http or https URL.
            content: the body, a `str` encoded as UTF-8; or a `Handler`, which
                decides about everything and goes with no other argument. By
                default an empty page, or one that names its *status*.
            status: the status code, 200 to 599; by default 200, and 302 for a
                redirect.
            content_type: the value of ``Content-Type``, by default
                ``text/html; charset=utf-8``.
            headers: further pairs of name and value.
            redirect: the value of ``Location``, sent as it is.
            coding: encode the body so, and say so in ``Content-Encoding``.
            delay: seconds of trio's clock until the answer, or the failure, is there.
            failure: there is no answer, but this error or one of this kind.

        Raises:
            UsageError: an argument can't be right, or does not go with another.
        """
        if callable(content):
            if (status, content_type, redirect, coding, failure) != (None,) * 5 or headers or delay:
                msg = f"{url}: a handler decides about everything: return a Reply from it instead"
                raise UsageError(msg)
            self._put(url, content)
            return
        status = status if status is not None else 302 if redirect is not None else 200
        body = default_body(status) if content is None else content
        body = body.encode() if isinstance(body, str) else body
        fields = [("Content-Type", content_type or HTML), *headers]
        if redirect is not None:
            fields.append(("Location", redirect))
        if coding is not None:
            body = encode(body, coding)
            fields.append(("Content-Encoding", coding))
        if isinstance(failure, str):
            failure = failure_of(failure, url)
        reply = Reply(status=status, headers=tuple(fields), body=body, delay=delay, failure=failure)
        self._put(url, reply)

    def links(self, url: str, targets: Sequence[str], *, title: str = "Links") -> None:
        """Put a page at *url* that links to *targets*, in this order and as they are written."""
        items = "".join(
            f'<li><a href="{html.escape(target)}">{html.escape(target)}</a></li>\n' for target in targets
        )
        head = f"<!doctype html>\n<title>{html.escape(title)}</title>\n"
        self.add(url, f"{head}<ul>\n{items}</ul>\n")

    def robots(self, origin: str, text: str, *, status: int = 200) -> None:
        """Put *text* at ``/robots.txt`` of the *origin*, a URL like ``https://example.org``."""
        url = _urls.origin(_usable(origin)) + "/robots.txt"
        self.add(url, text, status=status, content_type="text/plain; charset=utf-8")

    def otherwise(self, origin: str, handler: Handler) -> None:
        """Let *handler* answer for every URL of the *origin* that has no page: for sites without end."""
        self._others[_urls.origin(self._know(origin))] = handler

    @property
    def now(self) -> datetime:
        """The present moment, in UTC; it is *now* at the zero of a `trio.testing.MockClock`."""
        return self._wall.now

    def pass_time(self, seconds: float) -> None:
        """Let time pass between two crawls; nothing waits for it.

        Args:
            seconds: 0 or more.

        Raises:
            UsageError: it is no such number.
        """
        self._wall.pass_time(seconds)

    @property
    def requests(self) -> list[Exchange]:
        """Every request so far, in the order in which they started."""
        return list(self._requests)

    def peak(self, host: str) -> int:
        """Return the greatest number of requests that *host* had at once; 0 if it had none."""
        return self._peaks.get(_urls.host(_usable(f"http://{host}/")), 0)

    def gaps(self, host: str) -> list[float]:
        """Return the seconds from each start of a request to *host* to the next, robots.txt included."""
        wanted = _urls.host(_usable(f"http://{host}/"))
        starts = [exchange.started for exchange in self._requests if _urls.host(exchange.url) == wanted]
        return [later - earlier for earlier, later in pairwise(starts)]

    @asynccontextmanager
    async def open(self, _environment: Environment, /) -> AsyncIterator[None]:
        """Serve one crawl; a second one meanwhile gets `trio.BusyResourceError`."""
        if self._open:
            msg = f"{self!r} serves a crawl already: give each its own"
            raise trio.BusyResourceError(msg)
        self._open = True
        try:
            yield
        finally:
            self._open = False

    @trio.lowlevel.enable_ki_protection
    async def fetch(self, hop: Hop, /) -> Response:
        """Answer one request, after its delay; always a checkpoint.

        Raises:
            FetchError: as arranged; of kind ``dns`` or ``connect`` where nothing
                is; ``too_large`` if the body has more than ``hop.max_bytes``.
            UsageError: the hop's URL is no absolute http or https URL.
        """
        started = trio.current_time()
        url = hop.url if hop.url in self._pages else _usable(hop.url)
        host = _urls.host(url)
        index = self._start(hop, host, started)
        outcome: int | FailureKind | None = None
        try:
            reply = self._reply(hop, url)
            await trio.sleep(reply.delay)
            response = response_to(hop, reply, trio.current_time() - started)
            outcome = response.status
        except FetchError as error:
            outcome = error.kind
            raise
        except trio.Cancelled:
            outcome = "cancelled"
            raise
        finally:
            self._finish(index, host, outcome)
        return response

    def _start(self, hop: Hop, host: str, started: float) -> int:
        exchange = Exchange(
            url=hop.url, method=hop.method, headers=hop.headers, body=hop.body, started=started
        )
        self._requests.append(exchange)
        running = self._in_flight.get(host, 0) + 1
        self._in_flight[host] = running
        self._peaks[host] = max(self._peaks.get(host, 0), running)
        return len(self._requests) - 1

    def _finish(self, index: int, host: str, outcome: int | FailureKind | None) -> None:
        self._in_flight[host] -= 1
        finished = trio.current_time()
        self._requests[index] = replace(self._requests[index], finished=finished, outcome=outcome)

    def _reply(self, hop: Hop, url: str) -> Reply:
        page = self._pages.get(url) or self._others.get(_urls.origin(url)) or self._missing(url)
        if isinstance(page, Reply):
            return page
        try:
            answer = call(page, hop)
        except FetchError as error:
            return Reply(failure=error)
        if isinstance(answer, str | bytes):
            return Reply(body=answer)
        return answer

    def _missing(self, url: str) -> Reply:
        host = _urls.host(url)
        if host not in self._hosts:
            return Reply(failure=FetchError("dns", f"no address for {host!r}: no page of it was added"))
        if _urls.origin(url) not in self._origins:
            message = f"{_urls.origin(url)} refuses the connection: no page of it was added"
            return Reply(failure=FetchError("connect", message))
        return Reply(status=404, body=default_body(404))

    def _put(self, url: str, page: Reply | Handler) -> None:
        self._pages[self._know(url)] = page

    def _know(self, url: str) -> str:
        usable = _usable(url)
        self._origins.add(_urls.origin(usable))
        self._hosts.add(_urls.host(usable))
        return usable


def _usable(url: str) -> str:
    usable = _urls.parse(url)
    if usable is None:
        raise UsageError(_urls.explain(url))
    return usable
