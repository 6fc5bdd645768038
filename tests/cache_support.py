"""What the tests of the cache share: an origin that knows validators, and a cache that is open."""

from __future__ import annotations

import re
import resource
from contextlib import asynccontextmanager, contextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple

import trio

from trio_crawl import Headers, Hop
from trio_crawl._fetch.addresses import AddressGuard
from trio_crawl.abc import Environment
from trio_crawl.testing import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from trio_crawl.fetchers import Cache

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START: Final = 946_684_800.0  # when virtual time begins: 2000-01-01

Fields = tuple[tuple[str, str], ...]


def date(seconds: float) -> str:
    """Return the HTTP date of a moment, in seconds since virtual time began."""
    return formatdate(START + seconds, usegmt=True)


def fields(text: str, now: float) -> Fields:
    """Return the header fields in *text*, one a line; ``{-60}`` stands for the date a minute before *now*."""
    dated = re.sub(r"\{([+-]?\d+)\}", lambda found: date(now + int(found[1])), text)
    lines = [line.strip() for line in dated.splitlines() if line.strip()]
    pairs = [line.partition(":") for line in lines]
    return tuple((name, value.strip()) for name, _, value in pairs)


def headers(text: str, now: float = 0.0) -> Headers:
    """Return the same in the form that a response has them."""
    return Headers(tuple((name.encode(), value.encode()) for name, value in fields(text, now)))


class Origin:
    """A page that answers 304 to whoever has it already.

    Args:
        text: its header fields, as `fields` reads them, at the moment of each request.
        status: its status.
        body: its content.
    """

    def __init__(self, text: str = "", *, status: int = 200, body: str = "one") -> None:
        self.text = text
        self.status = status
        self.body = body
        self.hops: list[Hop] = []

    def __call__(self, hop: Hop) -> Reply:
        self.hops.append(hop)
        there = fields(self.text, trio.current_time())
        asked = {name.lower(): value for name, value in hop.headers}
        mine = {name.lower(): value for name, value in there}
        for condition, validator in (("if-none-match", "etag"), ("if-modified-since", "last-modified")):
            if condition in asked and asked[condition] == mine.get(validator):
                return Reply(status=304, headers=there)
        return Reply(status=self.status, headers=there, body=self.body)


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond *size* bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@asynccontextmanager
async def opened(cache: Cache) -> AsyncIterator[Cache]:
    """Open *cache* as a crawl does."""
    async with trio.open_nursery() as nursery:
        environment = Environment(
            nursery=nursery,
            guard=AddressGuard(allow_private=True),
            concurrency=8,
            run_in_thread=_inline if cache.virtual else _in_thread,
        )
        async with cache.open(environment):
            yield cache
        nursery.cancel_scope.cancel(reason="the block was left")


async def _inline(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    del limiter
    await trio.lowlevel.checkpoint()
    return function(*args)


async def _in_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)
