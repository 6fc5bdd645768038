"""One of libcurl's easy handles: a hop becomes its options, its callbacks' data a `Response`.

libcurl only prints an exception that a callback raises, and what it reports in
its place would be another error. So each callback stores it, and `conclude`
raises it.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, final

import certifi
import pycurl

from .._errors import FetchError
from .._model import Headers, Response
from .._urls import literal_address, split
from .curl_errors import COULDNT_CONNECT, failure
from .curl_head import declares_more, fields, request_lines, status_of
from .response import too_large

if TYPE_CHECKING:
    from collections.abc import Callable

    import trio

    from .._model import Hop
    from ..abc import Guard

MAX_HEAD: Final = 256 * 1024
"""Bytes of all heads of one response and its trailers; Chromium's limit."""

MAX_INTERIM: Final = 100
"""Interim responses (1xx) before the final one."""

_FINAL: Final = range(200, 1000)  # LinkedIn's 999 is met in the wild
_NO_CONTENT: Final = frozenset({204, 304})
_BLANK: Final = frozenset({b"\r\n", b"\n"})
_ABORT: Final = -1  # what a callback returns to end its transfer
_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH"})  # their length is sent even if it is 0

_VERSIONS: Final = {
    pycurl.CURL_HTTP_VERSION_1_0: "1.0",
    pycurl.CURL_HTTP_VERSION_1_1: "1.1",
    pycurl.CURL_HTTP_VERSION_2_0: "2",
    pycurl.CURL_HTTP_VERSION_3: "3",
}


