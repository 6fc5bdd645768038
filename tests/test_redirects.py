"""Redirects through a whole crawl: on the web in memory, and over sockets by every fetcher."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import trio
from crawl_support import asked, virtual
from http_cases import FETCHERS, MakeFetcher, names_by

from trio_crawl import Failure, Page, Request, crawl, open_crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from trio_crawl._model import Hop

PATIENCE = 60  # seconds: a test that hangs fails, on however busy a machine
ORIGIN = "https://a.test"
START = f"{ORIGIN}/dir/start"


@pytest.fixture(params=FETCHERS)
def make(request: pytest.FixtureRequest) -> MakeFetcher:
    """Return what makes a fetcher: each of those there are."""
    return FETCHERS[request.param]


async def outcome_of(request: Request, fetch: object, **options: Any) -> Page | Failure:  # noqa: ANN401
    """Return what *request* comes to in a crawl of its own."""
    keywords = {"robots": False, "delay": 0, "retries": 0, "max_depth": 0, "allow_private": True, **options}
    outcomes: list[Page | Failure] = []
    async with open_crawl(request, failures=True, fetch=fetch, **keywords) as pages:
        outcomes += [outcome async for outcome in pages]
    (outcome,) = outcomes
    return outcome


def arrived(outcome: Page | Failure) -> Page:
    """Return *outcome*, which is a page."""
    assert isinstance(outcome, Page), outcome
    return outcome


def failed(outcome: Page | Failure) -> str:
    """Return the message of *outcome*, a failure of redirects."""
    assert isinstance(outcome, Failure), outcome
    assert outcome.kind == "redirects"
    return outcome.message


# Where to


LOCATIONS = [
    ("/x", "https://a.test/x"),
    ("x", "https://a.test/dir/x"),
    ("./x", "https://a.test/dir/x"),
    ("../x", "https://a.test/x"),
    ("../../../x", "https://a.test/x"),
    ("?q", "https://a.test/dir/start?q"),
    ("//b.test/x", "https://b.test/x"),
    ("///b.test/x", "https://b.test/x"),
    ("\\\\b.test\\x", "https://b.test/x"),
    ("/\\b.test/x", "https://b.test/x"),
    ("https:x", "https://a.test/dir/x"),
    ("https:/x", "https://a.test/x"),
    ("http:b.test", "http://b.test/"),
    ("http:/b.test/x", "http://b.test/x"),
    ("HTTP://B.Test:80/x", "http://b.test/x"),
    ("https://b.test:443", "https://b.test/"),
    ("https://b.test:8443/x", "https://b.test:8443/x"),
    ("https://user:secret@b.test/x", "https://b.test/x"),
    ("/x#part", "https://a.test/x"),
    ("/x#a b#c", "https://a.test/x"),
    ("  /x  ", "https://a.test/x"),
    ("\t/x\t", "https://a.test/x"),
    ("/a b", "https://a.test/a%20b"),
    ("/a\tb", "https://a.test/ab"),
    ("/a%20b%2f", "https://a.test/a%20b%2f"),
    ("/?a b&<c>", "https://a.test/?a%20b&%3Cc%3E"),
    ("\\x\\y", "https://a.test/x/y"),
    ("/x;a=b,c", "https://a.test/x;a=b,c"),
    ("https://xn--bcher-kva.test/", "https://xn--bcher-kva.test/"),
    # A field's value is characters of Latin-1, which are bytes: here those of UTF-8, and one alone.
    ("https://b\xc3\xbccher.test/\xc3\xbc?\xc3\xbc", "https://xn--bcher-kva.test/%C3%BC?%C3%BC"),
    ("/\xfc", "https://a.test/%FC"),
    ("/%zz", "https://a.test/%zz"),
    ("/" + "x" * 5000, "https://a.test/" + "x" * 5000),
]


@pytest.mark.parametrize(("location", "target"), LOCATIONS)
@virtual
async def test_a_target_is_read_as_a_browser_reads_it(location: str, target: str) -> None:
    """Relative, protocol-relative, with spaces, backslashes, fragments and beyond ASCII: one URL each."""
    web = MemoryWeb()
    web.add(START, redirect=location)
    web.add(target, "there")
    page = arrived(await outcome_of(Request(START), web))
    assert (page.url, page.final_url, page.redirects) == (START, target, (START,))
    assert asked(web) == [START, target]


@virtual
async def test_fragments_are_not_sent_and_not_kept() -> None:
    """Inherited or the target's own, a fragment is no part of what is asked for, nor of a page's URLs."""
    web = MemoryWeb()
    web.add(START, redirect="/own#own")
    web.add(f"{ORIGIN}/own", redirect="/inherited")
    web.add(f"{ORIGIN}/inherited", "there")
    page = arrived(await outcome_of(Request(f"{START}#first"), web))
    assert (page.url, page.final_url) == (START, f"{ORIGIN}/inherited")
    assert page.redirects == (START, f"{ORIGIN}/own")
    assert asked(web) == [START, f"{ORIGIN}/own", f"{ORIGIN}/inherited"]


@pytest.mark.parametrize(
    "location",
    [
        "ftp://b.test/x", "mailto:x@b.test", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd",
        "about:blank", "gopher://b.test/", "ws://b.test/", "http://", "https://b test/", "http://b.test:99999/",
        "http://[::1/", "http://b.test:port/", "//", "http://%00/", "http://b\xff.test/",
    ],
)  # fmt: skip
@virtual
async def test_a_target_that_is_no_page_is_a_failure(location: str) -> None:
    """Neither another scheme nor a broken URL is followed, and the message quotes it."""
    web = MemoryWeb()
    web.add(START, _answering(location))
    message = failed(await outcome_of(Request(START), web))
    assert "which is no http(s) URL" in message
    assert asked(web) == [START]


def _answering(location: str, status: int = 302) -> Callable[[Hop], Reply]:
    return lambda _: Reply(status=status, headers=(("Location", location),), body=b"moved")


@pytest.mark.parametrize("status", [300, 304, 305, 306, 309, 310, 399, 200, 201, 404])
@virtual
async def test_only_five_statuses_redirect(status: int) -> None:
    """Any other is the page itself, though it have a Location."""
    web = MemoryWeb()
    web.add(START, _answering("/x", status))
    page = arrived(await outcome_of(Request(START), web))
    assert (page.status, page.final_url, page.redirects) == (status, START, ())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", [None, "", "  "])
@virtual
async def test_a_redirect_to_nowhere_is_the_page(status: int, location: str | None) -> None:
    """Without a Location, or with an empty one, there is nothing to follow, and no failure either."""
    web = MemoryWeb()
    headers = () if location is None else (("Location", location),)
    web.add(START, lambda _: Reply(status=status, headers=headers, body=b"moved"))
    page = arrived(await outcome_of(Request(START), web))
    assert (page.status, page.content) == (status, b"moved")


@virtual
async def test_of_several_locations_the_first_counts() -> None:
    """As most clients have it."""
    web = MemoryWeb()
    web.add(START, lambda _: Reply(status=302, headers=(("Location", "/first"), ("location", "/second"))))
    web.add(f"{ORIGIN}/first", "there")
    assert arrived(await outcome_of(Request(START), web)).final_url == f"{ORIGIN}/first"


# Methods and bodies


class Arrival(NamedTuple):
    """What the target of a redirect is asked."""

    method: str
    body: bytes | None
    content_type: str | None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"])
@virtual
async def test_methods_and_bodies(method: str, status: int) -> None:
    """301 and 302 make a GET of POST, 303 of all but HEAD; a body goes along if the method stays."""
    web = MemoryWeb()
    web.add(START, _answering("/x", status))
    web.add(f"{ORIGIN}/x", "there")
    body = b"{}" if method in {"POST", "PUT", "PATCH"} else None
    headers = (
        (("Content-Type", "application/json"), ("Content-Language", "en"), ("X-Mine", "1")) if body else ()
    )
    arrived(await outcome_of(Request(START, method=method, body=body, headers=headers), web))
    becomes_get = (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST")
    last = web.requests[-1]
    fields = {name.lower(): value for name, value in last.headers}
    kept = body is not None and not becomes_get
    assert last.method == ("GET" if becomes_get else method)
    assert last.body == (body if kept else None)
    assert ("content-type" in fields, "content-language" in fields) == (kept, kept)
    assert ("x-mine" in fields) == (body is not None)


# Ends


@virtual
async def test_a_chain_is_on_the_page() -> None:
    """Every URL on the way, in order, and the numbers of the report add up."""
    web = MemoryWeb()
    urls = [f"https://host{number}.test/" for number in range(6)]
    for url, following in pairwise(urls):
        web.add(url, redirect=following)
    web.add(urls[-1], "there")
    async with open_crawl(urls[0], fetch=web, robots=False, delay=0) as pages:
        (page,) = [page async for page in pages]
    assert (page.url, page.final_url, page.redirects) == (urls[0], urls[-1], tuple(urls[:-1]))
    assert (pages.report.redirects, pages.report.requests, pages.report.discovered) == (5, 6, 1)


@pytest.mark.parametrize("limit", [0, 1, 3])
@virtual
async def test_the_limit_of_a_chain(limit: int) -> None:
    """As many redirects as max_redirects are followed, and one more is a failure that names it."""
    web = MemoryWeb()
    web.otherwise(ORIGIN, lambda hop: Reply(status=302, headers=(("Location", hop.url + "x"),)))
    message = failed(await outcome_of(Request(f"{ORIGIN}/"), web, max_redirects=limit))
    assert f"max_redirects={limit}" in message
    assert len(asked(web)) == limit + 1


@pytest.mark.parametrize("length", [1, 2, 3])
@virtual
async def test_a_loop_is_found_when_it_closes(length: int) -> None:
    """Not at the limit: each URL of it is asked for once, one alone twice; the message says so."""
    web = MemoryWeb()
    for number in range(length):
        web.add(f"{ORIGIN}/{number}", redirect=f"/{(number + 1) % length}#{number}")
    message = failed(await outcome_of(Request(f"{ORIGIN}/0"), web))
    assert "loop" in message
    assert f"{ORIGIN}/0" in message
    assert len(asked(web)) == max(length, 2)


@virtual
async def test_a_page_that_redirects_to_itself_once() -> None:
    """A server that wakes up says so by a redirect to the same URL, and then gives the page."""
    for body in (None, b"x"):
        web = MemoryWeb()
        answers = iter([Reply(status=307, headers=(("Location", "#top"),)), Reply(body=b"<title>awake")])
        web.otherwise(ORIGIN, lambda _hop, answers=answers: next(answers))  # type: ignore[misc]
        method = "GET" if body is None else "POST"
        page = await outcome_of(Request(f"{ORIGIN}/", method=method, body=body), web)
        assert isinstance(page, Page)
        assert (page.title, page.redirects) == ("awake", (f"{ORIGIN}/",))
        assert [each.body for each in web.requests] == [body, body]


@pytest.mark.parametrize("cookies", [0, 1, 2, 3])
@virtual
async def test_a_redirect_to_itself_with_new_cookies_is_another_request(cookies: int) -> None:
    """Each cookie that comes makes it another; with the same ones, it is a loop when it is answered twice."""
    web = MemoryWeb()

    def answer(_hop: Hop) -> Reply:
        number = len(web.requests)
        cookie = [("Set-Cookie", f"visit={number}")] if number <= cookies else []
        return Reply(status=302, headers=(("Location", "/"), *cookie))

    web.otherwise(ORIGIN, answer)
    assert "loop" in failed(await outcome_of(Request(f"{ORIGIN}/"), web))
    # The last cookie comes with an answer of its own; then the same request is made twice.
    assert len(asked(web)) == cookies + 2


@virtual
async def test_a_form_that_leads_to_itself_may_do_so_once_more() -> None:
    """The GET that a POST leads to is another request than the POST."""
    web = MemoryWeb()
    answers = iter(
        [
            Reply(status=303, headers=(("Location", "/"),)),
            Reply(status=302, headers=(("Location", "/"),)),
            Reply(body=b"<title>done"),
        ]
    )
    web.otherwise(ORIGIN, lambda _hop: next(answers))
    page = await outcome_of(Request(f"{ORIGIN}/", method="POST", body=b"x"), web)
    assert isinstance(page, Page)
    assert [each.method for each in web.requests] == ["POST", "GET", "GET"]


@virtual
async def test_a_robots_that_redirects_to_itself_once() -> None:
    """The same holds for a robots.txt."""
    web = MemoryWeb()
    answers = iter([Reply(status=302, headers=(("Location", "/robots.txt"),)), Reply(body=b"User-agent: *")])
    web.otherwise(ORIGIN, lambda hop: next(answers) if hop.url.endswith("robots.txt") else Reply())
    report = await crawl(f"{ORIGIN}/", fetch=web)
    assert (report.pages, report.robots) == (1, 1)
    [host] = report.hosts
    assert [each.decision for each in host.robots] == ["rules"]


@virtual
async def test_a_loop_behind_the_first_hops() -> None:
    """It need not come back to where it began."""
    web = MemoryWeb()
    for path, following in (("/0", "/1"), ("/1", "/2"), ("/2", "/1")):
        web.add(ORIGIN + path, redirect=following)
    assert "loop" in failed(await outcome_of(Request(f"{ORIGIN}/0"), web))
    assert asked(web) == [f"{ORIGIN}/{number}" for number in range(3)]


# What is secret

SECRETS = (
    ("Authorization", "Bearer secret"),
    ("Cookie", "session=secret"),
    ("Proxy-Authorization", "Basic c2U="),
)


async def sent_along(*urls: str) -> list[bool]:
    """Return of each hop of a chain over *urls* whether the request's secrets went along; all or none do."""
    web = MemoryWeb()
    for url, following in pairwise(urls):
        web.add(url, redirect=following)
    web.add(urls[-1], "there")
    arrived(await outcome_of(Request(urls[0], headers=(*SECRETS, ("X-Mine", "1"))), web))
    hops = []
    for exchange in web.requests:
        names = {name for name, _ in exchange.headers}
        assert "X-Mine" in names
        given = [name in names for name, _ in SECRETS]
        assert len(set(given)) == 1, exchange
        hops.append(given[0])
    return hops


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        (["https://a.test/1", "https://a.test/2", "https://a.test/3"], [True, True, True]),
        (["https://a.test/1", "https://b.test/2"], [True, False]),
        (["https://a.test/1", "https://www.a.test/2"], [True, False]),
        (["https://www.a.test/1", "https://a.test/2"], [True, False]),
        (["https://a.test/1", "https://a.test:8443/2"], [True, False]),
        (["https://a.test/1", "https://a.test:443/2"], [True, True]),
        (["https://a.test/1", "http://a.test/2"], [True, False]),
        (["http://a.test/1", "https://a.test/2"], [True, False]),
        # Who was asked in between may have chosen where in the origin it comes back to.
        (["https://a.test/1", "https://b.test/2", "https://a.test/3"], [True, False, False]),
        (["https://a.test/1", "http://a.test/2", "http://a.test/3"], [True, False, False]),
        (["https://a.test/1", "http://a.test/2", "https://a.test/3"], [True, False, False]),
        (["http://a.test/1", "https://a.test/2", "http://a.test/3"], [True, False, False]),
    ],
)
@virtual
async def test_secrets_stay_with_their_origin(urls: list[str], expected: list[bool]) -> None:
    """None crosses to another origin, and none is sent in the clear after https, wherever the chain leads."""
    assert await sent_along(*urls) == expected


