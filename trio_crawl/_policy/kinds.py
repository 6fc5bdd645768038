"""Which kinds of links are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, get_args

from .._errors import UsageError
from .._model import LinkKind

if TYPE_CHECKING:
    from .._model import Kinds

_NAMES: Final[tuple[LinkKind, ...]] = get_args(LinkKind)

ALL: Final = frozenset(_NAMES)

ANCHORS: Final[frozenset[LinkKind]] = frozenset({"a", "area"})
"""What a page's links are unless told otherwise."""

FOLLOWED: Final[frozenset[LinkKind]] = ANCHORS | {"iframe"}
"""What a crawl follows unless a parser of the user's says otherwise."""


def chosen(kinds: Kinds) -> frozenset[LinkKind]:
    """Return *kinds* as a set.

    Raises:
        UsageError: one of them is no kind of link; the message says which are.
    """
    if kinds is FOLLOWED:  # for every page of a crawl
        return FOLLOWED
    several: object = (kinds,) if isinstance(kinds, str) else kinds
    if kinds == "all":
        return ALL
    if not isinstance(several, Iterable):
        raise UsageError(f"kinds= is {kinds!r}; give a kind of link, several of them, or 'all'")
    found = list(several)
    for kind in found:
        if kind not in _NAMES:
            raise UsageError(
                f"there is no kind of link {kind!r}; the kinds are {', '.join(_NAMES)}, or 'all'"
            )
    return frozenset(found)
