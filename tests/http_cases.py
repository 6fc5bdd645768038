"""A raw server that plays cases to a crawl, whatever the fetcher; the cases of others, and their judge.

A case is a list of steps that the server plays after it has read a request. Each
case has a host of its own, and all of them are played in one crawl, which asks the
same host for a second page as soon as the case has come to an outcome.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import os
import socket
import struct
import sys
import zlib
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import brotli  # type: ignore[import-untyped]
import pytest
import trio

from trio_crawl import Failure, Page, Request, open_crawl
from trio_crawl._fetch.curl import Curl
from trio_crawl._fetch.httpx import Httpx
from trio_crawl._fetch.resolve import LookUp, Resolver

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from trio_crawl.abc import Fetcher

MakeFetcher: TypeAlias = "Callable[[], Fetcher]"
Steps: TypeAlias = "Sequence[Sequence[Any]]"
Case: TypeAlias = "dict[str, Any]"

FETCHERS: Final[dict[str, MakeFetcher]] = {
    **({"curl-epoll": partial(Curl, watch="epoll")} if sys.platform == "linux" else {}),
    "curl-tasks": partial(Curl, watch="tasks"),
    "httpx": Httpx,
}
"""The fetchers of the ordinary environment, each in every way that it works."""

CASES: Final = Path(__file__).resolve().parents[1].parent / "shared" / "cases" / "http.json"
PATIENCE: Final = 120  # seconds: a test that hangs fails, on however busy a machine
MIB: Final = 1024 * 1024

_EVERY_HOP: Final = 15.0  # seconds for a hop; the cases that a client has to end itself take all of it
_AT_ONCE: Final = 48


def cases_of_others() -> list[Case]:
    """Return the cases that others wrote; skips the test where they are not there."""
    if not CASES.exists():
        pytest.skip("the cases are not there: ../shared/cases/http.json")
    cases: list[Case] = json.loads(CASES.read_text(encoding="utf-8"))
    return cases


# The server


async def play(steps: Steps, stream: trio.SocketStream) -> bytes:  # noqa: C901 - a branch for each step
    """Play *steps*, and close the connection, unless the client sends something more meanwhile.

    That ends a ``hold``, and is returned.
    """
    for kind, *values in steps:
        match kind:
            case "send":
                await stream.send_all(base64.b64decode(values[0]))
            case "split1":
                for byte in base64.b64decode(values[0]):
                    await stream.send_all(bytes([byte]))
            case "sleep":
                await trio.sleep(values[0])
            case "hold":
                with trio.move_on_after(values[0]):
                    return bytes(await stream.receive_some())
            case "repeat":
                times, delay, data = values[0], values[1], base64.b64decode(values[2])
                for _ in itertools.count() if times < 0 else range(times):
                    await stream.send_all(data)
                    await trio.sleep(delay)
            case "bomb":
                await _send_bomb(stream, values[0], values[1])
            case "rst":
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                break
            case "fin":
                break
            case _:
                raise AssertionError(kind)
    await stream.aclose()
    return b""


async def _send_bomb(stream: trio.SocketStream, coding: str, size: int) -> None:
    """Send *size* zeros, compressed, a mebibyte at a time, until the client has enough."""
    await stream.send_all(f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n".encode())
    for block in bomb(coding, size):
        await stream.send_all(block)


def bomb(coding: str, size: int) -> Iterator[bytes]:
    """Yield *size* zeros, a multiple of a mebibyte, compressed."""
    zeros = bytes(MIB)
    if coding == "zstd":
        # A frame for each: what one content coding unfolds to is as long however it is divided.
        yield from itertools.repeat(zstd.compress(zeros), size // MIB)
    elif coding == "br":
        packer = brotli.Compressor(quality=1)
        for _ in range(size // MIB):
            yield packer.process(zeros) + packer.flush()
        yield packer.finish()
    else:
        # After a full flush each block stands for itself, so it is compressed once and sent many times.
        deflater = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
        yield deflater.compress(zeros) + deflater.flush(zlib.Z_FULL_FLUSH)
        block = deflater.compress(zeros) + deflater.flush(zlib.Z_FULL_FLUSH)
        yield from itertools.repeat(block, size // MIB - 1)


def good_page(number: int) -> bytes:
    """Return the content of the page that the host of a case has besides."""
    return f"the next page of host {number}".encode()


@asynccontextmanager
async def serving_cases(all_steps: Sequence[Steps]) -> AsyncIterator[int]:
    """Yield the port of a server with a case at each ``/NUMBER/case``, and a page at ``/NUMBER/next``."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1024)

    async def talk(stream: trio.SocketStream) -> None:
        buffered = b""
        while True:
            while b"\r\n\r\n" not in buffered:
                chunk = await stream.receive_some()
                if not chunk:
                    return
                buffered += chunk
            head, _, buffered = buffered.partition(b"\r\n\r\n")
            _, number, what = head.split(b" ")[1].split(b"/")
            if what == b"case":
                buffered = await play(all_steps[int(number)], stream)
                if not buffered:
                    return
            else:
                body = good_page(int(number))
                await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            try:
                await talk(stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # the client has hung up, as it should with most of this

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_listeners, handle, [listener]))
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@contextmanager
def names_by(look_up: LookUp, *, ttl: float | None = None) -> Iterator[None]:
    """Let crawls that start in the block look names up by *look_up*, and not by the system.

    Args:
        look_up: from a name to its addresses.
        ttl: seconds after which it is asked again, if not as usual.
    """
    with pytest.MonkeyPatch.context() as patch:
        resolver = partial(Resolver, look_up=look_up)
        if ttl is not None:
            resolver = partial(resolver, ttl=ttl)
            patch.setattr("trio_crawl._frontier.doors.ADDRESS_TTL", ttl)
        patch.setattr("trio_crawl._crawl.tasks.Resolver", resolver)
        yield


