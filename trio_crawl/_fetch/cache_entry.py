"""A stored response, and which requests it may answer at all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from .._model import Headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model import Hop

ANY: Final = "*"
"""The member of ``Vary`` that no request matches."""

VALIDATORS: Final = ("etag", "last-modified")
"""The fields by which a server can say that a stored response is still the one."""

# An answer to credentials is for these credentials, also where the server did not say so, since
# crawls with others, or with none, may share the file.
_ALWAYS: Final = ("authorization",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A response that is stored, or is to be.

    Args:
        id: its number; 0 if it has none yet.
        url: the URL that was asked for.
        method: the method that it was asked for with.
        vary: the names of the request's fields that it depends on, as `vary_of` gives them.
        variant: the digest of their values, as `variant_of` gives it.
        status: the status code.
        http_version: as in `Response`.
        headers: the header fields.
        body: the content, as it came; None if it is larger than what was asked for.
        requested: when it was asked for, or validated: seconds since 1970.
        received: when that was answered.
    """

    id: int = 0
    url: str
    method: str
    vary: str
    variant: bytes
    status: int
    http_version: str
    headers: Headers
    body: bytes | None
    requested: float
    received: float


def request_headers(hop: Hop) -> Headers:
    """Return the header fields of *hop* in the form that those of responses have."""
    return _encoded(hop.headers)


@lru_cache(maxsize=256)  # a crawl sends the same with nearly every request
def _encoded(fields: tuple[tuple[str, str], ...]) -> Headers:
    return Headers(
        tuple((name.encode("latin-1", "replace"), value.encode("utf-8")) for name, value in fields)
    )


def vary_of(headers: Headers) -> str:
    """Return the names of the fields that a response depends on: in lower case, in order, comma-separated."""
    names = (headers.get("vary") or "").lower().split(",")
    return ",".join(sorted({*_ALWAYS, *(name.strip() for name in names)} - {""}))


@lru_cache(maxsize=256)  # likewise, and its servers vary by the same few fields
def variant_of(vary: str, request: Headers) -> bytes:
    """Return what two requests have in common that a response with this *vary* may answer.

    A digest, so that no credentials and cookies are stored. White space around
    values, and whether a field is one or several, makes no difference (RFC 9111,
    section 4.1).

    Args:
        vary: names, as `vary_of` gives them.
        request: the fields of the request.
    """
    digest = blake2b(digest_size=16)
    for name in vary.split(","):
        values = _members(request.get_all(name))
        digest.update(f"{name}\0{len(values)}\0".encode("utf-8", "replace"))
        for value in values:
            digest.update(f"{len(value)}\0{value}".encode("utf-8", "replace"))
    return digest.digest()


def _members(lines: Sequence[str]) -> list[str]:
    return [member.strip() for line in lines for member in line.split(",")]
