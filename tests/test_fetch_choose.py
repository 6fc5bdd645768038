"""What ``fetch=`` takes."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest

from trio_crawl._errors import UsageError
from trio_crawl._fetch.choose import choose
from trio_crawl._fetch.curl import Curl
from trio_crawl._fetch.httpx import Httpx
from trio_crawl.testing import MemoryWeb


def respond(_request: httpx.Request) -> httpx.Response:
    """Answer anything."""
    return httpx.Response(200)


def test_by_name() -> None:
    """The two names stand for the two fetchers, a new one each time."""
    assert isinstance(choose("curl"), Curl)
    assert isinstance(choose("httpx"), Httpx)
    assert choose("curl") is not choose("curl")


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


@pytest.mark.parametrize("cls", [Curl, httpx.AsyncClient, MemoryWeb])
def test_a_class(cls: type) -> None:
    """The message says that an instance of it is wanted."""
    with pytest.raises(UsageError, match=f"the class {cls.__name__} and not an instance"):
        choose(cls)


@pytest.mark.parametrize("nothing", [None, "requests", "", 3, object(), len])
def test_anything_else(nothing: object) -> None:
    """The message lists what is accepted, and shows what was given."""
    with pytest.raises(UsageError) as caught:
        choose(nothing)
    for word in ('"curl"', '"httpx"', "trio_crawl.abc.Fetcher", "AsyncClient", repr(nothing)):
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
