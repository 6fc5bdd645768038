"""The URL standard's own cases, and the parts that a crawl asks of a URL."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl import _urls

CASES = Path(__file__).resolve().parents[1].parent / "shared" / "cases" / "urls.json"


def load_cases() -> list[dict[str, Any]]:
    """Return the web platform's cases, or skip."""
    if not CASES.exists():
        pytest.skip(f"the cases are not there: {CASES}")
    cases: list[dict[str, Any]] = json.loads(CASES.read_text("utf-8"))
    return cases


def outcome(case: dict[str, Any]) -> str | None:
    """Return what a case's input comes to."""
    if case["base"] is None:
        return _urls.parse(case["input"])
    return _urls.join(case["base"], case["input"])


def test_every_case_of_the_web_platform_is_right() -> None:
    """An http(s) case gives its ``href`` without the fragment, every other one None."""
    wrong = []
    for case in load_cases():
        href = case["href"]
        usable = href is not None and href.startswith(("http://", "https://"))
        expected = href.partition("#")[0] if usable else None
        if outcome(case) != expected:
            wrong.append((case["id"], case["input"], expected, outcome(case)))
    assert wrong == []


def test_the_parts_of_every_case_agree_with_each_other() -> None:
    """``split``, ``origin`` and ``host`` put a serialised URL together again."""
    seen = 0
    for case in load_cases():
        url = outcome(case)
        if url is None:
            continue
        parts = _urls.split(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        assert parts.origin == _urls.origin(url)
        assert parts.host == _urls.host(url)
        assert _urls.parse(parts.origin + target) == parts.origin + target
        assert url.rstrip("?").endswith(target)
        seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "http://user:p%40w@Example.com:8080/a/b?c=/d#e",
            ("http", "example.com", "example.com", 8080, "http://example.com:8080", "/a/b", "c=/d"),
        ),
        ("https://[::1]/", ("https", "[::1]", "::1", 443, "https://[::1]", "/", "")),
        ("http://u@[::1]:81?q@r", ("http", "[::1]", "::1", 81, "http://[::1]:81", "/", "q@r")),
        ("http://0x7f.1/@x", ("http", "127.0.0.1", "127.0.0.1", 80, "http://127.0.0.1", "/@x", "")),
        ("https://h?", ("https", "h", "h", 443, "https://h", "/", "")),
    ],
)
def test_a_url_splits_into_its_parts(url: str, expected: tuple[object, ...]) -> None:
    """User information is in no part, and the port is the one that is connected to."""
    parsed = _urls.parse(url)
    assert parsed is not None
    assert _urls.split(parsed) == expected
    assert _urls.origin(parsed) == expected[4]
    assert _urls.host(parsed) == expected[1]


def test_a_lone_surrogate_is_read_as_the_replacement_character() -> None:
    """No input raises: a browser turns a lone surrogate into U+FFFD too."""
    assert _urls.join("http://a/", "\ud800") == "http://a/%EF%BF%BD"
    assert _urls.parse("http://a/\udfff") == "http://a/%EF%BF%BD"
    assert _urls.parse("http://\ud800/") is None
    assert _urls.join("\ud800", "x") is None


def test_a_reference_may_leave_http_only_by_resolve() -> None:
    """``join`` returns what can be fetched; ``resolve`` keeps other schemes and fragments."""
    assert _urls.join("http://a/", "mailto:x@y") is None
    assert _urls.resolve("http://a/", "mailto:x@y") == "mailto:x@y"
    assert _urls.resolve("http://a/b", "#c") == "http://a/b#c"
    assert _urls.join("http://a/b#c", "") == "http://a/b"


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("example.com", "did you mean 'https://example.com/'"),
        ("example.com:8080/x", "did you mean 'https://example.com:8080/x'"),
        ("//example.com/x", "did you mean 'https://example.com/x'"),
        ("/x", "not an absolute URL"),
        ("a b", "not an absolute URL"),
        ("ftp://example.com/", "the scheme 'ftp'"),
        ("mailto:a@b.c", "the scheme 'mailto'"),
        ("https://", "no host"),
        ("https://?x", "no host"),
        ("http://exa mple.com/", "white space in its host 'exa mple.com'"),
        ("http://u@h:99999/", "the port '99999'"),
        ("http://h:x/", "the port 'x'"),
        ("http://[::1/", "the host '[::1'"),
        ("http://a<b/" + "x" * 1000, "…"),
    ],
)
def test_an_unusable_url_is_explained(url: str, part: str) -> None:
    """What is wrong and what to do are said in one short sentence."""
    explanation = _urls.explain(url)
    assert explanation is not None
    assert part in explanation
    assert len(explanation) < 400


