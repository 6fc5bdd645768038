"""What all tests share: how the suite is run, and the servers and files that some of them need."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import loop_guard
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator

IN_CI = bool(os.environ.get("CI"))
PYTHON_DOCS = Path("/usr/share/doc/python3.11/html")
OUTSIDE_CI = "the cases are not there"  # how a skip for want of the shared cases begins
NOBODY = 65534
MOST_WORKERS = 8  # more wait for the disk and for each other's servers

# A run finds the same examples again in CI, so that a red one is red twice; elsewhere it looks for
# new ones. Nothing is timed: the machine may be busy.
settings.register_profile("house", deadline=None, database=None, derandomize=IN_CI)
settings.load_profile("house")

Serve: TypeAlias = Callable[[Path], str]
"""Serves a folder over HTTP and returns the URL of its root, which ends with a slash."""


@pytest.fixture
def untraced() -> Iterator[None]:
    """Let a test that counts processor time run without the tracer of coverage, which takes most of it."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


@pytest.fixture(autouse=True)
def loop_is_free() -> Iterator[None]:
    """Fail a test in which the library itself makes a call that blocks the event loop."""
    with loop_guard.guarding() as blocking:
        yield
    assert not blocking, f"the library blocks the event loop: {blocking}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switches: every test, and none that is skipped."""
    parser.addoption(
        "--all",
        action="store_true",
        help="run the slow tests as well (a file that is named is run whole in any case)",
    )
    parser.addoption(
        "--no-skips",
        action="store_true",
        help="a test that is skipped fails (but for want of the shared cases, unless CI is set)",
    )


def pytest_configure() -> None:
    """Begin to watch for calls that block."""
    loop_guard.install()


@pytest.hookimpl(tryfirst=True)  # before xdist, which starts what is asked for here
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run the suite in as many processes as there are processors, and what was picked out of it in this one.

    Workers cost seconds to start, and take the terminal from a debugger.
    """
    if hasattr(config, "workerinput"):  # this is one of them, and it may start none
        return
    options = config.option
    picked = config.args_source is pytest.Config.ArgsSource.ARGS or options.keyword or options.lf
    by_hand = options.usepdb or options.trace or options.collectonly or options.capture == "no"
    # Whether coverage is measured in workers was settled before this: with `--cov`, say `-n 2`.
    measured = getattr(options, "cov_source", None) and not getattr(options, "no_cov", False)
    if picked or by_hand or measured or getattr(options, "numprocesses", 0) is not None:
        return
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if processors > 1:
        options.numprocesses = min(processors, MOST_WORKERS)
        options.dist = "worksteal"  # the slowest test takes a thousand times as long as the fastest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow tests out, unless they are asked for; a file that is named is run whole."""
    named = all(Path(argument.partition("::")[0]).is_file() for argument in config.args)
    if config.option.all or named or "slow" in config.option.markexpr:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],  # noqa: ARG001 - pytest's signature
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a failure of a skip, where ``--no-skips`` was given."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _forbid_skip(item.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same where a whole file was skipped."""
    report = yield
    if report.skipped:
        _forbid_skip(collector.config, report)
    return report


def _forbid_skip(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not config.getoption("--no-skips") or (OUTSIDE_CI in reason and not IN_CI):
        return
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid} was skipped, and --no-skips allows none: {reason}"


@pytest.fixture(scope="session")
def python_docs() -> Path:
    """Return the folder of Python's documentation in HTML, as Debian packages it."""
    if not (PYTHON_DOCS / "index.html").is_file():
        pytest.skip(f"there is no {PYTHON_DOCS}: the package python3.11-doc of Debian brings it")
    return PYTHON_DOCS


@pytest.fixture(scope="session")
def nginx() -> Iterator[Serve]:
    """Give a function that serves a folder on loopback by an nginx of its own, until the session ends."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("nginx is not installed: the package nginx-light of Debian brings it")
    with ExitStack() as servers:
        yield lambda root: servers.enter_context(_serving(program, root))


_NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{
        text/html html htm;
        text/css css;
        text/plain txt;
        text/javascript js;
        image/png png;
        image/svg+xml svg;
        application/json json;
        application/zip zip;
    }}
    default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{port};
        root "{root}";
        index index.html;
    }}
}}
"""


@contextmanager
def _serving(program: str, root: Path) -> Iterator[str]:
    """Serve *root* by nginx while the block lasts, at another port if the first is taken meanwhile."""
    with tempfile.TemporaryDirectory(prefix="trio-crawl-nginx-") as name:
        folder = Path(name)
        for _ in range(5):
            port = _free_port()
            configuration = folder / "nginx.conf"
            configuration.write_text(_NGINX.format(folder=folder, port=port, root=root.resolve()))
            with subprocess.Popen(  # noqa: S603 - our own configuration
                [program, "-p", name, "-e", "stderr", "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            ) as server:
                try:
                    if _answers(server, port):
                        yield f"http://127.0.0.1:{port}/"
                        return
                finally:
                    server.terminate()
                    complaint = server.communicate()[1].decode(errors="replace")
        pytest.fail(f"nginx does not start: {complaint}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(server: subprocess.Popen[Any], port: int) -> bool:
    """Wait until *server* listens; say whether it does so, rather than having ended."""
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    return False


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """Be an ordinary user while the test runs, and give a folder of that user's.

    Root may read and write what it likes, so that a test of permissions would state nothing.
    """
    with tempfile.TemporaryDirectory(prefix="trio-crawl-user-") as name:
        folder = Path(name)
        if os.geteuid() != 0:
            yield folder
            return
        os.chown(folder, NOBODY, NOBODY)
        # The saved id stays root's: that is the way back. `os.access` asks for the real one.
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield folder
        finally:
            os.setresuid(0, 0, 0)
