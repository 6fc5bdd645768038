"""URLs as archives sort them: the "sort-friendly URI reordering transform", a key of an index."""

from __future__ import annotations

import re
import socket
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

_SCHEME: Final = re.compile(rb"([a-zA-Z][a-zA-Z0-9+.-]*):")
_SCHEMES: Final = re.compile(rb"(https?://)+")
# RFC 3986, appendix B: scheme, authority, path, query.
_PARTS: Final = re.compile(
    rb"(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?", re.DOTALL
)
_WWW: Final = re.compile(rb"www[0-9]*\.")
_NUMBERS: Final = re.compile(rb"(?:[1-9][0-9]*|0[0-7]*)(?:\.[0-9]+){0,3}")
_DEFAULT_PORTS: Final = {b"http": 80, b"https": 443}
_UNESCAPED: Final = "!\"$&'()*+,-./:;<=>?@[\\]^_`{|}~"
_SESSIONS_OF_PATHS: Final = (
    re.compile(rb"(.*/)(?:\((?:[a-z]\([0-9a-z]{24}\))+\)/)([^?]+\.aspx.*)", re.IGNORECASE),
    re.compile(rb"(.*/)(?:\([0-9a-z]{24}\)/)([^?]+\.aspx.*)", re.IGNORECASE),
)
_SESSIONS_OF_QUERIES: Final = tuple(
    re.compile(rb"(.*)(?:" + name + rb")(?:&(.*))?", re.IGNORECASE)
    for name in (
        rb"jsessionid=[0-9a-zA-Z]{32}",
        rb"phpsessid=[0-9a-zA-Z]{32}",
        rb"sid=[0-9a-zA-Z]{32}",
        rb"ASPSESSIONID[a-zA-Z]{8}=[a-zA-Z]{24}",
        rb"cfid=[^&]+&cftoken=[^&]+",
    )
)
_LONGEST: Final = 64 * 1024


def surt(url: str) -> str:
    """Return the key of *url*: ``com,example)/path?query`` for ``https://www.example.com/Path/?query``.

    It is the key that the package ``surt`` makes, by which replay tools look a URL up, so it keeps to
    that also where a browser would read the URL otherwise: the numbers of an IPv4 address are in
    reverse order, and an IPv6 address has no brackets. No name is looked up.
    A URL that has no key is its own.
    """
    data = re.sub(rb"[\n\r\t]", b"", url.encode("utf-8", "replace").strip())[:_LONGEST]
    if not _SCHEME.match(data):
        data = b"http://" + data
    data = _SCHEMES.sub(lambda found: found[1], data, count=1) if _SCHEMES.match(data) else data
    try:
        key = _key(data)
    except ValueError:
        key = data
    # No part of a line may end before its time.
    return re.sub(rb"\s", lambda found: b"%%%02x" % found[0][0], key).decode("utf-8", "replace")


def _key(data: bytes) -> bytes:
    """Return the key of *data*.

    Raises:
        ValueError: its port is no number.
    """
    found = _PARTS.match(data)
    assert found is not None  # noqa: S101 - each part may be missing
    scheme, authority, path, query = (found[1] or b"").lower(), found[2] or b"", found[3], found[4] or b""
    host, port = _divided(authority.rstrip(b":"))
    if scheme.startswith(b"http") and not host:
        host, _, path = path.lstrip(b"/").partition(b"/")
        path = b"/" + path
    told = scheme + b":"
    host = _host(host)
    if host:
        told = b",".join(reversed(host.removeprefix(_www(host)).split(b".")))
        told += b":%d" % port if port and port != _DEFAULT_PORTS.get(scheme) else b""
        told += b")"
    return told + _path(path, divided=bool(host)) + _query(query)


def _divided(authority: bytes) -> tuple[bytes, int | None]:
    name = authority.rpartition(b"@")[2]
    if b"[" in name:
        host, _, port = name.partition(b"[")[2].partition(b"]")
        port = port.partition(b":")[2]
    else:
        host, _, port = name.partition(b":")
    if port and not (port.isdigit() and len(port) < 6 and int(port) < 1 << 16):  # noqa: PLR2004 - 65535
        raise ValueError(f"{port!r} is no port")
    return host.lower(), int(port) if port else None


def _host(host: bytes) -> bytes:
    host = _unescaped(host)
    if not host.isascii():
        try:
            host = host.decode("utf-8", "ignore").encode("idna")
        except ValueError:
            pass
    host = host.replace(b"..", b".").strip(b".")
    if host.isdigit():
        return socket.inet_ntoa((int(host[-40:]) & 0xFFFFFFFF).to_bytes(4, "big")).encode()
    if _NUMBERS.fullmatch(host):
        try:
            return socket.inet_ntoa(socket.inet_aton(host.decode())).encode()
        except OSError:
            pass
    return _escaped(host.lower()).lower()


def _www(host: bytes) -> bytes:
    found = _WWW.match(host)
    return b"" if found is None else found[0]


def _path(path: bytes, *, divided: bool) -> bytes:
    path = _unescaped(path)
    if divided:
        path = _without_dots(path)
    path = _escaped(path).lower()
    for session in _SESSIONS_OF_PATHS:
        found = session.fullmatch(path)
        path = path if found is None else found[1] + found[2]
    return path.removesuffix(b"/") if len(path) > 1 else path


def _without_dots(path: bytes) -> bytes:
    kept: list[bytes] = []
    for part in path.split(b"/")[1:]:
        if part == b".." and kept:
            kept.pop()
        elif part != b".":
            kept.append(part)
    if not kept:
        return b"/"
    return b"/" + b"".join(part + b"/" for part in kept[:-1] if part) + kept[-1]


def _query(query: bytes) -> bytes:
    query = _escaped(_unescaped(query))
    for session in _SESSIONS_OF_QUERIES:
        found = session.fullmatch(query)
        query = query if found is None else found[1] + (found[2] or b"")
    query = query.lower()
    if len(query) > 1:
        query = b"&".join(
            b"=".join(one) for one in sorted(tuple(one.split(b"=", 1)) for one in query.split(b"&"))
        )
    return b"?" + query if query else b""


def _escaped(data: bytes) -> bytes:
    return quote_from_bytes(data, safe=_UNESCAPED).encode()


def _unescaped(data: bytes) -> bytes:
    """Return *data* with every escape undone, and those that come to light, too."""
    while (plain := unquote_to_bytes(data)) != data:
        data = plain
    return data
