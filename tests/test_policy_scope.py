"""Which links are followed: relative to the seeds, and by patterns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given, settings, strategies as st

from trio_crawl._errors import UsageError
from trio_crawl._model import Link
from trio_crawl._policy.scope import Scope

if TYPE_CHECKING:
    from trio_crawl._policy.scope import FollowName, Patterns

SEED = "https://www.example.co.uk/docs/guide/index.html?x=/y/"


def scope(follow: FollowName, *seeds: str, include: Patterns = (), exclude: Patterns = ()) -> Scope:
    """Return a scope with the seeds in it."""
    made = Scope(follow, include=include, exclude=exclude)
    for seed in seeds or (SEED,):
        made.add_seed(seed)
    return made


def allowed(made: Scope, *urls: str) -> list[bool]:
    """Return for each URL whether it is followed."""
    return [made.allows(Link(url=url)) for url in urls]


def test_host_takes_any_scheme_and_port() -> None:
    """By default the host decides, and a subdomain or a parent is another host."""
    assert allowed(
        scope("host"),
        "https://www.example.co.uk/",
        "http://www.example.co.uk/other",
        "https://www.example.co.uk:8443/",
        "https://user:word@www.example.co.uk/",
        "https://example.co.uk/",
        "https://a.www.example.co.uk/",
        "https://www.example.co.uk.evil.test/",
        "https://evil.test/https://www.example.co.uk/",
    ) == [True, True, True, True, False, False, False, False]


def test_origin_takes_scheme_and_port_too() -> None:
    """With origin, another scheme or port is out of scope."""
    assert allowed(
        scope("origin"),
        "https://www.example.co.uk/other",
        "http://www.example.co.uk/",
        "https://www.example.co.uk:8443/",
    ) == [True, False, False]


def test_domain_takes_what_was_registered() -> None:
    """With domain, all hosts of the registrable domain are in scope, and no neighbour under its suffix."""
    assert allowed(
        scope("domain"),
        "https://example.co.uk/",
        "http://a.b.example.co.uk:81/",
        "https://other.co.uk/",
        "https://co.uk/",
    ) == [True, True, False, False]


def test_an_address_is_a_domain_of_its_own() -> None:
    """With domain, an IP address is compared whole."""
    made = scope("domain", "http://192.0.2.1/", "http://[2001:db8::1]/")
    assert allowed(
        made, "http://192.0.2.1:81/", "http://192.1.2.1/", "http://[2001:db8::1]/x", "http://[2001:db8::2]/"
    ) == [True, False, True, False]


def test_prefix_takes_the_directory_of_a_seed() -> None:
    """With prefix, the URL starts like the seed's up to the last slash of its path, not of its query."""
    assert allowed(
        scope("prefix"),
        "https://www.example.co.uk/docs/guide/",
        "https://www.example.co.uk/docs/guide/a/b",
        "https://www.example.co.uk/docs/guide/?q",
        "https://www.example.co.uk/docs/guide",
        "https://www.example.co.uk/docs/guidelines/",
        "https://www.example.co.uk/?x=/docs/guide/",
        "http://www.example.co.uk/docs/guide/",
    ) == [True, True, True, False, False, False, False]


def test_a_prefix_of_any_seed_will_do() -> None:
    """Seeds of different depth widen a prefix scope each for itself."""
    made = scope("prefix", "https://a.test/x/", "https://b.test/x/y/z", "https://c.test")
    assert allowed(
        made, "https://a.test/x/1", "https://b.test/x/1", "https://b.test/x/y/1", "https://c.test/1"
    ) == [True, False, True, True]


def test_any_takes_everything() -> None:
    """With any, there is nothing to be relative to."""
    assert allowed(scope("any"), "https://elsewhere.test/") == [True]


def test_nothing_is_in_scope_before_a_seed() -> None:
    """A scope that is relative to its seeds follows nothing without one."""
    assert allowed(Scope("host"), SEED) == [False]


def test_a_function_decides_on_links() -> None:
    """A function is given the link itself, and any true value means yes."""
    made = Scope(lambda link: "nofollow" not in link.rel)
    assert made.allows(Link(url=SEED))
    assert not made.allows(Link(url=SEED, rel=("nofollow",)))


def test_an_error_of_the_function_comes_out() -> None:
    """What the user's function raises is the user's to see."""
    made = Scope(lambda link: link.missing)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="missing"):
        made.allows(Link(url=SEED))


def test_a_seed_counts_once() -> None:
    """The generation says how often the scope grew: a seed that adds nothing leaves it."""
    made = Scope("host")
    assert made.generation == 0
    assert made.add_seed("https://a.test/1")
    assert not made.add_seed("http://a.test:81/2")
    assert made.add_seed("https://b.test/")
    assert made.generation == 2


def test_scopes_without_seeds_never_grow() -> None:
    """With any or a function, no seed makes a difference."""
    for made in (Scope("any"), Scope(lambda link: link.url == SEED)):
        assert not made.add_seed(SEED)
        assert made.generation == 0


