"""From libcurl's error codes to the kinds of failures."""

from __future__ import annotations

import pycurl  # type: ignore[import-untyped]
import pytest

from trio_crawl._fetch.curl_errors import COULDNT_CONNECT, FILESIZE_EXCEEDED, failure

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


def test_the_message() -> None:
    """It has the URL and libcurl's own words, and the number where it says nothing."""
    assert failure(56, "Recv failure", URL).message == "https://site.test/: Recv failure"
    assert "92" in failure(92, "", URL).message


def test_a_url_that_libcurl_cannot_read() -> None:
    """It is named as such: the URL standard allows more."""
    error = failure(3, "bad port", URL)
    assert error.kind == "protocol"
    assert error.message.endswith("libcurl can't read this URL: bad port")
