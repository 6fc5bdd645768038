"""One of libcurl's easy handles: a hop becomes its options, what libcurl reports a `Response`.

libcurl only prints an exception that a callback raises, and what it reports in
its place would be another error. So each callback stores it, and `conclude`
raises it.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final, final

import certifi
import pycurl  # type: ignore[import-untyped]

from .._errors import FetchError
from .._model import Headers, Response
from .._urls import origin
from .curl_errors import COULDNT_CONNECT, FILESIZE_EXCEEDED, failure
from .curl_head import final_head, request_lines, resolve_lines, target_of
from .response import too_large

if TYPE_CHECKING:
    from collections.abc import Callable

    import trio

    from .._model import Hop
    from ..abc import Guard
    from .curl_head import Target

_FINAL: Final = range(200, 1000)  # 999 is met in the wild
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
        "_hop",
        "_limit",
        "_lines",
        "_opened",
        "_permitted",
        "_refusal",
        "_sent_lines",
        "_sent_target",
        "_size",
        "_socket",
        "_target",
        "_unopened",
        "curl",
        "raised",
        "result",
        "task",
    )

    def __init__(self, guard: Guard, opened: Callable[[int], None]) -> None:
        self._guard = guard
        self._opened = opened
        self._limit = 0
        self._sent_lines: tuple[bytes, ...] | None = None
        self._sent_target = False
        self._hop: Hop | None = None
        self._target: Target | None = None
        self._lines: list[bytes] = []
        self._chunks: list[bytes] = []
        self._size = 0
        self._permitted = False
        self._refusal: str | None = None
        self._unopened: str | None = None
        self._socket: socket.socket | None = None
        self.task: trio.lowlevel.Task | None = None
        self.raised: BaseException | None = None
        self.result: tuple[int, str] | None = None
        self.curl = pycurl.Curl()
        self._set_lasting_options()

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
            # No function of ours for a dozen lines a response: libcurl itself ends one whose
            # header goes beyond 300 KB, and `final_head` judges the rest.
            (pycurl.HEADERFUNCTION, self._lines.append),
            (pycurl.WRITEFUNCTION, self._on_write),
        ):
            self.curl.setopt(option, value)

    def clear(self) -> None:
        """Forget the last hop, so that nothing of it is held, and be ready for another."""
        self._hop = self.task = self.raised = self.result = self._refusal = self._unopened = None
        self._permitted = False
        self._close_socket()
        self._lines.clear()
        self._chunks = []
        self._size = 0

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
        url = hop.url
        base = origin(url)
        target = self._target = target_of(base)
        if not url.startswith(base):
            # With user name and password, which libcurl would make authentication of.
            url = base + url[url.index("/", url.index("@")) :]
        setopt = self.curl.setopt
        if not url.isascii():
            raise FetchError("protocol", f"{hop.url}: libcurl can't read this URL: it is not in ASCII")
        setopt(pycurl.URL, url)
        if "%" in url or self._sent_target:
            # libcurl would write %2f as %2F, which a signature over the URL may not bear. pycurl
            # can't take the option back, so it is set for all later hops as well.
            setopt(pycurl.REQUEST_TARGET, url[len(base) :])
            self._sent_target = True
        lines = request_lines(hop.headers)
        if lines is not self._sent_lines:
            setopt(pycurl.HTTPHEADER, lines)
            self._sent_lines = lines
        if not target.literal:
            if not hop.addresses:
                raise FetchError("dns", f"{hop.url}: no address is known for {target.hostname!r}")
            # Each time, since libcurl takes what it is given once only, and forgets it after a minute.
            setopt(pycurl.RESOLVE, resolve_lines(target, hop.addresses))
        if hop.method != "GET" or hop.body is not None:
            self._prepare_other(hop)
        elif hop.max_bytes != self._limit:
            # Against a greater length that is declared; `_on_write` counts what comes.
            setopt(pycurl.MAXFILESIZE_LARGE, hop.max_bytes)
            self._limit = hop.max_bytes

    def _prepare_other(self, hop: Hop) -> None:
        if hop.method == "HEAD" and hop.body is None:
            # Without a limit: it would be applied to what the header tells of a body that does not come.
            self.curl.setopt(pycurl.NOBODY, 1)
            return
        if not (hop.method.isascii() and hop.method.isalpha()):
            raise FetchError("protocol", f"{hop.url}: {hop.method!r} is no method that can be sent")
        self.curl.setopt(pycurl.MAXFILESIZE_LARGE, hop.max_bytes)
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
        assert hop is not None  # noqa: S101 - prepare() comes first
        assert self.result is not None  # noqa: S101 - and the transfer has ended
        if self.raised is not None:
            raised, self.raised = self.raised, None
            raise raised
        code, text = self.result
        if code:
            raise self._failure(code, text, hop)
        getinfo = self.curl.getinfo
        status = getinfo(pycurl.RESPONSE_CODE)
        if status not in _FINAL:
            raise FetchError("protocol", f"{hop.url}: {status} is no final status of HTTP")
        chunks = self._chunks
        return Response(
            url=hop.url,
            status=status,
            headers=Headers(final_head(self._lines, hop.url)),
            body=chunks[0] if len(chunks) == 1 else b"".join(chunks),
            http_version=_VERSIONS.get(getinfo(pycurl.INFO_HTTP_VERSION), "1.1"),
            address=getinfo(pycurl.PRIMARY_IP),
            elapsed=getinfo(pycurl.TOTAL_TIME),
        )

    def _failure(self, code: int, text: str, hop: Hop) -> FetchError:
        if code == FILESIZE_EXCEEDED:
            return too_large(hop)
        if code == COULDNT_CONNECT and not self._permitted and self._refusal is not None:
            # A refused address looks to libcurl like one that doesn't answer.
            return FetchError("blocked_address", self._refusal)
        if code == COULDNT_CONNECT and self._unopened is not None:
            return FetchError("connect", f"{hop.url}: no socket could be opened: {self._unopened}")
        return failure(code, text, hop.url)

    def _on_open(self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> object:
        try:
            target = self._target
            assert target is not None  # noqa: S101 - prepare() comes first
            family, kind, protocol, place = address
            refusal = self._guard.refusal(target.hostname, target.port, place[0])
            if refusal is not None:
                self._refusal = refusal
                return pycurl.SOCKET_BAD
            self._permitted = True
            return self._open_socket(family, kind, protocol)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - raised by conclude()
            self.raised = error
        return pycurl.SOCKET_BAD

    def _open_socket(self, family: int, kind: int, protocol: int) -> object:
        self._close_socket()
        try:
            self._socket = socket.socket(family, kind, protocol)
        except OSError as error:  # no descriptor is left, or no such family on this machine
            self._unopened = str(error)
            return pycurl.SOCKET_BAD
        return self._socket

    def _close_socket(self) -> None:
        """Close what pycurl has made a duplicate of, for libcurl to own."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _on_opened(self, descriptor: int, _purpose: int) -> int:
        try:
            self._close_socket()
            if os.name == "posix":
                os.set_inheritable(descriptor, False)  # noqa: FBT003 - the duplicate is no more than a number
            self._opened(descriptor)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - raised by conclude()
            self.raised = error
        return int(pycurl.SOCKOPT_OK if self.raised is None else pycurl.SOCKOPT_ERROR)

    def _on_write(self, chunk: bytes) -> int | None:
        try:
            self._size += len(chunk)
            hop = self._hop
            assert hop is not None  # noqa: S101 - prepare() comes first
            if self._size <= hop.max_bytes:
                self._chunks.append(chunk)
                return None
            self.raised = too_large(hop)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - raised by conclude()
            self.raised = error
        return _ABORT
