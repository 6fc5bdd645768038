"""The candidates of a ``srcset`` (HTML standard, "parse a srcset attribute")."""

from __future__ import annotations

import re
from typing import Final

# Everything here gives nothing back once it has matched, so each attribute takes linear time.
_BETWEEN: Final = re.compile(r"[\t\n\f\r ,]*+")
_URL: Final = re.compile(r"[^\t\n\f\r ]++")
# Up to the comma that ends a candidate; one in parentheses does not.
_DESCRIPTORS: Final = re.compile(r"(?:[^,(]++|\([^)]*+\)?+)*+")
_DESCRIPTOR: Final = re.compile(r"(?:[^\t\n\f\r (]++|\([^)]*+\)?+)++")
_VALUE: Final = re.compile(
    r"(?P<whole>\d++)(?P<unit>[wh])|(?P<number>-?+(?:\d++(?:\.\d++)?+|\.\d++)(?:[eE][+-]?+\d++)?+)x", re.ASCII
)


def candidates(srcset: str) -> list[str]:
    """Return the URLs in *srcset*, as they are written, without those a browser would drop."""
    found = []
    position = _skip(srcset, 0)
    while url := _URL.match(srcset, position):
        text = url[0].rstrip(",")
        if text != url[0]:
            found.append(text)
            position = url.end()
        else:
            described = _DESCRIPTORS.match(srcset, url.end())
            assert described is not None  # noqa: S101 - it matches nothing, too
            if _are_valid(_DESCRIPTOR.findall(described[0])):
                found.append(text)
            position = described.end()
        position = _skip(srcset, position)
    return found


def _skip(srcset: str, position: int) -> int:
    match = _BETWEEN.match(srcset, position)
    assert match is not None  # noqa: S101 - it matches nothing, too
    return match.end()


def _are_valid(descriptors: list[str]) -> bool:
    """Return whether *descriptors* go together: a width, with a height perhaps, or a density."""
    units = []
    for descriptor in descriptors:
        value = _VALUE.fullmatch(descriptor)
        if value is None:
            return False
        if value["unit"]:
            if not value["whole"].strip("0"):
                return False
            units.append(value["unit"])
        else:
            if value["number"].startswith("-") and float(value["number"]) < 0:
                return False
            units.append("x")
    return sorted(units) in ([], ["w"], ["x"], ["h", "w"])
