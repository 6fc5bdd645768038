"""The cookies of one crawl (RFC 6265, with what browsers have added since: RFC 6265bis).

Pure: moments are handed in, and the same fields at the same moments make the same jar.

Python's own ``http.cookiejar`` was tried first, on ten cases that matter to a crawl:

====================================================================  ==================
what RFC 6265 and 6265bis want                                        ``http.cookiejar``
====================================================================  ==================
a ``Domain`` that is a public suffix (``co.uk``) sets nothing          sets it
without ``Domain``, the cookie is for that one host                    for subdomains too
``Domain=example.org`` set by ``a.b.example.org`` holds for all        right
on an IP address a ``Domain`` of its last digits sets nothing          sets it
``Max-Age`` counts more than ``Expires``                               right
a date in any order, with any separators; what is none, is none        takes it for none
``Path=/foo`` does not hold for ``/foobar``; the default path          right
longer paths first, then in the order of their making                  right
http sets no ``Secure`` cookie nor hides one; ``__Host-`` is kept      none of it
a cookie has at most 4,096 bytes, a domain 180 cookies                 knows no limits
====================================================================  ==================

Its stricter policy is right about the second case and wrong about the third. And it reads
the machine's clock, where a crawl may have a virtual one. Hence this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias, final

from .. import _urls
from .._errors import UsageError
from .cookie import OF_HTTPS, Cookie, made
from .credentials import host_of, is_token
from .set_cookie import MAX_BYTES, parse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from .._model import Json

MAX_OF_SITE: Final = 180
"""Cookies of one registrable domain; Chromium's limit, and more than RFC 6265, section 6.1, asks for."""

MAX_FIELDS: Final = 2 * MAX_OF_SITE
"""``Set-Cookie`` fields of one response that are read: a site has no more cookies than half of them."""

MAX_COOKIES: Final = 3000
"""Cookies of a crawl: as many as RFC 6265, section 6.1, asks for."""

# Beyond, a tenth goes at once: looking for one at a time would cost more than all the rest.
_KEPT: Final = MAX_COOKIES * 9 // 10

# When the user's own cookies were used last: for eviction they are the last in line.
_ALWAYS: Final = 2.0**53

_Site: TypeAlias = dict[tuple[str, str, str, bool], Cookie]

Cookies: TypeAlias = "bool | Mapping[str, Mapping[str, str]]"
"""What ``cookies`` takes: whether any are kept, or those to begin with, by host and name."""


