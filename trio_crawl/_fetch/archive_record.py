"""Records of an archive to responses: what was written is read as it came over the wire. It blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from .._errors import FetchError, UsageError
from .._model import Headers, Response
from .._write.warc_fields import LATEST
from .._write.warc_reader import record_at
from .._write.warc_records import TRANSFER_ENCODING
from .._write.warc_stream import BrokenError, Packing
from .archive_facts import LARGEST_HEAD, unchunked
from .decode import is_coded

if TYPE_CHECKING:
    from pathlib import Path

    from .._model import Hop
    from .._write.warc_reader import Record
    from .archive_index import Capture, Index

_STATUS: Final = re.compile(rb"HTTP/([0-9](?:\.[0-9])?) +([0-9]{3})(?:[ \r\n]|$)")
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_FINAL: Final = 200
"""The least status of a final response (RFC 9110, section 15)."""

_VERSIONS: Final = {"http/1.0": "1.0", "http/1.1": "1.1", "h2": "2", "h3": "3"}
_CHAIN: Final = 5
"""Revisits of revisits that are followed."""

_ADDRESS: Final = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_CONTENT_ENCODING: Final = b"X-Crawler-Content-Encoding"
"""What ``Content-Encoding`` is called where the archive has the content without it."""

_Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class _Found:
    """A record of a response, read.

    Args:
        record: its fields.
        version: of HTTP.
        status: of the response; None if it has none, as a revisit without a block.
        fields: of the response.
        body: of the response.
        truncated: whether the archive has only a part of it.
    """

    record: Record
    version: str
    status: int | None
    fields: _Fields
    body: bytes
    truncated: bool


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the records of an archive are read.

    Args:
        index: of the archive.
        paths: its files.
        packings: how each that was asked for is packed.
    """

    index: Index
    paths: list[Path]
    packings: dict[int, Packing]

    def read(self, hop: Hop, file: int, offset: int, most: int) -> tuple[Record, bytes]:
        """Return the record at a place, and its block.

        Raises:
            FetchError: it is gone, damaged, or its block has more than *most* bytes.
        """
        path = self.paths[file]
        try:
            with path.open("rb") as opened:
                if file not in self.packings:
                    self.packings[file] = Packing(opened)
                record = record_at(opened, self.packings[file], offset)
                if record.length > most:
                    raise _too_large(hop)
                block = record.read(record.length)
        except BrokenError as error:
            raise FetchError(
                "protocol", f"{hop.url}: {path} is damaged at byte {offset:,}: {error}"
            ) from error
        except OSError as error:
            raise UsageError(f"{path} can't be read any more: {error.strerror}") from error
        if record.problem is not None:
            raise FetchError("protocol", f"{hop.url}: {path} is damaged at byte {offset:,}: {record.problem}")
        return record, block


def response_of(hop: Hop, shelf: Shelf, capture: Capture) -> Response:
    """Return the response that *capture* is, its body that of another one if it is a revisit.

    Raises:
        FetchError: the record is damaged, larger than the hop allows, or refers to what is not there.
    """
    found = _found(hop, shelf, capture)
    original = found if capture.body else _original(hop, shelf, capture)
    if original is None:
        path = shelf.paths[capture.file]
        raise FetchError("protocol", f"{hop.url}: {path} says that its body was there before, and has none")
    if found.status is None or (found is not original and found.status == 304):  # noqa: PLR2004 - not modified
        # It says that nothing changed, and nothing else.
        version, status, fields = original.version, original.status, original.fields
    else:
        version, status, fields = found.version, found.status, _as_body(found.fields, original)
    if status is None or status < _FINAL:
        path = shelf.paths[capture.file]
        raise FetchError("protocol", f"{hop.url}: what {path} has of it is no response of HTTP")
    if len(original.body) > hop.max_bytes:
        raise _too_large(hop)
    told = found.record.get
    return Response(
        url=hop.url,
        status=status,
        headers=Headers(tuple([(_renamed(name, fields, original.body), value) for name, value in fields])),
        body=original.body,
        http_version=_VERSIONS.get((told("warc-protocol") or "").lower(), version),
        address=_address(told("warc-ip-address")),
        elapsed=capture.elapsed,
        fetched_at=_ended(capture, shelf),
        truncated=original.truncated,
    )


