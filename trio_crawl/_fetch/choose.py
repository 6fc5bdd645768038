"""What ``fetch=`` takes, to a fetcher."""

from __future__ import annotations

import inspect
import os
from difflib import get_close_matches
from types import ModuleType
from typing import TYPE_CHECKING, Final, cast

from .._errors import UsageError
from .._write.warc_file import READABLE
from .curl import Curl

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._write.same import Thing
    from ..abc import Fetcher
    from .httpx import Client

_NAMES: Final = ("curl", "httpx", "asks")
_ACCEPTED: Final = (
    'fetch takes "curl", "httpx", "asks", the path of a .warc.gz or .warc file, a fetcher '
    "(trio_crawl.fetchers, trio_crawl.testing.MemoryWeb, or "
    "any object with the methods of trio_crawl.abc.Fetcher), or an AsyncClient or asynchronous transport of "
    "httpx or httpx2"
)
_MEMBERS: Final = ("opens_connections", "virtual", "open", "fetch")
_LIBRARIES: Final = frozenset({"httpx", "httpx2"})
_ASYNCHRONOUS: Final = frozenset({"AsyncClient", "AsyncBaseTransport"})
_SYNCHRONOUS: Final = frozenset({"Client", "BaseTransport"})

_ON_ASYNCIO: Final = "runs on asyncio, and a crawl on trio"
_BLOCKING: Final = "is synchronous: it would block every other task of the crawl"
_UNUSABLE: Final = {
    **dict.fromkeys(("aiohttp", "aiosonic", "pyreqwest", "tornado"), _ON_ASYNCIO),
    **dict.fromkeys(("http", "httplib2", "requests", "urllib", "urllib3"), _BLOCKING),
}
"""Libraries whose clients a crawl can't use, and why, by the name of their package."""
_OF_BOTH_KINDS: Final = frozenset({"curl_cffi", "niquests"})
"""The same, where the name of a class says which of the two it is."""
_OURS: Final = {"pycurl": "curl", "asks": "asks"}
"""Libraries that a fetcher makes its own objects of, and the name of that fetcher."""


def choose(fetch: object) -> Fetcher:
    """Return the fetcher that *fetch* names, is, or is a client of.

    Raises:
        UsageError: it is nothing of what is accepted.
        MissingExtraError: the package of the fetcher that it names is not installed.
    """
    if isinstance(fetch, str | os.PathLike) and str(fetch).lower().endswith(READABLE):
        from .archive import Archive  # noqa: PLC0415 - few crawls need it

        return Archive(fetch)
    if isinstance(fetch, str):
        return _named(fetch)
    if isinstance(fetch, (type, ModuleType)):
        raise UsageError(f"{_ACCEPTED}; got {_type_or_module(fetch)}")
    missing = [name for name in _MEMBERS if not hasattr(fetch, name)]
    if not missing:
        return cast("Fetcher", fetch)
    return _borrowed(fetch, missing)


def files_of(fetcher: Fetcher) -> list[Thing]:
    """Return the files that a fetcher of ours reads, or keeps."""
    # One of a user's may have a method of that name that means something else.
    ours = type(fetcher).__module__.startswith(f"{__package__}.")
    files: Callable[[], list[Thing]] | None = getattr(fetcher, "files", None) if ours else None
    return [] if files is None else files()


def _named(name: str) -> Fetcher:
    match name:
        case "curl":
            return Curl()
        case "httpx":
            from .httpx import Httpx  # noqa: PLC0415 - httpx takes long to import, and few crawls need it

            return Httpx()
        case "asks":
            from .asks import Asks  # noqa: PLC0415 - as httpx

            return Asks()
    reason = _why_not(name.lower(), name)
    if reason:
        raise UsageError(f"{_ACCEPTED}; got {name!r}, which {reason}")
    close = get_close_matches(name.strip().lower(), _NAMES, n=1)
    raise UsageError(f"{_ACCEPTED}; got {name!r}{f'; did you mean {close[0]!r}?' if close else ''}")


def _why_not(root: str, name: str) -> str:
    """Return why a client of the package *root*, of a class called *name*, can't be used; empty if it may."""
    if root in _OF_BOTH_KINDS:
        return _ON_ASYNCIO if name.startswith("Async") else _BLOCKING
    return _UNUSABLE.get(root, "")


def _type_or_module(fetch: type | ModuleType) -> str:
    """Describe a class, or a module, that was given for an object."""
    if isinstance(fetch, ModuleType):
        name = _OURS.get(fetch.__name__, fetch.__name__)
        hint = f"; did you mean {name!r}?" if name in _NAMES else ""
        return f"the module {fetch.__name__}{hint}"
    return f"the class {fetch.__name__}{_foreign(fetch) or ' and not an instance of it: call it'}"


def _foreign(cls: type) -> str:
    """Return whose class *cls* is, and why that does not do; empty if it is of no library that is known."""
    for base in cls.__mro__:
        root = base.__module__.partition(".")[0]
        reason = _why_not(root, base.__name__)
        if reason:
            return f", of {root}, which {reason}"
        if root in _OURS:
            return f", of {root}, whose objects a fetcher makes itself: fetch={_OURS[root]!r}"
    return ""


def _borrowed(fetch: object, missing: list[str]) -> Fetcher:
    """Return the fetcher for a client or transport that a user brings.

    Raises:
        UsageError: it is none of what is accepted.
    """
    names = {cls.__name__ for cls in type(fetch).__mro__ if cls.__module__.partition(".")[0] in _LIBRARIES}
    if names & _ASYNCHRONOUS:
        from .httpx import Httpx  # noqa: PLC0415 - as above

        return Httpx(cast("Client", fetch))
    if names & _SYNCHRONOUS:
        what = ", a synchronous one: it would block every other task of the crawl"
    elif inspect.isroutine(fetch):
        what = ", a function: a fetcher is an object, and its method fetch makes the requests"
    elif len(missing) < len(_MEMBERS):
        what = f", which lacks {' and '.join(missing)} of trio_crawl.abc.Fetcher"
    else:
        what = _foreign(type(fetch))
    raise UsageError(f"{_ACCEPTED}; got {fetch!r}{what}")