@pytest.mark.parametrize("url", ["http://a", " https://a/b#c\n", "HTTP:\\\\a", "http://bücher.example/"])
def test_a_usable_url_needs_no_explanation(url: str) -> None:
    """What ``parse`` takes is fine, however unusual."""
    assert _urls.explain(url) is None


@given(st.text(st.characters(exclude_categories=()), max_size=40))
@settings(max_examples=200, deadline=None)
def test_a_url_is_either_taken_or_explained(text: str) -> None:
    """For any text exactly one of ``parse`` and ``explain`` has an answer, and parsing is idempotent."""
    for candidate in (text, f"http://{text}", f"https://h/{text}"):
        parsed = _urls.parse(candidate)
        assert (parsed is None) == (_urls.explain(candidate) is not None)
        if parsed is not None:
            assert _urls.parse(parsed) == parsed
            assert _urls.split(parsed).host == _urls.host(parsed)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("example1", None),
        ("example.com", None),
        ("1.2.3", None),
        ("", None),
        ("[", None),
    ],
)
def test_a_literal_address_is_told_from_a_name(host: str, address: str | None) -> None:
    """Only what is an IP address as a whole is one."""
    assert _urls.literal_address(host) == address


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.example.co.uk", "example.co.uk"),
        ("example.com.", "example.com"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
    ],
)
def test_a_registrable_domain_follows_the_public_suffix_list(host: str, domain: str) -> None:
    """An address and a public suffix are their own."""
    assert _urls.registrable_domain(host) == domain


def test_requests_are_the_same_by_method_url_and_body() -> None:
    """A plain GET is its URL; whatever differs in method or body differs in key."""
    keys = {
        _urls.request_key("GET", "http://a/", None),
        _urls.request_key("GET", "http://a/", b""),
        _urls.request_key("POST", "http://a/", None),
        _urls.request_key("POST", "http://a/", b"x"),
        _urls.request_key("GET", "http://a/", b"x"),
        _urls.request_key("HEAD", "http://a/", None),
    }
    assert "http://a/" in keys
    assert len(keys) == 5


def test_a_page_is_named_by_sixteen_digits_of_its_key() -> None:
    """The name depends on nothing but the key, so it is the same in each run."""
    assert _urls.page_id("http://a/") == "aa70dd21f09b4f82"
    assert _urls.page_id("http://a/") != _urls.page_id("http://a/b")
    assert int(_urls.page_id("\ud800"), 16) >= 0


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("http://me:p%40w@h/a@b", "http://h/a@b"),
        ("https://me@[::1]:81/?q@r", "https://[::1]:81/?q@r"),
        ("http://:pw@h/", "http://h/"),
        ("http://h/a@b", "http://h/a@b"),
        ("http://h/", "http://h/"),
    ],
)
def test_user_information_is_removed(url: str, plain: str) -> None:
    """What stands before the host goes, and nothing else with an at sign in it."""
    assert _urls.parse(url) == url
    assert _urls.without_user_info(url) == plain


@pytest.mark.parametrize(
    "text",
    [
        "http://me:hidden@h:99999/",
        "http:me:hidden@h:x/",
        "http:\\\\me:hidden@h:x",
        "http://hidden@h:x/",
        "ftp://me:hidden@h/",
        "//me:hidden@h/x",
        "me:hidden@h/x",
        "hidden@h.org",
    ],
)
def test_an_explanation_repeats_no_password(text: str) -> None:
    """Whatever is wrong with a URL, its password stays out of the message."""
    explanation = _urls.explain(text)
    assert explanation is not None
    assert "hidden" not in explanation
    assert "…@h" in explanation