@final
class CookieJar:
    """Keeps what servers set, and says what goes back to them.

    Args:
        cookies: what it begins with, in the order of their numbers.
    """

    __slots__ = ("_changed", "_length", "_number", "_sites")

    def __init__(self, cookies: Iterable[Cookie] = ()) -> None:
        # By registrable domain: no cookie is for hosts of two of them.
        self._sites: dict[str, _Site] = {}
        self._length = 0
        self._number = 0
        self._changed: set[str] = set()
        for cookie in cookies:
            self._number = cookie.number + 1
            self._add(cookie)
        self._changed.clear()

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"<CookieJar: {self._length} cookies of {len(self._sites)} domains>"

    def header(self, url: str, now: datetime) -> str | None:
        """Return the ``Cookie`` field of a request (RFC 6265, section 5.4); None for none.

        Args:
            url: where it goes.
            now: the present moment, aware.
        """
        host = _urls.host(url)
        site = self._sites.get(_urls.registrable_domain(host))
        if site is None:
            return None
        moment, secure = now.timestamp(), url.startswith("https:")
        path = f"/{url.split('/', 3)[3].partition('?')[0]}"
        found = [cookie for cookie in site.values() if cookie.is_for(host, path, secure=secure)]
        over = [cookie for cookie in found if cookie.is_over(moment)]
        if over:
            self._remove(over)
            found = [cookie for cookie in found if not cookie.is_over(moment)]
        for cookie in found:
            cookie.used = max(cookie.used, moment)
        found.sort(key=_in_header)
        return "; ".join([f"{cookie.name}={cookie.value}" for cookie in found]) or None

    def take(self, url: str, fields: Iterable[str], now: datetime) -> bool:
        """Keep what a response sets (RFC 6265, section 5.3); return whether that makes a difference.

        Args:
            url: what was asked for.
            fields: the values of its ``Set-Cookie`` fields, in order, decoded as Latin-1; the
                first `MAX_FIELDS` are read.
            now: the present moment, aware.
        """
        moment = now.timestamp()
        different = False
        for text in islice(fields, MAX_FIELDS):
            said = parse(text, moment)
            cookie = None if said is None else made(url, said, moment, self._number)
            if cookie is None or (url.startswith("http:") and self._hides(cookie)):
                continue
            self._number += 1
            different |= self._replace(cookie, moment)
        self._cut_site(_urls.registrable_domain(_urls.host(url)), moment)
        if self._length > MAX_COOKIES:
            everything = [cookie for site in self._sites.values() for cookie in site.values()]
            self._remove(_first_to_go(everything, _KEPT, moment))
        return different

    def _hides(self, new: Cookie) -> bool:
        site = self._sites.get(_urls.registrable_domain(new.domain), {})
        return any(cookie.secure and cookie.would_be_hidden_by(new) for cookie in site.values())

    def _replace(self, cookie: Cookie, moment: float) -> bool:
        before = self._sites.get(_urls.registrable_domain(cookie.domain), {}).get(cookie.key)
        if before is not None:
            # The new one has its place among the others (step 11.3).
            cookie.number = before.number
            self._remove([before])
        if cookie.is_over(moment):
            return before is not None
        self._add(cookie)
        return before is None or before.value != cookie.value

    def _cut_site(self, name: str, moment: float) -> None:
        """Let go of what a registrable domain has too much of; once a response, as it takes sorting."""
        site = self._sites.get(name, {})
        if len(site) > MAX_OF_SITE:
            self._remove(_first_to_go(site.values(), MAX_OF_SITE, moment))

    def _add(self, cookie: Cookie) -> None:
        site = self._sites.setdefault(_urls.registrable_domain(cookie.domain), {})
        self._length += cookie.key not in site
        site[cookie.key] = cookie
        self._changed.add(_urls.registrable_domain(cookie.domain))

    def _remove(self, cookies: Iterable[Cookie]) -> None:
        for cookie in cookies:
            name = _urls.registrable_domain(cookie.domain)
            site = self._sites[name]
            del site[cookie.key]
            self._changed.add(name)
            self._length -= 1
            if not site:
                del self._sites[name]

    @property
    def changed(self) -> bool:
        """Whether `changes` has anything to say."""
        return bool(self._changed)

    def changes(self) -> dict[str, Json]:
        """Return what changed since the last call: by registrable domain all its cookies, as JSON can say it.

        None stands for none any more. That a cookie was sent is no change.
        """
        told: dict[str, Json] = {}
        for name in self._changed:
            site = self._sites.get(name, {})
            cookies = sorted(site.values(), key=lambda cookie: cookie.number)
            told[name] = [[getattr(cookie, name) for name in _STATE] for cookie in cookies] or None
        self._changed.clear()
        return told

    def resume(self, sites: Iterable[Json]) -> None:
        """Take up the cookies of an earlier crawl, as `changes` told them; what is here already stays.

        Raises:
            ValueError: they are nothing of the kind.
        """
        ours = [cookie for site in self._sites.values() for cookie in site.values()]
        theirs = [
            cookie
            for site in sites
            for kept in CookieJar.from_json(site)._sites.values()  # noqa: SLF001 - its own class
            for cookie in kept.values()
        ]
        for number, cookie in enumerate([*theirs, *ours]):
            cookie.number = number
            self._add(cookie)
            self._number = number + 1
        self._changed.clear()

    def to_json(self) -> Json:
        """Return everything that it keeps, as JSON can say it."""
        cookies = [cookie for site in self._sites.values() for cookie in site.values()]
        cookies.sort(key=lambda cookie: cookie.number)
        return [[getattr(cookie, name) for name in _STATE] for cookie in cookies]

    @classmethod
    def from_json(cls, state: Json) -> CookieJar:
        """Return a jar that keeps what `to_json` told.

        Raises:
            ValueError: *state* is nothing that `to_json` returns.
        """
        if not isinstance(state, list | tuple) or not all(_is_state(row) for row in state):
            raise ValueError("this is no state of a CookieJar")
        rows = (dict(zip(_STATE, row, strict=True)) for row in state)
        return cls(Cookie(**row, number=number) for number, row in enumerate(rows))


