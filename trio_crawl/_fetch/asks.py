"""The fetcher on asks: what the rest of the library sees of it, without asks being imported."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, final

import trio

from .._errors import MissingExtraError
from .route import ALPN, Route
from .trust import check_ca, check_client_cert, ssl_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .._model import Hop, Response
    from ..abc import Environment
    from .asks_http import Client
    from .trust import ClientCertArgument, StrPath

_ENDING: Final = 1.0  # seconds for fetches that are cancelled already


@final
class Asks:
    """Fetches with asks: an `abc.Fetcher`.

    It speaks HTTP/1.1, as asks does, over connections to the addresses of each
    hop and no others. They are kept alive (up to 100 idle ones, for 90 seconds).
    Nothing is taken from the environment. An idempotent request that finds the
    server has closed its kept connection is made once more, on a new one.
    Cancelling a fetch closes its connection at once.

    There is no HTTP/2 and no proxy with it. Asks alone loses repeated header
    fields (but for ``Set-Cookie``) and fails on values that are not UTF-8; here
    they are taken from its parser, h11, and are all there.

    Asks is not maintained any more, and needs a version of anyio that other
    packages have left behind: install it in an environment of its own, by
    ``pip install 'trio-crawl[asks]'``.

    Args:
        ca: a PEM file with the authorities to trust, instead of certifi's.
        client_cert: a PEM file with a certificate and its key, or a tuple of the
            files of both, and of the key's password if it has one. It is shown to
            every server that asks for one.

    Raises:
        MissingExtraError: asks is not installed.
        UsageError: *ca* or *client_cert* can't be used.
    """

    def __init__(self, *, ca: StrPath | None = None, client_cert: ClientCertArgument | None = None) -> None:
        _require_asks()
        ca = None if ca is None else check_ca(ca)
        shown = None if client_cert is None else check_client_cert(client_cert)
        self._given = {"ca": ca, "client_cert": shown and shown.certificate}
        # Otherwise it is made when it is first needed, since that takes 20 ms.
        self._ssl_context = ssl_context(ca, shown, ALPN) if ca or shown else None
        self._client: Client | None = None

    def __repr__(self) -> str:
        given = [f"{name}={value!r}" for name, value in self._given.items() if value is not None]
        return f"Asks({', '.join(given)})"

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
        """Serve one crawl; on leaving, fetches in flight end, and every connection is closed.

        Raises:
            trio.BusyResourceError: another crawl has this fetcher open.
        """
        if self._client is not None:
            raise trio.BusyResourceError("this Asks serves another crawl; make one for each crawl")
        from .asks_http import Client  # noqa: PLC0415 - it needs asks

        self._client = client = Client(Route(ssl_context=self._ssl_context), environment.guard)
        try:
            yield
        finally:
            self._client = None
            with trio.move_on_after(_ENDING, shield=True):
                await client.end()
            client.close()

    @trio.lowlevel.enable_ki_protection
    async def fetch(self, hop: Hop, /) -> Response:
        """Make one request and return its final response, whatever its status.

        Raises:
            FetchError: there is no response; its kind and message say why.
            trio.ClosedResourceError: the fetcher is not open, or was closed meanwhile.
        """
        if self._client is None:
            await trio.lowlevel.checkpoint()
            raise trio.ClosedResourceError("this Asks is not open; a crawl enters open(environment) first")
        return await self._client.exchange(hop)


def _require_asks() -> None:
    try:
        # The module itself, since any folder called asks can be imported as a package.
        import asks.request_object  # noqa: F401, PLC0415 - we can be imported without it
    except ImportError as error:
        raise MissingExtraError(
            f"asks is not installed, or can't be loaded ({error}): pip install 'trio-crawl[asks]', "
            "in an environment of its own, or fetch='curl'"
        ) from error
