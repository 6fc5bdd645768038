"""The example of a web service: its page in a browser, its crawls, and its end by a signal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "examples" / "web_service.py"


class Endless(BaseHTTPRequestHandler):
    """Answers every URL with a page that links to the next one."""

    def do_GET(self) -> None:
        number = int(self.path.rpartition("/")[2] or 0) if self.path != "/robots.txt" else 0
        body = f"<title>{number}</title><a href=/{number + 1}>on</a>".encode()
        self.send_response(404 if self.path == "/robots.txt" else 200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    """Serve a site without end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@contextmanager
def service(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the example in *folder*; give the process, and its address."""
    with subprocess.Popen(  # noqa: S603 - a program of our own
        [sys.executable, "-W", "error", str(PROGRAM)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("serving on http://127.0.0.1:"), process.communicate()[1]
            yield process, line.split()[-1]
        finally:
            process.kill()


def asked(method: str, address: str, **data: str) -> tuple[int, str | None, Any]:
    """Ask the service; return the status, the ``Location`` and the answer."""
    body = json.dumps(data).encode() if data else None
    request = urllib.request.Request(address, method=method, data=body)  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - likewise
        return response.status, response.headers["Location"], json.loads(response.read())


def pages_told(address: str, least: int) -> int:
    """Listen to the events of a crawl until it has so many pages; return how many."""
    with urllib.request.urlopen(address + "/events", timeout=60) as events:  # noqa: S310 - our own server
        for line in events:
            if line.startswith(b"data: {"):
                told = json.loads(line[6:])
                if told["pages"] >= least:
                    return int(told["pages"])
    pytest.fail("the events ended before")


def test_a_crawl_goes_on_after_a_signal_where_it_was_left(tmp_path: Path, site: str) -> None:
    """SIGTERM ends the service, and its crawl with a state; the same POST goes on, and DELETE cancels."""
    with service(tmp_path) as (process, address):
        status, place, _ = asked("POST", f"{address}/crawls", url=site)
        assert status == 201
        before = pages_told(f"{address}{place}", 5)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
    with service(tmp_path) as (process, address):
        _, place, told = asked("POST", f"{address}/crawls", url=site)
        assert told["pages"] >= before
        pages_told(f"{address}{place}", told["pages"] + 3)
        assert asked("DELETE", f"{address}{place}")[2]["state"] == "cancelled"
        with pytest.raises(urllib.error.HTTPError) as caught:
            asked("POST", f"{address}/crawls", url="nothing")
        assert caught.value.code == 400
        caught.value.close()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
    [table] = tmp_path.glob("*.tsv")
    rows = table.read_text().splitlines()[1:]
    assert len(rows) == len(set(rows)) > before


# In a browser, which is driven by the pipe that it offers for that (DevTools protocol).


class Browser:
    """Chromium with one page."""

    def __init__(self, process: subprocess.Popen[bytes], write: int, read: int) -> None:
        self._process = process
        self._write = os.fdopen(write, "wb")
        self._read = os.fdopen(read, "rb")
        self._number = 0
        self._session: str | None = None

    def call(self, method: str, **parameters: Any) -> Any:  # noqa: ANN401 - whatever the browser answers
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while True:
            answer = json.loads(self._message())
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _message(self) -> bytes:
        found = bytearray()
        while (byte := self._read.read(1)) != b"\0":
            assert byte, "the browser has ended"
            found += byte
        return bytes(found)

    def open(self, url: str) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever it returns
        """Run *script* in the page, the body of an async function, and return what it returns."""
        expression = f"(async () => {{{script}}})()"
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def close(self) -> None:
        self._write.close()
        self._read.close()


_WITH_PIPE = """
import fcntl, os, sys
read, write = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
os.dup2(read, 3)
os.dup2(write, 4)
os.closerange(5, 100)
os.execv(sys.argv[3], sys.argv[3:])
"""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """Start Chromium, with descriptors 3 and 4 as its pipe."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: the package of Debian by that name brings it")
    to_browser, from_browser = os.pipe(), os.pipe()
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command = [program, *flags, "--remote-debugging-pipe", f"--user-data-dir={tmp_path}/profile"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", _WITH_PIPE, str(to_browser[0]), str(from_browser[1]), *command],
        pass_fds=(to_browser[0], from_browser[1]),
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(to_browser[0])
        os.close(from_browser[1])
        with closing(Browser(process, to_browser[1], from_browser[0])) as browser:
            yield browser
            browser._session = None  # noqa: SLF001 - the whole browser is meant
            browser.call("Browser.close")
        process.wait(60)


UNTIL = """
    const until = async (what, found) => {
        const begun = Date.now()
        while (!found(document.getElementById("log")?.textContent ?? "")) {
            if (Date.now() - begun > 60000) throw new Error("waited for " + what)
            await new Promise(resolve => setTimeout(resolve, 50))
        }
    }
"""


def test_the_page_shows_how_a_crawl_gets_on(tmp_path: Path, site: str, browser: Browser) -> None:
    """A person starts a crawl on the page, sees its numbers grow, cancels it, and sees that, too."""
    with service(tmp_path) as (_, address):
        browser.open(address)
        shown = browser.run(
            f"""{UNTIL}
            const begun = Date.now()
            while (!document.forms[0]) await new Promise(resolve => setTimeout(resolve, 50))
            document.forms[0].url.value = {json.dumps(site)}
            document.forms[0].requestSubmit()
            await until("pages", log => log && JSON.parse(log).pages >= 5)
            const first = document.getElementById("log").textContent
            document.getElementById("cancel").click()
            await until("the end", log => JSON.parse(log).state != "running")
            return [first, document.getElementById("log").textContent]
            """
        )
        first, last = map(json.loads, shown)
        assert (first["state"], last["state"]) == ("running", "cancelled")
        assert last["pages"] >= first["pages"] >= 5
        said = browser.run(
            f"""{UNTIL}
            document.forms[0].url.value = "nothing"
            document.forms[0].requestSubmit()
            await until("an error", log => log.includes("failed"))
            return document.getElementById("log").textContent
            """
        )
        assert "has no scheme" in said
