"""The heads of requests and responses, between our values and libcurl's lines; pure."""

from __future__ import annotations

import re
from functools import lru_cache
from operator import methodcaller
from typing import TYPE_CHECKING, Final, NamedTuple

from .._errors import FetchError
from .._urls import literal_address, split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_HEAD: Final = 256 * 1024
"""Bytes of all heads of one response, interim ones included: Chromium's limit."""

MAX_INTERIM: Final = 100
"""Interim responses (1xx) before the final one."""

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_FORBIDDEN: Final = re.compile("[\r\n\0]")  # RFC 9110, section 5.5: they would begin another field

# What libcurl or pycurl would send of their own accord: a hop says every field there is.
_UNASKED: Final = ("user-agent", "accept", "content-type", "expect")

_STATUS: Final = re.compile(rb"HTTP/\S+[ \t]+(\d)\d\d(?!\d)")  # RFC 9112, section 4; its class alone
_SPACE: Final = frozenset({b" ", b"\t"})
_RARE: Final = (b"\n ", b"\n\t", b" :", b"\t:")  # a folded value, or white space after a name
_partition: Final[Callable[[bytes], tuple[bytes, bytes, bytes]]] = methodcaller("partition", b":")


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
def resolve_lines(target: Target, addresses: tuple[str, ...]) -> tuple[str]:
    """Return what ``CURLOPT_RESOLVE`` takes, so that libcurl looks nothing up.

    The plus lets libcurl forget it after a minute; without, the first answer
    would be good for ever.
    """
    listed = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return (f"+{target.host}:{target.port}:{listed}",)


@lru_cache(maxsize=256)
def request_lines(headers: tuple[tuple[str, str], ...]) -> tuple[bytes, ...]:
    """Return *headers* as ``CURLOPT_HTTPHEADER`` takes them.

    Kept for the last 256 of them, since the requests of a crawl share theirs.

    Raises:
        FetchError: of kind ``protocol``, a name or a value can't be sent.
    """
    lines = [_request_line(name, value) for name, value in headers]
    given = {name.lower() for name, _ in headers}
    # With a colon and no value libcurl leaves its own field out.
    lines += [f"{name}:".encode() for name in _UNASKED if name not in given]
    return tuple(lines)


def _request_line(name: str, value: str) -> bytes:
    if not _TOKEN.fullmatch(name) or _FORBIDDEN.search(value):
        raise FetchError("protocol", f"the header field {name!r}: {value!r} can't be sent (RFC 9110, 5)")
    # An empty value has a notation of its own: the plain one means to leave the field out.
    line = f"{name}: {value}" if value.strip() else f"{name};"
    try:
        return line.encode("latin-1")
    except UnicodeEncodeError as error:
        raise FetchError(
            "protocol", f"the header field {name!r}: {value!r} has characters beyond Latin-1"
        ) from error


def final_head(lines: list[bytes], url: str) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header fields of the final response.

    Args:
        lines: every line that libcurl's header callback was given: of interim
            responses, of the final one, and of its trailers, which are no part of
            the header (RFC 9110, section 6.5). A blank line ends each head.
        url: what was asked for.

    Raises:
        FetchError: of kind ``protocol``, there is too much of it, or no final head.
    """
    size = sum(map(len, lines))
    if size > MAX_HEAD:
        raise FetchError("protocol", f"{url}: the header is larger than {MAX_HEAD:,} bytes")
    start = 0
    for _ in range(MAX_INTERIM + 1):
        end = _blank_line(lines, start)
        if start >= end:
            raise FetchError("protocol", f"{url}: the response has no complete head")
        status = _STATUS.match(lines[start])
        if status is None:  # libcurl takes 9999 for 999
            raise FetchError("protocol", f"{url}: a status line can't be read: {lines[start][:80]!r}")
        if status[1] != b"1":
            return fields(lines[start + 1 : end])
        start = end + 1
    raise FetchError("protocol", f"{url}: more than {MAX_INTERIM} interim responses and no final one")


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


def fields(lines: Sequence[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Return name and value of each field in *lines*.

    A line that begins with white space goes on with the value before it, with
    one space between (RFC 9112, section 5.2).
    """
    block = b"".join(lines)
    if not any(map(block.__contains__, _RARE)) and block[:1] not in _SPACE:
        return tuple([(name, value.strip()) for name, colon, value in map(_partition, lines) if colon])
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
