"""Records of an archive to responses: what was written is read as it came over the wire. It blocks."""

from __future__ import annotations

import io
import re
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from warcio.bufferedreaders import ChunkedDataReader

from .._errors import FetchError
from .._model import Headers, Response
from .._write.warc_records import TRANSFER_ENCODING
from .archive_index import read

if TYPE_CHECKING:
    from pathlib import Path

    from .._model import Hop
    from .archive_index import Answer, Index

_LARGEST_HEAD: Final = 512 * 1024
_STATUS: Final = re.compile(rb"HTTP/([0-9](?:\.[0-9])?) +([0-9]{3})(?:[ \r\n]|$)")
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_VERSIONS: Final = {"http/1.0": "1.0", "http/1.1": "1.1", "h2": "2", "h3": "3"}


@dataclass(frozen=True, slots=True)
class _Block:
    """What a record of an HTTP response holds."""

    record: Any
    head: bytes
    body: bytes


def response_of(hop: Hop, index: Index, paths: list[Path], answer: Answer) -> Response:
    """Return the response that *answer* is, its body that of another record if it is a revisit.

    Raises:
        FetchError: the record is damaged, larger than the hop allows, or refers to what is not there.
    """
    path = paths[answer.file]
    block = _block(hop, path, answer.offset)
    told = block.record.rec_headers.get_header
    version, status, fields = _head(hop, block.head, path)
    body = block.body
    if block.record.rec_type == "revisit":
        place = index.body(told("WARC-Payload-Digest") or "")
        if place is None:
            raise FetchError(
                "protocol", f"{hop.url}: {path} says that its body was there before, and has none"
            )
        body = _block(hop, paths[place[0]], place[1]).body
    else:
        body = _unchunked(fields, body)
    if len(body) > hop.max_bytes:
        raise _too_large(hop)
    return Response(
        url=hop.url,
        status=status,
        headers=Headers(tuple([(_renamed(name), value) for name, value in fields])),
        body=body,
        http_version=_VERSIONS.get(told("WARC-Protocol") or "", version),
        address=told("WARC-IP-Address") or "",
        elapsed=answer.elapsed,
        fetched_at=_moment(hop, told("WARC-Date"), answer.elapsed, path),
    )


def _block(hop: Hop, path: Path, offset: int) -> _Block:
    with closing(read(path, offset)) as records:
        record, _ = next(records)
        length = record.length or 0
        if length > hop.max_bytes + _LARGEST_HEAD:
            raise _too_large(hop)
        data = record.raw_stream.read(length)
    if len(data) != length:
        raise FetchError("protocol", f"{hop.url}: {path} is damaged at byte {offset:,}")
    return _Block(record, *_divided(data))


def _head(hop: Hop, head: bytes, path: Path) -> tuple[str, int, list[tuple[bytes, bytes]]]:
    """Return version, status and fields of a head."""
    found = _STATUS.match(head)
    if found is None:
        raise FetchError("protocol", f"{hop.url}: what {path} has of it is no response of HTTP")
    return found[1].decode(), int(found[2]), _fields(head)


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    lines = re.sub(rb"\r?\n[ \t]+", b" ", head).splitlines()[1:]
    parts = [line.partition(b":") for line in lines]
    return [(name.strip(), value.strip()) for name, colon, value in parts if colon]


def opened_head(block: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the fields of a response, and its body without a transfer coding."""
    head, body = _divided(block)
    fields = _fields(head)
    return fields, _unchunked(fields, body)


def _divided(block: bytes) -> tuple[bytes, bytes]:
    end = _END_OF_HEAD.search(block)
    return (block, b"") if end is None else (block[: end.start()], block[end.end() :])


def _unchunked(fields: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    """Return *body* without the transfer coding, which other tools leave in."""
    if any(name.lower() == b"transfer-encoding" for name, _ in fields):
        unchunked: bytes = ChunkedDataReader(io.BytesIO(body)).read()
        return unchunked
    return body


def _renamed(name: bytes) -> bytes:
    return b"Transfer-Encoding" if name.lower() == TRANSFER_ENCODING.lower() else name


def _moment(hop: Hop, date: str | None, elapsed: float, path: Path) -> datetime:
    try:
        began = datetime.fromisoformat(date or "")
        return began + timedelta(microseconds=round(elapsed * 1e6))
    except (ValueError, OverflowError) as error:
        raise FetchError("protocol", f"{hop.url}: the date {date!r} in {path} is none") from error


def _too_large(hop: Hop) -> FetchError:
    return FetchError("too_large", f"{hop.url}: the body has more than {hop.max_bytes:,} bytes")
