"""Links in ``Link`` fields (RFC 8288, section 3, read as its appendix B has it)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_READ: Final = 2_000
"""Links and parameters, in all fields, that are read; servers send dozens."""

MAX_FIELD: Final = 64 * 1024
"""Characters of one field that are read."""

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


def parse_links(fields: Iterable[str]) -> Iterator[HeaderLink]:
    """Yield the links in *fields*, of each up to what can't be one, and of all up to `MOST_READ`."""
    left = MOST_READ
    for field in fields:
        text = field[:MAX_FIELD]
        position = _end(_BETWEEN, text, 0)
        while (target := _TARGET.match(text, position)) and left > 0:
            parameters: dict[str, str] = {}
            position = target.end()
            left -= 1
            while (parameter := _PARAMETER.match(text, position)) and left > 0:
                name, quoted, plain = parameter.groups()
                value = _ESCAPED.sub(r"\1", quoted) if quoted is not None else (plain or "").strip("\t ")
                parameters.setdefault(name.lower(), value)
                position = parameter.end()
                left -= 1
            yield HeaderLink(target[1].strip("\t\n\f\r "), parameters)
            position = _end(_BETWEEN, text, _end(_REST, text, position))
        left -= 1  # for the field
        if left <= 0:
            return


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    assert match is not None  # noqa: S101 - both patterns match nothing, too
    return match.end()
