"""What is wrong with the shape of a URL, and which family it is of."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trio_crawl._policy.traps import LONGEST, LONGEST_NAME, goes_round, pattern_of, shape_of

SITE = "https://a.test"

WORDS = st.sampled_from(["news", "shop", "item", "x", "y", "2024", "7", "en"])


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/wiki/Main_Page",
        "/org/foo/foo/foo/Foo.html",
        "/a/b/a/b/a/b",
        "/0/0/0/0/0/0/0",
        "/1/2/1/2/1/2/1/2",
        "/pool/main/a/a/a/a/a",
        "/" + "/".join(f"folder{number}" for number in range(30)),
        "/search?tag=x&tag=y&tag=z&tag=w&tag=x",
        "/search?" + "&".join(f"a{number}=1" for number in range(40)),
        "/?" + "x" * 7_000,
        "/form?&&&&&&",
    ],
)
def test_what_people_make_is_followed(path: str) -> None:
    """Deep paths, repeated names and long queries that occur on ordinary sites are no traps."""
    assert shape_of(SITE + path) is None


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/" + "/".join(f"folder{number}" for number in range(31)), "trap_depth"),
        ("/" * 40, "trap_depth"),
        ("/search?" + "&".join(f"a{number}=1" for number in range(41)), "trap_depth"),
        ("/?" + "x" * LONGEST, "trap_depth"),
        ("/en/en/en/en", "trap_repetition"),
        ("/docs/a/b/a/b/a/b/a/b/c", "trap_repetition"),
        ("/x/1/y/x/1/y/x/1/y/x/1/y", "trap_repetition"),
        ("/news/a/news/b/news/c/news/d/news/e/news", "trap_repetition"),
        ("/search?tag=x&p=1&tag=x&tag=x&q=2&tag=x", "trap_repetition"),
    ],
)
def test_what_only_programs_make_is_not(path: str, reason: str) -> None:
    """What goes ever deeper, or round and round, is passed by for its reason."""
    assert shape_of(SITE + path) == reason


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, min_size=1, max_size=4), st.lists(WORDS, max_size=4))
def test_four_times_in_a_row_is_round(before: list[str], run: list[str], after: list[str]) -> None:
    """A run of segments four times in a row goes round, wherever it stands, if it is not numbers alone."""
    counts = len(set(run)) > 1 and not all(one.isdecimal() for one in run)
    counts = counts or (len(set(run)) == 1 and len(run[0]) > 1 and not run[0].isdecimal())
    if counts:
        assert goes_round([*before, *run * 4, *after])


@given(st.lists(st.text("abcdef", min_size=1, max_size=4), unique=True, max_size=30))
def test_what_is_there_once_is_not_round(segments: list[str]) -> None:
    """A path whose segments differ never goes round, nor does it twice over."""
    assert not goes_round(segments)
    assert not goes_round(segments * 2)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/p/123", "a.test/p/#"),
        ("/item-7/page-12.html", "a.test/item-#/page-#.html"),
        ("/f/deadbeef01/x", "a.test/f/#/x"),
        ("/f/550e8400-e29b-41d4-a716-446655440000", "a.test/f/#"),
        ("/list?page=3", "a.test/list?page"),
        ("/list?b=1&a=2", "a.test/list?..."),
        ("/list?c=1&a=2&b=3", "a.test/list?..."),
        ("?q=1", "a.test?q"),
        ("/calendar/2031/05", "a.test/calendar dates"),
        ("/calendar/2031-05-17", "a.test/calendar dates"),
        ("/calendar/20310517", "a.test/calendar dates"),
        ("/calendar/2031-W07", "a.test/calendar dates"),
        ("/calendar/week/2031/5/2", "a.test/calendar dates"),
        ("/events?month=5&year=2031", "a.test/events dates"),
        ("/2019/03/12/a-title", "a.test/#/#/#/a-title"),
        ("/x?PHPSESSID=abc", "a.test session"),
        ("/y;jsessionid=ABC?z=1", "a.test session"),
        ("/y?a=1&utm_source=b", "a.test session"),
    ],
)
def test_what_is_counted_up_is_a_family(url: str, name: str) -> None:
    """Numbers, hashes, dates, sessions and values of queries are left out of a family's name."""
    pattern = pattern_of(SITE + url)
    assert pattern is not None
    assert (pattern.name, pattern.host) == (name, "a.test")
    assert pattern.wary == (" " in name)


@pytest.mark.parametrize("path", ["", "/", "/wiki/Foo", "/a/decade/facade", "/de/ueber-uns.html"])
def test_names_are_no_family(path: str) -> None:
    """A URL in which nothing is counted up is of no family."""
    assert pattern_of(SITE + path) is None


@given(st.lists(st.text("xyz-", min_size=1, max_size=5), min_size=1, max_size=4), st.data())
def test_numbers_don_t_make_another_family(words: list[str], data: st.DataObject) -> None:
    """Two URLs that differ only in their numbers are of one family, and a host's is no other host's."""
    numbers = st.integers(0, 999)
    one, other = (
        "/".join(f"{word}{data.draw(numbers)}" for word in words).replace("//", "/") for _ in range(2)
    )
    here, there, elsewhere = (
        pattern_of(url) for url in (f"{SITE}/{one}", f"{SITE}/{other}", f"https://b.test/{one}")
    )
    assert here == there
    assert here is not None
    assert elsewhere is not None
    assert here.name != elsewhere.name


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_has_an_answer(path: str, query: str) -> None:
    """Nothing in a URL is an error, and a name is never longer than its bound and its host."""
    url = f"{SITE}/{path}?{query}"
    shape_of(url)
    pattern = pattern_of(url)
    assert pattern is None or len(pattern.name) <= LONGEST_NAME + len("a.test/ dates")
