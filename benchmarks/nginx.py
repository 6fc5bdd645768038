"""A directory, served by an nginx of its own on a free loopback port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONFIGURATION: Final = """\
{user}
daemon off;
worker_processes 1;
pid {scratch}/pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    types {{ text/html html; text/plain txt; }}
    charset utf-8;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 60s;
    keepalive_requests 1000000;
    open_file_cache max=10000;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=512;
        root {root};
    }}
}}
"""

_PATIENCE: Final = 10.0
"""Seconds for nginx to start, and to end."""


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """Serve *root* with one worker and keep-alive for the length of a block, which is given the base URL.

    Raises:
        RuntimeError: nginx is not installed, or does not start.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        msg = "nginx is not installed: apt-get install nginx-light, or what your system calls it"
        raise RuntimeError(msg)
    with tempfile.TemporaryDirectory() as scratch:
        port = _free_port()
        # Started by root, the worker would be "nobody", who can't read a temporary directory.
        user = "user root;" if os.geteuid() == 0 else ""
        configuration = Path(scratch, "nginx.conf")
        configuration.write_text(
            _CONFIGURATION.format(user=user, scratch=scratch, port=port, root=root.resolve())
        )
        command = [program, "-e", "stderr", "-p", scratch, "-c", str(configuration)]
        with subprocess.Popen(command) as process:  # noqa: S603 - our own configuration of a known program
            try:
                _await_port(process, port)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()
                process.wait(_PATIENCE)


def version() -> str:
    """Return what nginx calls itself."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    result = subprocess.run([program, "-v"], capture_output=True, text=True, check=True)  # noqa: S603 - as above
    return result.stderr.partition("nginx/")[2].strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    msg = f"nginx does not answer on port {port}; what it said is above"
    raise RuntimeError(msg)
