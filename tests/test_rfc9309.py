"""The Robots Exclusion Protocol, RFC 9309, sentence by sentence: each test is named after its section.

All is seen from outside: a whole crawl on a web in memory, and what it asked for.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, counts, virtual
from trio.testing import MockClock

from trio_crawl import _urls, crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from trio_crawl import Report
    from trio_crawl._model import FailureKind

OTHER = "https://other.test/"
ROBOTS = f"{SITE}robots.txt"
CLOSED = "User-agent: *\nDisallow: /"


def visited(web: MemoryWeb, *paths: str, agent: str = "ExampleBot/1.2") -> list[bool]:
    """Crawl these paths of the site, and return of each whether it was asked for."""
    seeds = [SITE + path for path in paths]

    async def main() -> Report:
        return await crawl(seeds, fetch=web, user_agent=agent, delay=0, max_depth=0)

    report = trio.run(main, clock=MockClock(autojump_threshold=0))
    urls = asked(web)
    found = [_urls.parse(seed) in urls for seed in seeds]
    assert report.pages == len({seed for seed, one in zip(seeds, found, strict=True) if one})
    return found


def allowed(robots: str | bytes, *paths: str, agent: str = "ExampleBot/1.2") -> list[bool]:
    """Return of each path whether a crawler called *agent* asks for it under these rules."""
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply())
    web.add(ROBOTS, robots, content_type="text/plain")
    return visited(web, *paths, agent=agent)


# 2.2.1. The User-Agent Line


@pytest.mark.parametrize(
    ("agent", "named"),
    [
        ("ExampleBot/1.2", "ExampleBot"),
        ("ExampleBot", "ExampleBot"),
        ("Mozilla/5.0 (compatible; ExampleBot/0.1; https://www.example.com/bot.html)", "ExampleBot"),
        ("Example_Bot-x/2", "Example_Bot-x"),
    ],
)
def test_2_2_1_the_product_token_is_a_part_of_the_identification_string(agent: str, named: str) -> None:
    """What is sent as User-Agent holds the name by which groups are found."""
    assert allowed(f"User-agent: {named}\nDisallow: /", "a", agent=agent) == [False]


@pytest.mark.parametrize("named", ["examplebot", "EXAMPLEBOT", "eXaMpLeBoT"])
def test_2_2_1_groups_are_found_without_case(named: str) -> None:
    """The text: "Crawlers MUST use case-insensitive matching to find the group"."""
    assert allowed(f"user-AGENT: {named}\nDisallow: /", "a") == [False]


@pytest.mark.parametrize("named", ["Example", "ExampleBotNews", "ExampleBot-News", "Bot", "OtherBot"])
def test_2_2_1_another_name_is_another_crawlers(named: str) -> None:
    """A name that only begins or ends like ours, or is a part of it, is not ours."""
    assert allowed(f"User-agent: {named}\nDisallow: /", "a") == [True]


def test_2_2_1_groups_of_one_name_are_combined() -> None:
    """The text: "The matching groups' rules MUST be combined into one group"."""
    robots = """
        User-agent: ExampleBot
        Disallow: /a

        User-agent: other
        Disallow: /b

        User-agent: examplebot
        User-agent: third
        Disallow: /c
        Allow: /a/b
    """
    assert allowed(robots, "a", "b", "c", "a/b") == [False, True, False, True]


def test_2_2_1_without_a_group_of_ours_the_general_one_counts() -> None:
    """The text: "If no matching group exists, crawlers MUST obey the group with [...] "*""."""
    robots = "User-agent: *\nDisallow: /a\n\nUser-agent: other\nDisallow: /b"
    assert allowed(robots, "a", "b") == [False, True]


def test_2_2_1_a_group_of_ours_takes_the_place_of_the_general_one() -> None:
    """Where a group matches, the rules for everybody are not obeyed beside it."""
    robots = "User-agent: *\nDisallow: /a\n\nUser-agent: ExampleBot\nDisallow: /b"
    assert allowed(robots, "a", "b") == [True, False]


@pytest.mark.parametrize("robots", ["", "\n\n", "User-agent: other\nDisallow: /", "Sitemap: /s.xml"])
def test_2_2_1_without_any_group_no_rules_apply(robots: str) -> None:
    """The text: "If no group satisfies either condition or no groups are present at all, no rules apply"."""
    assert allowed(robots, "a", "") == [True, True]


# 2.2.2. The "Allow" and "Disallow" Lines


def group(*rules: str) -> str:
    """Return a file with these rules for everybody."""
    return "\n".join(["User-agent: *", *rules])


def test_2_2_2_paths_are_compared_with_case() -> None:
    """The text: "The matching SHOULD be case sensitive"."""
    assert allowed(group("Disallow: /Private"), "Private", "private") == [False, True]


def test_2_2_2_paths_are_compared_from_their_first_octet() -> None:
    """The text: "The matching MUST start with the first octet of the path"; query included."""
    rules = group("Disallow: /b", "Disallow: /q?x")
    assert allowed(rules, "a/b", "b", "q", "q?x=1", "q?y&x") == [True, False, True, False, True]


@pytest.mark.parametrize("rules", [("Allow: /a/b/", "Disallow: /a/"), ("Disallow: /a/", "Allow: /a/b/")])
def test_2_2_2_the_most_specific_match_is_used(rules: tuple[str, str]) -> None:
    """The text: "The most specific match [...] has the most octets", in whichever order they stand."""
    assert allowed(group(*rules), "a/x", "a/b/c", "a/b") == [False, True, False]


def test_2_2_2_specific_means_octets_and_not_characters() -> None:
    """A character beyond ASCII counts with all of the octets that encode it."""
    rules = group("Allow: /é", "Disallow: /%C3%A9")
    assert allowed(rules, "é") == [True]
    assert allowed(group("Disallow: /ツ", "Allow: /*xxx"), "ツxxx") == [False]


def test_2_2_2_duplicates_change_nothing() -> None:
    """The text: "Duplicate rules in a group MAY be deduplicated"."""
    assert allowed(group(*["Disallow: /a"] * 3, "Allow: /a/b", "Disallow: /a"), "a", "a/b") == [False, True]


@pytest.mark.parametrize("rules", [("Allow: /a", "Disallow: /a"), ("Disallow: /a", "Allow: /a")])
def test_2_2_2_of_equivalent_rules_allow_is_used(rules: tuple[str, str]) -> None:
    """The text: "If [two rules] are equivalent, then the "allow" rule SHOULD be used"."""
    assert allowed(group(*rules), "a") == [True]


def test_2_2_2_without_a_match_or_a_rule_a_page_is_allowed() -> None:
    """The text: "If no match is found [...] or there are no rules in the group, the URI is allowed"."""
    assert allowed(group("Disallow: /a"), "b", "") == [True, True]
    assert allowed(group(), "b") == [True]
    assert allowed(group("Disallow:"), "b") == [True]


def test_2_2_2_robots_txt_itself_is_allowed() -> None:
    """The text: "The /robots.txt URI is implicitly allowed", also as a page."""
    web = MemoryWeb()
    web.robots(SITE, CLOSED)

    async def main() -> Report:
        return await crawl([ROBOTS, f"{SITE}a"], fetch=web)

    report = trio.run(main, clock=MockClock(autojump_threshold=0))
    assert counts(report) == (2, 1, {}, {"robots": 1}, 0)
    assert [exchange.url for exchange in web.requests] == [ROBOTS] * 2


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("/foo/bar?baz=quz", "foo/bar?baz=quz"),
        ("/foo/bar?baz=https://foo.bar", "foo/bar?baz=https://foo.bar"),
        ("/foo/bar/ツ", "foo/bar/%E3%83%84"),
        ("/foo/bar/%E3%83%84", "foo/bar/ツ"),
        ("/foo/bar/%e3%83%84", "foo/bar/%E3%83%84"),
        ("/foo/bar/%62%61%7A", "foo/bar/baz"),
        ("/foo/bar/baz", "foo/bar/%62%61%7A"),
        ("/~a", "%7Ea"),
        ("/foo/bar?baz=https%3A%2F%2Ffoo.bar", "foo/bar?baz=https%3A%2F%2Ffoo.bar"),
    ],
)
def test_2_2_2_octets_are_compared_however_they_are_written(rule: str, path: str) -> None:
    """The standard's own examples: what is outside ASCII is percent-encoded, what is unreserved is not."""
    assert allowed(group(f"Disallow: {rule}"), path, "foo") == [False, True]


