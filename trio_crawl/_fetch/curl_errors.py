"""From libcurl's error codes to the kinds of `Failure`: the one table, and it is pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._errors import FetchError

if TYPE_CHECKING:
    from .._model import FailureKind

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
FILESIZE_EXCEEDED: Final = 63
_URL_MALFORMAT: Final = 3


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