def test_include_narrows_and_exclude_wins() -> None:
    """A link has to match one include and no exclude, besides being in scope."""
    made = scope("host", include=["*/docs/*", "*/blog/*"], exclude="*.pdf")
    assert allowed(
        made,
        "https://www.example.co.uk/docs/a",
        "https://www.example.co.uk/blog/a",
        "https://www.example.co.uk/shop/a",
        "https://www.example.co.uk/docs/a.pdf",
        "https://elsewhere.test/docs/a",
    ) == [True, True, False, False, False]


def test_the_function_sees_only_what_patterns_let_pass() -> None:
    """A pattern refuses a link before the function is called."""
    seen: list[str] = []

    def follow(link: Link) -> bool:
        seen.append(link.url)
        return True

    made = Scope(follow, exclude="*secret*")
    assert allowed(made, "https://a.test/secret", "https://a.test/") == [False, True]
    assert seen == ["https://a.test/"]


@pytest.mark.parametrize(
    ("glob", "url", "expected"),
    [
        ("https://a.test/*", "https://a.test/b/c?d", True),
        ("https://a.test/*", "http://a.test/b", False),
        ("https://a.test/", "https://a.test/b", False),
        ("*/b", "https://a.test/b/b", True),
        ("*/b", "https://a.test/b/c", False),
        ("*b*b*", "https://a.test/bb", True),
        ("*b*b*", "https://a.test/b", False),
        ("**/x", "https://a.test/x", True),
        ("https://a.test/?q=*", "https://a.test/?q=1", True),
        ("https://a.test/?q=*", "https://a.test/xq=1", False),
        ("*[ab]*", "https://a.test/a", False),
        ("*[ab]*", "https://a.test/?x=[ab]", True),
        ("*.test/B", "https://a.test/b", False),
        ("*aXa", "https://aXaXa", True),
    ],
)
def test_a_glob_matches_the_whole_url(glob: str, url: str, *, expected: bool) -> None:
    """Only the star is special, it takes slashes too, and case counts."""
    assert allowed(Scope("any", include=glob), url) == [expected]


def test_an_expression_is_searched() -> None:
    """A compiled expression matches anywhere in the URL, with its own flags."""
    made = Scope("any", exclude=[re.compile(r"/PRIVATE/", re.IGNORECASE), re.compile(r"\?page=\d+$")])
    assert allowed(
        made, "https://a.test/private/x", "https://a.test/?page=12", "https://a.test/?page=12&x"
    ) == [False, False, True]


@settings(max_examples=200, deadline=None)
@given(
    glob=st.text(alphabet="ab*", min_size=1, max_size=8), text=st.text(alphabet="ab", min_size=1, max_size=10)
)
def test_a_glob_is_what_trying_everything_finds(glob: str, text: str) -> None:
    """The atomic groups lose no match: a backtracking expression finds the same."""
    simple = re.fullmatch(".*".join(map(re.escape, glob.split("*"))), text) is not None
    assert allowed(Scope("any", include=glob), text) == [simple]


def test_a_glob_of_many_stars_is_quick_on_a_hostile_url() -> None:
    """A URL made to be tried in every way is decided; an expression that backtracks would take years."""
    made = Scope("any", exclude="*a" * 30 + "*b")
    assert allowed(made, "https://a.test/" + "a" * 5_000) == [True]


@pytest.mark.parametrize("follow", ["hosts", "", "HOST", None, 1, b"host", ["host"]])
def test_an_unknown_scope_is_refused(follow: object) -> None:
    """The error names every value that is taken."""
    with pytest.raises(UsageError, match="'host', 'origin', 'domain', 'prefix', 'any', or a function"):
        Scope(follow)  # type: ignore[arg-type]


def test_an_async_function_is_refused() -> None:
    """A coroutine is always true, so an async function would follow everything."""

    async def follow(link: Link) -> bool:
        await trio.lowlevel.checkpoint()
        return link.url == SEED

    with pytest.raises(UsageError, match="plain function"):
        Scope(follow)  # type: ignore[arg-type]


@pytest.mark.parametrize("patterns", [b"*.pdf", 3, None])
def test_what_is_no_pattern_is_refused(patterns: object) -> None:
    """The error names the argument and says what a pattern is."""
    with pytest.raises(UsageError, match=r"include= is .*; give a glob"):
        Scope("any", include=patterns)  # type: ignore[arg-type]


@pytest.mark.parametrize("pattern", [b"*.pdf", 3, None, "", re.compile(b"x")])
def test_a_bad_pattern_among_several_is_refused(pattern: object) -> None:
    """The error names the argument and the pattern."""
    with pytest.raises(UsageError, match=r"exclude= has .*; each pattern is a glob"):
        Scope("any", exclude=["*.png", pattern])  # type: ignore[list-item]


def test_a_list_of_pages_needs_no_include() -> None:
    """What is excluded is not read; a function decides even about what may be anywhere."""
    made = scope("host", "http://a.test/", include="*/docs/*", exclude="*/no*")
    inside, outside = Link(url="http://a.test/map"), Link(url="http://b.test/map")
    assert [made.allows_list(link, anywhere=False) for link in (inside, outside)] == [True, False]
    assert made.allows_list(outside, anywhere=True)
    assert not made.allows_list(Link(url="http://a.test/no"), anywhere=True)
    assert not Scope(lambda _link: False).allows_list(inside, anywhere=True)
