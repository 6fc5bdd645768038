"""The heads of requests and responses, between our values and libcurl's lines; pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, cast

from .._errors import FetchError
from .._urls import literal_address, split

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_HEAD: Final = 256 * 1024
"""Bytes of all heads of one response, interim ones included: Chromium's limit."""

MAX_INTERIM: Final = 100
"""Interim responses (1xx) before the final one."""

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_FORBIDDEN: Final = re.compile("[\r\n\0]")  # RFC 9110, section 5.5: they would begin another field

# What libcurl or pycurl would send of their own accord, the latter two with content only: a hop
# says every field there is.
_UNASKED: Final = ("user-agent", "accept")
_UNASKED_WITH_CONTENT: Final = (*_UNASKED, "content-type", "expect")

_FIRST_STATUS: Final = 100
_FIRST_FINAL: Final = 200
_STATUS: Final = re.compile(rb"HTTP/([0-9.]+)[ \t]+([0-9]{3})(?=[ \t\r\n]|\Z)")  # RFC 9112, section 4
_VERSIONS: Final = {b"1.0": "1.0", b"2": "2", b"3": "3"}  # as libcurl writes them
_SPACE: Final = frozenset({b" ", b"\t"})
_SMALL: Final = 8 * 1024  # bytes of a head: what is remembered of its lines is bounded

Fields: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Name and value of each field."""

Head: TypeAlias = tuple[str, int, Fields]
"""HTTP version, status code, fields."""


class Target(NamedTuple):
    """Where the URLs of one origin lead to.

    Args:
        hostname: without brackets.
        host: as a URL has it.
        port: the TCP port.
        literal: whether the host is an IP address.
    """

    hostname: str
    host: str
    port: int
    literal: bool


@lru_cache(maxsize=1024)
def target_of(origin: str) -> Target:
    """Return where the URLs of *origin* lead to."""
    parts = split(origin)
    literal = literal_address(parts.hostname) is not None
    return Target(parts.hostname, parts.host, parts.port, literal)


@lru_cache(maxsize=1024)
def resolve_line(host: str, port: int, addresses: tuple[str, ...]) -> str:
    """Return what ``CURLOPT_RESOLVE`` takes, so that libcurl looks nothing up.

    The plus lets libcurl forget it after a minute; without, the first answer
    would be good for ever.
    """
    listed = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return f"+{host}:{port}:{listed}"


@lru_cache(maxsize=256)
def request_lines(headers: tuple[tuple[str, str], ...], *, content: bool) -> tuple[bytes, ...]:
    """Return *headers* as ``CURLOPT_HTTPHEADER`` takes them.

    Kept for the last 256 of them, since the requests of a crawl share theirs.

    Args:
        headers: name and value of each.
        content: whether the request may have content.

    Raises:
        FetchError: of kind ``protocol``, a name or a value can't be sent.
    """
    lines = [_request_line(name, value) for name, value in headers]
    given = {name.lower() for name, _ in headers}
    # With a colon and no value libcurl leaves its own field out.
    unasked = _UNASKED_WITH_CONTENT if content else _UNASKED
    lines += [f"{name}:".encode() for name in unasked if name not in given]
    return tuple(lines)


def is_token(text: str) -> bool:
    """Return whether *text* can be the name of a field, or a method (RFC 9110, section 5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def _request_line(name: str, value: str) -> bytes:
    if not is_token(name) or _FORBIDDEN.search(value):
        # Without the value, which may be a secret.
        raise FetchError("protocol", f"the header field {name!r} can't be sent (RFC 9110, section 5)")
    # An empty value has a notation of its own: the plain one means to leave the field out.
    line = f"{name}: {value}" if value.strip() else f"{name};"
    try:
        return line.encode("latin-1")
    except UnicodeEncodeError:  # which has the value in it
        raise FetchError("protocol", f"the header field {name!r} has characters beyond Latin-1") from None


def final_head(lines: list[bytes], url: str) -> Head:
    """Return what the head of the final response says.

    Args:
        lines: every line that libcurl's header callback was given: of interim
            responses, of the final one, and of its trailers, which are no part of
            the header (RFC 9110, section 6.5). A blank line ends each head.
        url: what was asked for.

    Raises:
        FetchError: of kind ``protocol``, there is too much of it, or no final head.
    """
    size = len(b"".join(lines))
    if size > MAX_HEAD:
        raise FetchError("protocol", f"{url}: the header is larger than {MAX_HEAD:,} bytes")
    # Nearly every response has one head of no great size, whose lines are as they should be. Most
    # of them are the same for all pages of a site.
    if size <= _SMALL and _ends_at_last(lines) and b"\n" not in lines:
        found = _known_status(lines[0])
        if found is not None and found[1] >= _FIRST_FINAL:
            known = tuple(map(_field, lines[1:-1]))
            if None not in known:
                return found[0], found[1], cast("Fields", known)
    return _search(lines, url)


def _ends_at_last(lines: list[bytes]) -> bool:
    return bool(lines) and lines[-1] == b"\r\n" and lines.index(b"\r\n") == len(lines) - 1


def _search(lines: list[bytes], url: str) -> Head:
    start = 0
    for _ in range(MAX_INTERIM + 1):
        end = _blank_line(lines, start)
        if start >= end:
            raise FetchError("protocol", f"{url}: the response has no complete head")
        found = status_line(lines[start])
        if found is None:  # libcurl takes 9999 for 999
            raise FetchError("protocol", f"{url}: a status line can't be read: {lines[start][:80]!r}")
        version, status = found
        if status < _FIRST_STATUS:
            raise FetchError("protocol", f"{url}: {status} is no status of HTTP")
        if status >= _FIRST_FINAL:
            return version, status, fields(lines[start + 1 : end])
        start = end + 1
    raise FetchError("protocol", f"{url}: more than {MAX_INTERIM} interim responses and no final one")


def status_line(line: bytes) -> tuple[str, int] | None:
    """Return version and status code of a status line (RFC 9112, section 4); None if it is none."""
    found = _STATUS.match(line)
    if found is None:
        return None
    return _VERSIONS.get(found[1], "1.1"), int(found[2])


_known_status: Final = lru_cache(maxsize=256)(status_line)


def _blank_line(lines: list[bytes], start: int) -> int:
    """Return where the first blank line is from *start* on; -1 if there is none."""
    try:
        end = lines.index(b"\r\n", start)
    except ValueError:
        end = -1
    # A line may end with LF alone (RFC 9112, section 2.2), and in one head both are met.
    if b"\n" in lines and b"\n" in lines[start:]:
        bare = lines.index(b"\n", start)
        return bare if end < 0 else min(bare, end)
    return end


def fields(lines: Sequence[bytes]) -> Fields:
    """Return name and value of each field in *lines*.

    A line that begins with white space goes on with the value before it, with
    one space between (RFC 9112, section 5.2).
    """
    found: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line[:1] not in _SPACE:
            name, colon, value = line.partition(b":")
            if colon:
                found.append((name.rstrip(), value.strip()))
        elif found:
            name, value = found[-1]
            found[-1] = (name, b" ".join(part for part in (value, line.strip()) if part))
    return tuple(found)


@lru_cache(maxsize=512)
def _field(line: bytes) -> tuple[bytes, bytes] | None:
    """Return name and value of a field that has a line of its own; None if it is none."""
    name, colon, value = line.partition(b":")
    return (name.rstrip(), value.strip()) if colon and line[:1] not in _SPACE else None
