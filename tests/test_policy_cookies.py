"""The jar of a crawl keeps and sends what RFC 6265 says, within its limits."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl import UsageError
from trio_crawl._policy.cookies import MAX_COOKIES, MAX_OF_SITE, CookieJar, cookie_jar

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SITE = "https://example.org/"


def jar_of(*steps: tuple[str, str]) -> CookieJar:
    """Return a jar that took a field of each of these URLs, a second apart."""
    jar = CookieJar()
    for seconds, (url, text) in enumerate(steps):
        jar.take(url, [text], NOW + timedelta(seconds=seconds))
    return jar


def sent(jar: CookieJar, url: str = SITE, *, after: float = 1000) -> str | None:
    """Return what goes to *url*, *after* so many seconds."""
    return jar.header(url, NOW + timedelta(seconds=after))


def test_a_cookie_goes_back_to_where_it_came_from() -> None:
    """To its host and folder, over both schemes and every port, and to no other host."""
    jar = jar_of((f"{SITE}a/b", "x=1"))
    assert sent(jar, f"{SITE}a/c") == sent(jar, "http://example.org:8080/a") == "x=1"
    assert [sent(jar, url) for url in (SITE, "https://www.example.org/a/", "https://other.org/a/")] == [
        None
    ] * 3


def test_longer_paths_come_first_and_then_what_was_made_first() -> None:
    """As RFC 6265, section 5.4, orders them; one that is replaced keeps its place."""
    jar = jar_of(
        (f"{SITE}a/b/", "one=1; Path=/"),
        (f"{SITE}a/b/", "two=2; Path=/a/b"),
        (f"{SITE}a/b/", "three=3; Path=/"),
        (f"{SITE}a/b/", "four=4; Path=/a"),
        (f"{SITE}a/b/", "one=5; Path=/"),
    )
    assert sent(jar, f"{SITE}a/b/c") == "two=2; four=4; one=5; three=3"
    assert sent(jar) == "one=5; three=3"
    assert len(jar) == 4


def test_the_same_name_for_another_domain_or_path_is_another_cookie() -> None:
    """Domain, path and name make a cookie."""
    www = "https://www.example.org/a/b"
    jar = jar_of((www, "x=1"), (www, "x=2; Path=/"), (www, "x=3; Domain=example.org"), (www, "X=4"))
    assert sent(jar, www) == "x=1; x=3; X=4; x=2"
    assert sent(jar, f"{SITE}a/") == "x=3"


def test_the_end_of_a_cookie() -> None:
    """It is sent until its end and not at it; one that is over at once deletes what was there."""
    jar = jar_of((SITE, "x=1; Max-Age=60"), (SITE, "y=2"))
    assert sent(jar, after=59.9) == "x=1; y=2"
    assert sent(jar, after=60) == "y=2"
    assert len(jar) == 1
    jar.take(SITE, ["y=3; Max-Age=0", "z=4; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], NOW)
    assert sent(jar) is None
    assert len(jar) == 0
    assert not jar


def test_the_machines_clock_is_not_looked_at() -> None:
    """A moment of 1999 is as good as any: a crawl's clock may be virtual."""
    jar = CookieJar()
    then = datetime(1999, 12, 31, tzinfo=UTC)
    jar.take(SITE, ["x=1; Expires=Sat, 01 Jan 2000 00:00:00 GMT"], then)
    assert jar.header(SITE, then) == "x=1"
    assert jar.header(SITE, then + timedelta(days=1)) is None


def test_what_makes_a_difference() -> None:
    """A cookie that is new, changed or deleted does; the same once more does not, nor one that is ignored."""
    jar = CookieJar()
    fields = ["x=1", "x=1", "x=2", "x=2; Max-Age=5", "x=3; Max-Age=0", "x=3; Max-Age=0", "y=1; Domain=org"]
    assert [jar.take(SITE, [field], NOW) for field in fields] == [
        True,
        False,
        True,
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("secure", "over_http", "hidden"),
    [
        ("x=1; Secure; Path=/", "x=2; Path=/", True),
        ("x=1; Secure; Path=/a", "x=2; Path=/a/b", True),
        ("x=1; Secure; Path=/a", "x=2; Path=/", False),
        ("x=1; Secure; Domain=example.org", "x=2", True),
        ("x=1; Secure", "x=2; Domain=example.org", True),
        ("x=1; Secure", "y=2", False),
        ("x=1", "x=2", False),
    ],
)
def test_http_leaves_secure_cookies_alone(secure: str, over_http: str, hidden: bool) -> None:
    """Whoever can write into a connection in the clear can't replace, nor hide, what https set."""
    jar = jar_of((SITE, secure), ("http://example.org/", over_http))
    assert ("=2" in (sent(jar, f"{SITE}a/b") or "")) is not hidden
    if hidden:
        over_https = jar_of((SITE, secure), (SITE, over_http))
        assert "=2" in (sent(over_https, f"{SITE}a/b") or "")


def test_a_secure_cookie_goes_over_https_alone() -> None:
    """Not over http, not even to the same host."""
    jar = jar_of((SITE, "x=1; Secure"), (SITE, "y=2"))
    assert sent(jar) == "x=1; y=2"
    assert sent(jar, "http://example.org/") == "y=2"