@pytest.mark.parametrize(("rule", "path"), [("/a%2Fb", "a/b"), ("/a/b", "a%2Fb")])
def test_2_2_2_a_reserved_octet_stays_encoded(rule: str, path: str) -> None:
    """The text: "unless it is a reserved character": then encoded and not encoded are two things."""
    assert allowed(group(f"Disallow: {rule}"), path) == [True]
    assert allowed(group(f"Disallow: {rule}"), rule[1:]) == [False]


def test_2_2_2_a_match_ends_with_the_rule() -> None:
    """It is one "if and only if the end of the path from the rule is reached before a difference"."""
    assert allowed(group("Disallow: /fish"), "fish", "fish.html", "fis", "fisx") == [False, False, True, True]


def test_2_2_2_rules_outside_of_groups_are_nobodys() -> None:
    """The text: "The crawler SHOULD ignore "disallow" and "allow" rules that are not in any group"."""
    assert allowed("Disallow: /a\nUser-agent: *\nDisallow: /b", "a", "b") == [True, False]


# 2.2.3. Special Characters


def test_2_2_3_a_number_sign_begins_a_comment() -> None:
    """The text: "#": the rest of the line says nothing."""
    robots = "#x\nUser-agent: * # all\n# Disallow: /a\nDisallow: /b#c\n#"
    assert allowed(robots, "a", "b") == [True, False]


