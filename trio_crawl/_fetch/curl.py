"""The default fetcher: libcurl's multi interface, driven by trio."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Literal, final

import trio

from .._errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .._model import Hop, Response
    from ..abc import Environment
    from .curl_multi import Engine, How

_ENDING: Final = 1.0  # seconds for tasks that are cancelled already
_OLDEST: Final = 0x080300  # older ones take headers without end (CVE-2023-38039)


@final
class Curl:
    """Fetches with libcurl: an `abc.Fetcher`.

    It speaks HTTP/1.1, and HTTP/2 where a TLS server offers it, over connections
    to the addresses of each hop and no others, which it keeps alive. It trusts
    the authorities of certifi. No proxy, no ``.netrc``, and nothing else, is
    taken from the environment. Cancelling a fetch ends its transfer at once.

    Args:
        watch: how libcurl's sockets are waited for: ``"epoll"``, all of them by
            one epoll object (Linux); ``"tasks"``, by a task for each; ``"auto"``,
            the former where there is one.

    Raises:
        MissingExtraError: pycurl, libcurl's Python interface, is not installed, or
            was built with a libcurl before 8.3.
        UsageError: *watch* is none of these, or not to be had on this system.
    """

    def __init__(self, *, watch: Literal["auto", "epoll", "tasks"] = "auto") -> None:
        self._how = _how(watch)
        _require_libcurl()
        self._watch = watch
        self._engine: Engine | None = None

    def __repr__(self) -> str:
        return f"Curl({'' if self._watch == 'auto' else f'watch={self._watch!r}'})"

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

        engine = Engine(environment, self._how)
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

    async def fetch(self, hop: Hop, /) -> Response:
        """Make one request and return its final response, whatever its status.

        Raises:
            FetchError: there is no response; its kind and message say why.
            trio.ClosedResourceError: the fetcher is not open, or was closed meanwhile.
        """
        if self._engine is None:
            await trio.lowlevel.checkpoint()
            raise trio.ClosedResourceError("this Curl is not open; a crawl enters open(environment) first")
        return await self._engine.fetch(hop)


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
            f"pycurl was built with libcurl {name}, and 8.3.0 is the oldest that bounds headers: "
            "pip install --force-reinstall --only-binary pycurl pycurl, or fetch='httpx'"
        )


def _how(watch: str) -> How:
    linux = sys.platform == "linux"
    if watch == "auto":
        return "epoll" if linux else "tasks"
    if watch == "tasks" or (watch == "epoll" and linux):
        return "tasks" if watch == "tasks" else "epoll"
    if watch == "epoll":
        raise UsageError(f'watch="epoll" is to be had on Linux only, not on {sys.platform}; use "tasks"')
    raise UsageError(f'watch is "auto", "epoll" or "tasks"; got {watch!r}')
