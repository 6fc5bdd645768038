"""What errors say, where others have a say in it."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from trio_crawl import Page, Response, crawl
from trio_crawl._cli.progress import showing_log
from trio_crawl._cli.terminal import Messages
from trio_crawl._errors import LONGEST_MESSAGE, FetchError, message_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from trio_crawl import Hop

HOSTILE = "a\n2026-01-01 CRITICAL forged\r\x1b]0;pwned\x07\x1b[2J\u202e\u2028\x85\ud800\x00 end"
ACTS = set("\n\r\x1b\x07\x00\u202e\u2028\x85\ud800")


class Broken:
    """Answers its seed, and fails for all else in a hostile server's words."""

    opens_connections, virtual = False, True

    @asynccontextmanager
    async def open(self, _environment: object) -> AsyncIterator[None]:
        yield

    async def fetch(self, hop: Hop) -> Response:
        await trio.lowlevel.checkpoint()
        if hop.url != "http://a.test/":
            raise FetchError("protocol", f"{hop.url}: {HOSTILE}")
        return Response(url=hop.url, status=200, body=b"<a href=/failing>x</a>")


def test_what_a_server_says_is_escaped_where_an_error_is_made() -> None:
    """No line feed, escape code, turn of direction or half a character."""
    error = FetchError("protocol", f"http://a.test/: {HOSTILE}")
    assert error.message == (
        "http://a.test/: a\\n2026-01-01 CRITICAL forged\\r\\x1b]0;pwned\\x07\\x1b[2J"
        "\\u202e\\u2028\\x85\\ud800\\x00 end"
    )
    assert not ACTS & set(str(error))


def test_what_a_server_says_is_cut_where_an_error_is_made() -> None:
    """The URL stands, and the end, which says what to do; to do it twice changes nothing."""
    path = "p" * 5000
    said = "\x1b" * 100_000
    error = FetchError("protocol", f"http://a.test/{path}: {said} max_bytes lets it pass")
    assert error.message.startswith(f"http://a.test/{path}: \\x1b")
    assert error.message.endswith("max_bytes lets it pass")
    assert len(error.message) == len(f"http://a.test/{path}: ") + LONGEST_MESSAGE
    assert message_of(error.message) == error.message
    assert "\n" not in message_of("http://a.test/\x85\u2028x: y" + "\n" * 9)


@pytest.mark.parametrize("output", ["x.jsonl", "x.tsv", "x.sqlite", "x.parquet", "x.warc", "mirror/"])
@pytest.mark.parametrize("whose", ["server", "parser"])
async def test_no_words_of_others_end_a_crawl_or_forge_a_line(  # noqa: PLR0913, PLR0917 - fixtures
    tmp_path: Path,
    output: str,
    whose: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    autojump_clock: object,  # noqa: ARG001 - it is the clock
) -> None:
    """Of a transport's error and of a parser's: in every output, a state, the log and on a terminal."""

    def parse(page: Page) -> Iterator[object]:
        yield from page.links()
        if whose == "parser":
            raise ValueError(HOSTILE)

    with showing_log(Messages(), quiet=False):
        report = await crawl(
            "http://a.test/",
            fetch=Broken(),
            parse=parse,
            write=f"{tmp_path}/{output}",
            state=tmp_path / "s.db",
            robots=False,
            retries=0,
        )
    assert sum(report.failed.values()) == 1
    (told,) = [text for one in caplog.records if "forged" in (text := one.getMessage())]
    assert not ACTS & set(told)
    shown = capfd.readouterr().err.splitlines()
    assert len(shown) == 1
    assert shown[0].startswith("trio-crawl: http://a.test/")


def test_the_log_of_the_command_line_gives_each_message_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever logs it, with an exception, too: no line of others begins as one of ours."""
    log = logging.getLogger("trio_crawl")
    with showing_log(Messages(), quiet=False):
        log.warning("of %s", "x\ntrio-crawl: error: forged\x1b[2J")
        log.error("broken", exc_info=ValueError("y\ntrio-crawl: error: forged\x1b[2J"))
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "trio-crawl: of x\\ntrio-crawl: error: forged\\x1b[2J"
    assert sum(line.startswith("trio-crawl: ") for line in lines) == 2
    assert not any("\x1b" in line for line in lines)