def test_2_2_3_a_dollar_is_the_end() -> None:
    """The text: "$": the match has to end there; elsewhere in a rule it is a character."""
    rules = group("Disallow: /a$", "Disallow: /*.php$", "Disallow: /c$d")
    assert allowed(rules, "a", "ab", "x.php", "x.php?y", "c$d", "c") == [
        False,
        True,
        False,
        True,
        False,
        True,
    ]


def test_2_2_3_an_asterisk_is_anything() -> None:
    """The text: "*": no octet or any number of them, everywhere in a rule."""
    rules = group("Disallow: /*/private", "Disallow: /x*y*z")
    assert allowed(rules, "a/private", "a/b/privately", "private") == [False, False, True]
    assert allowed(rules, "xyz", "x/1y2z3", "xzy") == [False, False, True]


def test_2_2_3_special_characters_are_meant_verbatim_when_encoded() -> None:
    """The text: "%2A" and "%24" stand for the characters themselves."""
    rules = group("Disallow: /file-with-a-%2A.html", "Disallow: /foo-%24")
    paths = ("file-with-a-*.html", "file-with-a-x.html", "foo-$", "foo-$bar", "foo-")
    assert allowed(rules, *paths) == [False, True, False, False, True]


# 2.2.4. Other Records


@pytest.mark.parametrize("record", ["Sitemap: https://site.test/s.xml", "Crawl-delay: 0", "Host: site.test"])
def test_2_2_4_other_records_do_not_interfere(record: str) -> None:
    """Between user agents and rules they end no group, and between rules they change nothing."""
    robots = (
        f"User-agent: ExampleBot\n{record}\nUser-agent: x\n{record}\nDisallow: /a\n{record}\nDisallow: /b"
    )
    assert allowed(robots, "a", "b", "c") == [False, False, True]


# 2.3. Access Method


@virtual
async def test_2_3_the_file_is_at_the_root_of_each_service() -> None:
    """It is "/robots.txt", in lower case, and speaks for its scheme, host and port alone."""
    web = MemoryWeb()
    for origin in (SITE, "http://site.test/", "https://site.test:444/", "https://sub.site.test/"):
        web.otherwise(origin, lambda _hop: Reply())
        web.robots(origin, "")
    web.robots("http://site.test/", CLOSED)
    web.add(f"{SITE}ROBOTS.TXT", CLOSED)
    web.add(f"{SITE}a/robots.txt", CLOSED)
    seeds = [f"{SITE}a/b", "http://site.test/a", "https://site.test:444/a", "https://sub.site.test/a"]
    report = await crawl(seeds, fetch=web)
    assert report.robots == 4
    assert {exchange.url for exchange in web.requests} == {
        *(f"{_urls.origin(seed)}/robots.txt" for seed in seeds),
        *(seed for seed in seeds if not seed.startswith("http:")),
    }


