"""What robots.txt allows (RFC 9309): protego's rules, with what surrounds them done here.

Protego matches paths as the standard and Google do. What it leaves open is
closed before it sees the file: a byte order mark, the size, bytes that are no
UTF-8, the exact match of the product token, and bounds on what a hostile file
may cost. It is handed the rules of one group only, ours, under a name of our own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, final
from urllib.parse import quote

from protego import Protego

from .. import _urls
from .politeness import MAX_CRAWL_DELAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_BYTES: Final = 500 * 1024
"""What is read of a file, in bytes: the least that RFC 9309, section 2.5, permits, and Google's limit."""

MAX_LINE: Final = 16_663
"""What is read of a line, in characters: as much as Google's parser takes."""

MAX_LINES: Final = 8_000
"""Lines, but for empty ones and comments, of a file that is read.

Each costs microseconds, and there is room for 250,000 in `MAX_BYTES`, which would
hold up the whole crawl for half a second. A file of more disallows everything.
"""

MAX_RULES: Final = 2_000
"""Rules of our group that are kept to as they are; with more, or with more of
`MAX_SPECIAL`, they are made coarser.

Of a coarse rule there is only the start, as short as it takes to have no more
than this many, and no wildcard; and no Allow counts. So less is fetched than the
site allows, never more, and neither the file nor a URL costs more than milliseconds.
"""

MAX_SPECIAL: Final = 3_000
"""Wildcards, percent signs and bytes beyond ASCII in the rules of our group, all together."""

Verdict: TypeAlias = Literal["parse", "allow", "disallow"]
"""What a status of robots.txt means: read the rules, or everything is allowed, or nothing is."""

_OUR_GROUP: Final = "us"
_SITEMAP: Final = "sitemap: "

_DIRECTIVE: Final = re.compile(
    r"""\s*(?:
        (?:
            (?P<agent>user[-\s]?agent)
          | (?P<allow>allow)
          | (?P<disallow>diss?all?[oa]w|diasllow)  # the misspellings that search engines accept too
          | (?P<delay>crawl[-\s]delay)
          | (?P<sitemap>site-?maps?)
          | (?P<passive>request[-\s]rate|visit[-\s]time|host|clean-param)
        )(?:\s*:|\s)
      | (?P<unknown>[^\s:][^:]*):
    )""",
    re.VERBOSE | re.IGNORECASE,
)
# What ends the user agents of a group.
_RULES: Final = frozenset({"allow", "disallow", "unknown"})

# The end of a line, with all the empty lines and comments that follow.
_NOTHING: Final = re.compile(rb"(?:[\r\n][ \t]*+(?:#[^\r\n]*+)?+)++")
# What a rule says before the first character that does not stand for itself alone.
_PLAIN: Final = re.compile(r"[!-#&-)+-~]*")
_LENGTHS: Final = (128, 64, 32, 16, 8, 4, 2, 1)
_SECONDS: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_ESCAPES: Final = re.compile(r"(?:%[89A-Fa-f][0-9A-Fa-f])+")

# RFC 9309, section 2.2.1, has letters, "-" and "_"; real crawlers have digits too (MJ12bot).
_VERSION: Final = re.compile(r"[\s/;,(]")
_TOKEN: Final = re.compile(r"[a-z_-]*")
_COMPATIBLE: Final = re.compile(r"mozilla/[0-9.]+ \(compatible; *([^\s/;,()]+)", re.IGNORECASE)

# Bytes that are no UTF-8, as Python's surrogates for them and as what stands for
# them in a path: characters for private use, which no two bytes share.
_PRIVATE: Final = {0xDC00 + octet: 0xF700 + octet for octet in range(0x80, 0x100)}

# Protego takes these for the end of a line, which for RFC 9309 they are not.
_NO_LINE_ENDS: Final = {ord(end): quote(end) for end in "\v\f\x1c\x1d\x1e\x85\u2028\u2029"}


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rules:
    """What one robots.txt says to one crawler.

    Args:
        crawl_delay: seconds between two requests that it asks for, at most
            `MAX_CRAWL_DELAY`; None if it doesn't.
        sitemaps: the sitemaps that it names, as it writes them, each once.
        source: the rules of our group and the sitemaps, one a line; what `reread` reads.
    """

    crawl_delay: float | None = None
    sitemaps: tuple[str, ...] = ()
    source: str = field(default="", repr=False)
    _matcher: Protego = field(default_factory=Protego, repr=False)

    def allows(self, url: str) -> bool:
        """Return whether *url*, an absolute URL of this site, may be asked for.

        The robots.txt itself always may (RFC 9309, section 2.2.2).
        """
        return self._matcher.can_fetch(_with_private(url), _OUR_GROUP)


