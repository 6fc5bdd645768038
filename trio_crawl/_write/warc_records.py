"""Exchanges as records of WARC 1.1 (ISO 28500:2017), byte for byte; nothing here reads or writes a file.

The records are put together here rather than by warcio, which writes the bytes of header
fields otherwise than they came, where they are not ASCII.
"""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass
from datetime import UTC, timedelta
from hashlib import sha1
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, uuid5

from .._model import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from .._model import Exchange, Hop, Outcome, Response

REVISIT: Final = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"

TRANSFER_ENCODING: Final = b"X-Crawler-Transfer-Encoding"
"""What ``Transfer-Encoding`` is called in an archive, where the transfer coding is removed from the body."""

SECRET: Final = frozenset({"authorization", "proxy-authorization", "cookie"})
"""Fields of requests that are left out, in lower case."""

OUTCOME: Final = "outcome"
"""The field that a metadata record has if it is the last of its page."""

FAILURE: Final = "failure"
"""The field of a metadata record that says why there is no response."""

_HTTP: Final = "application/http; msgtype="
_FIELDS: Final = "application/warc-fields"
_PROTOCOLS: Final = {"1.0": "http/1.0", "1.1": "http/1.1", "2": "h2", "3": "h3"}
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
_MOST_HOPS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A response that others repeat.

    Args:
        id: of its record.
        url: what was asked for.
        date: of its record.
    """

    id: str
    url: str
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record.

    Args:
        id: its ``WARC-Record-ID``.
        data: all of it, with the empty lines after it.
    """

    id: str
    data: bytes


def date_of(moment: datetime) -> str:
    """Return *moment* as ``WARC-Date`` has it (section 5.4), to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def began(exchange: Exchange) -> str:
    """Return the ``WARC-Date`` of *exchange*: when its capture began."""
    elapsed = exchange.response.elapsed if exchange.response is not None else 0.0
    return date_of(exchange.ended - timedelta(microseconds=round(elapsed * 1e6)))


def digest(data: bytes) -> str:
    """Return the labelled digest of *data* (section 5.8), in the form that all tools compare."""
    return "sha1:" + b32encode(sha1(data, usedforsecurity=False).digest()).decode()


def warcinfo(filename: str, date: str) -> Record:
    """Return the record that a file begins with (section 6.2)."""
    fields = (
        ("software", f"trio-crawl/{_version()}"),
        ("format", "WARC File Format 1.1"),
        ("conformsTo", "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"),
    )
    return _record("warcinfo", "", date, _FIELDS, _fields(fields), [("WARC-Filename", filename)])


def request(hop: Hop, date: str, response_address: str, *, secrets: bool) -> Record:
    """Return the request of an exchange (section 6.4), as HTTP/1.1 whichever it was."""
    _, _, host, target = hop.url.split("/", 3)
    lines = [f"{hop.method} /{target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in hop.headers if secrets or name.lower() not in SECRET]
    if hop.body is not None:
        lines.append(f"Content-Length: {len(hop.body)}")
    head = "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n"
    fields = _address(response_address)
    if hop.body:
        fields = [*fields, ("WARC-Payload-Digest", digest(hop.body))]
    return _record("request", hop.url, date, _HTTP + "request", head + (hop.body or b""), fields)


def response(answer: Response, date: str, payload: str, *, asked: str, original: Original | None) -> Record:
    """Return the response of an exchange (section 6.3), or its revisit record (6.7) if there is an original.

    Args:
        answer: the response.
        date: when the capture began.
        payload: the digest of the body.
        asked: the id of the request's record.
        original: an earlier response with the same body.
    """
    fields = [("WARC-Concurrent-To", asked), *_address(answer.address), ("WARC-Payload-Digest", payload)]
    if answer.http_version in _PROTOCOLS:
        fields.append(("WARC-Protocol", _PROTOCOLS[answer.http_version]))
    head = _head(answer)
    if original is None:
        return _record("response", answer.url, date, _HTTP + "response", head + answer.body, fields)
    fields += [
        ("WARC-Profile", REVISIT),
        ("WARC-Refers-To", original.id),
        ("WARC-Refers-To-Target-URI", original.url),
        ("WARC-Refers-To-Date", original.date),
    ]
    return _record("revisit", answer.url, date, _HTTP + "response", head, fields)


def metadata(exchange: Exchange, date: str, about: str | None, outcome: Outcome | None) -> Record:
    """Return what else is known of an exchange (section 6.6).

    Args:
        exchange: what it is about.
        date: of its capture.
        about: the id of its response's record, if it has one.
        outcome: what the page came to, if the exchange was its last.
    """
    fields: list[tuple[str, str]] = []
    if exchange.hop.method != "GET":
        fields.append(("method", exchange.hop.method))
    if exchange.response is not None:
        fields.append(("fetchTimeMs", f"{exchange.response.elapsed * 1000:.3f}"))
    if exchange.kind is not None:
        fields.append((FAILURE, f"{exchange.kind}: {exchange.message}"))
    if outcome is not None:
        fields += _told(outcome)
    concurrent = [] if about is None else [("WARC-Concurrent-To", about)]
    return _record("metadata", exchange.hop.url, date, _FIELDS, _fields(fields), concurrent)


def _told(outcome: Outcome) -> list[tuple[str, str]]:
    page = outcome if isinstance(outcome, Failure) else outcome.page
    fields = [("page", page.url)]
    if page.referrer is not None:
        fields.append(("via", page.referrer))
    if page.depth <= _MOST_HOPS:
        fields.append(("hopsFromSeed", "L" * page.depth))
    said = f"failed: {outcome.kind}: {outcome.message}" if isinstance(outcome, Failure) else "page"
    return [*fields, (OUTCOME, said)]


def _record(  # noqa: PLR0913, PLR0917 - the fields that every record has
    kind: str, url: str, date: str, content_type: str, block: bytes, fields: Iterable[tuple[str, str]]
) -> Record:
    block_digest = digest(block)
    # Not random, so that two crawls on a virtual clock write the same bytes.
    id_ = f"<urn:uuid:{uuid5(NAMESPACE_URL, f'{kind} {date} {block_digest} {url}')}>"
    named = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", id_),
        *([("WARC-Target-URI", url)] if url else []),
        ("WARC-Date", date),
        *fields,
        ("WARC-Block-Digest", block_digest),
        ("Content-Type", content_type),
        ("Content-Length", str(len(block))),
    ]
    head = b"WARC/1.1\r\n" + _fields(named) + b"\r\n"
    return Record(id=id_, data=b"".join((head, block, b"\r\n\r\n")))


def _fields(fields: Iterable[tuple[str, str]]) -> bytes:
    lines = [f"{name}: {' '.join(value.split())}\r\n" for name, value in fields]
    return "".join(lines).encode("utf-8", "replace")


def _address(address: str) -> list[tuple[str, str]]:
    return [("WARC-IP-Address", address)] if address else []


def _head(answer: Response) -> bytes:
    """Return status line and fields, as HTTP/1.1 where the protocol was a later one."""
    protocol = "1.0" if answer.http_version == "1.0" else "1.1"
    lines = [f"HTTP/{protocol} {answer.status} {_REASONS.get(answer.status, '')}".encode()]
    for name, value in answer.headers.raw:
        kept = TRANSFER_ENCODING if name.lower() == b"transfer-encoding" else name
        # A value that was folded has line breaks, with which others read it otherwise.
        lines.append(kept + b": " + value.replace(b"\r", b" ").replace(b"\n", b" "))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _version() -> str:
    try:
        return version("trio-crawl")
    except PackageNotFoundError:
        return "unknown"
