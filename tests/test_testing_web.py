"""The web in memory: what it answers, when, and what it remembers."""

from __future__ import annotations

import gzip
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

import pytest
import trio
import trio.testing

from trio_crawl._errors import FetchError, UsageError
from trio_crawl.abc import Environment, Hop
from trio_crawl.testing import MemoryWeb, Reply, cancel_everywhere

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from trio_crawl._model import Response
    from trio_crawl.abc import Fetcher

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

HOME = "https://example.org/"


class _AnyAddress:
    def refusal(self, _host: str, _port: int, _address: str) -> str | None:
        return None


async def _inline(function: Callable[[*Ts], T], /, *args: *Ts, limiter: object = None) -> T:  # noqa: ARG001
    await trio.lowlevel.checkpoint()
    return function(*args)


def _environment(nursery: trio.Nursery) -> Environment:
    return Environment(nursery=nursery, guard=_AnyAddress(), concurrency=8, run_in_thread=_inline)


async def _get(web: MemoryWeb, url: str = HOME, **fields: Any) -> Response:  # noqa: ANN401
    return await web.fetch(Hop(url=url, **fields))


async def _failure(web: MemoryWeb, url: str = HOME, **fields: Any) -> FetchError:  # noqa: ANN401
    with pytest.raises(FetchError) as caught:
        await _get(web, url, **fields)
    return caught.value


def test_it_is_a_fetcher() -> None:
    """A MemoryWeb is a Fetcher that opens no connection and knows no time but trio's."""
    web: Fetcher = MemoryWeb()
    assert (web.opens_connections, web.virtual) == (False, True)


async def test_a_page_of_html() -> None:
    """Text is served as UTF-8 HTML with status 200."""
    web = MemoryWeb()
    web.add(HOME, "<p>é")
    response = await _get(web)
    assert (response.url, response.status, response.body) == (HOME, 200, "<p>é".encode())
    assert response.headers.get("content-type") == "text/html; charset=utf-8"
    assert response.address == ""


async def test_bytes_of_any_type() -> None:
    """Bytes are served as they are, under the content type and the fields that were given."""
    web = MemoryWeb()
    web.add(HOME, b"\x00\xff", content_type="application/octet-stream", headers=[("X-A", "1"), ("X-A", "2")])
    response = await _get(web)
    assert response.body == b"\x00\xff"
    assert response.headers.get("content-type") == "application/octet-stream"
    assert response.headers.get_all("x-a") == ["1", "2"]


async def test_a_url_is_found_however_it_is_written() -> None:
    """A page is found under its URL as the standard serialises it, without the fragment."""
    web = MemoryWeb()
    web.add("HTTPS://Example.ORG:443/a/../b#top", "b")
    assert (await _get(web, "https://example.org/b")).body == b"b"
    assert (await _get(web, "https://example.org:443/b")).body == b"b"


async def test_a_status() -> None:
    """A page of a status that was named is served with it, even if it was not given a body."""
    web = MemoryWeb()
    web.add(HOME, status=503)
    response = await _get(web)
    assert response.status == 503
    assert b"503" in response.body


@pytest.mark.parametrize(("status", "expected"), [(None, 302), (308, 308)])
async def test_a_redirect(status: int | None, expected: int) -> None:
    """A redirect has the Location as it was written, and status 302 unless another is named."""
    web = MemoryWeb()
    web.add(HOME, redirect="../elsewhere", status=status)
    response = await _get(web)
    assert (response.status, response.headers.get("location")) == (expected, "../elsewhere")


async def test_gzip() -> None:
    """A body that is to be gzipped is, says so, and has the same bytes each time."""
    bodies = set()
    for _ in range(2):
        web = MemoryWeb()
        web.add(HOME, "x" * 1000, coding="gzip")
        response = await _get(web)
        assert response.headers.get("content-encoding") == "gzip"
        bodies.add(response.body)
    assert [gzip.decompress(body) for body in bodies] == [b"x" * 1000]


@pytest.mark.parametrize("status", [204, 304])
async def test_statuses_without_a_body(status: int) -> None:
    """A response that can't have a body has none."""
    web = MemoryWeb()
    web.add(HOME, "text", status=status)
    assert (await _get(web)).body == b""


