"""From libcurl's error codes to the kinds of failures."""

from __future__ import annotations

import pycurl  # type: ignore[import-untyped]
import pytest

from trio_crawl._fetch.curl_errors import (
    ABORTED_BY_CALLBACK,
    COULDNT_CONNECT,
    FILESIZE_EXCEEDED,
    WRITE_ERROR,
    ByProxy,
    UnreachableError,
    failure,
    is_stale,
    proxy_failure,
)
from trio_crawl._fetch.proxy import parse_proxy

URL = "https://site.test/"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (pycurl.E_COULDNT_RESOLVE_HOST, "dns"),
        (pycurl.E_COULDNT_CONNECT, "connect"),
        (pycurl.E_OPERATION_TIMEDOUT, "timeout"),
        (pycurl.E_SSL_CONNECT_ERROR, "tls"),
        (pycurl.E_PEER_FAILED_VERIFICATION, "tls"),
        (pycurl.E_SSL_CACERT_BADFILE, "tls"),
        (pycurl.E_SSL_INVALIDCERTSTATUS, "tls"),
        (pycurl.E_FILESIZE_EXCEEDED, "too_large"),
        (pycurl.E_GOT_NOTHING, "protocol"),
        (pycurl.E_RECV_ERROR, "protocol"),
        (pycurl.E_PARTIAL_FILE, "protocol"),
        (pycurl.E_HTTP2, "protocol"),
        (8, "protocol"),
        (1234, "protocol"),
    ],
)
def test_the_kind(code: int, kind: str) -> None:
    """Each code is of one kind, those not known of `protocol`."""
    assert failure(code, "", URL).kind == kind


def test_the_names_of_codes() -> None:
    """The numbers by name are libcurl's."""
    assert COULDNT_CONNECT == pycurl.E_COULDNT_CONNECT
    assert FILESIZE_EXCEEDED == pycurl.E_FILESIZE_EXCEEDED
    assert ABORTED_BY_CALLBACK == pycurl.E_ABORTED_BY_CALLBACK
    assert WRITE_ERROR == pycurl.E_WRITE_ERROR


def test_the_message() -> None:
    """It has the URL and libcurl's own words, and the number where it says nothing."""
    assert failure(56, "Recv failure", URL).message == "https://site.test/: Recv failure"
    assert "92" in failure(92, "", URL).message


def test_a_url_that_libcurl_cannot_read() -> None:
    """It is named as such: the URL standard allows more."""
    error = failure(3, "bad port", URL)
    assert error.kind == "protocol"
    assert error.message.endswith("libcurl can't read this URL: bad port")


@pytest.mark.parametrize(
    ("code", "stale"),
    [
        (pycurl.E_SEND_ERROR, True),
        (pycurl.E_RECV_ERROR, True),
        (pycurl.E_GOT_NOTHING, True),
        (pycurl.E_HTTP2, True),
        (pycurl.E_COULDNT_CONNECT, False),
        (pycurl.E_PARTIAL_FILE, False),
        (8, False),  # WEIRD_SERVER_REPLY
    ],
)
def test_what_a_closed_connection_gives(code: int, stale: bool) -> None:
    """An error of sending or receiving, and not of what was received."""
    assert is_stale(code) is stale


def by_proxy(
    proxy: str = "http://proxy.test:3128",
    *,
    tls: bool = True,
    new: bool = True,
    status: int = 0,
    reply: int = 0,
) -> ByProxy:
    """Return what is known of a transfer through *proxy*."""
    return ByProxy(proxy=parse_proxy(proxy), tls=tls, new=new, status=status, reply=reply)


@pytest.mark.parametrize(
    ("code", "way", "its_fault"),
    [
        (pycurl.E_COULDNT_RESOLVE_PROXY, by_proxy(), True),
        (pycurl.E_COULDNT_CONNECT, by_proxy(tls=False), True),
        (97, by_proxy("socks5://proxy.test:1"), True),
        (pycurl.E_RECV_ERROR, by_proxy(), True),  # before the tunnel is there
        (pycurl.E_RECV_ERROR, by_proxy(status=200), False),
        (pycurl.E_RECV_ERROR, by_proxy(new=False), False),
        (pycurl.E_RECV_ERROR, by_proxy(tls=False), False),
        (pycurl.E_RECV_ERROR, by_proxy("socks5://proxy.test:1"), False),
        (pycurl.E_RECV_ERROR, by_proxy(status=502), True),
        (pycurl.E_PEER_FAILED_VERIFICATION, by_proxy(status=200), False),
        (pycurl.E_PEER_FAILED_VERIFICATION, by_proxy("https://proxy.test:1", tls=False), True),
        (pycurl.E_PEER_FAILED_VERIFICATION, by_proxy("https://proxy.test:1", status=200), False),
        (pycurl.E_PEER_FAILED_VERIFICATION, by_proxy("socks5://proxy.test:1"), False),
    ],
)
def test_whose_fault_it_is(code: int, way: ByProxy, its_fault: bool) -> None:
    """The proxy's until the way to the target is there, and the target's behind it."""
    error = proxy_failure(code, "words", URL, way)
    if not its_fault:
        assert error is None
        return
    assert error is not None
    assert error.kind == "connect"
    assert error.message.startswith(f"{URL}: proxy {way.proxy.authority}: ")


def test_what_a_socks_proxy_says_of_an_address() -> None:
    """Another one may do; not so where it says something of the request, or of its user."""
    for reply, unreachable in ((19, True), (22, True), (33, False), (12, False)):
        error = proxy_failure(97, "words", URL, by_proxy("socks5://proxy.test:1", reply=reply))
        assert isinstance(error, UnreachableError) is unreachable