def test_2_3_the_file_is_utf_8() -> None:
    """A byte order mark is no part of it, and a byte that is no UTF-8 harms its own line alone."""
    robots = b"\xef\xbb\xbfUser-agent: *\nDisallow: /\xff\nDisallow: /caf\xc3\xa9\nDisallow: /b"
    assert allowed(robots, "café", "b", "c") == [False, False, True]


# 2.3.1. Access Results


def test_2_3_1_1_rules_that_came_are_followed() -> None:
    """The text: "If the crawler successfully downloads [it], the crawler MUST follow the [...] rules"."""
    assert allowed(CLOSED, "a") == [False]


def redirecting(steps: int, status: int = 302) -> MemoryWeb:
    """Return a site whose robots.txt is reached by so many redirects, from one host to another."""
    web = MemoryWeb()
    places = [ROBOTS, *(f"https://h{step}.test/r" for step in range(steps))]
    for here, there in pairwise(places):
        web.add(here, redirect=there, status=status)
    web.add(places[-1], CLOSED, content_type="text/plain")
    web.otherwise(SITE, lambda _hop: Reply())
    web.add("https://h0.test/a", "<p>page")
    return web


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("steps", [1, 5])
def test_2_3_1_2_five_redirects_are_followed_across_authorities(steps: int, status: int) -> None:
    """What is reached within five is fetched and parsed."""
    web = redirecting(steps, status)
    assert visited(web, "a") == [False]
    assert len(web.requests) == 1 + steps


@virtual
async def test_2_3_1_2_the_rules_are_for_the_initial_authority() -> None:
    """They hold where they were asked for, and not where they were found."""
    web = redirecting(1)
    web.otherwise("https://h0.test/", lambda hop: Reply(status=404 if "robots" in hop.url else 200))
    report = await crawl([f"{SITE}a", "https://h0.test/a"], fetch=web)
    assert asked(web).count("https://h0.test/a") == 1
    assert counts(report) == (2, 1, {}, {"robots": 1}, 0)


def test_2_3_1_2_after_more_than_five_it_is_unavailable() -> None:
    """The sixth redirect is not followed, and everything is allowed."""
    web = redirecting(6)
    assert visited(web, "a") == [True]
    assert "https://h5.test/r" not in [exchange.url for exchange in web.requests]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 429, 451, 499])
def test_2_3_1_3_unavailable_allows_everything(status: int) -> None:
    """The text: "[400 to 499:] the crawler MAY access any resources on the server", and this one does."""
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply())
    web.robots(SITE, CLOSED, status=status)
    assert visited(web, "a") == [True]


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 599])
def test_2_3_1_4_a_server_error_disallows_everything(status: int) -> None:
    """The text: "the crawler MUST assume complete disallow"."""
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply())
    web.robots(SITE, "", status=status)
    assert visited(web, "a", "b") == [False, False]


@pytest.mark.parametrize("kind", ["timeout", "protocol", "connect", "tls", "dns", "decode", "too_large"])
def test_2_3_1_4_a_network_error_disallows_everything(kind: FailureKind) -> None:
    """The text: "unreachable due to server or network errors": nothing is asked for, whichever they are."""
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply())
    web.add(ROBOTS, failure=kind)
    assert visited(web, "a", "b") == [False, False]


