"""What robots.txt allows, in the cases of others and in those that are ours."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from growth_support import assert_no_slower
from hypothesis import given, settings, strategies as st

from trio_crawl._policy.politeness import MAX_CRAWL_DELAY
from trio_crawl._policy.robots import (
    ALLOW_ALL,
    DISALLOW_ALL,
    MAX_BYTES,
    MAX_LINES,
    MAX_RULES,
    MAX_SPECIAL,
    Rules,
    from_status,
    parse,
    product_token,
    reread,
    robots_url,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = Path(__file__).resolve().parents[1].parent / "shared" / "cases" / "robots.json"


def load_cases() -> list[dict[str, Any]]:
    """Return the cases that others wrote, or skip."""
    if not CASES.exists():
        pytest.skip(f"the cases are not there: {CASES}")
    cases: list[dict[str, Any]] = json.loads(CASES.read_text("utf-8"))
    return cases


def is_right(case: dict[str, Any]) -> bool:
    """Return whether a case comes out as its author has it."""
    text = case.get("robots_txt")
    body = base64.b64decode(case["robots_b64"]) if text is None else text.encode()
    rules = parse(body, product_token(case["user_agent"]))
    return rules.allows(case["url"]) is case["allowed"]


def read(*lines: str, product: str = "bot") -> Rules:
    """Return the rules of a file of *lines*."""
    return parse("\n".join(lines).encode(), product)


def allowed(rules: Rules, *paths: str) -> list[bool]:
    """Return for each path of one site whether it may be asked for."""
    return [rules.allows(f"https://a.test{path}") for path in paths]


def test_every_required_case_is_right() -> None:
    """Wherever the suites of others agree, so do we."""
    wrong = [case["id"] for case in load_cases() if case["required"] and not is_right(case)]
    assert wrong == []


def test_nearly_every_other_case_is_right() -> None:
    """Of the cases that contradict the standard or each other, ten are decided against."""
    optional = [case for case in load_cases() if not case["required"]]
    wrong = [case["id"] for case in optional if not is_right(case)]
    assert len(optional) > 100
    assert len(wrong) <= 10


def test_a_group_is_ours_by_its_whole_name_only() -> None:
    """Neither a prefix nor a part of the product token speaks to us, nor one that has it as a part."""
    for agent in ("foo", "bot", "foobotnews", "myfoobot", "foobot-news", "f"):
        assert allowed(read(f"User-agent: {agent}", "Disallow: /", product="foobot"), "/x") == [True]


@pytest.mark.parametrize(
    "agent", ["foobot", "FooBot", "FOOBOT/2.1", "foobot (x)", "foobot*", "foobot # we", "foobot x"]
)
def test_a_group_is_ours_without_case_and_version(agent: str) -> None:
    """What follows the name in the line does not count."""
    assert allowed(read(f"User-agent: {agent}", "Disallow: /", product="FooBot"), "/x") == [False]


def test_our_group_comes_before_the_general_one() -> None:
    """The general group holds only for those that have none of their own, even an empty one."""
    lines = ("User-agent: *", "Disallow: /", "User-agent: foo", "Disallow:")
    assert allowed(read(*lines, product="foo"), "/x") == [True]
    assert allowed(read(*lines, product="bar"), "/x") == [False]
    assert allowed(read("User-agent: *", "Disallow: /", "User-agent: foo", product="foo"), "/x") == [True]


def test_names_with_digits_are_told_apart() -> None:
    """A digit belongs to a name if that name is in the file, and ends it otherwise."""
    lines = ("User-agent: bot1", "Disallow: /1", "User-agent: bot2", "Disallow: /2")
    assert allowed(read(*lines, product="bot1"), "/1", "/2") == [False, True]
    assert allowed(read(*lines, product="bot2"), "/1", "/2") == [True, False]
    assert allowed(read(*lines, product="bot"), "/1", "/2") == [False, False]
    assert allowed(read(*lines, "User-agent: bot", "Disallow: /3", product="bot"), "/1", "/3") == [
        True,
        False,
    ]


def test_groups_of_one_name_are_one() -> None:
    """Rules that are spread over several groups all count."""
    lines = (
        "User-agent: bot",
        "Disallow: /a",
        "User-agent: x",
        "Disallow: /x",
        "User-agent: bot",
        "Disallow: /b",
    )
    assert allowed(read(*lines), "/a", "/b", "/x") == [False, False, True]


def test_agents_in_a_row_share_a_group() -> None:
    """A group may have several names, whatever stands between them that is no rule."""
    lines = ("User-agent: x", "", "# note", "Crawl-delay: 3", "Sitemap: https://a.test/s", "User-agent: bot")
    assert allowed(read(*lines, "Disallow: /a"), "/a") == [False]


def test_an_unknown_rule_ends_the_agents() -> None:
    """A record that nobody knows belongs to the group before it, and the next agent starts another."""
    assert allowed(read("User-agent: bot", "Noindex: /a", "User-agent: x", "Disallow: /"), "/a") == [True]


def test_rules_without_an_agent_are_nobodys() -> None:
    """What stands before the first user agent is skipped."""
    assert allowed(read("Disallow: /", "User-agent: *", "Disallow: /a"), "/a", "/b") == [False, True]


def test_the_longest_rule_wins_and_allow_wins_a_tie() -> None:
    """The order of the rules does not count (RFC 9309, section 2.2.2)."""
    rules = read(
        "User-agent: *", "Disallow: /a", "Allow: /a/b", "Disallow: /c", "Allow: /c", "Disallow: /a/b/c"
    )
    assert allowed(rules, "/a/x", "/a/b", "/a/b/c", "/c", "/d") == [False, True, False, True, True]


def test_wildcards_and_anchors() -> None:
    """A star takes anything, and a dollar at the end is the end of the URL, its query included."""
    rules = read("User-agent: *", "Disallow: /*.pdf$", "Disallow: /*?sort=", "Disallow: /exact$")
    assert allowed(rules, "/a/b.pdf", "/b.pdf?x", "/a?sort=1", "/exact", "/exact/") == [
        False,
        True,
        False,
        False,
        True,
    ]


def test_percent_encoding_is_compared_by_its_meaning() -> None:
    """A rule matches however either side is encoded, but for an encoded slash."""
    rules = read("User-agent: *", "Disallow: /grün", "Disallow: /%7ejoe/", "Disallow: /a%2fb")
    assert allowed(rules, "/gr%C3%BCn", "/gr%c3%bcn", "/~joe/x", "/a/b", "/a%2Fb") == [
        False,
        False,
        False,
        True,
        False,
    ]


def test_bytes_of_an_old_encoding_are_told_apart() -> None:
    """A rule about a path that is no UTF-8 holds for that path alone, raw or percent-encoded."""
    for rule in (b"/caf\xe9", b"/caf%E9", b"/caf%e9"):
        rules = parse(b"User-agent: *\nDisallow: " + rule, "bot")
        assert allowed(rules, "/caf%E9", "/caf%e9/x", "/caf%E8", "/caf%C3%A9") == [False, False, True, True]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_end_in_each_way(end: str) -> None:
    """CR, LF and both end a line."""
    body = end.join(["User-agent: *", "Disallow: /a", "", "Disallow: /b"]).encode()
    assert allowed(parse(body, "bot"), "/a", "/b", "/c") == [False, False, True]


def test_other_separators_do_not_end_a_line() -> None:
    """What Python takes for the end of a line is a part of the path here."""
    rules = parse("User-agent: *\nDisallow: /a\u2028Allow: /a\nDisallow: /b\x0cx".encode(), "bot")
    assert allowed(rules, "/a%E2%80%A8Allow:%20/a", "/a", "/b%0Cx", "/b") == [False, True, False, True]


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xef\xbb", b"\xef"])
def test_a_byte_order_mark_is_no_part_of_the_first_line(mark: bytes) -> None:
    """The mark, even half of it, is stripped."""
    assert allowed(parse(mark + b"User-agent: *\nDisallow: /", "bot"), "/") == [False]


@pytest.mark.parametrize(
    "line", ["disallow /a", "DISALLOW : /a", "  Disallow:/a  # why", "Dissallow: /a", "Disalow: /a"]
)
def test_common_misspellings_are_understood(line: str) -> None:
    """A missing colon, spaces, comments and the usual typing errors don't hide a rule."""
    assert allowed(read("User agent: *", line), "/a", "/b") == [False, True]