async def test_head() -> None:
    """HEAD gets the fields of the page and the length of its body, but no body."""
    web = MemoryWeb()
    web.add(HOME, "text")
    response = await _get(web, method="HEAD")
    assert (response.body, response.headers.get("content-length")) == (b"", "4")


async def test_an_unknown_path_is_404() -> None:
    """What was not added to an origin that exists is a page of status 404, robots.txt included."""
    web = MemoryWeb()
    web.add(HOME, "")
    for url in (HOME + "a", HOME + "robots.txt", HOME + "?q"):
        assert (await _get(web, url)).status == 404


async def test_an_unknown_host_has_no_address() -> None:
    """A host of which no page was added fails as a name that does not exist."""
    error = await _failure(MemoryWeb())
    assert error.kind == "dns"
    assert "example.org" in error.message


async def test_an_unknown_port_refuses() -> None:
    """Another port or scheme of a host that exists refuses the connection."""
    web = MemoryWeb()
    web.add(HOME, "")
    assert (await _failure(web, "https://example.org:8443/")).kind == "connect"
    assert (await _failure(web, "http://example.org/")).kind == "connect"


async def test_failures_by_kind_and_by_error() -> None:
    """A page fails as arranged, by the name of a kind or with an error of the caller's, every time."""
    web = MemoryWeb()
    mine = FetchError("tls", "the certificate has expired")
    web.add(HOME, failure="timeout")
    web.add(HOME + "tls", failure=mine)
    assert (await _failure(web)).kind == "timeout"
    depths = set()
    for _ in range(3):
        error = await _failure(web, HOME + "tls")
        assert error is mine
        depths.add(_depth(error))
    assert len(depths) == 1


def _depth(error: BaseException) -> int:
    depth, traceback = 0, error.__traceback__
    while traceback is not None:
        depth, traceback = depth + 1, traceback.tb_next
    return depth


async def test_a_delay(autojump_clock: trio.testing.MockClock) -> None:
    """An answer or a failure comes after its delay on trio's clock, and `elapsed` says so."""
    web = MemoryWeb()
    web.add(HOME, "late", delay=2.5)
    web.add(HOME + "never", failure="connect", delay=100)
    start = autojump_clock.current_time()
    response = await _get(web)
    assert response.elapsed == pytest.approx(2.5)
    await _failure(web, HOME + "never")
    assert trio.current_time() - start == pytest.approx(102.5)


async def test_every_fetch_is_a_checkpoint() -> None:
    """A page, a missing page and a failure each pass a checkpoint."""
    web = MemoryWeb()
    web.add(HOME, "")
    web.add(HOME + "flaky", _always_fails)
    with trio.testing.assert_checkpoints():
        await _get(web)
    with trio.testing.assert_checkpoints():
        await _get(web, HOME + "missing")
    with trio.testing.assert_checkpoints():
        await _failure(web, "https://unknown.test/")
    with trio.testing.assert_checkpoints():
        await _failure(web, HOME + "flaky")


def _always_fails(_hop: Hop) -> str:
    raise FetchError("protocol", "the connection broke")


async def test_max_bytes() -> None:
    """A body of just max_bytes passes; one byte more is a failure that names the limit."""
    web = MemoryWeb()
    web.add(HOME, b"x" * 100)
    assert len((await _get(web, max_bytes=100)).body) == 100
    error = await _failure(web, max_bytes=99)
    assert error.kind == "too_large"
    assert "max_bytes=99" in error.message


async def test_a_handler_is_called_each_time() -> None:
    """A handler gets the hop and answers with text, bytes, a Reply or an error, as it likes."""
    web = MemoryWeb()
    tries = count()

    def flaky(hop: Hop) -> Reply | str | bytes:
        answers: list[Reply | str | bytes] = [
            Reply(failure=FetchError("connect", "not yet")),
            Reply(status=503, headers=(("Retry-After", "5"),)),
            hop.method + (hop.body or b"").decode(),
            b"bytes",
        ]
        return answers[next(tries)]

    web.add(HOME, flaky)
    assert (await _failure(web)).kind == "connect"
    busy = await _get(web)
    assert (busy.status, busy.headers.get("retry-after")) == (503, "5")
    assert busy.headers.get("content-type") is None
    posted = await _get(web, method="POST", body=b"-data")
    assert (posted.body, posted.headers.get("content-type")) == (b"POST-data", "text/html; charset=utf-8")
    assert (await _get(web)).body == b"bytes"