# What is kept of a cookie, and of which types; its number is its place in the list.
_STATE: Final[dict[str, tuple[type, ...]]] = {
    "name": (str,),
    "value": (str,),
    "domain": (str,),
    "host_only": (bool,),
    "path": (str,),
    "secure": (bool,),
    "expires": (float, int, type(None)),
    "used": (float, int),
}


def _is_state(row: object) -> bool:
    return (
        isinstance(row, list | tuple)
        and len(row) == len(_STATE)
        and all(map(isinstance, row, _STATE.values()))
    )


def _in_header(cookie: Cookie) -> tuple[int, int]:
    return -len(cookie.path), cookie.number


def _first_to_go(cookies: Iterable[Cookie], kept: int, moment: float) -> list[Cookie]:
    """Return which of *cookies*, of which there are too many, go, so that at most *kept* remain.

    What is over goes first (RFC 6265, section 5.3), then what is not ``Secure``
    (RFC 6265bis), and of each kind what was not used for longest.
    """

    def turn(cookie: Cookie) -> tuple[bool, bool, float, int]:
        late = cookie.secure or cookie.used == _ALWAYS
        return not cookie.is_over(moment), late, cookie.used, cookie.number

    ordered = sorted(cookies, key=turn)
    over = sum(cookie.is_over(moment) for cookie in ordered)
    return ordered[: max(over, len(ordered) - kept)]


def cookie_jar(cookies: object) -> CookieJar | None:
    """Return the jar that the keyword ``cookies`` asks for; None for none at all.

    Args:
        cookies: True, False, or a mapping from hosts to mappings from names to values.

    Raises:
        UsageError: it is nothing of this, or holds what can't be sent. The message
            repeats no value.
    """
    if isinstance(cookies, bool):
        return CookieJar() if cookies else None
    if not isinstance(cookies, Mapping):
        raise UsageError(f"cookies= is of type {type(cookies).__name__}; {_WANTED}")
    given: list[Cookie] = []
    for key, of_host in cookies.items():
        host = host_of(key, f"cookies= has the key {{}}; {_WANTED}")
        if not isinstance(of_host, Mapping):
            raise UsageError(f"cookies= has, for {host!r}, a {type(of_host).__name__}; {_WANTED}")
        for name, value in of_host.items():
            _check(host, name, value)
            # What is for https by its name must not go over http because the user set it.
            secure = name.lower().startswith(OF_HTTPS)
            given.append(_of_user(host, name, value, len(given), secure=secure))
        if len(of_host) > MAX_OF_SITE or len(given) > MAX_COOKIES:
            raise UsageError(
                f"cookies= has more than {MAX_OF_SITE} cookies for one host, or {MAX_COOKIES:,} in all: "
                f"no more are kept"
            )
    return CookieJar(given)


_WANTED: Final = (
    "it takes True, False, or a mapping such as {'example.org': {'name': 'value'}}, from a host, "
    "without scheme and port, to the cookies that are sent to it"
)


def _of_user(host: str, name: str, value: str, number: int, *, secure: bool) -> Cookie:
    return Cookie(
        name=name,
        value=value,
        domain=host,
        host_only=True,
        path="/",
        secure=secure,
        expires=None,
        used=_ALWAYS,
        number=number,
    )


def _check(host: str, name: object, value: object) -> None:
    """Look whether a cookie of the user's can be sent.

    Raises:
        UsageError: it can't.
    """
    if not isinstance(name, str) or not is_token(name):
        raise UsageError(
            f"cookies= has, for {host!r}, a name that can't be sent: a name is of letters, digits and "
            f"!#$%&'*+-.^_`|~ (RFC 6265, section 4.1.1)"
        )
    good = isinstance(value, str) and value.isascii() and value.isprintable() and ";" not in value
    if not good or value != value.strip():  # type: ignore[attr-defined] # a str, if good
        raise UsageError(
            f"cookies= has, for {host!r}, a value of {name!r} that can't be sent: a value is printable ASCII "
            f"without ; and without white space around it"
        )
    if len(name) + len(value) > MAX_BYTES:  # type: ignore[arg-type] # likewise
        raise UsageError(f"cookies= has, for {host!r}, {name!r} with more than {MAX_BYTES:,} bytes")
