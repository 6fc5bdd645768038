"""What was meant by a keyword that there is not."""

from __future__ import annotations

from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from trio.lowlevel import enable_ki_protection

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine

P = ParamSpec("P")
T = TypeVar("T")

_ELSEWHERE: Final = {
    "per_address_delay": "give delay=Delay(seconds, by='address')",
    "output": "the outputs are write=",
    "depth": "the limit is max_depth=",
    "proxy": "give it to the fetcher: fetch=fetchers.Curl(proxy=...)",
    "verify": "give authorities to the fetcher: fetch=fetchers.Curl(ca=...)",
    "limit": "the limits are max_pages=, max_depth=, max_per_host=, max_time=",
}
"""What others call it, or where it stands."""


def with_hints(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let *function*, which is async, say of an unknown keyword which one may have been meant."""
    known = signature(function).parameters

    @wraps(function)
    @enable_ki_protection
    async def call(*args: P.args, **keywords: P.kwargs) -> T:
        refuse_unknown(keywords, known)
        return await function(*args, **keywords)

    setattr(call, "__kwdefaults__", getattr(function, "__kwdefaults__", None))  # noqa: B010 - mypy knows none
    return call


def refuse_unknown(keywords: Collection[str], known: Collection[str]) -> None:
    """See that all *keywords* are *known*.

    Raises:
        TypeError: one is not; the message says what may have been meant.
    """
    for name in keywords:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            meant = f"did you mean {near[0]}=?" if near else "help(trio_crawl.crawl) has them all"
            raise TypeError(f"no such keyword: {name}=; {_ELSEWHERE.get(name, meant)}")