@pytest.mark.parametrize("seconds", [0.1, 5, 4000])
@virtual
async def test_2_3_1_4_it_is_asked_for_again_later(seconds: float) -> None:
    """Everything is disallowed until the host has rested; then it is asked again, and what it says counts."""
    web = MemoryWeb()
    answers = [Reply(status=500)]
    web.add(ROBOTS, lambda _hop: answers.pop() if answers else Reply(body="User-agent: *\nDisallow: /b"))
    web.otherwise(SITE, lambda _hop: Reply())

    async def seeds() -> Any:  # noqa: ANN401 - an async generator
        yield f"{SITE}first"
        await trio.sleep(seconds)
        yield f"{SITE}a"
        yield f"{SITE}b"

    report = await crawl(seeds(), fetch=web, retries=0)
    assert counts(report) == (3, 1, {}, {"robots_unreachable": 1, "robots": 1}, 0)
    assert [each.started for each in web.requests][:2] == [0, max(seconds, 1.0)]  # its pace is halved


@pytest.mark.parametrize(
    "broken",
    ["nonsense", ":", "Disallow", "Disallow /a b c", "User-agent", "\x00\x01", "<html>", "Allow: ://", "="],
)
def test_2_3_1_5_each_line_that_can_be_parsed_is_used(broken: str) -> None:
    """The text: "Crawlers MUST try to parse each line [...] Crawlers MUST use the parseable rules"."""
    robots = f"{broken}\nUser-agent: *\nDisallow: /a1\n{broken}\nDisallow: /b1"
    assert allowed(robots, "a1", "b1", "c1") == [False, False, True]


# 2.4. Caching


@pytest.mark.parametrize(("hours", "times"), [(23, 1), (25, 2)])
@virtual
async def test_2_4_a_file_is_not_used_for_more_than_24_hours(hours: int, times: int) -> None:
    """It is asked for once, and again when it is a day old; then the new rules count."""
    web = MemoryWeb()
    answers = [CLOSED, "User-agent: *\nDisallow: /b"]
    web.add(ROBOTS, lambda _hop: Reply(body=answers.pop() if answers else ""))
    web.otherwise(SITE, lambda _hop: Reply())

    async def seeds() -> Any:  # noqa: ANN401 - an async generator
        yield f"{SITE}a"
        await trio.sleep(hours * 3600)
        yield f"{SITE}c"

    report = await crawl(seeds(), fetch=web)
    assert report.robots == times
    assert asked(web) == [f"{SITE}a", f"{SITE}c"][: 3 - times]


@virtual
async def test_2_4_what_cannot_be_had_any_more_is_not_used_either() -> None:
    """The standard would allow to keep to the old rules then; nothing is asked for instead."""
    web = MemoryWeb()
    answers = [Reply(status=500), Reply(body="User-agent: *\nDisallow: /b")]
    web.add(ROBOTS, lambda _hop: answers.pop() if answers else Reply(status=500))
    web.otherwise(SITE, lambda _hop: Reply())

    async def seeds() -> Any:  # noqa: ANN401 - an async generator
        yield f"{SITE}a"
        await trio.sleep(25 * 3600)
        yield f"{SITE}c"

    report = await crawl(seeds(), fetch=web)
    assert counts(report) == (2, 1, {}, {"robots_unreachable": 1}, 0)


# 2.5. Limits


def test_2_5_500_kib_are_parsed() -> None:
    """The text: "The parsing limit MUST be at least 500 kibibytes": what is before it counts."""
    limit = 500 * 1024
    rule = "Disallow: /last\n"
    comments = ("#" + "x" * 998 + "\n") * 600
    before = "User-agent: *\n" + comments[: limit - len("User-agent: *\n") - len(rule) - 1] + "\n" + rule
    assert len(before) == limit
    assert allowed(before + "Disallow: /behind\n", "last", "behind") == [False, True]


def test_2_5_however_little_a_page_may_have() -> None:
    """``max_bytes`` bounds pages, and no robots.txt within the limit."""
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply())
    web.robots(SITE, "#" + "x" * 300_000 + "\n" + CLOSED)

    async def main() -> Report:
        return await crawl(f"{SITE}a", fetch=web, max_bytes=1000)

    report = trio.run(main, clock=MockClock(autojump_threshold=0))
    assert counts(report) == (1, 0, {}, {"robots": 1}, 0)


def test_2_5_a_file_beyond_all_bounds_is_cut_and_not_refused() -> None:
    """What comes of a file of a megabyte is what its first 500 KiB say."""
    assert allowed(group("Disallow: /a") + "\n" + "#" * 1_000_000, "a", "b") == [False, True]
