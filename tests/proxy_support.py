"""Proxies that others wrote, run on loopback for the tests of the fetchers: tinyproxy and microsocks."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TRIES = 5  # ports that may turn out to be taken
_PATIENCE = 10.0  # seconds until what a proxy writes down has to be there


@dataclass(frozen=True)
class RunningProxy:
    """A proxy that listens on 127.0.0.1, and what it writes down."""

    port: int
    log: Path

    def url(self, scheme: str, user_info: str = "") -> str:
        """Return its address as ``proxy=`` takes it, with ``USER:PASSWORD@`` if *user_info* says so."""
        return f"{scheme}://{user_info}127.0.0.1:{self.port}"

    @property
    def written(self) -> str:
        """What it has written down so far: a line or more for each connection."""
        return self.log.read_text(errors="replace")

    def wrote(self, text: str) -> bool:
        """Return whether it writes *text* down, now or within seconds: another process, it takes its time."""
        deadline = time.monotonic() + _PATIENCE
        while text not in self.written:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


@contextmanager
def http_proxy(username: str | None = None, password: str = "") -> Iterator[RunningProxy]:
    """Run tinyproxy while the block lasts: any host, any port; of Basic credentials only those given.

    It writes down the first line of each request that it gets.
    """
    program = _program("tinyproxy", "tinyproxy-bin")
    lines = ["Listen 127.0.0.1", "Timeout 60", "LogLevel Connect", "DisableViaHeader Yes", "MaxClients 300"]
    if username is not None:
        lines.append(f"BasicAuth {username} {password}")

    def command(port: int, folder: Path) -> list[str]:
        configuration = folder / "tinyproxy.conf"
        configuration.write_text("\n".join([*lines, f"Port {port}", ""]))
        return [program, "-d", "-c", str(configuration)]

    with _running(command) as proxy:
        yield proxy


@contextmanager
def socks_proxy(username: str | None = None, password: str = "") -> Iterator[RunningProxy]:
    """Run microsocks, a SOCKS5 proxy, while the block lasts; with credentials if they are given.

    It writes down what it is asked to connect to, a name or an address, and the port.
    """
    program = _program("microsocks", "microsocks")
    credentials = [] if username is None else ["-u", username, "-P", password]
    with _running(lambda port, _: [program, "-i", "127.0.0.1", "-p", str(port), *credentials]) as proxy:
        yield proxy


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: the package {package} of Debian brings it")
    return found


@contextmanager
def _running(command: Callable[[int, Path], list[str]]) -> Iterator[RunningProxy]:
    """Run what *command* says for a port and a folder; at another port if that is taken meanwhile."""
    with tempfile.TemporaryDirectory(prefix="trio-crawl-proxy-") as name:
        folder = Path(name)
        log = folder / "log"
        for _ in range(_TRIES):
            port = _free_port()
            with (
                log.open("wb") as output,
                subprocess.Popen(  # noqa: S603 - our own arguments
                    command(port, folder), stdin=subprocess.DEVNULL, stdout=output, stderr=output
                ) as process,
            ):
                try:
                    if _listens(process, port):
                        yield RunningProxy(port, log)
                        return
                finally:
                    process.terminate()
                    process.wait()
        pytest.fail(f"the proxy does not start: {log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(process: subprocess.Popen[Any], port: int) -> bool:
    """Wait until *process* listens; say whether it does so, rather than having ended."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.01)
    return False
