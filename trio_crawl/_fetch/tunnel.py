"""A tunnel through an HTTP proxy: CONNECT (RFC 9110, section 9.3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import h11

from .._errors import FetchError
from .response import in_words

if TYPE_CHECKING:
    from .proxy import Proxy
    from .wire import Wire

_MAX_HEAD: Final = 64 * 1024  # bytes
_MAX_INTERIM: Final = 100  # responses before the final one
_SHOWN: Final = 100  # characters of a reason
_WANTS_CREDENTIALS: Final = frozenset({407, 401})  # tinyproxy says 401 to wrong ones
_SUCCESS: Final = range(200, 300)


async def bore(wire: Wire, proxy: Proxy, authority: str) -> None:
    """Ask *proxy* for a tunnel to *authority*; from then on *wire* leads there.

    Args:
        wire: a fresh connection to the proxy.
        proxy: says who to be.
        authority: ``HOST:PORT``, an IPv6 address in brackets.

    Raises:
        FetchError: of kind ``connect``, it refuses, or speaks no HTTP.
        trio.BrokenResourceError: the connection broke.
    """
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
    fields = [("Host", authority)]
    if proxy.basic is not None:
        fields.append(("Proxy-Authorization", proxy.basic))
    head = http.send(h11.Request(method="CONNECT", target=authority, headers=fields))
    http.send(h11.EndOfMessage())
    await wire.send(head or b"")
    try:
        answer = await _answer(http, wire, proxy)
    except h11.RemoteProtocolError as error:
        raise FetchError("connect", f"proxy {proxy.authority}: {in_words(error)}") from error
    if answer.status_code in _WANTS_CREDENTIALS:
        raise unauthorized(proxy, answer.status_code)
    if answer.status_code not in _SUCCESS:
        reason = answer.reason[:_SHOWN].decode("latin-1")
        raise FetchError(
            "connect",
            f"proxy {proxy.authority}: it answered {answer.status_code} {reason} to CONNECT {authority}",
        )
    # In a tunnel the client speaks first. What is here already can be no answer to it.
    if http.trailing_data[0]:
        raise FetchError("connect", f"proxy {proxy.authority}: it sent more than its answer to CONNECT")


def unauthorized(proxy: Proxy, status: int) -> FetchError:
    """Return the error for a proxy whose answer, *status*, says that it wants credentials, or others."""
    wanted = (
        "credentials (USER:PASSWORD@)" if proxy.username is None else "other credentials than those given"
    )
    return FetchError("connect", f"proxy {proxy.authority}: it wants {wanted}: it answered {status}")


async def _answer(http: h11.Connection, wire: Wire, proxy: Proxy) -> h11.Response:
    """Return the final response."""
    interim = 0
    while interim <= _MAX_INTERIM:
        event = http.next_event()
        if isinstance(event, h11.Response):
            return event
        if event is h11.NEED_DATA:
            data = await wire.receive()
            if not data:
                raise FetchError(
                    "connect", f"proxy {proxy.authority}: it closed the connection without an answer"
                )
            http.receive_data(data)
        else:
            interim += 1
    raise FetchError("connect", f"proxy {proxy.authority}: more than {_MAX_INTERIM} interim responses")
