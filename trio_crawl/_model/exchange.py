"""What is asked for, and what comes back: requests, hops, responses."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from .words import FailureKind, Json


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in the order of arrival, repeated ones kept.

    Names are compared without case (RFC 9110, section 5.1). Values are decoded
    as Latin-1, which loses nothing; `raw` has the bytes.
    """

    raw: tuple[tuple[bytes, bytes], ...] = ()

    def get_all(self, name: str) -> list[str]:
        """Return the value of every field called *name*, in order."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for key, value in self.raw if key.lower() == wanted]

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the fields called *name*, joined by a comma and a space (RFC 9110, 5.3)."""
        values = self.get_all(name)
        return ", ".join(values) if values else default

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((key.decode("latin-1"), value.decode("latin-1")) for key, value in self.raw)

    def __len__(self) -> int:
        return len(self.raw)


@dataclass(frozen=True, slots=True)
class Request:
    """A page to ask for.

    Args:
        url: an absolute http or https URL; a relative one is joined to the
            page's base when a parser yields it.
        label: names the function of a ``parse`` mapping that gets the page.
        data: anything JSON can say; travels with the page as ``page.request.data``.
        priority: higher ones are asked for first. Within one priority a crawl
            goes breadth first.
        method: the HTTP method.
        headers: pairs of name and value, sent with this request.
        body: the request's content.
        key: what makes two requests the same; by default the method, the URL
            without its fragment, and a hash of the body.
        anywhere: ask for it whatever ``follow``, ``include`` and ``exclude`` say; ``max_depth``,
            robots.txt and the guard of addresses hold all the same.
        lastmod: of the entry of a sitemap or feed that led there: when the page was changed, in UTC.
        asked: the text that the URL was given as, before it was joined and serialised; by default *url*.
    """

    url: str
    _: KW_ONLY
    label: str | None = None
    data: Json = None
    priority: int = 0
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # they may hold secrets
    body: bytes | None = None
    key: str | None = None
    anywhere: bool = False
    lastmod: datetime | None = None
    asked: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.asked:
            object.__setattr__(self, "asked", self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One exchange that a fetcher is asked for: one request, one response.

    Args:
        url: where to, absolute, without a fragment.
        method: the HTTP method.
        headers: every field to send, but for ``Host`` and those that frame the body.
        body: the request's content, or None.
        max_bytes: a body of more bytes than this, as they come over the wire
            (transfer-decoded, content-coded), is a `FetchError` of kind ``too_large``.
        addresses: the IP addresses of the host, judged already, the preferred
            one first; empty for a fetcher that opens no connections.
    """

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # they may hold secrets
    body: bytes | None = None
    max_bytes: int = 10 * 1024 * 1024
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What one hop brought: any final status, redirects included.

    Args:
        url: the URL that was asked for in this hop.
        status: the status code, 200 to 999: beyond 599 it means nothing, but servers send it.
        headers: the header fields of the final response.
        body: the content, transfer-decoded and still content-coded.
        http_version: ``"1.0"``, ``"1.1"``, ``"2"`` or ``"3"``.
        address: the IP address that answered; empty where there was no connection.
        elapsed: seconds from the start of the hop to the last byte.
        fetched_at: when the last byte came, where that was not just now: an archive says it.
        truncated: whether the body is known to be only the beginning of what there was: an archive says it.
    """

    url: str
    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    http_version: str = "1.1"
    address: str = ""
    elapsed: float = 0.0
    fetched_at: datetime | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One hop that was made, or could not be, as an archive keeps it.

    Args:
        hop: what was asked for.
        response: what came back; None if nothing did.
        kind: what went wrong instead, None if nothing did.
        message: the same in words.
        ended: when it came to its end.
    """

    hop: Hop
    response: Response | None = None
    kind: FailureKind | None = None
    message: str = ""
    ended: datetime