# Over sockets


class Server(NamedTuple):
    """A server that answers what it was told to, and the heads that it was sent."""

    port: int
    heads: list[bytes]

    def url(self, path: str, host: str = "a.test") -> str:
        """Return a URL of it."""
        return f"http://{host}:{self.port}{path}"


@asynccontextmanager
async def answering(answers: dict[str, bytes]) -> AsyncIterator[Server]:
    """Yield a server of *answers*, by path, to which every name resolves."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    heads: list[bytes] = []

    async def handle(stream: trio.SocketStream) -> None:
        buffered = b""
        async with stream:
            try:
                async for chunk in stream:
                    buffered += chunk
                    while b"\r\n\r\n" in buffered:
                        head, _, buffered = buffered.partition(b"\r\n\r\n")
                        length = head.partition(b"\r\nContent-Length: ")[2].partition(b"\r\n")[0]
                        while len(buffered) < int(length or 0):
                            buffered += await stream.receive_some()
                        head, buffered = (
                            head + b"\r\n\r\n" + buffered[: int(length or 0)],
                            buffered[int(length or 0) :],
                        )
                        heads.append(head)
                        await stream.send_all(answers.get(head.split(b" ")[1].decode(), PAGE))
            except trio.BrokenResourceError:
                pass  # the client has hung up

    with trio.fail_after(PATIENCE), names_by(lambda _: ["127.0.0.1"]):
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(trio.serve_listeners, handle, [listener]))
            yield Server(listener.socket.getsockname()[1], heads)
            nursery.cancel_scope.cancel()


PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere"


def to(location: bytes, status: int = 302) -> bytes:
    """Return a response that redirects, with a body of its own."""
    return b"HTTP/1.1 %d X\r\nLocation:%b\r\nContent-Length: 5\r\n\r\nmoved" % (status, location)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (b" /x", "/x"),
        (b"/x", "/x"),
        (b"   /x   ", "/x"),
        (b" \t/x", "/x"),
        (b" /gr\xc3\xbcn?q=\xc3\xbc", "/gr%C3%BCn?q=%C3%BC"),
        (b" /gr\xfcn?q=\xfc", "/gr%FCn?q=%FC"),
        (b" /\xe5\xad\x97\xff", "/%E5%AD%97%FF"),
        (b" /a b|c", "/a%20b|c"),
        (b" \\x\\y", "/x/y"),
        (b" x#\xc3\xbc", "/x"),
        (b" /x\r\n", "/x"),
        (b' /"x"<y>', "/%22x%22%3Cy%3E"),
        (b" /" + b"x" * 6000, "/" + "x" * 6000),
    ],
)
async def test_the_bytes_of_a_location(make: MakeFetcher, location: bytes, path: str) -> None:
    """They come to the target that a browser asks for, and that very target goes over the wire."""
    answer = to(location.rstrip(b"\r\n"))
    async with answering({"/": answer}) as server:
        page = arrived(await outcome_of(Request(server.url("/")), make()))
    assert page.final_url == server.url(path)
    assert [head.split(b" ")[1].decode() for head in server.heads] == ["/", path]


async def test_a_host_beyond_ascii(make: MakeFetcher) -> None:
    """In UTF-8 it is a host; in Latin-1 it can't be told what is meant."""
    answers = {"/ok": b"", "/bad": b""}
    async with answering(answers) as server:
        answers["/ok"] = to(b" http://b\xc3\xbccher.test:%d/x" % server.port)
        answers["/bad"] = to(b" http://b\xfccher.test:%d/x" % server.port)
        page = arrived(await outcome_of(Request(server.url("/ok")), make()))
        message = failed(await outcome_of(Request(server.url("/bad")), make()))
    assert page.final_url == server.url("/x", "xn--bcher-kva.test")
    assert "no http(s) URL" in message


