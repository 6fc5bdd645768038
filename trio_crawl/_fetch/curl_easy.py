"""One of libcurl's easy handles: a hop becomes its options, what libcurl reports a `Response`.

libcurl only prints an exception that a callback raises, and what it reports in
its place would be another error. So each callback stores it, and `conclude`
raises it.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Final, final

import pycurl  # type: ignore[import-untyped]

from .._errors import FetchError
from .._model import Headers, Response
from .._urls import origin
from .curl_errors import (
    ABORTED_BY_CALLBACK,
    FILESIZE_EXCEEDED,
    WRITE_ERROR,
    ByProxy,
    StaleError,
    failure,
    is_stale,
    proxy_failure,
)
from .curl_head import final_head, is_token, request_lines, target_of
from .curl_options import lasting_options, version_option
from .curl_socket import Sockets
from .response import too_large

if TYPE_CHECKING:
    from collections.abc import Callable

    import trio

    from .._model import Hop
    from .curl_head import Target
    from .curl_options import Settings
    from .curl_route import Route
    from .proxy import Proxy

_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH"})  # their length is sent even if it is 0
# RFC 9110, section 9.2.2.
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_PROXY_AUTHENTICATION_REQUIRED: Final = 407
_NOWHERE: Final = "\0"  # no URL begins with it


@final
class Easy:
    """A handle, and the hop that it makes at the moment.

    Args:
        settings: what holds for every hop.
        route: how hops come to their servers.
        opened: called with the descriptor of each socket that is opened.
    """

    __slots__ = (
        "_address",
        "_base",
        "_content",
        "_hop",
        "_is_plain",
        "_limit",
        "_lines",
        "_route",
        "_sent_headers",
        "_sent_target",
        "_settings",
        "_sockets",
        "_target",
        "_tls",
        "_waits",
        "abort",
        "began",
        "curl",
        "ended",
        "raised",
        "result",
        "task",
    )

    def __init__(self, settings: Settings, route: Route, opened: Callable[[int], None]) -> None:
        self._settings = settings
        self._route = route
        self._sockets = Sockets(route, opened)
        self._limit = 0
        self._sent_headers: tuple[tuple[str, str], ...] | None = None
        self._sent_target = False
        self._hop: Hop | None = None
        self._base = _NOWHERE
        self._address = ""  # what answers, where that is known beforehand
        self._target: Target
        self._tls: bool | None = None
        self._is_plain = False
        self._waits = False
        self._lines: list[bytes] = []
        self._content = BytesIO()
        self.task: trio.lowlevel.Task | None = None
        self.abort: Callable[[object], trio.lowlevel.Abort]  # of its task; set by who owns the handle
        self.raised: BaseException | None = None
        self.result: tuple[int, str] | None = None
        self.began = self.ended = 0.0  # seconds, by the same clock
        self.curl = pycurl.Curl()
        for option, value in lasting_options(settings):
            self.curl.setopt(option, value)
        for option, callback in (
            (pycurl.OPENSOCKETFUNCTION, self._sockets.on_open),
            (pycurl.SOCKOPTFUNCTION, self._sockets.on_opened),
            # No functions of ours, for a dozen lines a response. libcurl itself ends one whose
            # header goes beyond 300 KB, and `final_head` judges the rest; it counts the bytes of
            # the body (MAXFILESIZE), which may come by two at a time: a list of them would take many
            # times their memory. That may run out all the same: it tells so by WRITE_ERROR.
            (pycurl.HEADERFUNCTION, self._lines.append),
            (pycurl.WRITEFUNCTION, self._content.write),
        ):
            self.curl.setopt(option, callback)

    def clear(self) -> None:
        """Forget the last hop, so that nothing of it is held, and be ready for another."""
        self._hop = self.task = self.raised = self.result = None
        self._sockets.clear()
        self._lines.clear()
        self._content.seek(0)
        self._content.truncate()

    def close(self) -> None:
        """Free the handle, which is in no multi handle any more."""
        self.curl.close()
        self.clear()

    def prepare(self, hop: Hop, *, again: bool = False) -> None:
        """Set what is particular to *hop*, and differs from the hop before.

        Args:
            hop: what to ask for.
            again: whether a kept connection was none any more.

        Raises:
            FetchError: of kind ``dns``, the host is a name without addresses; of
                kind ``protocol``, the URL or a header field can't be sent.
        """
        self._hop = hop
        url = hop.url
        setopt = self.curl.setopt
        if not url.startswith(self._base):
            url = self._aim(url)
        if not url.isascii():
            raise FetchError("protocol", f"{hop.url}: libcurl can't read this URL: it is not in ASCII")
        setopt(pycurl.URL, url)
        if "%" in url or self._sent_target:
            # libcurl would write %2f as %2F, which a signature over the URL may not bear. pycurl
            # can't take the option back, so it is set for all later hops as well.
            setopt(pycurl.REQUEST_TARGET, url if self._in_absolute_form() else url[len(self._base) - 1 :])
            self._sent_target = True
        plain = hop.method == "GET" and hop.body is None
        if hop.headers is not self._sent_headers:
            setopt(pycurl.HTTPHEADER, request_lines(hop.headers, content=not plain))
            self._sent_headers = hop.headers
        if not self._is_plain:
            self._prepare_way(hop)
        if not plain:
            self._prepare_other(hop, again=again)
        elif hop.max_bytes != self._limit:
            setopt(pycurl.MAXFILESIZE_LARGE, hop.max_bytes or 1)  # 0 would be no limit
            self._limit = hop.max_bytes

    def _aim(self, url: str) -> str:
        """Point the handle at the origin of *url*; return it without user name and password.

        Of these libcurl would make authentication.
        """
        base = origin(url)
        self._target = self._sockets.target = target_of(base)
        self._base = f"{base}/"
        tls = base.startswith("https:")
        if tls is not self._tls:
            self.curl.setopt(pycurl.HTTP_VERSION, version_option(self._settings.http_version, tls=tls))
            self.curl.setopt(pycurl.PIPEWAIT, 0)
            self._tls, self._waits = tls, False
        direct = self._target.literal and self._settings.proxy is None
        self._is_plain = direct and not tls
        # IPv6 has more than one spelling.
        self._address = self._target.hostname if direct and ":" not in self._target.hostname else ""
        return url if url.startswith(self._base) else base + url[url.index("/", url.index("@")) :]

    def _prepare_way(self, hop: Hop) -> None:
        """Set how the server is come to, where it is not by its literal address and without TLS."""
        route, setopt = self._route, self.curl.setopt
        proxy = self._settings.proxy
        if proxy is not None:
            self._sockets.through = route.through
            resolved, connect_to = route.proxy_lines(hop, self._target, proxy)
            setopt(pycurl.RESOLVE, resolved)
            if connect_to:
                setopt(pycurl.CONNECT_TO, connect_to)
        elif not self._target.literal:
            news = route.news(hop, self._target)
            if news is not None:
                setopt(pycurl.RESOLVE, news)
        if self._tls and route.shares(self._target) is not self._waits:
            self._waits = not self._waits
            setopt(pycurl.PIPEWAIT, self._waits)

    def _in_absolute_form(self) -> bool:
        """Tell whether the request goes to a proxy, with the whole URL (RFC 9112, section 3.2.2)."""
        proxy = self._settings.proxy
        return proxy is not None and not proxy.is_socks and not self._tls

    def _prepare_other(self, hop: Hop, *, again: bool) -> None:
        if hop.method == "HEAD" and hop.body is None:
            # Without a limit: it would be applied to what the header tells of a body that does not come.
            self.curl.setopt(pycurl.NOBODY, 1)
            return
        if not is_token(hop.method):
            raise FetchError("protocol", f"{hop.url}: {hop.method!r} is no method that can be sent")
        self.curl.setopt(pycurl.MAXFILESIZE_LARGE, hop.max_bytes or 1)
        if hop.body is not None or hop.method in _WITH_CONTENT:
            self.curl.setopt(pycurl.POSTFIELDS, hop.body or b"")
        self.curl.setopt(pycurl.CUSTOMREQUEST, hop.method)
        if hop.method not in _IDEMPOTENT:
            self.curl.setopt(pycurl.PREREQFUNCTION, self._sockets.on_request)
            self.curl.setopt(pycurl.FRESH_CONNECT, again)

    def conclude(self) -> Response:
        """Return what the finished transfer brought.

        Raises:
            FetchError: there is no response.
            BaseException: what a callback raised, as it is.
        """
        hop = self._hop
        assert hop is not None  # noqa: S101 - prepare() comes first
        assert self.result is not None  # noqa: S101 - and the transfer has ended
        raised = self.raised or self._sockets.raised
        if raised is not None:
            self.clear()
            raise raised
        code, text = self.result
        if code:
            raise self._failure(code, text, hop)
        version, status, fields = final_head(self._lines, hop.url)
        if status == _PROXY_AUTHENTICATION_REQUIRED and self._in_absolute_form():
            raise self._failure(0, "", hop)
        if self._tls:
            self._route.answered(self._target, version)
        body = self._content.getvalue()
        if len(body) > hop.max_bytes:
            raise too_large(hop)
        return Response(
            url=hop.url,
            status=status,
            headers=Headers(fields),
            body=body,
            http_version=version,
            address=self._address or self.curl.getinfo(pycurl.PRIMARY_IP),
            elapsed=self.ended - self.began,
        )

    def _failure(self, code: int, text: str, hop: Hop) -> FetchError:
        self._route.failed(self._target)
        if code == FILESIZE_EXCEEDED:
            return too_large(hop)
        if code == WRITE_ERROR:
            raise MemoryError("no memory is left for a response")
        if code == ABORTED_BY_CALLBACK:
            unsent = self._sockets.requests == 1
            message = f"{hop.url}: the server closed the connection; a {hop.method} is not made again"
            return (StaleError if unsent else FetchError)("protocol", message)
        unconnected = self._sockets.failure(code, hop.url)
        if unconnected is not None:
            return unconnected
        if self._settings.proxy is not None:
            found = proxy_failure(code, text, hop.url, self._by_proxy(self._settings.proxy, code))
            if found is not None:
                return found
        problem = failure(code, text, hop.url)
        if is_stale(code) and not self._lines and hop.method in _IDEMPOTENT and self._was_kept():
            return StaleError(problem.kind, problem.message)
        return problem

    def _was_kept(self) -> bool:
        """Tell whether the connection was there before the request."""
        return bool(self.curl.getinfo(pycurl.NUM_CONNECTS) == 0)

    def _by_proxy(self, proxy: Proxy, code: int) -> ByProxy:
        getinfo = self.curl.getinfo
        return ByProxy(
            proxy=proxy,
            tls=bool(self._tls),
            new=not self._was_kept(),
            status=getinfo(pycurl.HTTP_CONNECTCODE) if code else _PROXY_AUTHENTICATION_REQUIRED,
            reply=getinfo(pycurl.PROXY_ERROR),
        )