ALLOW_ALL: Final = Rules()
"""Nothing is disallowed: there is no robots.txt (RFC 9309, section 2.3.1.3)."""

DISALLOW_ALL: Final = Rules(
    source="disallow: /", _matcher=Protego.parse(f"User-agent: {_OUR_GROUP}\nDisallow: /")
)
"""All is disallowed: there may be a robots.txt, but it can't be had (RFC 9309, section 2.3.1.4)."""


def product_token(user_agent: str) -> str:
    """Return the name by which robots.txt speaks to the crawler that sends *user_agent*.

    That is what stands before the version: ``trio-crawl`` of ``trio-crawl/0.1
    (+https://example.com)``. If the header starts like a browser's, it is the
    name after ``compatible``: ``ExampleBot`` of ``Mozilla/5.0 (compatible; ExampleBot/2.1)``
    (RFC 9309, section 2.2.1, has that very example).
    """
    user_agent = user_agent.strip()
    disguised = _COMPATIBLE.match(user_agent)
    return disguised[1] if disguised else _VERSION.split(user_agent, maxsplit=1)[0]


def robots_url(url: str) -> str:
    """Return where the robots.txt stands that speaks about *url* (RFC 9309, section 2.3)."""
    return f"{_urls.origin(url)}/robots.txt"


def from_status(status: int) -> Verdict:
    """Return what the last *status* of a robots.txt means, redirects followed (RFC 9309, section 2.3.1).

    Any 4xx says that there is none, and so does a chain of redirects that was
    given up; a server error says that nobody knows, which disallows everything.
    """
    match status // 100:
        case 2:
            return "parse"
        case 3 | 4:
            return "allow"
        case _:
            return "disallow"


def parse(body: bytes, product: str) -> Rules:
    """Read a robots.txt for the crawler whose product token is *product*.

    No file is wrong: what can't be understood is skipped, as RFC 9309,
    section 2.2, has it.

    Args:
        body: the file, decoded from its content coding; read up to `MAX_BYTES`.
        product: the crawler's name, without a version; compared without case.
    """
    lines = _lines(body)
    if len(lines) > MAX_LINES:
        return DISALLOW_ALL
    directives = list(_directives(lines))
    ours = _ours(directives, product)
    named = (
        value.encode(errors="surrogateescape").decode(errors="replace")
        for name, value in directives
        if name == "sitemap" and value
    )
    sitemaps = tuple(dict.fromkeys(named))
    rules = _bounded(ours)
    return Rules(
        crawl_delay=_crawl_delay(ours),
        sitemaps=sitemaps,
        source="\n".join([*rules, *(_SITEMAP + sitemap for sitemap in sitemaps)]),
        _matcher=_matcher(rules),
    )


def reread(source: str, crawl_delay: float | None) -> Rules:
    """Return the rules whose `Rules.source` was kept."""
    lines = source.split("\n")
    return Rules(
        crawl_delay=crawl_delay,
        sitemaps=tuple([line.removeprefix(_SITEMAP) for line in lines if line.startswith(_SITEMAP)]),
        source=source,
        _matcher=_matcher(line for line in lines if not line.startswith(_SITEMAP)),
    )


def _matcher(rules: Iterable[str]) -> Protego:
    return Protego.parse("\n".join([f"User-agent: {_OUR_GROUP}", *rules]))


class _Directive(NamedTuple):
    """A line of the file: the name of its group in `_DIRECTIVE`, and what follows it."""

    name: str
    value: str


def _lines(body: bytes) -> list[bytes]:
    """Return the lines of the file, within bounds, that say anything."""
    if len(body) > MAX_BYTES:
        # The last line may be cut in the middle, and half a path says something else.
        end = max(body.rfind(b"\n", 0, MAX_BYTES), body.rfind(b"\r", 0, MAX_BYTES))
        body = body[: MAX_BYTES if end < 0 else end]
    # A byte order mark, even half of one, is no part of the first line.
    for mark in (b"\xef\xbb\xbf", b"\xef\xbb", b"\xef"):
        if body.startswith(mark):
            body = body.removeprefix(mark)
            break
    # One more than may be: who calls this looks.
    return [line for line in _NOTHING.split(b"\n" + body, maxsplit=MAX_LINES + 2) if line]