@pytest.mark.parametrize("status", [301, 303, 307])
async def test_a_form_over_the_wire(make: MakeFetcher, status: int) -> None:
    """Its body arrives again with 307, and with nothing that would describe it otherwise."""
    async with answering({"/": to(b" /x", status)}) as server:
        request = Request(
            server.url("/"), method="POST", body=b"a=b", headers=(("Content-Type", "application/x-form"),)
        )
        arrived(await outcome_of(request, make()))
    first, second = server.heads
    assert first.startswith(b"POST / ")
    assert first.endswith(b"\r\n\r\na=b")
    assert second.startswith(b"POST /x " if status == 307 else b"GET /x ")
    assert second.endswith(b"\r\n\r\na=b") == (status == 307)
    assert (b"Content-Type" in second) == (b"Content-Length" in second) == (status == 307)


async def test_secrets_over_the_wire(make: MakeFetcher) -> None:
    """They are in the first request, in none to another origin, and a Location makes no new ones."""
    answers = {"/": b""}
    async with answering(answers) as server:
        answers["/"] = to(b" http://user:password@b.test:%d/x" % server.port)
        page = arrived(await outcome_of(Request(server.url("/"), headers=SECRETS), make()))
    first, second = server.heads
    for name, value in SECRETS:
        assert f"{name}: {value}".encode() in first
        assert name.encode() not in second
    assert b"password" not in second
    assert page.final_url == server.url("/x", "b.test")


async def test_a_loop_and_a_chain_over_the_wire(make: MakeFetcher) -> None:
    """The connection is kept from hop to hop, and both ends are found."""
    answers = {f"/{number}": to(b" /%d" % (number + 1)) for number in range(20)}
    async with answering({**answers, "/a": to(b" /b", 308), "/b": to(b" /a", 308)}) as server:
        assert "loop" in failed(await outcome_of(Request(server.url("/a")), make()))
        assert "max_redirects=10" in failed(await outcome_of(Request(server.url("/0")), make()))
        assert arrived(await outcome_of(Request(server.url("/15")), make())).content == b"there"
    assert len(server.heads) == 2 + 11 + 6
