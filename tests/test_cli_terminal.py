"""Text for terminals: nothing that steers one, and flags in place of keywords."""

from __future__ import annotations

import pytest

from trio_crawl import UsageError
from trio_crawl._cli.terminal import as_flags, explain, safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nGrüße 灯台", "plain\ttext\nGrüße 灯台"),
        ("\x1b]52;c;eA==\x07", r"\x1b]52;c;eA==\x07"),
        ("over\rwritten\x9b2J", r"over\rwritten\x9b2J"),
        ("abc\u202egpj.exe", r"abc\u202egpj.exe"),
    ],
)
def test_control_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    """Line feeds and tabs stay; what moves a cursor or turns the direction of writing does not."""
    assert safe(text) == shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("pass overwrite=True to replace it", "pass --overwrite to replace it"),
        (
            "allow_private=True or allow_private=['10.0.0.1'] permits it",
            "--allow-private or --allow-private=10.0.0.1 permits it",
        ),
        ("robots=False lifts it", "--no-robots lifts it"),
        (
            "max_pages= is 0; it takes a whole number, 1 or more, or None for no limit",
            "--max-pages is 0; it takes a whole number, 1 or more; leave it out for no limit",
        ),
        ("more than max_bytes=100", "more than --max-bytes=100"),
        ("recrawl= needs state=, which knows", "--recrawl needs --state, which knows"),
        ("a crawl with write=['s.tsv', 'p.jsonl'], and", "a crawl with -o s.tsv -o p.jsonl, and"),
        (
            "leave that out of the URL, and give auth={'https://a.test': (user, password)}",
            "leave that out of the URL, and give auth= in a program; it has no flag",
        ),
        ("http://site.test/?timeout=5&fetch=x: dns", "http://site.test/?timeout=5&fetch=x: dns"),
    ],
)
def test_keywords_read_as_flags(message: str, shown: str) -> None:
    """A message names what can be typed here; a URL stays as it is."""
    assert as_flags(message) == shown


def test_an_error_is_explained_with_its_notes() -> None:
    """Notes say which output it was; an error without words is named by its class."""
    error = UsageError("it failed")
    error.add_note("while writing found.tsv")
    assert explain(error) == "it failed\nwhile writing found.tsv"
    assert explain(TimeoutError()) == "TimeoutError"
