"""A client or transport of the user's, of httpx or httpx2, and one hop through it."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeAlias, cast, final

import httpx
import trio

from .._callbacks import call_async
from .._errors import FetchError, UsageError
from .._urls import split
from .response import check_head, failure, gather, make_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterable
    from types import ModuleType

    from .._model import Hop, Response

Client: TypeAlias = httpx.AsyncClient | httpx.AsyncBaseTransport
"""What a user may bring. The classes of these names in httpx2 do as well."""

_LIBRARIES: Final = frozenset({"httpx", "httpx2"})
_IN_PROCESS: Final = frozenset({"MockTransport", "ASGITransport"})
_SYNCHRONOUS: Final = frozenset({"Client", "BaseTransport"})
# Packages whose clients, and transports for httpx, run on asyncio alone.
_ON_ASYNCIO: Final = frozenset({"aiohttp", "aiosonic", "httpx_aiohttp", "tornado"})
_NO_LOOP: Final = "no running event loop"  # what asyncio says where it doesn't run
_NO_TIMEOUT: Final = {"connect": None, "read": None, "write": None, "pool": None}
_CLOSING: Final = 1.0  # seconds that closing a response of the user's client may take


@final
class Borrowed:
    """A client or transport of the user's, and the library that it is of.

    Args:
        client: the one or the other; it stays the user's to close.

    Raises:
        UsageError: it is neither, or it can't be used: it is closed, synchronous,
            or runs on asyncio only.
    """

    def __init__(self, client: Client) -> None:
        self._library = _library_of(client)
        self._client = client
        transports = _transports_of(client)
        for transport in transports:
            _forbid_asyncio(transport)
        self.in_process = all(type(transport).__name__ in _IN_PROCESS for transport in transports)
        """Whether nothing is connected to: each of its transports calls an application or a function."""
        self.check_open()

    def __repr__(self) -> str:
        return repr(self._client)

    def check_open(self) -> None:
        """Look whether requests can be made through it.

        Raises:
            UsageError: the client is closed.
        """
        if getattr(self._client, "is_closed", False):
            raise UsageError(f"{self._client!r} is closed; crawl inside its `async with` block")

    async def exchange(self, hop: Hop) -> Response:
        """Make *hop* through the client.

        Raises:
            FetchError: there is no response.
            UsageError: a transport turns out to run on asyncio only.
        """
        started = trio.current_time()
        library = self._library
        try:
            answer = await self._send(self._request(hop))
            try:
                address = _peer(answer)
                check_head(answer.status_code, answer.headers.raw, hop, http_version=answer.http_version)
                # Not `aiter_raw`: a response made from bytes, as a mock's, counts as read already.
                body = await call_async(gather, cast("AsyncIterable[bytes]", answer.stream), hop)
            finally:
                with trio.move_on_after(_CLOSING, shield=True):
                    await answer.aclose()
        except (library.HTTPError, library.InvalidURL) as error:
            raise failure(error, hop.url) from error
        except RuntimeError as error:
            if str(error) != _NO_LOOP:
                raise
            raise UsageError(f"{self._client!r} runs on asyncio only, and a crawl on trio") from error
        return make_response(
            hop,
            status=answer.status_code,
            headers=answer.headers.raw,
            body=body,
            http_version=answer.http_version,
            address=address,
            started=started,
        )

    def _request(self, hop: Hop) -> httpx.Request:
        try:
            # httpx would take text to be ASCII.
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in hop.headers]
        except UnicodeEncodeError as error:
            raise FetchError("protocol", f"{hop.url}: the request can't be sent: {error}") from error
        request: httpx.Request = self._library.Request(
            hop.method,
            # Without a user name and password, which httpx would make authentication of.
            f"{split(hop.url).origin}/{hop.url.split('/', 3)[3]}",
            headers=headers,
            content=hop.body,
            extensions={"timeout": dict(_NO_TIMEOUT)},
        )
        return request

    async def _send(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self._client, self._library.AsyncClient):
            client = cast("httpx.AsyncClient", self._client)
            sending = partial(client.send, stream=True, auth=None, follow_redirects=False)
            answer: httpx.Response = await call_async(sending, request)
            return answer
        transport = cast("httpx.AsyncBaseTransport", self._client)
        return await call_async(transport.handle_async_request, request)


def _library_of(client: object) -> ModuleType:
    """Return the module, httpx or httpx2, that *client* is of.

    Raises:
        UsageError: it is of neither, or not asynchronous.
    """
    _forbid_asyncio(client)
    bases = [cls for cls in type(client).__mro__ if _package(cls) in _LIBRARIES]
    library = import_module(_package(bases[0])) if bases else None
    if library is None or not isinstance(client, (library.AsyncClient, library.AsyncBaseTransport)):
        blocking = any(cls.__name__ in _SYNCHRONOUS for cls in bases)
        why = ", a synchronous one: it would block every other task of the crawl" if blocking else ""
        raise UsageError(
            f"Httpx takes an AsyncClient or an asynchronous transport of httpx or httpx2; got {client!r}{why}"
        )
    return library


def _forbid_asyncio(client: object) -> None:
    package = next((name for cls in type(client).__mro__ if (name := _package(cls)) in _ON_ASYNCIO), None)
    if package is not None:
        raise UsageError(f"{client!r} is of {package}, which runs on asyncio only, and a crawl on trio")


def _package(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def _transports_of(client: Client) -> list[object]:
    """Return the transports that *client* may use, itself if it is one."""
    # A client has no public way to ask for them. Under another name they would not be found, and
    # the client be taken for one that opens connections: the safe side.
    held = vars(client)
    mounts: dict[object, object | None] = held.get("_mounts", {})
    main = held.get("_transport", client)
    return [main, *(transport for transport in mounts.values() if transport is not None)]


def _peer(answer: httpx.Response) -> str:
    """Return the address that *answer* comes from; empty if it can't be told."""
    stream = answer.extensions.get("network_stream")
    try:
        peer = stream.get_extra_info("server_addr") if stream is not None else None
    except OSError:  # the peer is gone already
        return ""
    return str(peer[0]) if peer else ""