def test_what_is_no_robots_txt_allows_everything() -> None:
    """An empty file, a web page or a picture has no rules."""
    for body in (
        b"",
        b"\n\n",
        b"<!DOCTYPE html><title>Not found: /</title>",
        b"GIF89a\xd3\x00\xfe\x00",
        b"\x00" * 99,
    ):
        assert allowed(parse(body, "bot"), "/", "/x") == [True, True]


def test_robots_txt_itself_is_always_allowed() -> None:
    """Otherwise nobody could learn that it is not."""
    assert allowed(DISALLOW_ALL, "/robots.txt", "/", "/x?y") == [True, False, False]


def test_nothing_is_disallowed_without_a_file() -> None:
    """The two constants allow everything and nothing, and are not taken for each other."""
    assert allowed(ALLOW_ALL, "/", "/x?y") == [True, True]
    assert ALLOW_ALL != DISALLOW_ALL
    assert ALLOW_ALL.crawl_delay is None
    assert ALLOW_ALL.sitemaps == ()


def test_only_the_first_500_kib_are_read() -> None:
    """A rule within the limit counts, one beyond it doesn't, and one across it is not cut in half."""
    head = b"User-agent: *\nDisallow: /in\n"
    filler = b"#" * (MAX_BYTES - len(head) - 10) + b"\n"
    body = head + filler + b"Disallow: /across\nDisallow: /out\n"
    assert len(head + filler) < MAX_BYTES < len(body)
    assert allowed(parse(body, "bot"), "/in", "/across", "/", "/out") == [False, True, True, True]


