"""Clients and transports of the user's: those of httpx2 as those of httpx, and what can't be one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
import trio

from trio_crawl._errors import FetchError, UsageError
from trio_crawl._fetch.borrowed import Borrowed
from trio_crawl._model import Hop
from trio_crawl.testing import MemoryWeb, serving

if TYPE_CHECKING:
    from collections.abc import Callable

LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
EITHER = pytest.mark.parametrize("make", ["AsyncClient", "AsyncHTTPTransport"])


async def failing(client: Any, hop: Hop) -> FetchError:  # noqa: ANN401
    """Return the failure that *hop* comes to."""
    with pytest.raises(FetchError) as caught:
        await Borrowed(client).exchange(hop)
    return caught.value


@LIBRARIES
@EITHER
async def test_a_client_with_sockets_fetches(library: Any, make: str) -> None:  # noqa: ANN401
    """Of either library, alone or as a transport; its connection is kept."""
    web = MemoryWeb()
    web.add("http://site.test/", "hello")
    async with serving(web, origin="http://site.test") as url, getattr(library, make)() as client:
        borrowed = Borrowed(client)
        assert not borrowed.in_process
        for _ in range(2):
            response = await borrowed.exchange(Hop(url=f"{url}/", addresses=("127.0.0.1",)))
            assert (response.status, response.body) == (200, b"hello")
            assert (response.http_version, response.address) == ("1.1", "127.0.0.1")


@LIBRARIES
async def test_the_version_is_looked_at(library: Any) -> None:  # noqa: ANN401
    """HTTP/0.9 has no status line; what else is unknown was read as HTTP/1.1."""

    def answering(version: bytes) -> Any:  # noqa: ANN401
        return library.MockTransport(lambda _: library.Response(200, extensions={"http_version": version}))

    hop = Hop(url="http://site.test/")
    assert "HTTP/0.9" in (await failing(answering(b"HTTP/0.9"), hop)).message
    assert (await Borrowed(answering(b"HTTP/2.0")).exchange(hop)).http_version == "1.1"
    assert (await Borrowed(answering(b"HTTP/2")).exchange(hop)).http_version == "2"


@LIBRARIES
@pytest.mark.parametrize(
    "wrap", [lambda _, mock: mock, lambda library, mock: library.AsyncClient(transport=mock)]
)
async def test_a_request_is_sent_as_it_is_given(
    library: Any,  # noqa: ANN401
    wrap: Callable[[Any, Any], Any],
) -> None:
    """With its method, its fields in Latin-1, its body, and nothing of the client's own."""
    asked: list[Any] = []

    def handler(request: Any) -> Any:  # noqa: ANN401
        asked.append(request)
        return library.Response(999, headers=[("X-A", "1"), ("x-a", "2")], content=b"body")

    borrowed = Borrowed(wrap(library, library.MockTransport(handler)))
    assert borrowed.in_process
    hop = Hop(url="https://u:p@site.test/a|b?c=%7e", method="POST", headers=(("X-B", "é"),), body=b"q")
    response = await borrowed.exchange(hop)
    assert (response.status, response.body, response.url) == (999, b"body", hop.url)
    assert response.headers.get_all("x-a") == ["1", "2"]
    (request,) = asked
    assert (request.method, request.content) == ("POST", b"q")
    fields = [(name.lower(), value) for name, value in request.headers.raw]
    assert sorted(fields) == [(b"content-length", b"1"), (b"host", b"site.test"), (b"x-b", b"\xe9")]


@LIBRARIES
async def test_exceptions_of_either_library_are_failures(library: Any) -> None:  # noqa: ANN401
    """By their kind, with the URL before what they say."""
    raised: list[Exception] = []

    def handler(_: object) -> None:
        raise raised[-1]

    borrowed = Borrowed(library.MockTransport(handler))
    for name, kind in (
        ("ConnectError", "connect"),
        ("ProxyError", "connect"),
        ("PoolTimeout", "timeout"),
        ("ReadError", "protocol"),
        ("RemoteProtocolError", "protocol"),
        ("InvalidURL", "protocol"),
    ):
        raised.append(getattr(library, name)("what it says"))
        with pytest.raises(FetchError, match="^[a-z]+: http://site.test/: what it says$") as caught:
            await borrowed.exchange(Hop(url="http://site.test/"))
        assert caught.value.kind == kind


