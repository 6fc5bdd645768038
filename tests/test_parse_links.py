"""The cache of what references lead to: it must never change an answer."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl import _urls
from trio_crawl._model import Link
from trio_crawl._parse.links import LinkCache

BASES = [
    "http://h/a/b?x=/1",
    "http://u:p@h/a/b",
    "http://h/a/c",
    "https://h/a/c",
    "http://h/a/",
    "http://h/",
    "ftp://h/a/b",
    "data:a/b",
]
PIECES = st.sampled_from(
    [
        "",
        "?",
        "#",
        "/",
        "//",
        ".",
        "..",
        "x",
        "y/z",
        "http:",
        "HTTPS:",
        "ht\ttp:",
        "http://g/",
        " ",
        "\n",
        "\t?",
        "\0",
    ]
)
REFERENCES = st.lists(PIECES, max_size=4).map("".join)


def joined(base: str, reference: str) -> str | None:
    """Return the URL that a fresh join gives."""
    return _urls.join(base, reference)


@given(st.lists(st.tuples(st.sampled_from(BASES), REFERENCES), max_size=30))
@settings(max_examples=200, deadline=None)
def test_a_shared_cache_answers_as_a_fresh_join_does(steps: list[tuple[str, str]]) -> None:
    """Whichever pages were seen before, a reference leads where it would alone."""
    cache = LinkCache(limit=10)
    for base, reference in steps:
        link = cache.base(base, "utf-8").link(reference, "a", None)
        assert (link.url if link else None) == joined(base, reference)


@pytest.mark.parametrize(
    "reference", ["", "?q", "#f", " ?q", "\t", "http:", "http:?q", "hTTps:x", "h\nttp:?q", "\0?q"]
)
def test_a_reference_to_more_than_the_directory_is_not_shared(reference: str) -> None:
    """Two pages of one directory may not agree on it."""
    cache = LinkCache()
    base = cache.base("http://h/a/b?c", "utf-8")
    before = len(cache)
    base.link(reference, "a", None)
    assert len(cache) == before


def test_pages_of_one_directory_share_a_link() -> None:
    """The second page gets the first one's object, whatever fragment it asks for."""
    cache = LinkCache()
    first = cache.base("http://h/a/b", "utf-8").link("x#1", "a", None)
    second = cache.base("http://h/a/c?d", "utf-8").link("x#2", "a", None)
    assert first is second
    assert first == Link(url="http://h/a/x")


def test_pages_of_one_site_share_a_link_that_says_its_whole_path() -> None:
    """So navigation is joined once, in however many directories it is repeated."""
    cache = LinkCache()
    for reference in ("/x", "http://g/", "https://g/y"):
        first = cache.base("http://h/a/b", "utf-8").link(reference, "a", None)
        assert cache.base("http://h/c/d/e", "utf-8").link(reference, "a", None) is first


def test_white_space_before_a_fragment_stays_in_the_url() -> None:
    """Only at the end of a reference does the URL parser cut it off."""
    link = LinkCache().base("http://h/", "utf-8").link("a #b", "a", None)
    assert link == Link(url="http://h/a%20")


def test_a_link_keeps_its_element_and_its_types() -> None:
    """The same reference in another element, or with another ``rel``, is another link."""
    base = LinkCache().base("http://h/", "utf-8")
    assert base.link("x", "a", None) == Link(url="http://h/x")
    assert base.link("x", "area", None) == Link(url="http://h/x", kind="area")
    assert base.link("x", "a", " NoFollow\nugc") == Link(url="http://h/x", rel=("nofollow", "ugc"))
    assert base.link("x\narea\n", "a", None) == Link(url="http://h/xarea")


def test_encodings_do_not_share_a_link() -> None:
    """A query depends on the document's encoding."""
    cache = LinkCache()
    links = [cache.base("http://h/", encoding).link("x?é", "a", None) for encoding in ("utf-8", "koi8-r")]
    assert links == [Link(url="http://h/x?%C3%A9"), Link(url="http://h/x?%26%23233%3B")]


def test_a_full_cache_starts_anew() -> None:
    """Directories count too, so a site that is nothing but directories does not fill the memory."""
    cache = LinkCache(limit=10)
    for number in range(100):
        cache.base(f"http://h/{number}/", "utf-8").link("/x", "a", None)
        assert len(cache) <= 12


def test_what_is_long_is_not_kept() -> None:
    """Neither a reference nor a base that is longer than those which repeat."""
    cache = LinkCache()
    base = cache.base("http://h/", "utf-8")
    before = len(cache)
    assert base.link("x" * 3000, "a", None) is not None
    assert len(cache) == before
    cache.base("http://h/" + "x/" * 3000, "utf-8")
    assert len(cache) == before


@given(
    base=st.sampled_from(
        [
            "http://h.test/",
            "https://h.test:8443/a/b/c.html?x=1",
            "http://h.test/a//b/",
            "http://u:p@h.test/a/b",
            "http://h.test/a/b/c/d/e",
            "http://[::1]/x/y",
        ]
    ),
    reference=st.text(alphabet="ab.Z/?#~_-=&%:;@,+'\\ |^{\u00e9", max_size=14),
)
@settings(max_examples=400)
def test_a_plain_reference_is_put_together_as_the_url_parser_would(base: str, reference: str) -> None:
    """The short way gives what joining gives, for every reference that it takes."""
    link = LinkCache().base(base, "utf-8").link(reference, "a", None)
    assert (None if link is None else link.url) == _urls.join(base, reference)


@pytest.mark.parametrize("base", ["http://h/" + "a/" * 3_990, "http://h/" + "a" * 7_980 + "/"])
def test_what_is_too_long_is_counted(base: str) -> None:
    """Whichever way it is joined; the same reference counts once."""
    joiner = LinkCache().base(base, "utf-8")
    for reference in (
        "x" * 30,
        "x" * 30,
        "é" * 20,
        "?" + "y" * 40,
        "/" + "z" * 8_000,
        "http://h/" + "z" * 8_000,
    ):
        assert joiner.link(reference, "a", None) is None
    assert joiner.link("/" + "../" * 2_000 + "w", "a", None) == Link(url="http://h/w")
    assert joiner.link("data:," + "x" * 10_000, "a", None) is None
    assert joiner.dropped == 5


def test_folders_above_are_found_at_once() -> None:
    """However many there are: of a path no copies are made but the one that is asked for."""
    base = LinkCache().base("http://h/" + "a/" * 3_900, "utf-8")
    tracemalloc.start()
    try:
        for number in range(50):
            link = base.link("../" * (2_600 - number) + f"?{number}", "a", None)
            assert link is not None
            assert link.url == "http://h/" + "a/" * (1_300 + number) + f"?{number}"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_an_endless_rel_is_cut() -> None:
    """What is remembered of a link is no longer than its reference may be."""
    link = LinkCache().base("http://h/", "utf-8").link("x", "a", "nofollow " * 100_000)
    assert link is not None
    assert 0 < len(link.rel) < 100


@pytest.mark.parametrize(("encoding", "query"), [("windows-1252", "é"), ("iso-2022-jp", "a"), ("gbk", "中")])
def test_queries_without_end_are_encoded_so_far(encoding: str, query: str) -> None:
    """What is too much altogether is counted, and what needs no encoding is as ever."""
    base = LinkCache().base("http://h/d/", encoding)
    links = [base.link(f"?{number}{query * 1000}", "a", None) for number in range(100)]
    found = [link for link in links if link is not None]
    assert 40 <= len(found) < 50
    assert base.dropped == 100 - len(found)
    assert base.link("x", "a", None) == Link(url="http://h/d/x")