async def test_a_bug_in_a_handler_comes_out() -> None:
    """What a handler raises that is no FetchError comes out as it is, and the request has no outcome."""
    web = MemoryWeb()

    def broken(_hop: Hop) -> str:
        raise ZeroDivisionError

    web.add(HOME, broken)
    with pytest.raises(ZeroDivisionError):
        await _get(web)
    (exchange,) = web.requests
    assert exchange.outcome is None
    assert exchange.finished is not None


async def test_a_site_without_end() -> None:
    """A handler for the rest of an origin answers whatever was not added, and no other origin."""
    web = MemoryWeb()
    web.otherwise("https://example.org", lambda hop: f"<a href={hop.url}x>")
    web.add(HOME, "home")
    assert (await _get(web)).body == b"home"
    assert (await _get(web, HOME + "x")).body == b"<a href=https://example.org/xx>"
    assert (await _failure(web, "https://other.test/")).kind == "dns"


async def test_a_page_of_links() -> None:
    """A page of links holds each target as it was written, escaped, in order."""
    web = MemoryWeb()
    web.links(HOME, ["/a", '/b?x=1&y="2"'])
    body = (await _get(web)).body.decode()
    assert body.index('href="/a"') < body.index('href="/b?x=1&amp;y=&quot;2&quot;"')


async def test_robots() -> None:
    """A robots.txt stands at its place as plain text, whatever URL of the origin was named."""
    web = MemoryWeb()
    web.robots("https://example.org", "User-agent: *\nDisallow: /x")
    response = await _get(web, HOME + "robots.txt")
    assert response.body == b"User-agent: *\nDisallow: /x"
    assert response.headers.get("content-type") == "text/plain; charset=utf-8"


async def test_a_page_can_be_replaced() -> None:
    """Adding a page again replaces it, also while the web serves."""
    web = MemoryWeb()
    web.add(HOME, "old")
    await _get(web)
    web.add(HOME, "new")
    assert (await _get(web)).body == b"new"


async def test_requests_are_recorded(autojump_clock: trio.testing.MockClock) -> None:
    """Every request is recorded in the order of start: what was sent, when, and what came of it."""
    web = MemoryWeb()
    web.add(HOME, "", delay=10)
    web.add(HOME + "fast", "", status=404)
    start = autojump_clock.current_time()
    with trio.move_on_after(5):
        await _get(web)
    await _get(web, HOME + "fast", method="POST", headers=(("X-A", "1"),), body=b"b")
    await _failure(web, "http://unknown.test/")
    assert [(r.url, r.outcome) for r in web.requests] == [
        (HOME, "cancelled"),
        (HOME + "fast", 404),
        ("http://unknown.test/", "dns"),
    ]
    first, second, _ = web.requests
    assert first.started == pytest.approx(start)
    assert first.finished == pytest.approx(start + 5)
    assert (second.method, second.headers, second.body) == ("POST", (("X-A", "1"),), b"b")


async def test_peak_and_gaps(autojump_clock: trio.testing.MockClock) -> None:
    """A host's peak is its most requests at once; its gaps are the seconds between their starts."""
    assert autojump_clock.autojump_threshold == 0
    web = MemoryWeb()
    web.add(HOME, "", delay=3)
    web.add("http://example.org:81/", "", delay=3)
    web.add("http://other.test/", "", delay=100)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_get, web, "http://other.test/")
        for url in (HOME, "http://example.org:81/", HOME):
            nursery.start_soon(_get, web, url)
            await trio.sleep(2)
        assert repr(web) == "<MemoryWeb: 2 hosts, 3 pages, 4 requests, 2 in flight>"
    assert (web.peak("example.org"), web.peak("other.test"), web.peak("none.test")) == (2, 1, 0)
    assert web.gaps("Example.org") == pytest.approx([2, 2])
    assert web.gaps("other.test") == []


