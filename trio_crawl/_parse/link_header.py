"""Links in ``Link`` fields (RFC 8288, section 3, read as its appendix B has it)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

# Everything here gives nothing back once it has matched, so each field takes linear time.
_BETWEEN: Final = re.compile(r"[\t ,]*+")
_TARGET: Final = re.compile(r"<([^>]*+)>")
_PARAMETER: Final = re.compile(
    r"""[\t ]*+;[\t ]*+([^\t =;,]*+)[\t ]*+(?:=[\t ]*+(?:"((?:[^"\\]|\\.)*+)(?:"|\\?$)|([^;,]*+)))?+""",
    re.DOTALL,
)
_REST: Final = re.compile(r"[^,]*+")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


class HeaderLink(NamedTuple):
    """One link, as it is written.

    Args:
        target: a URI reference.
        parameters: by name in lower case, the first of each.
    """

    target: str
    parameters: dict[str, str]


def parse_links(field: str) -> list[HeaderLink]:
    """Return the links in the value of one *field*, up to what can't be one."""
    found = []
    position = _end(_BETWEEN, field, 0)
    while target := _TARGET.match(field, position):
        parameters: dict[str, str] = {}
        position = target.end()
        while parameter := _PARAMETER.match(field, position):
            name, quoted, plain = parameter.groups()
            value = _ESCAPED.sub(r"\1", quoted) if quoted is not None else (plain or "").strip("\t ")
            parameters.setdefault(name.lower(), value)
            position = parameter.end()
        found.append(HeaderLink(target[1].strip("\t\n\f\r "), parameters))
        position = _end(_BETWEEN, field, _end(_REST, field, position))
    return found


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    assert match is not None  # noqa: S101 - both patterns match nothing, too
    return match.end()
