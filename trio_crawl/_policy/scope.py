"""Which links a crawl follows: relative to its seeds, and by patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final, get_args

from .. import _urls
from .._errors import UsageError

if TYPE_CHECKING:
    from .._model import Link

FollowName: TypeAlias = Literal["host", "origin", "domain", "prefix", "any"]
"""How far from its seeds a crawl goes, by name."""

Follow: TypeAlias = "FollowName | Callable[[Link], bool]"
"""The same, or a function that says of a link whether it is followed."""

Pattern: TypeAlias = "str | re.Pattern[str]"
"""A glob over the whole URL, or an expression that is searched in it."""

Patterns: TypeAlias = "Pattern | Iterable[Pattern]"
"""One pattern, or several of which one has to match."""

_NAMES: Final = get_args(FollowName)


@final
class Scope:
    """What a crawl follows, of all the links that it finds.

    Seeds are in scope whatever the patterns say; nobody asks about them here. A
    link is followed if no *exclude* matches it, an *include* does (or there is
    none), and *follow* takes it.

    A `str` pattern is a glob over the whole URL. Its only special character is
    ``*``, which stands for any characters, ``/`` included; ``?``, ``[`` and the
    rest stand for themselves, since URLs are full of them. Case counts. An
    `re.Pattern` is searched: it matches if it does so anywhere in the URL.

    Args:
        follow: ``"host"`` (the host of a seed, on any scheme and port; ``www.``
            is a host of its own), ``"origin"`` (scheme, host and port of a seed),
            ``"domain"`` (the registrable domain of a seed, by the public suffix
            list), ``"prefix"`` (URLs that start like a seed's up to the last
            slash of its path), ``"any"``, or a function of a `Link`, which is
            asked about each link that the patterns let pass, until it takes its URL.
        include: patterns of which one has to match; none lets everything pass.
        exclude: patterns of which none may match.

    Raises:
        UsageError: an argument is none of these; the message says what is.
    """

    __slots__ = ("_exclude", "_follow", "_include", "_key", "_known", "_lengths", "generation")

    generation: int
    """How often the scope has grown. A link that was refused may be allowed by a later generation."""

    def __init__(self, follow: Follow, *, include: Patterns = (), exclude: Patterns = ()) -> None:
        self._follow = _checked_follow(follow)
        self._include = _compiled("include", include)
        self._exclude = _compiled("exclude", exclude)
        self._key = _KEYS.get(follow) if isinstance(follow, str) else None
        self._known: set[str] = set()
        self._lengths: set[int] = set()
        self.generation = 0

    def __repr__(self) -> str:
        return f"<Scope follow={self._follow!r}, generation {self.generation}>"

    @property
    def per_link(self) -> bool:
        """Whether a function decides, which may think differently of another link to the same URL."""
        return callable(self._follow)

    @property
    def asks(self) -> bool:
        """Whether a function or a pattern of the user's decides, which may raise, or take long."""
        return bool(callable(self._follow) or self._include or self._exclude)

    def add_seed(self, url: str) -> bool:
        """Widen the scope by the seed *url*, and return whether that made a difference.

        Args:
            url: an http(s) URL as the URL standard serialises it.
        """
        if self._key is None:
            return False
        key = self._key(url)
        if key in self._known:
            return False
        self._known.add(key)
        self._lengths.add(len(key))
        self.generation += 1
        return True

    def allows(self, link: Link) -> bool:
        """Return whether *link* is followed.

        What a function that was given as ``follow`` raises comes out as it is.
        """
        url = link.url
        if self._exclude and any(matches(url) for matches in self._exclude):
            return False
        if self._include and not any(matches(url) for matches in self._include):
            return False
        return self._reaches(link)

    def allows_list(self, link: Link, *, anywhere: bool) -> bool:
        """Return whether the sitemap or feed that *link* leads to is read.

        No *include* has to match it, since these are about pages.

        Args:
            link: to the list.
            anywhere: whether it may be on another site, unless a function decides.
        """
        if self._exclude and any(matches(link.url) for matches in self._exclude):
            return False
        return (anywhere and not callable(self._follow)) or self._reaches(link)

    def _reaches(self, link: Link) -> bool:
        url = link.url
        if callable(self._follow):
            return bool(self._follow(link))
        if self._key is None:
            return True
        if self._follow == "prefix":
            address = _address(url)
            return any(address[:length] in self._known for length in self._lengths)
        return self._key(url) in self._known


def _domain(url: str) -> str:
    return _urls.registrable_domain(_urls.host(url))


def _address(url: str) -> str:
    """Return *url* without user name, password and query."""
    parts = _urls.split(url)
    return parts.origin + parts.path


def _directory(url: str) -> str:
    """Return the address of *url* up to and including the last slash of its path."""
    address = _address(url)
    return address[: address.rindex("/") + 1]


# What two URLs of one scope have in common.
_KEYS: Final[dict[str, Callable[[str], str]]] = {
    "host": _urls.host,
    "origin": _urls.origin,
    "domain": _domain,
    "prefix": _directory,
}


def _checked_follow(follow: Follow) -> Follow:
    if isinstance(follow, str) and follow in _NAMES:
        return follow
    if iscoroutinefunction(follow):
        message = (
            f"follow= is the async function {follow!r}; give a plain function of a Link that returns a bool"
        )
        raise UsageError(message)
    if not isinstance(follow, str) and callable(follow):
        return follow
    names = ", ".join(map(repr, _NAMES))
    message = f"follow= is {follow!r}; give one of {names}, or a function of a Link that returns a bool"
    raise UsageError(message)


def _compiled(name: str, patterns: Patterns) -> tuple[Callable[[str], object], ...]:
    """Return the functions that match a URL against *patterns*, the globs all in one."""
    several = _listed(name, patterns)
    globs = [pattern for pattern in several if isinstance(pattern, str)]
    found: list[Callable[[str], object]] = [
        pattern.search for pattern in several if isinstance(pattern, re.Pattern)
    ]
    if globs:
        found.insert(0, re.compile("|".join(map(_translated, globs)), re.DOTALL).fullmatch)
    return tuple(found)


def _listed(name: str, patterns: Patterns) -> list[Pattern]:
    """Return *patterns* as a list, each checked."""
    if isinstance(patterns, (str, re.Pattern)):
        patterns = [patterns]
    elif isinstance(patterns, bytes) or not isinstance(patterns, Iterable):
        message = f"{name}= is {patterns!r}; give a glob (a str), an re.Pattern of str, or several of these"
        raise UsageError(message)
    several = list(patterns)
    for pattern in several:
        if not _is_pattern(pattern):
            message = (
                f"{name}= has {pattern!r}; each pattern is a glob (a str that is not empty, such as "
                "'https://example.com/docs/*') or an re.Pattern of str"
            )
            raise UsageError(message)
    return several


def _is_pattern(pattern: object) -> bool:
    if isinstance(pattern, re.Pattern):
        return isinstance(pattern.pattern, str)
    return isinstance(pattern, str) and pattern != ""


def _translated(glob: str) -> str:
    """Return *glob* as a regular expression that fits whole URLs in linear time.

    Each ``*`` takes as little as the piece after it lets it and never gives that
    back (an atomic group), which decides a glob without trying again. Only the
    last piece stands where it has to: at the end.
    """
    first, *pieces = re.split(r"\*+", glob)
    if not pieces:
        return re.escape(first)
    *inner, last = pieces
    middle = "".join(f"(?>.*?{re.escape(piece)})" for piece in inner)
    return f"{re.escape(first)}{middle}.*{re.escape(last)}"
