"""What leads a crawl astray: paths that go round or ever deeper, and pages without end that say nothing new.

Pure, and about URLs as text. Two of the rules need to see nothing but a link:

- ``trap_depth``: more than 30 segments, 40 parameters or 8,000 characters. The deepest paths that
  people make (file trees, language, category, product) have a dozen segments; those that programs
  make by joining a relative link to a path have no end.
- ``trap_repetition``: the path goes round (``/a/b/a/b/a/b/a/b``).

The third, ``trap_pattern``, is about families (`pattern_of`): pages of one host whose URLs
differ in what programs count up, such as numbers, dates and identifiers, or in the values of a
query. A calendar is such a family, but so are the products of a shop, and how many there are
tells neither from the other. What does is where they are found, where they lead, and what they
say; see `trio_crawl._policy.families`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_SEGMENTS: Final = 30
MOST_PARAMETERS: Final = 40
LONGEST: Final = 8_000
"""Characters of a URL: what RFC 9110, section 4.1, wants everybody to support."""

LONGEST_NAME: Final = 200
"""Characters of a family's name: what is the same so far is one family."""

Shape: TypeAlias = Literal["trap_depth", "trap_repetition"]

_FEWEST_SLASHES: Final = 6  # two of the scheme, and four segments: a path that goes round has no fewer
_IN_A_ROW: Final = 4
_IN_ALL: Final = 6

_SESSIONS: Final = frozenset(
    {
        *("cfid", "cftoken", "jsessionid", "oscsid", "phpsessid", "session", "session_id", "sessionid"),
        *("sessid", "sid", "zenid", "fbclid", "gclid", "msclkid"),
    }
)
_DATES: Final = frozenset({"cal", "date", "day", "month", "week", "year"})
_VIEWS: Final = frozenset({"day", "days", "list", "month", "page", "week", "weeks", "year"})

# A year with a month, and perhaps a day.
_DATE: Final = re.compile(
    r"(?<!\d)(?:(?:1[5-9]|2\d)\d\d[-/_.](?:0?[1-9]|1[0-2]|[Ww]\d\d?)(?:[-/_.]\d\d?)?"
    r"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-3]\d)?)(?!\d)"
)
_COUNTED: Final = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"  # a UUID
    r"|(?<![0-9a-zA-Z])(?=[a-fA-F]*\d)[0-9a-fA-F]{8,}(?![0-9a-zA-Z])"  # a hash
    r"|\d+"
)


def shape_of(url: str) -> Shape | None:
    """Return what is wrong with the mere shape of *url*; None for nearly all."""
    if len(url) > LONGEST:
        return "trap_depth"
    head, _, query = url.partition("?")
    if query and (found := _query_shape(query)) is not None:
        return found
    if head.count("/") < _FEWEST_SLASHES:
        return None
    segments = head.split("/")[3:]
    if len(segments) > MOST_SEGMENTS:
        return "trap_depth"
    segments = [segment for segment in segments if segment]
    return "trap_repetition" if goes_round(segments) else None


def _query_shape(query: str) -> Shape | None:
    if query.count("&") < _IN_A_ROW - 1:
        return None
    pairs = query.split("&")
    if len(pairs) > MOST_PARAMETERS:
        return "trap_depth"
    if len(set(pairs)) == len(pairs):
        return None
    return "trap_repetition" if any(pair and pairs.count(pair) >= _IN_A_ROW for pair in set(pairs)) else None


def goes_round(segments: Sequence[str]) -> bool:
    """Return whether a path repeats itself.

    That is: a segment, or a run of them, comes four times in a row; or a segment six times in
    all. Fewer happen: ``/org/foo/foo/Foo.html`` is Java. Segments without a letter don't
    count alone, nor single letters: ``/0/0/0/0`` is a map's tile, ``/a/a/a/a`` a folder of a mirror.
    """
    distinct = set(segments)
    if len(distinct) == len(segments):
        return False
    if any(_is_word(segment) and segments.count(segment) >= _IN_ALL for segment in distinct):
        return True
    return any(_repeats(segments, size) for size in range(1, len(segments) // _IN_A_ROW + 1))


def _repeats(segments: Sequence[str], size: int) -> bool:
    """Return whether a run of *size* segments comes four times in a row."""
    same = 0
    for place in range(size, len(segments)):
        same = same + 1 if segments[place] == segments[place - size] else 0
        if same >= size * (_IN_A_ROW - 1) and _counts(segments[place - size + 1 : place + 1]):
            return True
    return False


def _counts(run: Sequence[str]) -> bool:
    if len(run) == 1:
        return _is_word(run[0])
    return len(set(run)) > 1 and not all(segment.isdecimal() for segment in run)


def _is_word(segment: str) -> bool:
    return len(segment) > 1 and not segment.isdecimal()


class Pattern(NamedTuple):
    """What the URLs of a family have in common.

    Args:
        name: of the family, with its host; the same in every process.
        host: the host, with its port.
        wary: whether it is of the kinds that traps are made of: dates, and sessions.
    """

    name: str
    host: str
    wary: bool


def pattern_of(url: str) -> Pattern | None:
    """Return the family that *url* belongs to; None if nothing in it is counted up.

    Of a path digits, hashes and UUIDs are left out. Of a query the names count and the values
    don't; two names or more are one family, whatever they are, since facets combine without end.
    All URLs with a session's identifier (``PHPSESSID``, ``sid``, ``utm_source``) are one family of
    their host, and so are dates below one first segment, by day and by month and by week: views
    of one calendar.
    """
    head, _, query = url.partition("?")
    start = head.find("/", 8)
    host, path = (
        (head[head.find("/") + 2 :], "") if start < 0 else (head[head.find("/") + 2 : start], head[start:])
    )
    names = sorted({pair.partition("=")[0].lower() for pair in query.split("&")}) if query else []
    if ";" in path and "sessionid=" in path.lower():
        return Pattern(f"{host} session", host, wary=True)
    if any(name in _SESSIONS or name.startswith(("utm_", "aspsessionid")) for name in names):
        return Pattern(f"{host} session", host, wary=True)
    if _is_dated(path, names):
        return Pattern(f"{host}/{_first_word(path)[:LONGEST_NAME]} dates", host, wary=True)
    collapsed = _COUNTED.sub("#", path)
    if not names:
        return None if collapsed == path else Pattern((host + collapsed)[:LONGEST_NAME], host, wary=False)
    several = "?..." if len(names) > 1 else "?" + _COUNTED.sub("#", names[0])
    return Pattern((host + collapsed + several)[:LONGEST_NAME], host, wary=False)


def _is_dated(path: str, names: Sequence[str]) -> bool:
    """Return whether a URL is a calendar's: a date says which page it is, and nothing but a date."""
    if not _DATES.isdisjoint(names):
        return True
    found = _DATE.search(path)
    if found is None:
        return False
    # ``/2019/03/12/a-title`` is not.
    rest = path[found.end() :].split("/")
    return not any(part and not part.isdecimal() and part not in _VIEWS for part in rest)


def _first_word(path: str) -> str:
    first = path[1:].partition("/")[0]
    return "" if any(character.isdigit() for character in first) else first
