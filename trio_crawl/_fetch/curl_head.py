"""The heads of requests and responses, between our values and libcurl's lines; pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from .._errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_FORBIDDEN: Final = re.compile("[\r\n\0]")  # RFC 9110, section 5.5: they would begin another field

# What libcurl or pycurl would send of their own accord: a hop says every field there is.
_UNASKED: Final = ("user-agent", "accept", "content-type", "expect")

_LONGEST_LENGTH: Final = 18  # digits; more is more than any limit, and int() refuses thousands of them


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
        raise FetchError("protocol", f"the header field {name!r}: {value!r} can't be sent: RFC 9110, section 5")
    # An empty value has a notation of its own: the plain one means to leave the field out.
    line = f"{name}: {value}" if value.strip() else f"{name};"
    try:
        return line.encode("latin-1")
    except UnicodeEncodeError as error:
        raise FetchError(
            "protocol", f"the header field {name!r}: {value!r} has characters beyond Latin-1"
        ) from error


def status_of(line: bytes) -> int:
    """Return the code in a status line; 0 if it has none."""
    code = line.split(None, 2)[1:2]
    return int(code[0]) if code and code[0].isdigit() else 0


def fields(lines: Sequence[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Return name and value of each field in *lines*, the lines of one head after the first.

    A line that begins with white space goes on with the value before it, with
    one space between (RFC 9112, section 5.2).
    """
    found: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line[:1] in {b" ", b"\t"} and found:
            name, value = found[-1]
            found[-1] = (name, b" ".join(part for part in (value, line.strip()) if part))
            continue
        name, colon, value = line.partition(b":")
        if colon:
            found.append((name.rstrip(), value.strip(b" \t\r\n")))
    return tuple(found)


def declares_more(headers: Sequence[tuple[bytes, bytes]], max_bytes: int) -> bool:
    """Tell whether a Content-Length among *headers* is greater than *max_bytes*."""
    for name, value in headers:
        if len(name) == len(b"content-length") and name.lower() == b"content-length" and value.isdigit():
            digits = value.lstrip(b"0")
            if len(digits) > _LONGEST_LENGTH or int(digits or b"0") > max_bytes:
                return True
    return False