def test_the_whole_file_is_read_up_to_the_limit() -> None:
    """The last line of a file of exactly the limit counts."""
    tail = b"\nUser-agent: *\nDisallow: /x"
    assert allowed(parse(b"#" * (MAX_BYTES - len(tail)) + tail, "bot"), "/x") == [False]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("10", 10.0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("0", 0.0),
        ("86400", MAX_CRAWL_DELAY),
        ("9" * 5_000, MAX_CRAWL_DELAY),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("10s", None),
        ("ten", None),
        ("", None),
    ],
)
def test_a_crawl_delay_is_a_number_of_seconds(value: str, seconds: float | None) -> None:
    """What is no plain number is skipped, and a long delay is cut."""
    assert read("User-agent: *", f"Crawl-delay: {value}").crawl_delay == seconds


def test_the_longest_crawl_delay_of_our_group_counts() -> None:
    """Delays of other groups are theirs."""
    lines = ("User-agent: bot", "Crawl-delay: 2", "Disallow:", "User-agent: *", "Crawl-delay: 9", "Disallow:")
    assert read(*lines).crawl_delay == 2.0
    assert read(*lines, "User-agent: bot", "Crawl-delay: 4", "Crawl-delay: 3").crawl_delay == 4.0
    assert read(*lines, product="x").crawl_delay == 9.0


def test_sitemaps_are_everybodys() -> None:
    """Sitemaps are kept in order, each once, wherever they stand."""
    rules = read(
        "Sitemap: https://a.test/1.xml",
        "User-agent: x",
        "Sitemap:https://a.test/2.xml # two",
        "Disallow: /",
        "sitemap: https://a.test/1.xml",
        "Sitemap:",
    )
    assert rules.sitemaps == ("https://a.test/1.xml", "https://a.test/2.xml")


@pytest.mark.parametrize(
    ("user_agent", "token"),
    [
        ("trio-crawl/0.1 (+https://example.com/bot)", "trio-crawl"),
        ("trio-crawl", "trio-crawl"),
        ("MJ12bot/v1.4.8", "MJ12bot"),
        ("Mozilla/5.0 (compatible; ExampleBot/2.1; +https://example.com/bot)", "ExampleBot"),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101", "Mozilla"),
        ("  spaced bot", "spaced"),
        ("", ""),
    ],
)
def test_the_product_token_stands_before_the_version(user_agent: str, token: str) -> None:
    """It is the first name of the header, or the one after "compatible"."""
    assert product_token(user_agent) == token


def test_a_nameless_crawler_has_the_general_rules() -> None:
    """Without a product token only the general group speaks to us."""
    lines = (
        "User-agent:",
        "Disallow: /a",
        "User-agent: 123",
        "Disallow: /b",
        "User-agent: *",
        "Disallow: /c",
    )
    assert allowed(read(*lines, product=""), "/a", "/b", "/c") == [True, True, False]


