"""What a fetcher was asked to be, as options of libcurl that hold for all of its hops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import certifi
import pycurl  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from .proxy import Proxy
    from .trust import ClientCert

_HTTP2: Final = 1 << 16  # CURL_VERSION_HTTP2
_SUPPRESS_CONNECT_HEADERS: Final = 265  # CURLOPT_SUPPRESS_CONNECT_HEADERS, for which pycurl has no name

HttpVersion: TypeAlias = Literal["auto", "1.1", "2", "3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for every hop of one crawl.

    Args:
        http_version: which versions of HTTP to speak over TLS.
        proxy: the proxy that all goes through; None for none.
        ca: the path of the authorities to trust; None for those of certifi.
        client_cert: what to show to a server that asks for a certificate.
    """

    http_version: HttpVersion = "auto"
    proxy: Proxy | None = None
    ca: str | None = None
    client_cert: ClientCert | None = None


def lasting_options(settings: Settings) -> list[tuple[int, object]]:
    """Return the options that are set once, each with its value."""
    ca = settings.ca or certifi.where()
    return [
        (pycurl.NOSIGNAL, 1),  # signals are Python's
        (pycurl.NOPROGRESS, 1),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.HTTP09_ALLOWED, 0),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.NETRC, pycurl.NETRC_IGNORED),
        (pycurl.PATH_AS_IS, 1),  # the URL standard has dealt with the dots
        (pycurl.CAINFO, ca),
        (pycurl.SSL_VERIFYPEER, 1),
        (pycurl.SSL_VERIFYHOST, 2),
        *_client_options(settings.client_cert),
        *_proxy_options(settings.proxy, ca),
    ]


def _client_options(client_cert: ClientCert | None) -> list[tuple[int, object]]:
    if client_cert is None:
        return []
    options: list[tuple[int, object]] = [
        (pycurl.SSLCERT, client_cert.certificate),
        (pycurl.SSLKEY, client_cert.key),
    ]
    if client_cert.password is not None:
        options.append((pycurl.SSLKEYPASSWD, client_cert.password))
    return options


def _proxy_options(proxy: Proxy | None, ca: str) -> list[tuple[int, object]]:
    if proxy is None:
        return [
            (pycurl.PROXY, ""),  # an empty one, and not that of the environment
            (pycurl.NOPROXY, "*"),
        ]
    options: list[tuple[int, object]] = [
        (pycurl.PROXY, f"{proxy.scheme}://{proxy.authority}"),
        (pycurl.NOPROXY, ""),  # without exception, and not those of the environment
        (pycurl.PROXYAUTH, pycurl.HTTPAUTH_BASIC),
        # What is for the target is not for the proxy, which gets nothing of libcurl's either.
        (pycurl.HEADEROPT, pycurl.HEADER_SEPARATE),
        (pycurl.PROXYHEADER, ["User-Agent:", "Proxy-Connection:"]),
        (_SUPPRESS_CONNECT_HEADERS, 1),
        (pycurl.PROXY_CAINFO, ca),
        (pycurl.PROXY_SSL_VERIFYPEER, 1),
        (pycurl.PROXY_SSL_VERIFYHOST, 2),
    ]
    if proxy.username is not None:
        # As two, since libcurl would divide one at its first colon.
        options += [
            (pycurl.PROXYUSERNAME, proxy.username.encode()),
            (pycurl.PROXYPASSWORD, (proxy.password or "").encode()),
        ]
    return options


def version_option(http_version: HttpVersion, *, tls: bool) -> int:
    """Return the value of ``CURLOPT_HTTP_VERSION``: without TLS nothing negotiates, and all is HTTP/1.1."""
    if not tls or (http_version == "auto" and not pycurl.version_info()[4] & _HTTP2):
        return _OVER_TLS["1.1"]
    return _OVER_TLS[http_version]


_OVER_TLS: Final[dict[str, int]] = {
    "auto": pycurl.CURL_HTTP_VERSION_2TLS,
    "1.1": pycurl.CURL_HTTP_VERSION_1_1,
    # Over TLS this is not what its name says: ALPN offers HTTP/2 and nothing else.
    "2": pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
    "3": pycurl.CURL_HTTP_VERSION_3,
}
