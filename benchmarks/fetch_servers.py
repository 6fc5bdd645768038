"""The servers of the benchmark of fetching, each a process of its own on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .delaying import PAGE_BYTES
from .nginx import _await_port, _free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_NGINX: Final = """\
{user}
daemon off;
worker_processes 1;
pid {scratch}/pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    types {{ text/html html; }}
    sendfile on;
    tcp_nopush on;
    open_file_cache max=10;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
    root {scratch}/root;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        keepalive_timeout 60s;
        keepalive_requests 100000000;
        # Connections are numbered in the order of their acceptance.
        location = /figures {{ return 200 '{{"accepted": $connection}}'; }}
    }}
    {tls}
}}
"""
_TLS: Final = """\
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        ssl_protocols TLSv1.3;
        # Each connection is new, and so is its handshake: nothing of an earlier one is resumed.
        keepalive_timeout 0;
        ssl_session_cache off;
        ssl_session_tickets off;
    }}
"""

_ROOT: Final = Path(__file__).parents[1]
_PATIENCE: Final = 10.0
"""Seconds for a server to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that runs.

    Args:
        url: of the page of 1 KB.
        figures_url: of what it has counted, as JSON.
        tls_url: of the same page, over TLS and a new connection each time; empty if there is none.
        ca: the file of the authority that signed its certificate; empty if there is none.
        never_url: of what is never answered; empty if there is none.
    """

    url: str
    figures_url: str
    tls_url: str = ""
    ca: str = ""
    never_url: str = ""


@contextmanager
def nginx(*, tls: bool) -> Iterator[Server]:
    """Serve a page of 1 KB with one worker of nginx for the length of a block.

    Args:
        tls: whether also over TLS 1.3, with a certificate on ECDSA P-256 for 127.0.0.1.

    Raises:
        RuntimeError: nginx is not installed, or does not start.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        msg = "nginx is not installed: apt-get install nginx-light, or what your system calls it"
        raise RuntimeError(msg)
    with tempfile.TemporaryDirectory() as scratch:
        port, tls_port = _free_port(), _free_port()
        page = Path(scratch, "root", "page.html")
        page.parent.mkdir()
        page.write_bytes(b"x" * PAGE_BYTES)
        certificate, ca = _certify(Path(scratch)) if tls else ("", "")
        # Started by root, the worker would be "nobody", who can't read a temporary directory.
        user = "user root;" if os.geteuid() == 0 else ""
        block = _TLS.format(port=tls_port, certificate=certificate) if tls else ""
        configuration = Path(scratch, "nginx.conf")
        configuration.write_text(_NGINX.format(user=user, scratch=scratch, port=port, tls=block))
        command = [program, "-e", "stderr", "-p", scratch, "-c", str(configuration)]
        with subprocess.Popen(command) as process:  # noqa: S603 - our own configuration of a known program
            try:
                _await_port(process, port)
                yield Server(
                    url=f"http://127.0.0.1:{port}/page.html",
                    figures_url=f"http://127.0.0.1:{port}/figures",
                    tls_url=f"https://127.0.0.1:{tls_port}/page.html" if tls else "",
                    ca=ca,
                )
            finally:
                process.terminate()
                process.wait(_PATIENCE)


def _certify(folder: Path) -> tuple[str, str]:
    """Return the files of a certificate with its key, and of its authority."""
    import trustme  # noqa: PLC0415 - a benchmark without TLS does without it

    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)  # P-256 is the one curve it has
    certificate, ca = folder / "certificate.pem", folder / "ca.pem"
    issued = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA)
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    authority.cert_pem.write_to_path(str(ca))
    return str(certificate), str(ca)


@contextmanager
def delaying(delay: float) -> Iterator[Server]:
    """Serve a page of 1 KB *delay* seconds after it is asked for, for the length of a block."""
    command = [sys.executable, "-m", f"{__package__}.delaying", str(delay)]
    with subprocess.Popen(  # noqa: S603 - a program of ours
        command, cwd=_ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                msg = "benchmarks.delaying does not start; what it said is above"
                raise RuntimeError(msg)
            base = f"http://127.0.0.1:{port}"
            yield Server(url=f"{base}/page.html", figures_url=f"{base}/figures", never_url=f"{base}/never")
        finally:
            process.terminate()
            process.wait(_PATIENCE)
