"""What ``fetch=`` takes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from trio_crawl import fetchers
from trio_crawl._errors import MissingExtraError, UsageError
from trio_crawl._fetch.choose import choose
from trio_crawl._fetch.curl import Curl
from trio_crawl._fetch.httpx import Httpx
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from pathlib import Path


def respond(_request: httpx.Request) -> httpx.Response:
    """Answer anything."""
    return httpx.Response(200)


def test_by_name() -> None:
    """The two names stand for the two fetchers, a new one each time."""
    assert isinstance(choose("curl"), Curl)
    assert isinstance(choose("httpx"), Httpx)
    assert choose("curl") is not choose("curl")


def test_the_path_of_an_archive_is_a_fetcher(tmp_path: Path) -> None:
    """As text, or as an object; one that is not there is told."""
    path = tmp_path / "x.warc.gz"
    path.write_bytes(b"")
    for given in (path, str(path)):
        assert isinstance(choose(given), fetchers.Archive)
    with pytest.raises(UsageError, match="there is no archive"):
        choose(tmp_path / "y.warc")


@pytest.mark.parametrize("fetcher", [Curl(), Httpx(), MemoryWeb()])
def test_a_fetcher_is_taken_as_it_is(fetcher: object) -> None:
    """Whatever has the methods of a fetcher is one."""
    assert choose(fetcher) is fetcher


async def test_a_client_or_transport_is_wrapped() -> None:
    """Asynchronous ones of httpx make a fetcher."""
    transport = httpx.MockTransport(respond)
    assert isinstance(choose(transport), Httpx)
    async with httpx.AsyncClient(transport=transport) as client:
        assert isinstance(choose(client), Httpx)


class OwnTransport(httpx.AsyncBaseTransport):
    """A transport of the user's own."""


def test_a_class_derived_from_httpx() -> None:
    """A transport of the user's own is one too."""
    assert isinstance(choose(OwnTransport()), Httpx)


def test_a_synchronous_client() -> None:
    """It is named as what it is."""
    with httpx.Client() as client, pytest.raises(UsageError, match="a synchronous one"):
        choose(client)
    with pytest.raises(UsageError, match="a synchronous one"):
        choose(httpx.HTTPTransport())


@pytest.mark.parametrize("cls", [Curl, Httpx, httpx.AsyncClient, MemoryWeb])
def test_a_class(cls: type) -> None:
    """The message says that an instance of it is wanted."""
    with pytest.raises(UsageError, match=f"the class {cls.__name__} and not an instance"):
        choose(cls)


async def test_a_closed_client() -> None:
    """A client that is closed already is refused before the first request."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as client:
        pass
    with pytest.raises(UsageError, match="closed"):
        choose(client)


def of(module: str, name: str = "Session") -> type:
    """Return a class that says to be *name* of *module*, as that of a package that is not installed here."""
    return type(name, (), {"__module__": module})


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("aiohttp.client", "ClientSession"),
        ("aiosonic.client", "HTTPClient"),
        ("curl_cffi.requests.session", "AsyncSession"),
        ("niquests.async_session", "AsyncSession"),
        ("tornado.simple_httpclient", "SimpleAsyncHTTPClient"),
    ],
)
def test_a_client_of_asyncio(module: str, name: str) -> None:
    """It is recognised by its package, which is named; a subclass, the class and the package's name too."""
    cls = of(module, name)
    root = module.partition(".")[0]
    for fetch in (cls(), type("Own", (cls,), {})(), cls):
        with pytest.raises(UsageError, match=f", of {root}, which runs on asyncio, and a crawl on trio"):
            choose(fetch)


@pytest.mark.parametrize(
    "module", ["requests.sessions", "niquests.sessions", "curl_cffi.requests", "urllib3.poolmanager"]
)
def test_a_client_that_blocks(module: str) -> None:
    """A synchronous client of another library is recognised as such."""
    with pytest.raises(UsageError, match=f", of {module.partition('.')[0]}, which is synchronous"):
        choose(of(module)())


@pytest.mark.parametrize(("module", "name"), [("pycurl", "curl"), ("asks.sessions", "asks")])
def test_an_object_that_a_fetcher_makes_itself(module: str, name: str) -> None:
    """The fetcher of that library is named."""
    with pytest.raises(UsageError, match=f"whose objects a fetcher makes itself: fetch='{name}'"):
        choose(of(module)())


@pytest.mark.parametrize(("module", "hint"), [(httpx, "; did you mean 'httpx'?"), (json, "the module json")])
def test_a_module(module: object, hint: str) -> None:
    """A module is not a fetcher, though its name may be one's."""
    with pytest.raises(UsageError) as caught:
        choose(module)
    assert str(caught.value).endswith(hint)


@pytest.mark.parametrize("function", [len, respond])
def test_a_function(function: object) -> None:
    """A function is told what a fetcher is instead."""
    with pytest.raises(UsageError, match="a function: a fetcher is an object"):
        choose(function)


def test_half_a_fetcher() -> None:
    """What has some of a fetcher's members is told which it lacks."""

    class Half:
        virtual = False

        async def fetch(self, _hop: object) -> None: ...

    with pytest.raises(UsageError, match=r"which lacks opens_connections and open of trio_crawl\.abc"):
        choose(Half())


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Curl", "; did you mean 'curl'?"),
        ("htpx", "; did you mean 'httpx'?"),
        ("httpx2", "; did you mean 'httpx'?"),
        (" asks", "; did you mean 'asks'?"),
        ("aiohttp", "'aiohttp', which runs on asyncio, and a crawl on trio"),
        ("requests", "'requests', which is synchronous: it would block every other task of the crawl"),
        ("lynx", "got 'lynx'"),
    ],
)
def test_a_name_that_is_none(name: str, hint: str) -> None:
    """The message names those there are, and the one that may be meant, or why it can't be had."""
    with pytest.raises(UsageError) as caught:
        choose(name)
    assert '"curl", "httpx", "asks"' in str(caught.value)
    assert str(caught.value).endswith(hint)


def test_asks_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error gives the command that installs it."""
    monkeypatch.setitem(sys.modules, "asks", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'trio-crawl\[asks\]'"):
        choose("asks")
    with pytest.raises(MissingExtraError, match=r"pip install 'trio-crawl\[asks\]'"):
        fetchers.Asks()


@pytest.mark.parametrize("nothing", [None, "wget", "", 3, object(), len])
def test_anything_else(nothing: object) -> None:
    """The message lists what is accepted, and shows what was given."""
    with pytest.raises(UsageError) as caught:
        choose(nothing)
    for word in ('"curl"', '"httpx"', '"asks"', "trio_crawl.abc.Fetcher", "AsyncClient", repr(nothing)):
        assert word in str(caught.value)


def test_httpx_is_imported_when_it_is_wanted() -> None:
    """Choosing the default imports neither httpx nor, before a crawl, the engine."""
    program = (
        "import sys; from trio_crawl._fetch.choose import choose; import trio_crawl.fetchers; choose('curl');"
        "assert 'httpx' not in sys.modules, 'httpx';"
        "assert 'trio_crawl._fetch.curl_multi' not in sys.modules, 'curl_multi';"
        "from trio_crawl.fetchers import Httpx; assert 'httpx' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)  # noqa: S603 - our own program