def _directives(lines: Iterable[bytes]) -> Iterator[_Directive]:
    """Yield those of the lines that name something, whatever way they are spelled."""
    for line in lines:
        content = line.decode(errors="surrogateescape")[:MAX_LINE].partition("#")[0]
        match = _DIRECTIVE.match(content)
        if match and match.lastgroup:
            yield _Directive(match.lastgroup, content[match.end() :].strip())


def _ours(directives: Iterable[_Directive], product: str) -> list[_Directive]:
    """Return the rules and delays of the groups that speak to *product*, all of them as one.

    Groups that name it come before those whose name starts like it only up to a
    character that no token has ("bot2" for "bot"), and these before "*".
    A group begins with a user agent after a rule. Records that are known not to
    be rules, a delay for one, don't come between its user agents (RFC 9309,
    section 2.2.4); one that nobody knows may be somebody's rule, so it does.
    """
    wanted = product.strip().lower()
    ranks: dict[int, list[_Directive]] = {}
    group: list[list[_Directive]] = []
    in_rules = True
    for directive in directives:
        if directive.name == "agent":
            if in_rules:
                group, in_rules = [], False
            rules = ranks.setdefault(_rank(directive.value.lower(), wanted), [])
            if not any(rules is known for known in group):
                group.append(rules)
            continue
        in_rules = in_rules or directive.name in _RULES
        for rules in group:
            rules.append(directive)
    best = max(ranks, default=0)
    return ranks[best] if best else []


def _rank(agent: str, product: str) -> int:
    """Return how well the value of a User-agent line, in lower case, fits *product*; 0 if it doesn't.

    Never as a mere prefix or part: "foo" does not speak to "foobot".
    """
    if not agent.startswith("*") and product not in agent.replace("*", ""):
        return 0  # which most are; it spares what follows
    word = _VERSION.split(agent, maxsplit=1)[0]
    if product and product in {agent, word, word.replace("*", "")}:
        return 3
    if word == "*":
        return 1
    token = _TOKEN.match(word)
    return 2 if token and product and token[0] == product else 0


def _crawl_delay(directives: Iterable[_Directive]) -> float | None:
    """Return the longest delay that can be read, in seconds and within bounds."""
    delays = [float(value) for name, value in directives if name == "delay" and _SECONDS.fullmatch(value)]
    return min(max(delays), MAX_CRAWL_DELAY) if delays else None


def _bounded(directives: Iterable[_Directive]) -> list[str]:
    """Return the rules as lines for Protego, each once, and within `MAX_RULES` and `MAX_SPECIAL`."""
    rules = [
        (name, value) for name, value in dict.fromkeys(directives) if name in {"allow", "disallow"} and value
    ]
    if len(rules) > MAX_RULES or sum(map(_specials, (value for _, value in rules))) > MAX_SPECIAL:
        return [f"disallow: {path}" for path in _coarse(value for name, value in rules if name == "disallow")]
    kept = [(name, _with_private(value).translate(_NO_LINE_ENDS)) for name, value in rules]
    return [f"{name}: {path}" for name, path in dict.fromkeys(kept)]


def _specials(path: str) -> int:
    """Return how much of *path* is costly to compare."""
    octets = len(path) if path.isascii() else len(path.encode(errors="surrogateescape"))
    return octets - len(path) + path.count("%") + path.count("*") + path.count("$")


def _coarse(paths: Iterable[str]) -> list[str]:
    """Return at most `MAX_RULES` plain paths that disallow all that *paths* do, and more."""
    plain = {_PLAIN.match(path)[0]: None for path in paths}  # type: ignore[index] # it matches anything
    for length in _LENGTHS:
        if len(plain) <= MAX_RULES:
            break
        plain = {path[:length]: None for path in plain}
    return [path or "/" for path in plain]


def _with_private(path: str) -> str:
    """Return *path* with its bytes that are no UTF-8 as characters for private use.

    Protego would take all of them for the same character, so that a rule about
    one legacy-encoded path held for every other of its length.
    """
    if not path.isascii():
        path = path.translate(_PRIVATE)
    return _ESCAPES.sub(_private_escapes, path) if "%" in path else path


def _private_escapes(match: re.Match[str]) -> str:
    octets = bytes.fromhex(match[0].replace("%", ""))
    try:
        octets.decode()
    except UnicodeDecodeError:
        return quote(octets.decode(errors="surrogateescape").translate(_PRIVATE))
    return match[0]