@LIBRARIES
async def test_a_length_of_any_length_is_read(library: Any) -> None:  # noqa: ANN401
    """Thousands of digits are too large, and no exception of Python's; with zeros before, they may not be."""
    lengths = {"/huge": "9" * 5000, "/padded": "0" * 5000 + "2"}
    mock = library.MockTransport(
        lambda request: library.Response(
            200, headers={"Content-Length": lengths[request.url.path]}, content=b"ok"
        )
    )
    assert (await failing(mock, Hop(url="http://site.test/huge"))).kind == "too_large"
    assert (await Borrowed(mock).exchange(Hop(url="http://site.test/padded"))).body == b"ok"


@LIBRARIES
async def test_a_field_that_can_not_be_sent_is_a_failure(library: Any) -> None:  # noqa: ANN401
    """There is no byte for it."""
    mock = library.MockTransport(lambda _: library.Response(200))
    failure = await failing(mock, Hop(url="http://site.test/", headers=(("X", "€"),)))
    assert failure.kind == "protocol"
    assert failure.message.startswith("http://site.test/: the request can't be sent")


@LIBRARIES
async def test_a_client_that_is_closed_is_an_error(library: Any) -> None:  # noqa: ANN401
    """It is known before the first request, and told what to do."""
    client = library.AsyncClient()
    borrowed = Borrowed(client)
    borrowed.check_open()
    await client.aclose()
    with pytest.raises(UsageError, match="is closed; crawl inside its `async with` block"):
        borrowed.check_open()
    with pytest.raises(UsageError, match="is closed"):
        Borrowed(client)


@LIBRARIES
def test_synchronous_ones_are_named(library: Any) -> None:  # noqa: ANN401
    """They would block everything else."""
    for client in (library.Client(), library.HTTPTransport()):
        with pytest.raises(UsageError, match="a synchronous one: it would block every other task"):
            Borrowed(client)
        client.close()


class _Session:
    """A client of a library that runs on asyncio only."""

    __module__ = "aiohttp.client"


class _Transport(httpx.AsyncBaseTransport):
    """A transport for httpx that does."""

    __module__ = "httpx_aiohttp.transport"


@pytest.mark.parametrize(
    ("client", "package"),
    [
        (_Session(), "aiohttp"),
        (_Transport(), "httpx_aiohttp"),
        (httpx.AsyncClient(transport=_Transport()), "httpx_aiohttp"),
        (httpx.AsyncClient(mounts={"https://": _Transport()}), "httpx_aiohttp"),
    ],
)
def test_those_of_asyncio_are_named(client: Any, package: str) -> None:  # noqa: ANN401
    """Itself, or the transport of a client."""
    with pytest.raises(UsageError, match=f"is of {package}, which runs on asyncio only"):
        Borrowed(client)


async def test_one_that_turns_out_to_run_on_asyncio_is_named() -> None:
    """A transport of one's own says so only when it is asked for something."""

    class Own(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002
            import asyncio  # noqa: PLC0415

            await asyncio.sleep(1)
            return httpx.Response(200)

    with pytest.raises(UsageError, match="runs on asyncio only, and a crawl on trio"):
        await Borrowed(Own()).exchange(Hop(url="http://site.test/"))


async def test_another_mistake_of_a_transport_comes_out_as_itself() -> None:
    """It is the user's."""

    def handler(_: httpx.Request) -> httpx.Response:
        raise RuntimeError("a mistake")

    with pytest.raises(RuntimeError, match="a mistake"):
        await Borrowed(httpx.MockTransport(handler)).exchange(Hop(url="http://site.test/"))


@LIBRARIES
async def test_cancelled_it_closes_the_response(library: Any) -> None:  # noqa: ANN401
    """And the client can be used again."""
    started = trio.Event()

    class Silent(library.AsyncByteStream):  # type: ignore[misc]
        closed = False

        async def __aiter__(self) -> Any:  # noqa: ANN401
            yield b"x"
            started.set()
            await trio.sleep_forever()

        async def aclose(self) -> None:
            self.closed = True

    stream = Silent()
    answers = {"/silent": lambda: library.Response(200, stream=stream), "/": lambda: library.Response(204)}
    mock = library.MockTransport(lambda request: answers[request.url.path]())
    borrowed = Borrowed(library.AsyncClient(transport=mock))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(borrowed.exchange, Hop(url="http://site.test/silent"))
        await started.wait()
        nursery.cancel_scope.cancel()
    assert stream.closed
    assert (await borrowed.exchange(Hop(url="http://site.test/"))).status == 204
