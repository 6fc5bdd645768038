"""What ``fetch=`` takes, to a fetcher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from .._errors import UsageError
from .curl import Curl

if TYPE_CHECKING:
    from ..abc import Fetcher
    from .httpx import Client

_ACCEPTED: Final = (
    'fetch takes "curl", "httpx", a fetcher (trio_crawl.fetchers, trio_crawl.testing.MemoryWeb, or any '
    "object with the methods of trio_crawl.abc.Fetcher), or an AsyncClient or asynchronous transport of "
    "httpx or httpx2"
)
_MEMBERS: Final = ("opens_connections", "virtual", "open", "fetch")
_LIBRARIES: Final = frozenset({"httpx", "httpx2"})
_ASYNCHRONOUS: Final = frozenset({"AsyncClient", "AsyncBaseTransport"})
_SYNCHRONOUS: Final = frozenset({"Client", "BaseTransport"})


def choose(fetch: object) -> Fetcher:
    """Return the fetcher that *fetch* names, is, or is a client of.

    Raises:
        UsageError: it is nothing of what is accepted.
        MissingExtraError: it is ``"curl"``, and pycurl is not installed.
    """
    if fetch == "curl":
        return Curl()
    if fetch == "httpx":
        from .httpx import Httpx  # noqa: PLC0415 - httpx takes long to import, and few crawls need it

        return Httpx()
    if isinstance(fetch, str):
        raise UsageError(f"{_ACCEPTED}; got {fetch!r}")
    if isinstance(fetch, type):
        raise UsageError(f"{_ACCEPTED}; got the class {fetch.__name__} and not an instance of it: call it")
    if all(hasattr(fetch, name) for name in _MEMBERS):
        return cast("Fetcher", fetch)
    return _borrowed(fetch)


def _borrowed(fetch: object) -> Fetcher:
    # By name, so that httpx is imported only if it is there already.
    bases = [cls for cls in type(fetch).__mro__ if cls.__module__.partition(".")[0] in _LIBRARIES]
    names = {cls.__name__ for cls in bases}
    if names & _ASYNCHRONOUS:
        from .httpx import Httpx  # noqa: PLC0415 - as above

        return Httpx(cast("Client", fetch))
    if names & _SYNCHRONOUS:
        raise UsageError(
            f"{_ACCEPTED}; got {fetch!r}, a synchronous one: it would block every other task of the crawl"
        )
    raise UsageError(f"{_ACCEPTED}; got {fetch!r}")