def test_a_site_has_180_cookies_at_most() -> None:
    """Over that the one that was not used for longest goes: all hosts of a domain share the number."""
    jar = CookieJar()
    for number in range(MAX_OF_SITE):
        url = f"https://h{number % 7}.example.org/"
        jar.take(url, [f"x{number}=1; Domain=example.org; Path=/{number}"], NOW + timedelta(seconds=number))
    assert len(jar) == MAX_OF_SITE
    assert sent(jar, f"{SITE}0") == "x0=1"
    jar.take("https://other.org/", ["o=1"], NOW)
    jar.take(SITE, ["last=1"], NOW + timedelta(seconds=2000))
    assert len(jar) == MAX_OF_SITE + 1
    assert [sent(jar, f"{SITE}{n}", after=2001) for n in (0, 1, 2)] == [
        "x0=1; last=1",
        "last=1",
        "x2=1; last=1",
    ]


@pytest.mark.parametrize("text", ["x{}=1", "x=1", "nothing", "x{}=; Max-Age=0"])
def test_of_one_response_so_many_fields_are_read(text: str) -> None:
    """Of fields without end, whatever comes of them; and the jar is put in order once."""
    jar = CookieJar()
    jar.take("http://example.org/", (text.format(number) for number in count()), NOW)
    assert len(jar) <= MAX_OF_SITE


def test_what_is_over_and_what_is_not_secure_goes_first() -> None:
    """A flood of cookies over http does not drive out those that https set."""
    jar = jar_of((SITE, "safe=1; Secure"), (SITE, "short=1; Max-Age=5"), (SITE, "plain=1"))
    flood = [f"f{number}=1" for number in range(MAX_OF_SITE - 2)]
    jar.take("http://example.org/", flood, NOW + timedelta(seconds=10))
    header = sent(jar, after=10) or ""
    assert header.startswith("safe=1; plain=1; f0=1")
    jar.take("http://example.org/", ["g=1"], NOW + timedelta(seconds=11))
    header = sent(jar, after=11) or ""
    assert header.startswith("safe=1; f0=1")
    assert header.endswith("g=1")


def test_a_crawl_has_3000_cookies_at_most() -> None:
    """However many hosts there are, what the jar holds is bounded; what was used last stays."""
    jar = CookieJar()
    for number in range(2 * MAX_COOKIES):
        moment = NOW + timedelta(seconds=number)
        jar.take(f"https://h{number}.test/", ["x=1"], moment)
        if number % 100 == 0:
            assert jar.header("https://h0.test/", moment) == "x=1"
        assert len(jar) <= MAX_COOKIES
    assert sent(jar, f"https://h{2 * MAX_COOKIES - 1}.test/") == "x=1"
    assert sent(jar, "https://h1.test/") is None
    assert repr(jar) == f"<CookieJar: {len(jar)} cookies of {len(jar)} domains>"


FIELDS = st.builds(
    "{}={}{}".format,
    st.sampled_from(["a", "b", "__Host-c"]),
    st.sampled_from(["1", "2", "\xe9"]),
    st.lists(
        st.sampled_from(
            [
                "; Secure",
                "; Path=/a",
                "; Path=/",
                "; Domain=e.org",
                "; Max-Age=2",
                "; Max-Age=0",
                "; HttpOnly",
            ]
        ),
        max_size=3,
    ).map("".join),
)
URLS = st.sampled_from(
    ["https://e.org/", "http://e.org/a/b", "https://w.e.org/a", "https://e.co.uk/", "http://10.0.0.1/"]
)


@given(st.lists(st.tuples(URLS, FIELDS), max_size=12))
@settings(max_examples=100)
def test_the_state_of_a_jar_is_json(steps: list[tuple[str, str]]) -> None:
    """A jar that was stored and read, or pickled, goes on as it would have."""
    jar, urls = jar_of(*steps), sorted({url for url, _ in steps})
    stored = CookieJar.from_json(json.loads(json.dumps(jar.to_json())))
    pickled = pickle.loads(pickle.dumps(jar))  # noqa: S301 - our own
    assert len(stored) == len(jar)
    for copy in (stored, pickled):
        copy.take("https://e.org/", ["z=1"], NOW)
    jar.take("https://e.org/", ["z=1"], NOW)
    for after in (3, 20):
        expected = [sent(jar, url, after=after) for url in urls]
        assert [sent(stored, url, after=after) for url in urls] == expected
        assert [sent(pickled, url, after=after) for url in urls] == expected
    assert stored.to_json() == jar.to_json()


@pytest.mark.parametrize("state", [None, 5, "x", {}, [5], [[]], [["a", "b", "c", 1, "/", False, None, 0.0]]])
def test_what_is_no_state(state: Any) -> None:  # noqa: ANN401 - whatever is wrong
    """Something else than a jar's state is an error, not a jar."""
    with pytest.raises(ValueError, match="no state of a CookieJar"):
        CookieJar.from_json(state)


# The keyword


