"""SOCKS5, the client's side: RFC 1928, and user and password by RFC 1929.

A proxy may send each of its three answers in pieces, and what follows the last
one is the target's already. So each is read to its own length, and not a byte on.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from .._errors import FetchError

if TYPE_CHECKING:
    from .proxy import Proxy
    from .wire import Wire

_VERSION: Final = 5
_NO_CREDENTIALS: Final = 0x00
_PASSWORD: Final = 0x02
_NONE_ACCEPTABLE: Final = 0xFF
_CONNECT: Final = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_BOUND: Final = {_IPV4: 4, _IPV6: 16}
_MAX_NAME: Final = 255  # bytes

_REPLIES: Final = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "no answer in time",
    7: "it knows no command CONNECT",
    8: "it knows no addresses of this type",
}


async def ask(wire: Wire, proxy: Proxy, host: str, port: int) -> str | None:
    """Ask *proxy* for a connection to *host*; from then on *wire* leads there.

    Args:
        wire: a fresh connection to the proxy.
        proxy: says who to be.
        host: a name or an IP address, without brackets.
        port: the TCP port.

    Returns:
        Why the proxy can't connect there; None if it has.

    Raises:
        FetchError: of kind ``connect``, it doesn't want us, or speaks no SOCKS5.
        trio.BrokenResourceError: the connection broke.
    """
    target = _target(proxy, host)
    methods = bytes([_NO_CREDENTIALS] if proxy.username is None else [_NO_CREDENTIALS, _PASSWORD])
    await wire.send(bytes([_VERSION, len(methods)]) + methods)
    version, method = await _read(wire, proxy, 2)
    if version != _VERSION or (method not in methods and method != _NONE_ACCEPTABLE):
        raise _misspoken(proxy)
    if method == _NONE_ACCEPTABLE:
        wanted = "credentials (USER:PASSWORD@)" if proxy.username is None else "another way to authenticate"
        raise FetchError("connect", f"proxy {proxy.authority}: it wants {wanted}")
    if method == _PASSWORD:
        await _authenticate(wire, proxy)
    await wire.send(bytes([_VERSION, _CONNECT, 0]) + target + port.to_bytes(2))
    version, code, _, kind = await _read(wire, proxy, 4)
    if version != _VERSION:
        raise _misspoken(proxy)
    if code:
        return _REPLIES.get(code, f"reply {code}")
    length = (await _read(wire, proxy, 1))[0] if kind == _NAME else _BOUND.get(kind)
    if length is None:
        raise _misspoken(proxy)
    await _read(wire, proxy, length + 2)  # the address and port that it connects from
    return None


async def _authenticate(wire: Wire, proxy: Proxy) -> None:
    username, password = (proxy.username or "").encode(), (proxy.password or "").encode()
    await wire.send(bytes([1, len(username)]) + username + bytes([len(password)]) + password)
    _, status = await _read(wire, proxy, 2)
    if status:
        raise FetchError("connect", f"proxy {proxy.authority}: it refuses the user and password given")


def _target(proxy: Proxy, host: str) -> bytes:
    """Return *host* with its type, as a request has it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("ascii")
        if len(name) > _MAX_NAME:
            raise FetchError(
                "connect", f"proxy {proxy.authority}: SOCKS5 can't take a name of {len(name)} bytes"
            ) from None
        return bytes([_NAME, len(name)]) + name
    return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed  # noqa: PLR2004


async def _read(wire: Wire, proxy: Proxy, count: int) -> bytes:
    """Return the next *count* bytes."""
    data = b""
    while len(data) < count:
        more = await wire.receive(count - len(data))
        if not more:
            raise FetchError(
                "connect", f"proxy {proxy.authority}: it closed the connection without an answer"
            )
        data += more
    return data


def _misspoken(proxy: Proxy) -> FetchError:
    return FetchError("connect", f"proxy {proxy.authority}: what it answers is not SOCKS5")
