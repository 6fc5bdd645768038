"""Certificates for the servers of the checks: good ones, and bad ones of each kind."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, final

from .._errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import trustme

HTTP11: Final = ("http/1.1",)
_DAY: Final = timedelta(days=1)


def missing(package: str, error: ImportError) -> MissingExtraError:
    """Return the error for a *package* that the checks need and that can't be imported."""
    return MissingExtraError(f"check_fetcher needs {package} ({error}): pip install 'trio-crawl[test]'")


@final
class Authority:
    """An authority of certificates that the fetchers under test are told to trust.

    Args:
        folder: where its own certificate is put, for `pem`.

    Raises:
        MissingExtraError: trustme, which makes certificates, is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import trustme  # noqa: PLC0415 - only who checks a fetcher needs it
        except ImportError as error:
            raise missing("trustme", error) from error

        self._make = trustme.CA
        self._authority = trustme.CA()
        self.pem = folder / "authority.pem"
        self.pem.write_bytes(self._authority.cert_pem.bytes())

    def good(self, *names: str, alpn: Sequence[str] = HTTP11) -> ssl.SSLContext:
        """Return the server's side of TLS with a certificate for *names*, host names or addresses."""
        return _context(self._authority.issue_cert(*names), alpn)

    def expired(self, name: str) -> ssl.SSLContext:
        """Return the same with a certificate that was valid until yesterday."""
        yesterday = datetime.now(UTC) - _DAY
        return _context(self._authority.issue_cert(name, not_after=yesterday), HTTP11)

    def strange(self, name: str) -> ssl.SSLContext:
        """Return the same with a certificate of another authority, that nobody knows."""
        return _context(self._make().issue_cert(name), HTTP11)

    def self_signed(self, name: str, folder: Path) -> ssl.SSLContext:
        """Return the same with a certificate that vouches for itself."""
        certificate = folder / "self-signed.pem"
        certificate.write_bytes(_self_signed(name))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.set_alpn_protocols(list(HTTP11))
        return context


def _context(certificate: trustme.LeafCert, alpn: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    context.set_alpn_protocols(list(alpn))
    return context


def _self_signed(name: str) -> bytes:
    """Return key and certificate, as PEM."""
    # What trustme makes certificates with, so it is there.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