# The crawl


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a case came to.

    Args:
        outcome: ``"ok"``, a page; ``"limit"``, stopped at a limit of size; ``"error"``.
        status: of the page; 0 if there is none.
        content: of the page.
        redirects: whether it is a redirect, which is as good as a page: the crawl
            was told to follow none, and so does not tell its status.
        message: of the failure.
        unharmed: whether the next request of the same host brought its page.
    """

    outcome: str
    status: int = 0
    content: bytes = b""
    redirects: bool = False
    message: str = ""
    unharmed: bool = False

    def __str__(self) -> str:
        harm = "" if self.unharmed else ", and the next request is harmed"
        detail = self.message or f"{self.status} {self.content[:80]!r} ({len(self.content)} bytes)"
        return f"{self.outcome}: {detail}{harm}"


def _played(outcome: Page | Failure, *, unharmed: bool) -> Played:
    if isinstance(outcome, Page):
        return Played(outcome="ok", status=outcome.status, content=outcome.content, unharmed=unharmed)
    if outcome.kind == "redirects":
        return Played(outcome="ok", redirects=True, message=outcome.message, unharmed=unharmed)
    return Played(
        outcome="limit" if outcome.kind == "too_large" else "error",
        message=f"{outcome.kind}: {outcome.message}",
        unharmed=unharmed,
    )


async def played(  # noqa: PLR0913 - most of them for one test each
    make: MakeFetcher,
    all_steps: Sequence[Steps],
    *,
    method: str = "GET",
    max_bytes: int = 2 * MIB,
    timeout: float = _EVERY_HOP,  # noqa: ASYNC109 - of each hop
    at_once: int = _AT_ONCE,
) -> list[Played]:
    """Play each case to one crawl, and return what they came to, in order."""
    first: dict[int, Page | Failure] = {}
    second: dict[int, Page | Failure] = {}
    with trio.fail_after(PATIENCE), names_by(lambda _: ["127.0.0.1"]):
        async with serving_cases(all_steps) as port:
            ask, seeds = trio.open_memory_channel[Request](math.inf)
            for number in range(len(all_steps)):
                ask.send_nowait(Request(f"http://host{number}.test:{port}/{number}/case", method=method))
            async with open_crawl(
                seeds,
                failures=True,
                fetch=make(),
                robots=False,
                allow_private=True,
                delay=0,
                retries=0,
                max_redirects=0,
                max_depth=0,
                timeout=timeout,
                max_bytes=max_bytes,
                concurrency=at_once,
                per_address=at_once,
            ) as outcomes:
                async for outcome in outcomes:
                    played, what = outcome.url.split("/")[3:]
                    (first if what == "case" else second)[int(played)] = outcome
                    if what == "case":
                        ask.send_nowait(Request(_next_of(outcome), priority=1))
                    if len(second) == len(all_steps):
                        ask.close()
    return [_played(first[number], unharmed=_is_good(second[number], number)) for number in sorted(first)]


def _next_of(outcome: Page | Failure) -> str:
    url = outcome.url.removesuffix("case") + "next"
    if isinstance(outcome, Page) and outcome.status in {429, 503}:
        return url.replace("host", "neighbour", 1)  # for that host asked to be left alone for a while
    return url


def _is_good(outcome: Page | Failure, number: int) -> bool:
    return isinstance(outcome, Page) and outcome.content == good_page(number)


# Memory

_MEASURE: Final = """
import importlib, json, logging, sys
from pathlib import Path
import trio
from trio_crawl import open_crawl

