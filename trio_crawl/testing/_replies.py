"""The values of a web in memory: what it answers, and what it was asked."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, get_args

from .._errors import FetchError, UsageError
from .._model import FailureKind, Headers, Hop, Response

HTML: Final = "text/html; charset=utf-8"

_BODILESS: Final = frozenset({204, 205, 304})
_OK, _LAST_STATUS = 200, 599


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a handler answers.

    Args:
        status: the status code, 200 to 599.
        headers: pairs of name and value. Where no ``Content-Type`` is among
            them, a body is sent as ``text/html; charset=utf-8``.
        body: the content as it goes over the wire; a `str` is encoded as UTF-8.
        delay: seconds of trio's clock until the answer is there.
        failure: raised after *delay* instead of an answer.

    Raises:
        UsageError: the status or the delay is out of its range, or a header
            field can't be sent.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: str | bytes = b""
    delay: float = 0.0
    failure: FetchError | None = None

    def __post_init__(self) -> None:
        if not _OK <= self.status <= _LAST_STATUS:
            msg = f"status={self.status} is no final status: one from 200 to 599 is"
            raise UsageError(msg)
        if not self.delay >= 0:
            msg = f"delay={self.delay} must be 0 or more seconds"
            raise UsageError(msg)
        try:
            "".join(name + value for name, value in self.headers).encode("latin-1")
        except UnicodeEncodeError as error:
            msg = f"a header field holds {error.object[error.start]!r}: fields are Latin-1, as in Headers"
            raise UsageError(msg) from error


Handler: TypeAlias = Callable[[Hop], Reply | str | bytes]
"""Answers a request; called each time, so a page may change or fail now and then.

A `FetchError` that it raises is what the request comes to; anything else that it
raises comes out of ``fetch`` as it is.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request that a `MemoryWeb` was asked, and what came of it.

    Args:
        url: where it went.
        method: the HTTP method.
        headers: the fields that were sent.
        body: the content that was sent, or None.
        started: when it began, on trio's clock.
        finished: when it ended, on trio's clock; None while it is under way.
        outcome: the status code, or the kind of failure (``"cancelled"`` if the
            caller gave up). None while it is under way, or if a handler raised
            what is no `FetchError`.
    """

    url: str
    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    started: float
    finished: float | None = None
    outcome: int | FailureKind | None = None


def response_to(hop: Hop, reply: Reply, elapsed: float) -> Response:
    """Return *reply* as the response to *hop*, or raise the failure that it stands for."""
    if reply.failure is not None:
        # The same error may be raised for many requests: without its last traceback, it does not grow.
        raise reply.failure.with_traceback(None)
    body = reply.body.encode() if isinstance(reply.body, str) else reply.body
    headers = reply.headers
    if body and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", HTML))
    if reply.status in _BODILESS:
        body = b""
    if hop.method == "HEAD":
        headers = (*headers, ("Content-Length", str(len(body))))
        body = b""
    if len(body) > hop.max_bytes:
        message = f"the body has {len(body)} bytes, more than max_bytes={hop.max_bytes}"
        raise FetchError("too_large", message)
    raw = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    return Response(url=hop.url, status=reply.status, headers=Headers(raw), body=body, elapsed=elapsed)


def default_body(status: int) -> str:
    """Return what a page of this *status* says where nothing else was put there."""
    return "" if status == _OK or status in _BODILESS else f"<!doctype html>\n<title>{status}</title>\n"


def encode(body: bytes, coding: str) -> bytes:
    """Return *body* in a content coding, the same bytes each time."""
    if coding != "gzip":
        msg = f"coding={coding!r} is not supported: 'gzip' is; encode the body yourself and add the header"
        raise UsageError(msg)
    # Without a time of its own the same page has the same bytes in every run.
    return gzip.compress(body, mtime=0)


def failure_of(kind: FailureKind, url: str) -> FetchError:
    """Return an error of this *kind* for the page at *url*."""
    if kind not in get_args(FailureKind):
        msg = f"failure={kind!r} is no kind of failure; these are: {', '.join(get_args(FailureKind))}"
        raise UsageError(msg)
    return FetchError(kind, f"{url} fails so by arrangement")
