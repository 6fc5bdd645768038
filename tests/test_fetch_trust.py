"""Whom TLS trusts, and who it is."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from trio_crawl._errors import UsageError
from trio_crawl._fetch.trust import ClientCert, check_ca, check_client_cert, ssl_context

PASSWORD = "säcret"  # noqa: S105


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of authorities, certificates and keys, right and wrong ones."""
    folder = tmp_path_factory.mktemp("trust")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name in ("a", "b"):
        issued = authority.issue_cert(f"{name}.test")
        issued.cert_chain_pems[0].write_to_path(str(folder / f"{name}.crt"))
        issued.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        issued.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.pem"))
    key = load_pem_private_key((folder / "a.key").read_bytes(), None)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
    (folder / "sealed.key").write_bytes(sealed)
    (folder / "empty.pem").touch()
    (folder / "text.pem").write_text("no certificate")
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (folder / "broken.pem").write_text(broken)
    (folder / "broken.both").write_text(broken + (folder / "a.key").read_text())
    (folder / "folder").mkdir()
    return folder


@pytest.mark.parametrize("kind", [str, Path])
def test_the_path_of_authorities_comes_out_absolute(
    files: Path, monkeypatch: pytest.MonkeyPatch, kind: type[str | Path]
) -> None:
    """Whoever reads the file later need not be in the same folder."""
    monkeypatch.chdir(files)
    assert check_ca(kind("ca.pem")) == str(files / "ca.pem")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing.pem", "no such file"),
        ("folder", "is a directory"),
        ("empty.pem", "holds no certificate in PEM form"),
        ("text.pem", "holds no certificate in PEM form"),
        ("a.key", "holds no certificate in PEM form"),
        ("broken.pem", "holds a certificate that can't be read"),
    ],
)
def test_what_holds_no_authority_is_an_error(files: Path, name: str, why: str) -> None:
    """It says which file, and what is wrong with it."""
    with pytest.raises(UsageError, match=f"ca.*{name}.*{why}"):
        check_ca(files / name)


def test_a_file_that_is_not_readable_is_an_error(ordinary_user: Path) -> None:
    """It says that it is for want of permission."""
    path = ordinary_user / "ca.pem"
    path.touch(mode=0)
    with pytest.raises(UsageError, match="ca.pem' can't be read: permission denied"):
        check_ca(path)


@pytest.mark.parametrize("given", [b"ca.pem", True, None, "a\0b"])
def test_the_authorities_are_a_path(given: object) -> None:
    """Not the certificates themselves, and not a switch."""
    with pytest.raises(UsageError, match="ca takes the path of a PEM file"):
        check_ca(given)  # type: ignore[arg-type]


def test_a_client_certificate_is_read_in_each_form(files: Path) -> None:
    """From one file, from two, and with the password of its key."""
    one = str(files / "a.pem")
    assert check_client_cert(one) == ClientCert(certificate=one, key=one)
    crt, key, sealed = (str(files / name) for name in ("a.crt", "a.key", "sealed.key"))
    assert check_client_cert((crt, Path(key))) == ClientCert(certificate=crt, key=key)
    found = check_client_cert((Path(crt), sealed, PASSWORD))
    assert found == ClientCert(certificate=crt, key=sealed, password=PASSWORD)
    assert PASSWORD not in repr(found)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("missing.pem",), "missing.pem' can't be read: no such file"),
        (("a.crt", "missing.key"), "missing.key' can't be read: no such file"),
        (("folder",), "folder' can't be read: is a directory"),
        (("a.crt",), r"a.crt' holds no private key in PEM form; name its file: \(certificate, key\)"),
        (("a.key",), "a.key' holds no certificate"),
        (("a.crt", "b.crt"), "b.crt' holds no private key in PEM form$"),
        (("a.crt", "b.key"), "the key in .*b.key' is not that of the certificate in .*a.crt'"),
        (("a.crt", "sealed.key"), "sealed.key' is encrypted; give its password"),
        (("a.crt", "sealed.key", "wrong"), "sealed.key' can't be read with this password"),
        (("a.crt", "sealed.key", ""), "sealed.key' can't be read with this password"),
        (("broken.both",), "broken.both' .* can't be read"),
    ],
)
def test_a_client_certificate_that_can_not_be_used_is_an_error(
    files: Path, given: tuple[str, ...], why: str
) -> None:
    """It says which file, and what to do; nobody is asked for a password at the terminal."""
    paths = (*(str(files / name) for name in given[:2]), *given[2:])
    with pytest.raises(UsageError, match=why) as caught:
        check_client_cert(paths if len(paths) > 1 else paths[0])  # type: ignore[arg-type]
    assert "wrong" not in str(caught.value).replace("wrong password", "")


@pytest.mark.parametrize(
    "given", [(), ("a",), ("a", "b", "c", "d"), b"a.pem", ("a", "b", b"c"), ("a", "b", "c\0"), ("a", 1)]
)
def test_a_client_certificate_is_paths(given: object) -> None:
    """One, or two of them, and a password as text."""
    with pytest.raises(UsageError, match="client_cert"):
        check_client_cert(given)  # type: ignore[arg-type]


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Return both ends of a connection over memory after their handshake."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(back, there, server_hostname="a.test")
    far = server.wrap_bio(there, back, server_side=True)
    for _ in range(3):
        for end in (near, far):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return near, far


def _server(files: Path) -> ssl.SSLContext:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files / "ca.pem"))
    server.load_cert_chain(files / "a.pem")
    server.set_alpn_protocols(["h2", "http/1.1"])
    return server


def test_by_default_the_public_authorities_are_trusted(files: Path) -> None:
    """A private one is not."""
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(ssl_context(), _server(files))


def test_authorities_are_trusted_in_place_of_the_public_ones(files: Path) -> None:
    """Theirs is the only word, and names are still compared."""
    context = ssl_context(check_ca(files / "ca.pem"))
    assert context.cert_store_stats()["x509_ca"] == 1
    assert context.check_hostname
    near, _ = _shake_hands(context, _server(files))
    assert near.selected_alpn_protocol() is None


@pytest.mark.parametrize("offered", [("http/1.1",), ("h2", "http/1.1")])
def test_protocols_are_offered(files: Path, offered: tuple[str, ...]) -> None:
    """The server chooses of those that are named, by its own preference."""
    near, _ = _shake_hands(ssl_context(str(files / "ca.pem"), alpn=offered), _server(files))
    assert near.selected_alpn_protocol() == offered[0]


def test_a_client_certificate_is_shown_to_who_asks(files: Path) -> None:
    """And one whose key is encrypted as well."""
    server = _server(files)
    server.verify_mode = ssl.CERT_REQUIRED
    for given in (files / "b.pem", (files / "a.crt", files / "sealed.key", PASSWORD)):
        client = ssl_context(str(files / "ca.pem"), check_client_cert(given))
        _, far = _shake_hands(client, server)
        shown = far.getpeercert()
        assert shown is not None
        name = "b.test" if given == files / "b.pem" else "a.test"
        assert shown["subjectAltName"] == (("DNS", name),)


def test_files_that_vanish_are_an_error(tmp_path: Path) -> None:
    """They were there when they were checked."""
    with pytest.raises(UsageError, match="gone.pem' can't be read"):
        ssl_context(str(tmp_path / "gone.pem"))
    gone = str(tmp_path / "gone.pem")
    with pytest.raises(UsageError, match="gone.pem' can't be read"):
        ssl_context(client_cert=ClientCert(certificate=gone, key=gone))