def _original(hop: Hop, shelf: Shelf, capture: Capture) -> _Found | None:
    """Return what has the body that *capture* repeats; None if nothing has."""
    seen: list[int] = []
    at: Capture | None = capture
    while at is not None and len(seen) < _CHAIN:
        seen.append(at.number)
        at = shelf.index.original(at)
        if at is None or at.number in seen or at.failure is not None:
            return None
        if at.body:
            return _found(hop, shelf, at)
    return None


def _found(hop: Hop, shelf: Shelf, capture: Capture) -> _Found:
    most = hop.max_bytes + LARGEST_HEAD
    record, block = shelf.read(hop, capture.file, capture.offset, most)
    truncated = record.get("warc-truncated") is not None
    if record.get("warc-segment-number") is not None:
        block, whole = _continued(hop, shelf, record, block)
        truncated = truncated or not whole
    if record.kind == "resource":
        kind = (record.get("content-type") or "application/octet-stream").encode()
        return _Found(record, "1.1", _FINAL, [(b"Content-Type", kind)], block, truncated)
    head, body = divided(block)
    status = _STATUS.match(head)
    fields = fields_of(head)
    if status is None:
        if record.kind != "revisit":
            raise FetchError(
                "protocol", f"{hop.url}: what {shelf.paths[capture.file]} has of it is no response of HTTP"
            )
        return _Found(record, "1.1", None, [], b"", truncated)
    return _Found(record, status[1].decode(), int(status[2]), fields, without_chunks(fields, body), truncated)


def _continued(hop: Hop, shelf: Shelf, record: Record, block: bytes) -> tuple[bytes, bool]:
    """Return *block* with the segments that follow it (section 7), and whether that is all of them."""
    parts, size = [block], len(block)
    expected = 2
    total: int | None = None
    for number, file, offset, told in shelf.index.segments(record.get("warc-record-id") or ""):
        if number != expected:
            break
        most = hop.max_bytes + LARGEST_HEAD - size
        _, part = shelf.read(hop, file, offset, most)
        parts.append(part)
        size += len(part)
        expected, total = expected + 1, told
    return b"".join(parts), total == size


def _as_body(fields: _Fields, original: _Found) -> _Fields:
    """Return *fields* of a response with those of *original* that say what its body is in."""
    if fields is original.fields:
        return fields
    about = {b"content-encoding", b"transfer-encoding"}
    return [field for field in fields if field[0].lower() not in about] + [
        field for field in original.fields if field[0].lower() in about
    ]


def fields_of(head: bytes) -> _Fields:
    """Return the fields of a head, without its first line; those that are folded are joined."""
    lines = re.sub(rb"\r?\n[ \t]+", b" ", head).split(b"\n")[1:]
    parts = [line.partition(b":") for line in lines]
    return [(name.strip(), value.strip()) for name, colon, value in parts if colon and name.strip()]


def opened_head(block: bytes) -> tuple[_Fields, bytes]:
    """Return the fields of a response, and its body without a transfer coding."""
    head, body = divided(block)
    fields = fields_of(head)
    return fields, without_chunks(fields, body)


def divided(block: bytes) -> tuple[bytes, bytes]:
    """Return head and body of a message."""
    end = _END_OF_HEAD.search(block)
    return (block, b"") if end is None else (block[: end.start()], block[end.end() :])


def without_chunks(fields: _Fields, body: bytes) -> bytes:
    """Return *body* without the transfer coding, which other tools leave in."""
    return unchunked(body) if any(name.lower() == b"transfer-encoding" for name, _ in fields) else body


def _renamed(name: bytes, fields: _Fields, body: bytes) -> bytes:
    lower = name.lower()
    if lower == TRANSFER_ENCODING.lower():
        return b"Transfer-Encoding"
    if lower == b"content-encoding" and body:
        codings = b", ".join(value for other, value in fields if other.lower() == b"content-encoding")
        return name if is_coded(body, codings.decode("latin-1")) else _CONTENT_ENCODING
    return name


def _address(told: str | None) -> str:
    return told if told is not None and _ADDRESS.fullmatch(told) else ""


def _ended(capture: Capture, shelf: Shelf) -> datetime:
    """Return when the response was complete; where the archive never says, when its file was changed."""
    if capture.date:
        began = datetime.fromisoformat(capture.date)
    else:
        began = datetime.fromtimestamp(shelf.paths[capture.file].stat().st_mtime, UTC)
    took = timedelta(microseconds=round(capture.elapsed * 1e6))
    return began + took if took < LATEST - began else LATEST


def _too_large(hop: Hop) -> FetchError:
    return FetchError("too_large", f"{hop.url}: the body has more than {hop.max_bytes:,} bytes")
