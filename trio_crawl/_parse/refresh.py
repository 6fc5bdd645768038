"""Where a refresh leads (HTML standard, "shared declarative refresh steps")."""

from __future__ import annotations

import re
from typing import Final

_SPACE: Final = r"[\t\n\f\r ]*+"
_TIME: Final = re.compile(
    rf"{_SPACE}(?:\d++|(?=\.))[\d.]*+(?:$|(?=[;,\t\n\f\r ])){_SPACE}[;,]?+{_SPACE}", re.ASCII
)
_NAME: Final = re.compile(rf"u(?:(?P<rest>rl{_SPACE}={_SPACE})|)", re.IGNORECASE)


def target(content: str) -> str | None:
    """Return what *content* refers to, as it is written: empty for the page itself.

    Args:
        content: the attribute of a ``meta`` element, or the value of a ``Refresh`` field.

    Returns:
        None if it does not say when, so that a browser does nothing.
    """
    time = _TIME.match(content)
    if time is None:
        return None
    text = content[time.end() :]
    name = _NAME.match(text)
    if name is not None:
        if name["rest"] is None:  # a URL that begins with that letter
            return text
        text = text[name.end() :]
    if text[:1] in {'"', "'"}:
        return text[1:].partition(text[0])[0]
    return text