def test_true_false_and_a_mapping() -> None:
    """True is an empty jar, False none, and a mapping one with cookies for its hosts alone."""
    empty = cookie_jar(True)
    assert empty is not None
    assert len(empty) == 0
    assert cookie_jar(False) is None
    jar = cookie_jar(
        {"Example.org": {"a": "1", "__Host-b": "2"}, "[::1]": {"c": '"3 4"'}, "10.1": {"d": "5"}}
    )
    assert jar is not None
    assert sent(jar, f"{SITE}x/y") == "a=1; __Host-b=2"
    assert sent(jar, "http://example.org:81/") == "a=1"
    assert sent(jar, "https://www.example.org/") is None
    assert sent(jar, "http://[::1]/") == 'c="3 4"'
    assert sent(jar, "http://10.0.0.1/") == "d=5"
    jar.take(SITE, ["a=6; Path=/"], NOW)
    assert sent(jar) == "a=6; __Host-b=2"


def test_the_users_own_cookies_are_the_last_to_go() -> None:
    """No site can drive out what the user gave, by however many of its own."""
    jar = cookie_jar({"example.org": {"session": "1"}})
    assert jar is not None
    jar.take("http://example.org/", [f"x{number}=1; Max-Age=9999" for number in range(500)], NOW)
    assert (sent(jar) or "").startswith("session=1; ")
    for number in range(MAX_COOKIES + 1):
        jar.take(f"https://h{number}.test/", ["x=1; Secure"], NOW + timedelta(days=1))
    assert (sent(jar) or "").startswith("session=1")


@pytest.mark.parametrize(
    ("cookies", "message"),
    [
        (None, "cookies= is of type NoneType; it takes True, False, or a mapping such as"),
        ("a=hidden", "cookies= is of type str"),
        ({"session": "hidden"}, "cookies= has, for 'session', a str; it takes"),
        ({"https://example.org": {}}, "cookies= has the key 'https://example.org'"),
        ({"example.org:8080": {}}, "without scheme and port"),
        ({"example.org/x": {}}, "cookies= has the key 'example.org/x'"),
        ({"me:hidden@example.org": {}}, "cookies= has the key '…@example.org'"),
        ({"": {}}, "cookies= has the key ''"),
        ({"a b": {}}, "cookies= has the key 'a b'"),
        ({5: {}}, "cookies= has the key of type int"),
        ({"e.org": {"a b": "hidden"}}, "cookies= has, for 'e.org', a name that can't be sent"),
        ({"e.org": {"": "hidden"}}, "a name that can't be sent"),
        ({"e.org": {5: "hidden"}}, "a name that can't be sent"),
        ({"e.org": {"a": 5}}, "a value of 'a' that can't be sent: a value is printable ASCII"),
        ({"e.org": {"a": "hidden; b=c"}}, "a value of 'a' that can't be sent"),
        ({"e.org": {"a": " hidden"}}, "without white space around it"),
        ({"e.org": {"a": "hidden\r\nX: y"}}, "a value of 'a' that can't be sent"),
        ({"e.org": {"a": "h\xe4idden"}}, "printable ASCII"),
        ({"e.org": {"a": "hidden" * 1000}}, "more than 4,096 bytes"),
        ({"e.org": {f"a{number}": "hidden" for number in range(181)}}, "more than 180 cookies for one host"),
        ({f"h{number}": {"a": "hidden"} for number in range(3001)}, "3,000 in all"),
    ],
)
def test_cookies_that_can_not_be_right(cookies: Mapping[str, object], message: str) -> None:
    """What can't be sent, or to whom, is said without its value."""
    with pytest.raises(UsageError) as caught:
        cookie_jar(cookies)
    assert message in str(caught.value)
    assert "hidden" not in str(caught.value)


# Kept in a state


def test_what_changed_is_told_once_by_domain() -> None:
    """Setting, replacing and taking back are changes, sending and setting anew the same are told once."""
    jar = jar_of((SITE, "a=1"), ("https://www.example.org/", "b=2"), ("https://e.com/", "c=3"))
    told = jar.changes()
    assert {site: len(kept) for site, kept in told.items() if isinstance(kept, list)} == {
        "example.org": 2,
        "e.com": 1,
    }
    assert sent(jar) == "a=1"
    assert not jar.changed
    jar.take(SITE, ["a=; Max-Age=0"], NOW)
    jar.take("https://e.com/", ["c=; Max-Age=0"], NOW)
    assert jar.changed
    told.update(jar.changes())
    assert told["e.com"] is None
    other = CookieJar()
    other.resume(kept for kept in told.values() if kept is not None)
    assert sent(other, "https://www.example.org/") == "b=2"
    assert len(other) == 1
    assert not other.changed


def test_what_is_given_counts_more_than_what_was_kept() -> None:
    """Of the same name, host and path the user's own is sent; the others beside it."""
    jar = cookie_jar({"example.org": {"session": "new", "more": "1"}})
    assert jar is not None
    jar.resume(jar_of((SITE, "first=0"), (SITE, "session=old; Path=/")).changes().values())
    assert sent(jar) == "first=0; session=new; more=1"
    with pytest.raises(ValueError, match="no state"):
        jar.resume([5])
