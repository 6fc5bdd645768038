"""Servers that send anything but HTTP: each costs its page, and never the crawl; for every fetcher."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from hostile_answers import (
    CHUNKED,
    CHUNKS,
    CONTENT_CODINGS,
    CUT,
    FIELDS,
    HEAD,
    INTERIM,
    LENGTHS,
    OK,
    STATUS_LINES,
    SURPLUS,
    TRANSFER_CODINGS,
    Answer,
)
from http_cases import FETCHERS, MIB, cases_of_others, judged, memory_growth, played

from trio_crawl.testing import asserts_no_leaks

if TYPE_CHECKING:
    from http_cases import Played

each_fetcher = pytest.mark.parametrize("name", FETCHERS)

THEMES = {
    "status lines": STATUS_LINES,
    "fields": FIELDS,
    "lengths": LENGTHS,
    "transfer codings": TRANSFER_CODINGS,
    "chunks": CHUNKS,
    "surplus": SURPLUS,
    "interim": INTERIM,
    "cut": CUT,
    "content codings": CONTENT_CODINGS,
}


def sent(data: bytes) -> list[Any]:
    """Return the step that sends *data*."""
    return ["send", base64.b64encode(data).decode()]


def without_end(data: bytes, *, delay: float = 0.0) -> list[Any]:
    """Return the step that sends *data* again and again."""
    return ["repeat", -1, delay, base64.b64encode(data).decode()]


# By the first word of a fetcher's name: what its library takes though it should not, with no page
# the worse for it. libcurl reads the size of a chunk as far as there are digits, and passes over
# what is behind it up to the next LF.
TAKEN = {
    "curl": frozenset(
        {
            "chunks: letter behind the size",
            "chunks: NUL in the size",
            "chunks: too little data",
        }
    ),
}


def problems(name: str, answers: list[Answer], came: list[Played]) -> str:
    """Return the answers that came to something else than they have to, a line for each."""
    taken = TAKEN.get(name.partition("-")[0], frozenset())
    found = []
    for answer, one in zip(answers, came, strict=True):
        if answer.expected == "error":
            right = one.outcome in {"error", "limit"} or answer.name in taken
        elif answer.expected == "either":
            right = True
        else:
            right = (one.outcome, one.status, one.content) == ("ok", answer.status, answer.expected)
        if not (right and one.unharmed):
            found.append(f"{answer.name}: {answer.expected!r}, not {one}")
    return "\n".join(found)


@each_fetcher
@pytest.mark.slow
async def test_cases_of_others(name: str) -> None:
    """Every case comes to what is expected, harms no other request, and is read as most clients read it."""
    cases = cases_of_others()
    async with asserts_no_leaks():
        came = await played(FETCHERS[name], [case["steps"] for case in cases])
    wrong, common, differs = judged(cases, came)
    assert wrong == []
    listed = "\n".join(differs)
    print(f"{name} differs from {len(differs)} of {common} common readings:\n{listed}")  # noqa: T201 - for who reads the log
    assert len(differs) <= common * 0.03, listed


@each_fetcher
@pytest.mark.parametrize("theme", THEMES)
async def test_answers_by_theme(name: str, theme: str) -> None:
    """What is broken is a failure, what is odd but sound a page, and the next request gets its own answer."""
    answers = THEMES[theme]
    came = await played(FETCHERS[name], [answer.steps() for answer in answers], timeout=3.0)
    assert not problems(name, answers, came)


@each_fetcher
async def test_answers_to_head(name: str) -> None:
    """HEAD has no body, whatever its answer tells or sends."""
    came = await played(FETCHERS[name], [answer.steps() for answer in HEAD], method="HEAD", timeout=3.0)
    assert not problems(name, HEAD, came)


DRIPS: dict[str, list[list[Any]]] = {
    "nothing at all": [["hold", 60]],
    "a status line": [without_end(b"H", delay=0.2)],
    "a reason phrase": [sent(b"HTTP/1.1 200 "), without_end(b"x", delay=0.2)],
    "a header field": [sent(OK + b"X: "), without_end(b"x", delay=0.2)],
    "header fields": [sent(OK), without_end(b"X: y\r\n", delay=0.2)],
    "interim responses": [without_end(b"HTTP/1.1 103 Hints\r\n\r\n", delay=0.2)],
    "a body": [sent(OK + b"Content-Length: 1000\r\n\r\n"), without_end(b"x", delay=0.2)],
    "a body without a length": [sent(OK + b"\r\n"), without_end(b"x", delay=0.2)],
    "chunks": [sent(CHUNKED), without_end(b"1\r\nx\r\n", delay=0.2)],
    "the size of a chunk": [sent(CHUNKED), without_end(b"0", delay=0.5)],
    "the extension of a chunk": [sent(CHUNKED + b"5;"), without_end(b"x", delay=0.2)],
    "trailers": [sent(CHUNKED + b"0\r\n"), without_end(b"X: y\r\n", delay=0.2)],
    "blank lines": [without_end(b"\r\n", delay=0.2)],
}


@each_fetcher
async def test_drips_end_at_the_deadline(name: str) -> None:
    """A server that sends a byte now and then is not waited for beyond the timeout of the hop."""
    came = await played(FETCHERS[name], list(DRIPS.values()), timeout=2.0)
    wrong = {
        drip: str(one)
        for drip, one in zip(DRIPS, came, strict=True)
        if one.outcome != "error" or not one.unharmed
    }
    assert wrong == {}


FLOODS: dict[str, list[list[Any]]] = {
    "a status line": [without_end(b"H" * 65536)],
    "a reason phrase": [sent(b"HTTP/1.1 200 "), without_end(b"x" * 65536)],
    "a header field": [sent(OK + b"X: "), without_end(b"x" * 65536)],
    "a folded field": [sent(OK + b"X: a\r\n"), without_end(b" b\r\n" * 10_000)],
    "header fields": [sent(OK), without_end(b"X: y\r\n" * 10_000)],
    "interim responses": [without_end(b"HTTP/1.1 103 Hints\r\n\r\n" * 1000)],
    "the size of a chunk": [sent(CHUNKED), without_end(b"0" * 65536)],
    "the extension of a chunk": [sent(CHUNKED + b"5;"), without_end(b"x" * 65536)],
    "empty chunks": [sent(CHUNKED), without_end(b"1;" + b"y" * 10_000 + b"\r\nx\r\n")],
    "trailers": [sent(CHUNKED + b"0\r\n"), without_end(b"X: y\r\n" * 10_000)],
    "small chunks": [sent(CHUNKED), without_end(b"2\r\nxy\r\n" * 10_000)],
    "a body": [sent(OK + b"\r\n"), without_end(b"x" * 65536)],
    "a body beyond its length": [
        sent(OK + b"Content-Length: 1000000000000\r\n\r\n"),
        without_end(b"x" * 65536),
    ],
    "a body in HTTP/1.0": [sent(b"HTTP/1.0 200 OK\r\n\r\n"), without_end(b"x" * 65536)],
    "chunks": [sent(CHUNKED), without_end(b"10000\r\n" + b"x" * 65536 + b"\r\n")],
    **{coding: [["bomb", coding, 1024 * MIB], ["fin"]] for coding in ("gzip", "deflate", "br", "zstd")},
}


@each_fetcher
@pytest.mark.slow
async def test_floods_are_stopped(name: str) -> None:
    """What has no end is cut off at a limit of size, or at the deadline where there is nothing to keep."""
    of_content = list(FLOODS).index("a body")
    endless, bodies = list(FLOODS.values())[:of_content], list(FLOODS.values())[of_content:]
    # One at a time: server and client share a processor, and a flood takes all of it.
    came = [
        *await played(FETCHERS[name], endless, timeout=3.0, at_once=1),
        *await played(FETCHERS[name], bodies, timeout=60.0, at_once=1),  # the limit ends them
    ]
    wrong = {
        flood: str(one)
        for flood, one in zip(FLOODS, came, strict=True)
        if one.outcome not in {"error", "limit"} or not one.unharmed
    }
    assert wrong == {}
    assert {one.outcome for one in came[of_content:]} == {"limit"}


@each_fetcher
@pytest.mark.slow
async def test_floods_take_no_memory(name: str) -> None:
    """Of what has no end no more is held than the limit, a few times over."""
    growth, pages = await memory_growth(
        list(FLOODS.values()), module="http_cases", name=name, max_bytes=2 * MIB, timeout=2.0
    )
    assert pages == 0
    print(f"{name}: the greatest size of its memory grew by {growth / MIB:.1f} MiB")  # noqa: T201 - for the log
    assert growth < 32 * MIB