def test_robots_txt_stands_at_the_root_of_an_origin() -> None:
    """Scheme, host and port count, and nothing of the path."""
    assert robots_url("https://a.test:8443/x/y?z") == "https://a.test:8443/robots.txt"
    assert robots_url("http://user:word@[2001:db8::1]/") == "http://[2001:db8::1]/robots.txt"


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ((200, 204, 206), "parse"),
        ((301, 302, 304, 307), "allow"),
        ((400, 401, 403, 404, 410, 429, 451), "allow"),
        ((500, 502, 503, 504, 599), "disallow"),
        ((100, 199, 600, 999), "disallow"),
    ],
)
def test_a_status_says_what_to_make_of_it(statuses: tuple[int, ...], verdict: str) -> None:
    """No file allows everything, a broken server nothing (RFC 9309, section 2.3.1)."""
    assert {from_status(status) for status in statuses} == {verdict}


HOSTILE: dict[str, Callable[[int], str]] = {
    "prefixes": lambda number: f"Allow:/{number:x}\n" if number else "Disallow:/\n",
    "stars": lambda number: f"Allow:*{number:x}\n",
    "open stars": lambda number: f"Disallow:/{number:x}*\n",
    "many stars": lambda number: "Allow:" + "*a" * 30 + f"{number:x}\n",
    "one line of stars": lambda number: "*a" * 250_000 if number else "Disallow:",
    "anchors": lambda number: f"Disallow:/{number:x}$\n",
    "escapes": lambda number: f"Allow:/%{number:x}é\n",
    "broken escapes": lambda number: f"Disallow:/{number:x}%E9%\n",
    "agents and rules": lambda number: (
        f"User-agent:{number:x}\n" if number < 9_000 else f"Allow:/{number:x}\n"
    ),
    "escapes of every byte": lambda number: "Disallow:/" + "%ffa" * 4_000 + f"{number}\n",
    "beyond ASCII": lambda number: "Disallow:/" + "é\u2028" * 3_000 + f"{number}\n",
    "rules in groups": lambda number: f"User-agent:*\nAllow:/{number:x}\n",
    "nothing at all": lambda _: "\n",
    "comments": lambda _: "#\n",
    "unknown": lambda _: "a:\n",
    "spaces": lambda _: "Allow" + " " * 10_000 + "\n",
    "spaces first": lambda _: " " * 10_000 + "x\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_little(name: str) -> None:
    """Half a megabyte of the worst lines is read, and a URL decided, as fast as one of ordinary lines."""

    def filled(line: Callable[[int], str]) -> bytes:
        lines, size, number = ["User-agent: *\n"], 0, 0
        while size < MAX_BYTES:
            lines.append(line(number))
            size += len(lines[-1])
            number += 1
        return "".join(lines).encode()

    def decided(rules: Rules) -> None:
        for path in ("/" + "x" * 60, "/" + "ax" * 1_000):
            rules.allows(f"https://a.test{path}")

    hostile, ordinary = filled(HOSTILE[name]), filled(lambda number: f"Disallow: /folder/{number}\n")
    assert_no_slower(lambda: parse(hostile, "bot"), lambda: parse(ordinary, "bot"), times=2)
    worst, usual = parse(hostile, "bot"), parse(ordinary, "bot")
    assert_no_slower(lambda: decided(worst), lambda: decided(usual), times=4)


def test_too_many_wildcards_disallow_more_and_never_less() -> None:
    """Beyond the limit a Disallow counts up to its wildcard, and an Allow doesn't count."""
    many = [f"Disallow: /x{number}*y*" for number in range(MAX_SPECIAL // 2)]
    lines = ("User-agent: *", "Disallow: /a/*.pdf$", "Disallow: /b", "Allow: /b/c", *many)
    assert allowed(read(*lines), "/a/1.html", "/b", "/b/c", "/x1", "/z") == [False, False, False, False, True]
    assert allowed(read(*lines[:-1]), "/a/1.html", "/b/c", "/x1") == [True, True, True]


def test_too_many_rules_disallow_more_and_never_less() -> None:
    """Beyond the limit rules are cut to starts that they have in common, and an Allow doesn't count."""
    many = [f"Disallow: /many/{'x' * 60}{number}" for number in range(MAX_RULES - 2)]
    lines = ("User-agent: *", "Disallow: /b", "Allow: /b/c")
    paths = ("/b", "/b/c", f"/many/{'x' * 60}1", "/many/", "/z")
    assert allowed(read(*lines, *many), *paths) == [False, True, False, True, True]
    assert allowed(read(*lines, *many, "Disallow: /more"), *paths) == [False, False, False, True, True]
    many = [f"Disallow: /{number}/x" for number in range(MAX_RULES + 500)]
    assert allowed(read(*lines, *many), "/b", "/b/c", "/1000/x", "/z") == [False, False, False, True]


def test_a_file_of_too_many_lines_disallows_everything() -> None:
    """What a file of thousands of lines says is not found out; empty lines and comments are none."""
    head = ("User-agent: *", "Disallow: /b")
    many = ("Sitemap: https://a.test/x",) * (MAX_LINES - 2)
    assert allowed(read(*head, *many, "", "# why", "  ", "\t#"), "/a", "/b") == [True, False]
    assert allowed(read(*head, *many, "", "Noindex: /"), "/a", "/b") == [False, False]


@settings(max_examples=100, deadline=None)
@given(
    paths=st.lists(st.text(alphabet="abc/%$*?é41", max_size=8), max_size=5),
    url=st.text(alphabet="abc/%?4", max_size=8),
)
def test_a_coarse_file_allows_nothing_that_the_file_itself_does_not(paths: list[str], url: str) -> None:
    """Whatever the rules are, with too many of them no URL is allowed that they disallow."""
    rules = [f"Disallow: /{path}" for path in paths]
    filler = [f"Disallow: /~{number}" for number in range(MAX_RULES)]
    if read("User-agent: *", *rules, *filler).allows(f"https://a.test/{url}"):
        assert read("User-agent: *", *rules).allows(f"https://a.test/{url}")


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=300), path=st.text(max_size=30))
def test_no_file_raises(body: bytes, path: str) -> None:
    """Whatever bytes a server sends, every URL is decided."""
    path = path.encode(errors="replace").decode()
    assert isinstance(
        parse(b"User-agent: *\nDisallow: " + body, "bot").allows(f"https://a.test/{path}"), bool
    )


@settings(max_examples=100, deadline=None)
@given(path=st.text(alphabet="abc/%$*?é\udce9", max_size=10))
def test_a_disallowed_path_is_disallowed(path: str) -> None:
    """A rule matches the very path that it is, however odd, if no wildcard is in it."""
    written = path.encode(errors="surrogateescape")
    rules = parse(b"User-agent: *\nDisallow: /" + written, "bot")
    if "*" not in path and not path.endswith("$"):
        assert not rules.allows("https://a.test/" + written.decode(errors="surrogateescape"))


@pytest.mark.parametrize(
    "text",
    [
        "User-agent: *\nDisallow: /a\nAllow: /a/b$\nDisallow: /*.php\nCrawl-delay: 3",
        "User-agent: bot\nDisallow: /caf\xe9\nDisallow: /%E4\nDisallow: /\u2028x\nDisallow: /#x",
        "",
        "Disallow: /",
    ],
)
def test_kept_rules_say_the_same(text: str) -> None:
    """What is read again from the source of rules allows what they allowed."""
    rules = parse(text.encode("latin-1", "ignore"), "bot")
    again = reread(rules.source.encode().decode(), rules.crawl_delay)
    assert again.crawl_delay == rules.crawl_delay
    assert again.source == rules.source
    for path in ("", "a", "a/b", "a/b/c", "x.php", "caf%E9", "caf%C3%A9", "%E4", "x"):
        assert again.allows(f"http://h/{path}") == rules.allows(f"http://h/{path}")


def test_what_is_read_again_names_its_sitemaps() -> None:
    """A state keeps the rules of our group, and what everybody is told."""
    rules = parse(b"Sitemap: /1.xml\nUser-agent: *\nDisallow: /no\nSitemap: /2.xml\n", "bot")
    again = reread(rules.source, rules.crawl_delay)
    assert again.sitemaps == rules.sitemaps == ("/1.xml", "/2.xml")
    assert [again.allows(f"https://a.test/{path}") for path in ("no", "yes")] == [False, True]
