"""The default fetcher: libcurl's multi interface, driven by trio."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, final

import trio

from .._errors import MissingExtraError, UsageError
from .proxy import parse_proxy
from .trust import check_ca, check_client_cert

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from .._model import Hop, Response
    from ..abc import Environment
    from .curl_multi import Engine, How
    from .curl_options import HttpVersion
    from .proxy import Proxy
    from .trust import ClientCertArgument, StrPath

_ENDING: Final = 1.0  # seconds for tasks that are cancelled already
_VERSIONS: Final = {"auto": 0, "1.1": 0, "2": 1 << 16, "3": 1 << 25}  # CURL_VERSION_HTTP2, _HTTP3
_HTTPS_PROXY: Final = 1 << 21  # CURL_VERSION_HTTPS_PROXY
_OLDEST: Final = 0x080400  # older ones bound neither headers nor a body that tells no length


@final
class Curl:
    """Fetches with libcurl: an `abc.Fetcher`.

    It speaks HTTP/1.1, and over TLS what the server chooses of that and HTTP/2,
    whose connections are shared by requests. It connects to the addresses of each
    hop and no others, and keeps connections alive. Nothing is taken from the
    environment, and nothing from ``.netrc``. Cancelling a fetch ends its transfer
    at once, and no other on the same connection.

    Args:
        http_version: ``"auto"``: HTTP/2 where a TLS server offers it. ``"1.1"``:
            never. ``"2"``: over TLS nothing but HTTP/2, so that a server without
            it is a failure. ``"3"``: over TLS HTTP/3 if the server answers to it,
            else as ``"auto"``; each new host costs a little more, since both are
            tried. Without TLS it is HTTP/1.1, whatever is said here.
        proxy: ``"http://HOST:PORT"``, ``"https://…"`` (TLS to the proxy as well),
            ``"socks5://…"`` (it is given addresses) or ``"socks5h://…"`` (it is
            given names), with ``USER:PASSWORD@`` before the host if it wants them.
            The address of the proxy may be any. Those of the targets are judged
            by our own look-ups; an HTTP or socks5h proxy makes its own, which
            nobody judges. `Response.address` is that of the proxy.
        ca: a PEM file with the authorities to trust, instead of certifi's, for
            targets and for an https proxy.
        client_cert: a PEM file with a certificate and its key, or a tuple of the
            files of both, and of the key's password if it has one. It is shown to
            every server that asks for one.
        connections: how many idle connections are kept, at least 1; by default as many as there are hops
            at once, those of a limiter in ``concurrency=`` as it is to begin with.
        watch: how libcurl's sockets are waited for: ``"epoll"``, all of them by
            one epoll object (Linux); ``"tasks"``, by a task for each; ``"auto"``,
            the former where there is one.

    Raises:
        MissingExtraError: pycurl, libcurl's Python interface, is not installed, or
            was built with a libcurl before 8.4.
        UsageError: an argument is none of these, can't be used with this libcurl or
            on this system, or contradicts another one.
    """

    def __init__(  # noqa: PLR0913 - all are keywords
        self,
        *,
        http_version: HttpVersion = "auto",
        proxy: str | None = None,
        ca: StrPath | None = None,
        client_cert: ClientCertArgument | None = None,
        connections: int | None = None,
        watch: Literal["auto", "epoll", "tasks"] = "auto",
    ) -> None:
        self._how = _how(watch)
        _require_libcurl()
        self._http_version = http_version
        self._proxy = None if proxy is None else parse_proxy(proxy)
        _require_features(http_version, self._proxy)
        self._ca = None if ca is None else check_ca(ca)
        self._client_cert = None if client_cert is None else check_client_cert(client_cert)
        if connections is not None and (isinstance(connections, bool) or connections < 1):
            raise UsageError(f"connections= is {connections!r}; it takes a whole number, 1 or more, or None")
        self._connections = connections
        self._watch = watch
        self._engine: Engine | None = None

    def __repr__(self) -> str:
        given = {
            "http_version": None if self._http_version == "auto" else self._http_version,
            "proxy": self._proxy,
            "ca": self._ca,
            "client_cert": self._client_cert and self._client_cert.certificate,
            "connections": self._connections,
            "watch": None if self._watch == "auto" else self._watch,
        }
        return f"Curl({', '.join(f'{name}={value!r}' for name, value in given.items() if value is not None)})"

    @property
    def opens_connections(self) -> bool:
        """True: it connects to the addresses of each hop."""
        return True

    @property
    def virtual(self) -> bool:
        """False: a network has a time of its own."""
        return False

    @asynccontextmanager
    async def open(self, environment: Environment, /) -> AsyncIterator[None]:
        """Serve one crawl; on leaving, every transfer ends and every connection is closed.

        Raises:
            trio.BusyResourceError: another crawl has this fetcher open.
        """
        if self._engine is not None:
            raise trio.BusyResourceError("this Curl serves another crawl; make one for each crawl")
        from .curl_multi import Engine  # noqa: PLC0415 - it needs pycurl
        from .curl_options import Settings  # noqa: PLC0415 - likewise

        settings = Settings(
            http_version=self._http_version, proxy=self._proxy, ca=self._ca, client_cert=self._client_cert
        )
        if self._connections is not None:
            environment = replace(environment, concurrency=self._connections)
        engine = Engine(environment, self._how, settings)
        try:
            environment.nursery.start_soon(engine.run, name="trio_crawl: libcurl")
        except BaseException:  # the nursery is closed
            engine.close()
            raise
        self._engine = engine
        try:
            yield
        finally:
            self._engine = None
            engine.stop()
            with trio.move_on_after(_ENDING, shield=True):
                await engine.ended()
            engine.close()

    def fetch(self, hop: Hop, /) -> Coroutine[Any, Any, Response]:
        """Make one request and return its final response, whatever its status.

        Raises:
            FetchError: there is no response; its kind and message say why.
            trio.ClosedResourceError: the fetcher is not open, or was closed meanwhile.
        """
        # Not a coroutine of its own, which every step of the one below would have to pass through.
        engine, proxy = self._engine, self._proxy
        if engine is None:
            return _not_open()
        return engine.fetch(hop) if proxy is None else engine.fetch_through(proxy, hop)


async def _not_open() -> NoReturn:
    await trio.lowlevel.checkpoint()
    raise trio.ClosedResourceError("this Curl is not open; a crawl enters open(environment) first")


def _require_libcurl() -> None:
    try:
        import pycurl  # type: ignore[import-untyped]  # noqa: PLC0415 - we can be imported without it
    except ImportError as error:
        raise MissingExtraError(
            f"pycurl is not installed, or can't be loaded ({error}): pip install pycurl, or fetch='httpx'"
        ) from error
    _, name, number, *_ = pycurl.version_info()
    if number < _OLDEST:
        raise MissingExtraError(
            f"pycurl was built with libcurl {name}, and 8.4.0 is the oldest that bounds what it takes: "
            "pip install --force-reinstall --only-binary pycurl pycurl, or fetch='httpx'"
        )


def _require_features(http_version: str, proxy: Proxy | None) -> None:
    """Look whether the two make sense together, and with this libcurl.

    Raises:
        UsageError: they don't.
    """
    import pycurl  # noqa: PLC0415 - as above

    _, name, _, _, features, *_ = pycurl.version_info()
    if http_version not in _VERSIONS:
        raise UsageError(f'http_version is "auto", "1.1", "2" or "3", as a str; got {http_version!r}')
    if http_version == "3" and proxy is not None:
        raise UsageError('http_version="3" goes by UDP, which no proxy takes here; leave out one of the two')
    if features & _VERSIONS[http_version] != _VERSIONS[http_version]:
        raise UsageError(
            f'http_version="{http_version}" is more than pycurl\'s libcurl {name} can: it was built without '
            f'HTTP/{http_version}; use "auto"'
        )
    if proxy is not None and proxy.scheme == "https" and not features & _HTTPS_PROXY:
        raise UsageError(f"pycurl's libcurl {name} was built without TLS to proxies; use an http:// proxy")


def _how(watch: str) -> How:
    linux = sys.platform == "linux"
    if watch == "auto":
        return "epoll" if linux else "tasks"
    if watch == "tasks" or (watch == "epoll" and linux):
        return "tasks" if watch == "tasks" else "epoll"
    if watch == "epoll":
        raise UsageError(f'watch="epoll" is to be had on Linux only, not on {sys.platform}; use "tasks"')
    raise UsageError(f'watch is "auto", "epoll" or "tasks"; got {watch!r}')