def peak():  # of this process alone: what getrusage says includes the one that started it
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        import resource
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return int(status.split("VmHWM:")[1].split()[0]) * 1024

async def main():
    module, name, max_bytes, timeout, good, *urls = sys.argv[1:]
    make = importlib.import_module(module).FETCHERS[name]

    async def pages_of(urls):
        count = 0
        async with open_crawl(urls, fetch=make(), robots=False, allow_private=True, delay=0, retries=0,
                              per_host=1, max_bytes=int(max_bytes), timeout=float(timeout)) as pages:
            async for _ in pages:
                count += 1
        return count

    logging.disable()
    await pages_of([good])
    before = peak()
    # Each in a crawl of its own: a host that fails again and again is left to rest.
    pages = sum([await pages_of([url]) for url in urls])
    print(json.dumps({"growth": peak() - before, "pages": pages}))

trio.run(main)
"""


async def memory_growth(
    all_steps: Sequence[Steps],
    *,
    module: str,
    name: str,
    max_bytes: int,
    timeout: float,  # noqa: ASYNC109 - of each hop
) -> tuple[int, int]:
    """Play each case, one after the other, to a crawl in a process of its own.

    Args:
        all_steps: the cases.
        module: where the fetcher is to be found, in a mapping called ``FETCHERS``.
        name: the key that it has there.
        max_bytes: of the crawl.
        timeout: seconds for each hop.

    Returns:
        By how many bytes the greatest size of its memory grew after it had fetched a
        small page, and how many of the cases came to a page.
    """
    async with serving_cases(all_steps) as port:
        urls = [f"http://127.0.0.1:{port}/{number}/case" for number in range(len(all_steps))]
        good = f"http://127.0.0.1:{port}/0/next"
        arguments = [module, name, str(max_bytes), str(timeout), good, *urls]
        with trio.fail_after(PATIENCE):
            run = await trio.run_process(
                [sys.executable, "-c", _MEASURE, *arguments],
                capture_stdout=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))},
            )
    measured = json.loads(run.stdout)
    return measured["growth"], measured["pages"]


# The judge


def is_as_expected(case: Case, came: Played) -> bool:
    """Tell whether *case* came to what it says it has to."""
    if not came.unharmed:
        return False
    if case["expected"] != "ok":
        return case["expected"] in {"either", came.outcome}
    if came.outcome != "ok" or came.redirects:
        return came.redirects and case["expected_status"] // 100 == 3
    body = case.get("expected_body_b64")
    return bool(
        came.status == case["expected_status"] and (body is None or came.content == base64.b64decode(body))
    )


def agrees(consensus: Mapping[str, Any], came: Played) -> bool:
    """Tell whether a case came to what five client families agree on."""
    if consensus["outcome"] != "ok" or came.outcome != "ok":
        return bool(consensus["outcome"] == ("error" if came.outcome == "limit" else came.outcome))
    if came.redirects:
        return bool(consensus["status"] // 100 == 3)
    digest = hashlib.sha1(came.content, usedforsecurity=False).hexdigest()
    return bool(came.status == consensus["status"]) and digest.startswith(consensus.get("sha1_12", ""))


def judged(cases: Sequence[Case], came: Sequence[Played]) -> tuple[list[str], int, list[str]]:
    """Return the cases that went wrong, how many clients agree on, and those where ours differs."""
    wrong = [
        f"{case['name']}: {case['expected']}, not {one}"
        for case, one in zip(cases, came, strict=True)
        if not is_as_expected(case, one)
    ]
    common = [
        (case, one)
        for case, one in zip(cases, came, strict=True)
        if case.get("consensus", {}).get("outcome") in {"ok", "error"}
    ]
    differs = [
        f"{case['name']}: {case['consensus']}, not {one}"
        for case, one in common
        if not agrees(case["consensus"], one)
    ]
    return wrong, len(common), differs