@final
class Easy:
    """A handle, and the hop that it makes at the moment.

    Args:
        guard: the judge of addresses.
        opened: called with the descriptor of each socket that is opened.
    """

    __slots__ = (
        "_chunks",
        "_guard",
        "_head",
        "_head_size",
        "_hop",
        "_interim",
        "_lines",
        "_max_bytes",
        "_opened",
        "_permitted",
        "_refusal",
        "_sent_lines",
        "_size",
        "_unopened",
        "curl",
        "raised",
        "result",
        "task",
    )

    def __init__(self, guard: Guard, opened: Callable[[int], None]) -> None:
        self._guard = guard
        self._opened = opened
        self._sent_lines: tuple[bytes, ...] | None = None
        self.curl = pycurl.Curl()
        self._set_lasting_options()
        self.clear()

    def _set_lasting_options(self) -> None:
        for option, value in (
            (pycurl.NOSIGNAL, 1),  # signals are Python's
            (pycurl.NOPROGRESS, 1),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.HTTP09_ALLOWED, 0),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.NETRC, 0),
            (pycurl.PROXY, ""),  # an empty one, and not that of the environment
            (pycurl.NOPROXY, "*"),
            (pycurl.PATH_AS_IS, 1),  # the URL standard has dealt with the dots
            (pycurl.CAINFO, certifi.where()),
            (pycurl.SSL_VERIFYPEER, 1),
            (pycurl.SSL_VERIFYHOST, 2),
            (pycurl.OPENSOCKETFUNCTION, self._on_open),
            (pycurl.SOCKOPTFUNCTION, self._on_opened),
            (pycurl.HEADERFUNCTION, self._on_header),
            (pycurl.WRITEFUNCTION, self._on_write),
        ):
            self.curl.setopt(option, value)

    def clear(self) -> None:
        """Forget the last hop, so that nothing of it is held, and be ready for another."""
        self._hop: Hop | None = None
        self._max_bytes = 0
        self._lines: list[bytes] = []
        self._head: tuple[tuple[bytes, bytes], ...] | None = None
        self._head_size = 0
        self._interim = 0
        self._chunks: list[bytes] = []
        self._size = 0
        self._refusal: str | None = None
        self._unopened: str | None = None
        self._permitted = False
        self.task: trio.lowlevel.Task | None = None
        self.raised: BaseException | None = None
        self.result: tuple[int, str] | None = None

    def close(self) -> None:
        """Free the handle, which is in no multi handle any more."""
        self.curl.close()
        self.clear()

    def prepare(self, hop: Hop) -> None:
        """Set what is particular to *hop*.

        Raises:
            FetchError: of kind ``dns``, the host is a name without addresses; of
                kind ``protocol``, the URL or a header field can't be sent.
        """
        self._hop = hop
        self._max_bytes = hop.max_bytes
        parts = split(hop.url)
        url = hop.url
        if "@" in url:  # without user name and password: libcurl would make authentication of them
            url = parts.origin + url[url.find("/", len(parts.scheme) + 3) :]
        if not url.isascii():
            raise FetchError("protocol", f"{hop.url}: libcurl can't read this URL: it is not in ASCII")
        setopt = self.curl.setopt
        setopt(pycurl.URL, url)
        lines = request_lines(hop.headers)
        if lines is not self._sent_lines:
            setopt(pycurl.HTTPHEADER, lines)
            self._sent_lines = lines
        if literal_address(parts.hostname) is None:
            if not hop.addresses:
                raise FetchError("dns", f"{hop.url}: no address is known for {parts.hostname!r}")
            # Each time, since libcurl takes what it was given once only, and forgets it after a
            # minute. The plus lets it forget; without, the first answer would be good for ever.
            setopt(pycurl.RESOLVE, [f"+{parts.host}:{parts.port}:{_joined(hop.addresses)}"])
        if hop.method != "GET" or hop.body is not None:
            self._prepare_other(hop)

    def _prepare_other(self, hop: Hop) -> None:
        if hop.method == "HEAD" and hop.body is None:
            self.curl.setopt(pycurl.NOBODY, 1)
            return
        if not hop.method.isascii() or not hop.method.isalpha():
            raise FetchError("protocol", f"{hop.url}: {hop.method!r} is no method that can be sent")
        if hop.body is not None or hop.method in _WITH_CONTENT:
            self.curl.setopt(pycurl.POSTFIELDS, hop.body or b"")
        self.curl.setopt(pycurl.CUSTOMREQUEST, hop.method)

    def conclude(self) -> Response:
        """Return what the finished transfer brought.

        Raises:
            FetchError: there is no response.
            BaseException: what a callback raised, as it is.
        """
        hop = self._hop
        assert hop is not None
        assert self.result is not None
        if self.raised is not None:
            raised, self.raised = self.raised, None
            raise raised
        code, text = self.result
        if code:
            raise self._failure(code, text, hop)
        getinfo = self.curl.getinfo
        status = getinfo(pycurl.RESPONSE_CODE)
        if status not in _FINAL or self._head is None:
            raise FetchError("protocol", f"{hop.url}: the response has no final status: {status}")
        chunks = self._chunks
        return Response(
            url=hop.url,
            status=status,
            headers=Headers(self._head),
            body=chunks[0] if len(chunks) == 1 else b"".join(chunks),
            http_version=_VERSIONS.get(getinfo(pycurl.INFO_HTTP_VERSION), "1.1"),
            address=getinfo(pycurl.PRIMARY_IP),
            elapsed=getinfo(pycurl.TOTAL_TIME),
        )

    def _failure(self, code: int, text: str, hop: Hop) -> FetchError:
        if code == COULDNT_CONNECT and not self._permitted and self._refusal is not None:
            # A refused address looks to libcurl like one that doesn't answer.
            return FetchError("blocked_address", self._refusal)
        if code == COULDNT_CONNECT and self._unopened is not None:
            return FetchError("connect", f"{hop.url}: no socket could be opened: {self._unopened}")
        return failure(code, text, hop.url)

    def _on_open(self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> object:
        try:
            hop = self._hop
            assert hop is not None
            family, kind, protocol, place = address
            parts = split(hop.url)
            refusal = self._guard.refusal(parts.hostname, parts.port, place[0])
            if refusal is not None:
                self._refusal = refusal
                return pycurl.SOCKET_BAD
            self._permitted = True
            try:
                return socket.socket(family, kind, protocol)
            except OSError as error:  # no descriptor left, or no such family on this machine
                self._unopened = str(error)
                return pycurl.SOCKET_BAD
        except BaseException as error:  # noqa: BLE001 - raised by conclude()
            self.raised = error
            return pycurl.SOCKET_BAD

    def _on_opened(self, descriptor: int, _purpose: int) -> int:
        try:
            self._opened(descriptor)
        except BaseException as error:  # noqa: BLE001 - raised by conclude()
            self.raised = error
            return int(pycurl.SOCKOPT_ERROR)
        return int(pycurl.SOCKOPT_OK)

    def _on_header(self, line: bytes) -> int | None:
        try:
            self._head_size += len(line)
            if self._head_size > MAX_HEAD:
                raise FetchError("protocol", f"{self._url}: the header is larger than {MAX_HEAD:,} bytes")
            if self._head is not None:
                return None  # a trailer field (RFC 9110, section 6.5): no part of the header
            if line not in _BLANK:
                self._lines.append(line)
                return None
            self._end_head()
        except BaseException as error:  # noqa: BLE001 - raised by conclude()
            self.raised = error
            return _ABORT
        return None

    def _end_head(self) -> None:
        lines, self._lines = self._lines, []
        status = status_of(lines[0]) if lines else 0
        if 100 <= status < _FINAL.start:  # noqa: PLR2004 - RFC 9110, section 15.2
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise FetchError(
                    "protocol", f"{self._url}: more than {MAX_INTERIM} interim responses and no final one"
                )
            return
        self._head = fields(lines[1:])
        hop = self._hop
        assert hop is not None
        # Responses without content may tell the length that they would have: RFC 9110, section 8.6.
        if hop.method == "HEAD" or status in _NO_CONTENT:
            return
        if declares_more(self._head, hop.max_bytes):
            raise too_large(hop)

    def _on_write(self, chunk: bytes) -> int | None:
        try:
            self._size += len(chunk)
            if self._size > self._max_bytes:
                assert self._hop is not None
                raise too_large(self._hop)
            self._chunks.append(chunk)
        except BaseException as error:  # noqa: BLE001 - raised by conclude()
            self.raised = error
            return _ABORT
        return None

    @property
    def _url(self) -> str:
        assert self._hop is not None
        return self._hop.url


def _joined(addresses: tuple[str, ...]) -> str:
    return ",".join(f"[{address}]" if ":" in address else address for address in addresses)
