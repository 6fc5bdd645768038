"""The keywords of a crawl, checked: what can't be right is said before the first request."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypedDict

import trio

from .._errors import UsageError
from .._policy.politeness import Delay

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike

    from .._model import Parse
    from .._policy.cookies import Cookies
    from .._policy.credentials import Auth, Fields
    from .._policy.scope import Follow, Patterns

try:
    __version__ = version("trio-crawl")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0"

USER_AGENT = f"trio-crawl/{__version__}"
"""What a crawl calls itself unless told otherwise; the product token is ``trio-crawl``."""

ParseErrors: TypeAlias = Literal["record", "raise"]
ParseIn: TypeAlias = Literal["crawl", "process"]
PaceName: TypeAlias = Literal["adaptive", "fixed"]
CONCURRENCY: Final = 64
"""Hops at once, unless told otherwise."""

AllowPrivate: TypeAlias = "bool | Iterable[str]"


class CrawlOptions(TypedDict, total=False):
    """The keywords of ``crawl()``, for functions that pass them on; see there."""

    fetch: object
    parse: Parse | Mapping[str | None, Parse] | None
    parse_in: ParseIn
    write: object
    overwrite: bool
    state: str | PathLike[str] | None
    retry_failed: bool
    recrawl: float | None
    follow: Follow
    include: Patterns
    exclude: Patterns
    sitemaps: bool
    max_pages: int | None
    max_depth: int | None
    max_per_host: int | None
    max_time: float | None
    max_links: int
    max_bytes: int
    max_redirects: int
    max_failures: int | None
    traps: bool
    concurrency: int | trio.CapacityLimiter
    per_host: int
    per_address: int
    delay: float | Delay
    pace: PaceName
    timeout: float
    retries: int
    grace: float
    robots: bool
    user_agent: str
    headers: Fields
    cookies: Cookies
    auth: Auth | None
    allow_private: AllowPrivate
    parse_errors: ParseErrors


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The keywords of one crawl, each within its range."""

    fetch: Any
    parse: Parse | Mapping[str | None, Parse] | None
    parse_in: ParseIn
    write: Any
    overwrite: bool
    state: str | PathLike[str] | None
    retry_failed: bool
    recrawl: float | None
    follow: Follow
    include: Patterns
    exclude: Patterns
    sitemaps: bool
    max_pages: int | None
    max_depth: int | None
    max_per_host: int | None
    max_time: float | None
    max_links: int
    max_bytes: int
    max_redirects: int
    max_failures: int | None
    traps: bool
    concurrency: Any  # an int, once it is checked
    per_host: int
    per_address: int
    delay: float | Delay
    pace: PaceName
    timeout: float
    retries: int
    grace: float
    robots: bool
    user_agent: str
    # What checks these, and makes use of them, is `Pages`. No repr is to show them.
    headers: Fields = field(repr=False)
    cookies: Cookies = field(repr=False)
    auth: Auth | None = field(repr=False)
    allow_private: AllowPrivate
    parse_errors: ParseErrors
    limiter: trio.CapacityLimiter | None = field(default=None, init=False)
    """What was given as *concurrency*, if that was one; *concurrency* is then what it has to begin with."""

    def __post_init__(self) -> None:
        if isinstance(self.concurrency, trio.CapacityLimiter):
            tokens = self.concurrency.total_tokens
            object.__setattr__(self, "limiter", self.concurrency)
            # None is a pause, and as many as you like is not a number to size anything by.
            object.__setattr__(self, "concurrency", int(tokens) if 0 < tokens < math.inf else CONCURRENCY)
        for name, least in _WHOLE.items():
            _check_whole(name, getattr(self, name), least)
        for name, least in _LIMITS.items():
            if getattr(self, name) is not None:
                _check_whole(name, getattr(self, name), least, or_none=True)
        _check_seconds("grace", self.grace, zero=True)
        _ = self.delay_kept
        _check_seconds("timeout", self.timeout, zero=False)
        self._check_ages()
        for name in ("robots", "sitemaps", "traps", "overwrite", "retry_failed"):
            if not isinstance(getattr(self, name), bool):
                raise UsageError(f"{name}= is {getattr(self, name)!r}; it takes True or False")
        if self.parse_errors not in ("record", "raise"):
            raise UsageError(f"parse_errors= is {self.parse_errors!r}; it takes 'record' or 'raise'")
        if self.pace not in ("adaptive", "fixed"):
            raise UsageError(f"pace= is {self.pace!r}; it takes 'adaptive' or 'fixed'")
        if self.parse_in not in ("crawl", "process"):
            raise UsageError(f"parse_in= is {self.parse_in!r}; it takes 'crawl' or 'process'")
        _check_user_agent(self.user_agent)

    @property
    def delay_kept(self) -> Delay:
        """The delay, and of what."""
        return self.delay if isinstance(self.delay, Delay) else Delay(self.delay)

    def _check_ages(self) -> None:
        if self.max_time is not None:
            _check_seconds("max_time", self.max_time, zero=False, none="no limit")
        if self.recrawl is not None:
            _check_seconds("recrawl", self.recrawl, zero=False, none="no recrawl")
            if self.state is None:
                raise UsageError("recrawl= needs state=, which knows when each page was visited; name a file")
        if self.retry_failed and self.state is None:
            raise UsageError("retry_failed=True needs state=, which knows what failed; name a file")


# By keyword, the least that makes sense.
_WHOLE = {
    "max_links": 1,
    "max_bytes": 1,
    "max_redirects": 0,
    "concurrency": 1,
    "per_host": 1,
    "per_address": 1,
    "retries": 0,
}

# Likewise, of those that may be None.
_LIMITS = {"max_pages": 1, "max_depth": 0, "max_per_host": 1, "max_failures": 0}


def _check_whole(name: str, value: object, least: int, *, or_none: bool = False) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        none = ", or None for no limit" if or_none else ""
        none = ", or a trio.CapacityLimiter" if name == "concurrency" else none
        raise UsageError(f"{name}= is {value!r}; it takes a whole number, {least} or more{none}")


def _check_seconds(name: str, value: object, *, zero: bool, none: str = "") -> None:
    good = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    if not good or value < 0 or (value == 0 and not zero):  # type: ignore[operator] # a number, if good
        least = "0 or more" if zero else "more than 0"
        or_none = f", or None for {none}" if none else ""
        raise UsageError(f"{name}= is {value!r}; it takes a number of seconds, {least}{or_none}")


def _check_user_agent(value: object) -> None:
    if not isinstance(value, str) or not value.strip() or not value.isascii() or not value.isprintable():
        raise UsageError(
            f"user_agent= is {value!r}; it takes printable ASCII that starts with a product token, "
            f"such as 'my-crawler/1.0 (+https://example.org/bot)'"
        )
