"""What one record of an archive says that an index has to know. No more than a head of it is in memory."""

from __future__ import annotations

import binascii
import math
import re
from base64 import b32encode
from dataclasses import dataclass, field
from hashlib import sha1
from typing import TYPE_CHECKING, Final

from .._write.warc_fields import moment_of, parse_fields
from .._write.warc_records import FAILURE

if TYPE_CHECKING:
    from .._write.warc_reader import Record

LARGEST_HEAD: Final = 512 * 1024
"""Bytes that status line and fields of an exchange may have."""

_STATUS_LINE: Final = 64
_LARGEST_METADATA: Final = 64 * 1024
_PIECE: Final = 1024 * 1024
_LONGEST: Final = 1e6  # seconds that an exchange can have taken: twelve days
_NOT_MODIFIED: Final = re.compile(rb"HTTP/[0-9.]+ +304\b")
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_CAPTURES: Final = frozenset({"response", "revisit", "resource"})
_HEX_SHA1: Final = re.compile(r"[0-9a-fA-F]{40}")


@dataclass(slots=True, kw_only=True)
class Facts:
    """What a record says.

    Args:
        kind: its type.
        id: its own.
        url: what it is about.
        concurrent: the records that are about the same exchange.
        date: when it was made, in the form of ISO 8601; empty where it does not say.
        method: of a request, or of a failure.
        sent: the digest of a request's body; empty if there is none.
        payload: the digest of a response's body, as it is written.
        not_modified: whether a response says that an earlier one is good still.
        refers_id: the record whose body a revisit repeats.
        refers_url: likewise, the URL.
        refers_date: likewise, the date.
        elapsed: seconds that an exchange took.
        failure: why there is no response.
        origin: the record that is continued.
        segment: the place of its part.
        total: bytes of all parts, where the last one says it.
        joined: whether request and response have found each other.
    """

    kind: str
    id: str
    url: str
    concurrent: list[str] = field(default_factory=list)
    date: str = ""
    method: str = "GET"
    sent: str = ""
    payload: str | None = None
    not_modified: bool = False
    refers_id: str | None = None
    refers_url: str | None = None
    refers_date: str | None = None
    elapsed: float | None = None
    failure: str | None = None
    origin: str = ""
    segment: int = 0
    total: int | None = None
    joined: bool = False

    def answers(self, request: Facts) -> bool:
        """Return whether this is the response to *request*, its neighbour, if neither says otherwise."""
        return (
            self.kind in {"response", "revisit"}
            and request.kind == "request"
            and self.url == request.url
            and not (self.joined or request.joined or self.concurrent or request.concurrent)
        )


def facts_of(record: Record) -> Facts | None:
    """Return what *record* says, as far as an index has to know; None if that is nothing."""
    kind = record.kind
    if kind == "continuation":
        return _continuation(record)
    if not record.of_web or kind not in {"request", "metadata", *_CAPTURES}:
        return None
    facts = Facts(
        kind=kind,
        # Without one, its place is as good.
        id=record.get("warc-record-id") or f"{record.offset}",
        url=record.url,
        concurrent=record.get_all("warc-concurrent-to"),
        date=_date(record.get("warc-date")),
    )
    if kind == "request":
        facts.method, facts.sent = _request(record)
    elif kind == "metadata":
        _take_metadata(facts, record)
    else:
        _take_capture(facts, record)
    return facts


def _take_capture(facts: Facts, record: Record) -> None:
    facts.payload = record.get("warc-payload-digest")
    profile = (record.get("warc-profile") or "").lower()
    not_modified = facts.kind == "revisit" and "server-not-modified" in profile
    head = record.read(_STATUS_LINE)
    facts.not_modified = not_modified or (facts.kind != "resource" and _NOT_MODIFIED.match(head) is not None)
    if facts.kind == "revisit":
        facts.refers_id = record.get("warc-refers-to")
        # A page that is as it was before has the URL that it had.
        facts.refers_url = record.get("warc-refers-to-target-uri") or record.url
        facts.refers_date = _date(record.get("warc-refers-to-date"))


def _take_metadata(facts: Facts, record: Record) -> None:
    fields = dict(reversed(parse_fields(record.read(_LARGEST_METADATA))))
    facts.failure = fields.get(FAILURE) if not facts.concurrent else None
    facts.method = fields.get("method", "GET") if facts.failure is not None else "GET"
    try:
        elapsed = float(fields["fetchtimems"]) / 1000 if "fetchtimems" in fields else None
    except ValueError:
        return
    if elapsed is not None and math.isfinite(elapsed):
        facts.elapsed = min(max(elapsed, 0.0), _LONGEST)


def _request(record: Record) -> tuple[str, str]:
    """Return the method of a request, and the digest of its body, of which a piece is in memory at a time."""
    data = record.read(_STATUS_LINE)
    method = data.split(b" ", 1)[0].decode("latin-1")
    if method == "GET":
        return method, ""
    data += record.read(LARGEST_HEAD)
    end = _END_OF_HEAD.search(data)
    piece = b"" if end is None else data[end.end() :]
    if end is not None and re.search(
        rb"\ntransfer-encoding:[^\n]*chunked", data[: end.start()], re.IGNORECASE
    ):
        piece = unchunked(piece)
    hashed = sha1(piece, usedforsecurity=False)
    any_sent = bool(piece)
    while end is not None and (piece := record.read(_PIECE)):
        hashed.update(piece)
        any_sent = True
    return method, "sha1:" + b32encode(hashed.digest()).decode() if any_sent else ""


def _continuation(record: Record) -> Facts | None:
    number, total = record.get("warc-segment-number") or "", record.get("warc-segment-total-length") or ""
    origin = record.get("warc-segment-origin-id")
    if origin is None or not _is_number(number):
        return None
    return Facts(
        kind="continuation",
        id="",
        url="",
        origin=origin,
        segment=int(number),
        total=int(total) if _is_number(total) else None,
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19  # noqa: PLR2004 - 2 ** 63


def _date(text: str | None) -> str:
    moment = moment_of(text)
    return "" if moment is None else moment.isoformat()


def plain_digest(payload: str | None) -> str | None:
    """Return the digest *payload*, the same for each way to write it; None if there is none."""
    if not payload:
        return None
    algorithm, colon, value = payload.strip().partition(":")
    if not colon:
        algorithm, value = "sha1", algorithm
    if algorithm.lower().replace("-", "") == "sha1" and _HEX_SHA1.fullmatch(value):
        value = b32encode(binascii.unhexlify(value)).decode()
    return f"{algorithm.lower().replace('-', '')}:{value.upper()}"


_CHUNK: Final = re.compile(rb"[ \t]*([0-9a-fA-F]{1,16})[ \t]*(?:;[^\n]{0,4096})?\r?\n")


def unchunked(body: bytes) -> bytes:
    """Return *body* without the transfer coding ``chunked``; from where it is not in it, as it is."""
    parts: list[bytes] = []
    at = 0
    while at < len(body):
        head = _CHUNK.match(body, at)
        if head is None:
            parts.append(body[at:])
            break
        size = int(head[1], 16)
        if not size:
            break
        end = head.end() + size
        parts.append(body[head.end() : end])
        at = end + (2 if body.startswith(b"\r\n", end) else 1 if body.startswith(b"\n", end) else 0)
    return b"".join(parts)
