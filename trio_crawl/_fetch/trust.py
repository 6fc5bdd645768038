"""``ca=`` and ``client_cert=`` of the fetchers: whom to trust in TLS, and who to be.

Both are read once where a fetcher is made, so that a wrong file is known before
the first request. The paths that come out are absolute: whoever reads them again
need not be in the same folder.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias, final

import certifi

from .._errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

StrPath: TypeAlias = str | Path
ClientCertArgument: TypeAlias = StrPath | tuple[StrPath, StrPath] | tuple[StrPath, StrPath, str]
"""What ``client_cert=`` takes: a file with both, or certificate and key, or these and the key's password."""

_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_KEY: Final = b"PRIVATE KEY-----"
_MAX_PASSWORD: Final = 1024  # bytes: OpenSSL's own bound


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCert:
    """A certificate to show to servers that ask for one, and the key that goes with it.

    Args:
        certificate: the path of a PEM file with the certificate, and those of
            the authorities between it and the root.
        key: the path of a PEM file with its private key; may be the same file.
        password: what the key is encrypted with; None if it isn't.
    """

    certificate: str
    key: str
    password: str | None = field(default=None, repr=False)


def check_ca(ca: StrPath) -> str:
    """Return the absolute path of *ca*, a PEM file with the authorities to trust.

    Raises:
        UsageError: it is no file, can't be read, or holds no certificate.
    """
    path = _path("ca", ca)
    content = _read("ca", path)
    if _CERTIFICATE not in content and b"BEGIN TRUSTED CERTIFICATE" not in content:
        raise UsageError(f"ca={path!r} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except (ssl.SSLError, OSError) as error:
        raise UsageError(f"ca={path!r} holds a certificate that can't be read: {_said(error)}") from error
    return path


def check_client_cert(client_cert: ClientCertArgument) -> ClientCert:
    """Return *client_cert* with absolute paths, after trying that it can be used.

    Args:
        client_cert: a PEM file with certificate and key, or a tuple of the two
            files, or of the two and the key's password.

    Raises:
        UsageError: a file is missing, or holds no such thing; the key is not the
            certificate's; the password is missing, or wrong.
    """
    parts = client_cert if isinstance(client_cert, tuple) else (client_cert, client_cert)
    if not 2 <= len(parts) <= 3:  # noqa: PLR2004 - as the docstring says
        raise UsageError(
            f"client_cert takes a path, (certificate, key) or (certificate, key, password); "
            f"got a tuple of {len(parts)}"
        )
    password = parts[2] if len(parts) == 3 else None  # noqa: PLR2004
    if password is not None and not isinstance(password, str):
        raise UsageError(f"the password of client_cert is a str; got {type(password).__name__}")
    if password is not None and ("\0" in password or len(password.encode()) > _MAX_PASSWORD):
        raise UsageError(f"the password of client_cert has no NUL, and {_MAX_PASSWORD} bytes at the most")
    found = ClientCert(
        certificate=_path("client_cert", parts[0]), key=_path("client_cert", parts[1]), password=password
    )
    if _CERTIFICATE not in _read("client_cert", found.certificate):
        raise UsageError(f"client_cert: {found.certificate!r} holds no certificate in PEM form")
    if _KEY not in _read("client_cert", found.key):
        hint = "; name its file: (certificate, key)" if found.key == found.certificate else ""
        raise UsageError(f"client_cert: {found.key!r} holds no private key in PEM form{hint}")
    _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), found)
    return found


def ssl_context(
    ca: str | None = None, client_cert: ClientCert | None = None, alpn: Iterable[str] = ()
) -> ssl.SSLContext:
    """Return what a TLS client trusts and shows. Takes about 20 ms; made once, it serves a whole crawl.

    Args:
        ca: a path of `check_ca`; None for the authorities of certifi.
        client_cert: what to show to a server that asks; None for nothing.
        alpn: the protocols to offer (RFC 7301), the preferred one first.

    Raises:
        UsageError: a file can't be read any more.
    """
    try:
        context = ssl.create_default_context(cafile=ca or certifi.where())
    except (ssl.SSLError, OSError) as error:
        raise UsageError(f"the authorities in {ca or certifi.where()!r} can't be read: {error}") from error
    protocols = list(alpn)
    if protocols:
        context.set_alpn_protocols(protocols)
    if client_cert is not None:
        _load(context, client_cert)
        # A server may ask only when it sees which page is wanted (RFC 8446, section 4.6.2).
        context.post_handshake_auth = True
    return context


def _path(keyword: str, given: StrPath) -> str:
    if not isinstance(given, (str, Path)) or "\0" in str(given):
        raise UsageError(f"{keyword} takes the path of a PEM file, a str or a pathlib.Path; got {given!r}")
    return str(Path(given).absolute())


def _read(keyword: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        # IsADirectoryError says what it is by itself.
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise UsageError(f"{keyword}: {path!r} can't be read: {reason}") from error


def _load(context: ssl.SSLContext, found: ClientCert) -> None:
    def ask() -> NoReturn:
        # Without this OpenSSL would ask at the terminal, and wait.
        raise UsageError(
            f"client_cert: the key in {found.key!r} is encrypted; "
            "give its password: (certificate, key, password)"
        )

    try:
        context.load_cert_chain(
            found.certificate, found.key, ask if found.password is None else found.password
        )
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            message = f"the key in {found.key!r} is not that of the certificate in {found.certificate!r}"
        elif found.password is not None:
            message = f"the key in {found.key!r} can't be read with this password: {_said(error)}"
        else:
            message = f"{found.certificate!r} and {found.key!r} can't be read: {_said(error)}"
        raise UsageError(f"client_cert: {message}") from error
    except OSError as error:
        raise UsageError(f"client_cert: {found.certificate!r} can't be read: {error}") from error


def _said(error: OSError) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return reason.lower().replace("_", " ") if reason else str(error)
