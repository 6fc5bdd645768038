"""From libcurl's error codes to the kinds of `Failure`: the one table, and it is pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from .._errors import FetchError

if TYPE_CHECKING:
    from .._model import FailureKind
    from .proxy import Proxy

# The names are libcurl's, without CURLE_. What is not in the table is of kind "protocol": libcurl
# got through to the server, and could make nothing of what came (8 WEIRD_SERVER_REPLY, 16 HTTP2,
# 18 PARTIAL_FILE, 52 GOT_NOTHING, 55 SEND_ERROR, 56 RECV_ERROR, 92 HTTP2_STREAM, 95 HTTP3).
_KINDS: Final[dict[int, FailureKind]] = {
    6: "dns",  # COULDNT_RESOLVE_HOST
    7: "connect",  # COULDNT_CONNECT
    28: "timeout",  # OPERATION_TIMEDOUT: its own bound of 300 s for connecting
    35: "tls",  # SSL_CONNECT_ERROR: the handshake failed
    45: "connect",  # INTERFACE_FAILED: this machine has no way to connect from
    53: "tls",  # SSL_ENGINE_NOTFOUND
    54: "tls",  # SSL_ENGINE_SETFAILED
    58: "tls",  # SSL_CERTPROBLEM: of our own certificate
    59: "tls",  # SSL_CIPHER
    60: "tls",  # PEER_FAILED_VERIFICATION, 51 until libcurl 7.62
    51: "tls",
    63: "too_large",  # FILESIZE_EXCEEDED: declared, or counted by libcurl itself
    64: "tls",  # USE_SSL_FAILED
    66: "tls",  # SSL_ENGINE_INITFAILED
    77: "tls",  # SSL_CACERT_BADFILE: the file of authorities can't be read
    80: "tls",  # SSL_SHUTDOWN_FAILED
    82: "tls",  # SSL_CRL_BADFILE
    83: "tls",  # SSL_ISSUER_ERROR
    90: "tls",  # SSL_PINNEDPUBKEYNOTMATCH
    91: "tls",  # SSL_INVALIDCERTSTATUS
    96: "connect",  # QUIC_CONNECT_ERROR
    98: "tls",  # SSL_CLIENTCERT
}

COULDNT_CONNECT: Final = 7
WRITE_ERROR: Final = 23
ABORTED_BY_CALLBACK: Final = 42
FILESIZE_EXCEEDED: Final = 63
_URL_MALFORMAT: Final = 3

# What a request on a kept connection comes to that the server has closed meanwhile: HTTP2,
# GOT_NOTHING, SEND_ERROR, RECV_ERROR, HTTP3. libcurl mends this itself for one at a time.
_STALE: Final = frozenset({16, 52, 55, 56, 95})

# What only a proxy can be to blame for, where there is one: COULDNT_RESOLVE_PROXY, COULDNT_CONNECT, PROXY.
_PROXY: Final = 97
_OF_A_PROXY: Final = frozenset({5, COULDNT_CONNECT, _PROXY})
_REPLIES: Final = range(17, 26)  # CURLPX_REPLY_: what a SOCKS proxy says of the address it was given
_PROXY_AUTHENTICATION_REQUIRED: Final = 407
_TUNNEL: Final = range(200, 300)  # RFC 9110, section 9.3.6


def failure(code: int, text: str, url: str) -> FetchError:
    """Return the `FetchError` for a transfer that libcurl gave up.

    Args:
        code: libcurl's error code, not 0.
        text: what libcurl says about it; may be empty.
        url: what was asked for.
    """
    if code == _URL_MALFORMAT:
        return FetchError("protocol", f"libcurl can't read this URL: {text or 'malformed'}")
    return FetchError(_KINDS.get(code, "protocol"), f"{url}: {text or f'libcurl gave up with error {code}'}")


def is_stale(code: int) -> bool:
    """Return whether *code* is one that a kept connection gives which is none any more."""
    return code in _STALE


class StaleError(FetchError):
    """A kept connection was none any more, and nothing of a response has come: it may be asked again."""


class UnreachableError(FetchError):
    """A SOCKS proxy can't connect to an address; another one of the host may do."""


class ByProxy(NamedTuple):
    """What has to be known of a transfer through a proxy to tell whose fault it was.

    Args:
        proxy: the proxy.
        tls: whether the target is asked by https.
        new: whether a connection was made for it, rather than a kept one used.
        status: what an HTTP proxy answered; 0 if it has not.
        reply: libcurl's code for what a SOCKS proxy answered; 0 if it has not.
    """

    proxy: Proxy
    tls: bool
    new: bool
    status: int
    reply: int


def proxy_failure(code: int, text: str, url: str, way: ByProxy) -> FetchError | None:
    """Return the `FetchError` for a transfer that failed at its proxy; None if it failed behind it.

    Args:
        code: libcurl's error code; 0 where the proxy answered in the target's place.
        text: what libcurl says about it; may be empty.
        url: what was asked for.
        way: how it was asked for.
    """
    head = f"{url}: proxy {way.proxy.authority}"
    if way.status == _PROXY_AUTHENTICATION_REQUIRED:
        wrong = "wants credentials" if way.proxy.username is None else "does not accept the credentials"
        return FetchError("connect", f"{head}: it {wrong} (status 407)")
    if way.status and way.status not in _TUNNEL:
        return FetchError("connect", f"{head}: it refused to connect, with status {way.status}")
    message = f"{head}: {text or f'libcurl gave up with error {code}'}"
    if code == _PROXY and way.reply in _REPLIES:
        return UnreachableError("connect", message)
    # The tunnel is there as soon as the proxy said so; without TLS to the target there is none.
    unfinished = way.new and not way.status and not way.proxy.is_socks
    of_its_tls = way.proxy.scheme == "https" and _KINDS.get(code) == "tls"
    if code in _OF_A_PROXY or (unfinished and (way.tls or of_its_tls)):
        return FetchError("connect", message)
    return None