def test_what_is_no_user_information_stays_in_a_message() -> None:
    """An address of mail, and an at sign in a path, are shown as they are."""
    for text in ("mailto:me@h", "http://h:x/a@b", "https://h/?a@b", ""):
        assert _urls.without_secrets(text) == text


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("org", True),
        ("co.uk", True),
        ("uk.", True),
        ("github.io", True),
        ("b.kobe.jp", True),
        ("localhost", True),
        ("example.org", False),
        ("example.co.uk", False),
        ("city.kobe.jp", False),
    ],
)
def test_a_public_suffix_is_known(name: str, public: bool) -> None:
    """By the list, private entries included; a name of one label that is not on it counts as one."""
    assert _urls.is_public_suffix(name) is public


LONGEST = "http://h/" + "x" * (_urls.MAX_LENGTH - 9)


@pytest.mark.parametrize(
    ("base", "reference"),
    [
        ("http://h/", LONGEST + "x"),
        ("http://h/", "x" * _urls.MAX_LENGTH),
        (LONGEST, "?"),
        ("http://h/" + "a/" * 3_990, "y" * 20),
        ("http://h/", "é" * 1_400),
        ("http://h/", "\U0001f600" * 700),
        ("http://h/", "?" + "é" * 2_000),
        ("http://h/", "x" * 10_000_000),
        ("http://h/", "./" * 4_001),
        (_urls.NOWHERE, "x"),
        (_urls.NOWHERE, "//h/"),
    ],
)
def test_a_url_that_is_too_long_leads_nowhere_and_says_so(base: str, reference: str) -> None:
    """By itself, by its base, or by what its characters are encoded as."""
    assert _urls.join(base, reference) is None
    assert _urls.is_too_long(base, reference)


@pytest.mark.parametrize(
    ("base", "reference"),
    [
        ("http://h/", LONGEST),
        ("http://h/", f"  {LONGEST}#{'f' * 50_000}\n"),
        (LONGEST, "/a"),
        (LONGEST, "http://g/"),
        ("http://h/", " " * 9_000 + "a"),
        ("http://h/" + "a/" * 3_990, "../" * 2_000),
        (_urls.NOWHERE, "http://g/a"),
    ],
)
def test_a_url_that_is_not_too_long_is_taken(base: str, reference: str) -> None:
    """Its fragment, and white space around it, don't count."""
    url = _urls.join(base, reference)
    assert url is not None
    assert len(url) <= _urls.MAX_LENGTH
    assert not _urls.is_too_long(base, reference)


@pytest.mark.parametrize("scheme", ["data:image/png;base64,", "javascript:", "mailto:", "blob:http://h/"])
def test_what_is_no_link_is_not_too_long_a_one(scheme: str) -> None:
    """Pictures stand in pages themselves, and take more than a URL may."""
    assert _urls.join("http://h/", scheme + "A" * 100_000) is None
    assert not _urls.is_too_long("http://h/", scheme + "A" * 100_000)


def test_a_base_that_is_too_long_leads_nowhere() -> None:
    """What is relative to it is too long as well; one that is none is none."""
    assert _urls.base_of("http://h/", "x/" * 5_000) == _urls.NOWHERE
    assert _urls.base_of(_urls.NOWHERE, "x") == _urls.NOWHERE
    assert _urls.base_of(_urls.NOWHERE, "http://g/") == "http://g/"
    assert _urls.base_of("http://h/", "http://") is None
    assert _urls.base_of("http://h/", "x") == "http://h/x"


@pytest.mark.parametrize("url", [LONGEST + "x", LONGEST * 1_000, "x" * 100_000, "http://h/" + "é" * 2_000])
def test_too_long_a_url_is_explained_in_few_words(url: str) -> None:
    """With its beginning."""
    explained = _urls.explain(url) or ""
    assert "more than 8,000 characters" in explained
    assert len(explained) < 500


def test_of_long_urls_no_parts_are_remembered() -> None:
    """So that what a process keeps of URLs does not grow with their length."""
    _urls.split("http://h/a")
    tracemalloc.start()
    try:
        for number in range(500):
            parts = _urls.split(f"http://h/{number}?{'x' * 7_900}")
            assert (parts.path, len(parts.query)) == (f"/{number}", 7_900)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000