async def test_a_request_under_way_has_no_end(autojump_clock: trio.testing.MockClock) -> None:
    """While a request is under way it has neither end nor outcome, and it is counted as in flight."""
    assert autojump_clock.autojump_threshold == 0
    web = MemoryWeb()
    web.add(HOME, "", delay=3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_get, web)
        await trio.sleep(1)
        (exchange,) = web.requests
        assert (exchange.finished, exchange.outcome) == (None, None)
    assert web.requests[0].outcome == 200


async def test_one_crawl_at_a_time() -> None:
    """A second crawl gets BusyResourceError while the first has it open, and not afterwards."""
    web = MemoryWeb()
    async with trio.open_nursery() as nursery:
        environment = _environment(nursery)
        async with web.open(environment):
            with pytest.raises(trio.BusyResourceError, match="MemoryWeb"):
                await web.open(environment).__aenter__()
        async with web.open(environment):
            pass


def test_two_runs_record_the_same() -> None:
    """On a virtual clock the same requests at the same times get the same answers."""

    async def run() -> list[tuple[str, float, float | None, object]]:
        web = MemoryWeb()
        async with trio.open_nursery() as nursery:
            for number in range(20):
                web.add(f"{HOME}{number}", "x" * number, delay=number % 7)
                nursery.start_soon(_get, web, f"{HOME}{number}")
        return sorted((r.url, r.started, r.finished, r.outcome) for r in web.requests)

    first, second = (trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0)) for _ in range(2))
    assert first == second


def test_cancelled_at_any_step_nothing_stays_in_flight() -> None:
    """However fetches are cancelled, each has an outcome at once and none is counted as in flight."""
    webs: list[MemoryWeb] = []

    async def fetch_all() -> None:
        web = MemoryWeb()
        webs.append(web)
        async with trio.open_nursery() as nursery, web.open(_environment(nursery)):
            for number in range(5):
                web.add(f"{HOME}{number}", delay=number % 3)
                nursery.start_soon(_get, web, f"{HOME}{number}")

    def check(step: int, _result: object) -> None:
        assert "0 in flight" in repr(webs[-1]), step
        assert all(exchange.outcome in {200, "cancelled"} for exchange in webs[-1].requests)

    assert cancel_everywhere(fetch_all, check=check) >= 10


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (partial(MemoryWeb.add, url="/relative"), "https"),
        (partial(MemoryWeb.add, url="ftp://example.org/"), "ftp"),
        (partial(MemoryWeb.add, url=HOME, status=100), "status=100"),
        (partial(MemoryWeb.add, url=HOME, status=600), "status=600"),
        (partial(MemoryWeb.add, url=HOME, delay=-1), "delay=-1"),
        (partial(MemoryWeb.add, url=HOME, delay=float("nan")), "delay=nan"),
        (partial(MemoryWeb.add, url=HOME, failure="bad luck"), "bad luck"),  # type: ignore[arg-type]
        (partial(MemoryWeb.add, url=HOME, coding="br"), "coding='br'"),  # type: ignore[arg-type]
        (partial(MemoryWeb.add, url=HOME, headers=[("X", "日")]), "Latin-1"),
        (partial(MemoryWeb.add, url=HOME, content=_always_fails, status=200), "handler"),
        (partial(MemoryWeb.add, url=HOME, content=_always_fails, delay=1), "handler"),
        (partial(MemoryWeb.robots, origin="example.org", text=""), "example.org"),
        (partial(MemoryWeb.otherwise, origin="example.org", handler=_always_fails), "example.org"),
        (partial(MemoryWeb.peak, host=""), "host"),
    ],
)
def test_bad_arguments_are_refused(add: Callable[[MemoryWeb], None], message: str) -> None:
    """An argument that can't be right is a UsageError that names it."""
    with pytest.raises(UsageError, match=message):
        add(MemoryWeb())
