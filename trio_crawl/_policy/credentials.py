"""What goes along with a request besides what every request has, and where it must not go.

Pure. No message and no ``repr`` in here shows a password, a token or the value of a field.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias, final

from .. import _urls
from .._errors import FetchError, UsageError

if TYPE_CHECKING:
    from typing import TypeGuard

Fields: TypeAlias = "Mapping[str, str] | Iterable[tuple[str, str]]"
"""Header fields as ``headers`` takes them."""

Auth: TypeAlias = "Mapping[str, tuple[str, str] | str]"
"""User names and passwords, or tokens, by origin, as ``auth`` takes them."""

FOR_ONE_ORIGIN: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
"""What is only for the origin that it was meant for (the Fetch standard, 4.4, and RFC 9110, 15.4)."""

OF_BODY: Final = frozenset({"content-type", "content-encoding", "content-language", "content-location"})
"""What describes a body, and goes when a redirect drops that."""

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1
_HOST: Final = re.compile(r"\[[^\[\]]*\]|[^\[\]:]+")
_LATIN_1: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_FRAMING: Final = "it belongs to the connection, which is the fetcher's"
_DESCRIBES: Final = "it describes a body, so it goes with the one Request that has it: Request(headers=)"
_ELSEWHERE: Final[dict[str, str]] = {
    "user-agent": "give user_agent= instead, which robots.txt is read with too",
    "authorization": "give auth= instead, which sends it to one origin alone",
    "cookie": "give cookies= instead, which sends them to their host alone",
    "proxy-authorization": "give the fetcher a proxy= with user name and password instead",
    "accept-encoding": "it says what the crawl can decode",
    **dict.fromkeys(
        (
            "host",
            "content-length",
            "transfer-encoding",
            "connection",
            "keep-alive",
            "proxy-connection",
            "te",
            "trailer",
            "upgrade",
            "http2-settings",
            "expect",
        ),
        _FRAMING,
    ),
    **dict.fromkeys(OF_BODY, _DESCRIBES),
}


def is_token(text: str) -> bool:
    """Return whether *text* can be the name of a field or a cookie (RFC 9110, section 5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def check_fields(headers: object) -> tuple[tuple[str, str], ...]:
    """Return what the keyword ``headers`` holds as pairs of name and value.

    Raises:
        UsageError: it can't be sent, or not by this keyword.
    """
    wanted = "it takes a mapping from names to values, or pairs of name and value"
    if isinstance(headers, str | bytes) or not isinstance(headers, Iterable):
        raise UsageError(f"headers= is of type {type(headers).__name__}; {wanted}")
    pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers)
    for pair in pairs:
        if not _is_pair(pair):
            raise UsageError(f"headers= holds what is no pair of name and value (two str); {wanted}")
        _check_field(*pair)
    return tuple((name, value) for name, value in pairs)


def _is_pair(pair: object) -> TypeGuard[Sequence[str]]:
    if isinstance(pair, str) or not isinstance(pair, Sequence):
        return False
    return [type(part) for part in pair] == [str, str]


def _check_field(name: str, value: str) -> None:
    if not is_token(name):
        begin = _TOKEN.match(name)
        which = f"a name that begins with {begin[0]!r} and goes on" if begin else "a name"
        raise UsageError(
            f"headers= has {which} with what no name of a field can have: "
            f"give pairs of name and value, without colons (RFC 9110, section 5.6.2)"
        )
    if name.lower() in _ELSEWHERE:
        raise UsageError(f"headers= has {name!r}, which can't be set there: {_ELSEWHERE[name.lower()]}")
    if not value.isascii() or _CONTROL.search(value.replace("\t", " ")) or value != value.strip():
        raise UsageError(
            f"headers= has a value of {name!r} that can't be sent: it takes ASCII without control "
            f"characters, and without white space around it (RFC 9110, section 5.5)"
        )


def host_of(key: object, message: str) -> str:
    """Return *key* as the host that URLs have.

    Args:
        key: what a user gave for a host.
        message: what to say if it is none, with ``{}`` in the place of it.

    Raises:
        UsageError: it is no host.
    """
    url = _urls.parse(f"http://{key}/") if isinstance(key, str) and _HOST.fullmatch(key) else None
    if url is None or url != f"http://{_urls.host(url)}/":
        shown = repr(_urls.without_secrets(key)) if isinstance(key, str) else f"of type {type(key).__name__}"
        raise UsageError(message.replace("{}", shown, 1))
    return _urls.host(url)


@final
class Credentials:
    """The ``Authorization`` fields of a crawl, by origin.

    Args:
        auth: the keyword ``auth``: a mapping from origins to a user name and a
            password (Basic) or a token (Bearer); None for none.

    Raises:
        UsageError: it is nothing of this.
    """

    __slots__ = ("_fields",)

    def __init__(self, auth: object = None) -> None:
        self._fields: dict[str, str] = {}
        if auth is None:
            return
        if not isinstance(auth, Mapping):
            raise UsageError(f"auth= is of type {type(auth).__name__}; {_WANTED}")
        for key, secret in auth.items():
            origin = _origin_of(key)
            if origin in self._fields:
                raise UsageError(f"auth= has two keys for the origin {origin!r}; give it one")
            self._fields[origin] = _field_of(origin, secret)

    def __bool__(self) -> bool:
        return bool(self._fields)

    def __repr__(self) -> str:
        return f"<Credentials for {', '.join(self._fields) or 'no origin'}>"

    def header(self, url: str) -> str | None:
        """Return the ``Authorization`` field of a request; None if its origin has none."""
        return self._fields.get(_urls.origin(url))


_WANTED: Final = (
    "it takes a mapping such as {'https://api.example.org': ('user', 'password')}, from an origin "
    "(scheme, host, and port if it is not the scheme's own) to a user name and a password for Basic, "
    "or to a token (a str) for Bearer"
)
_FOREIGN_PORTS: Final = {"http": 443, "https": 80}


def _origin_of(key: object) -> str:
    if not isinstance(key, str):
        raise UsageError(f"auth= has a key of type {type(key).__name__}; {_WANTED}")
    shown = _urls.without_secrets(key)
    url = _urls.parse(key)
    if url is None:
        guess = _urls.parse(f"https://{key}") if "//" not in key else None
        instead = f"did you mean {_urls.origin(guess)!r}? " if guess else ""
        raise UsageError(f"auth= has the key {shown!r}, which is no origin; {instead}{_WANTED}")
    origin = _urls.origin(url)
    if _urls.without_user_info(url) != url:
        raise UsageError(
            f"auth= has a user name in the key {shown!r}; the key is {origin!r}, and user name and password "
            f"are its value"
        )
    if url != f"{origin}/" or "#" in key:
        raise UsageError(
            f"auth= has the key {shown!r}, which has more than an origin: credentials go to the whole of an "
            f"origin; the key is {origin!r}"
        )
    parts = _urls.split(url)
    if _FOREIGN_PORTS[parts.scheme] == parts.port:
        raise UsageError(
            f"auth= has the key {shown!r}, which mixes http and https: {parts.port} is the other one's port"
        )
    return origin


def _field_of(origin: str, secret: object) -> str:
    if isinstance(secret, str):
        if not _BEARER.fullmatch(secret):
            raise UsageError(
                f"auth= has, for {origin!r}, a str that is no token for Bearer (RFC 6750, section 2.1: "
                f"letters, digits and -._~+/, then =); for Basic give a tuple of user name and password"
            )
        return f"Bearer {secret}"
    if not isinstance(secret, tuple) or [type(part) for part in secret] != [str, str]:
        raise UsageError(
            f"auth= has, for {origin!r}, what is neither a tuple of user name and password (two str) "
            f"nor a token (a str)"
        )
    user, password = secret
    if ":" in user:
        raise UsageError(
            f"auth= has, for {origin!r}, a user name with a colon: RFC 7617, section 2, has none"
        )
    if _CONTROL.search(user + password):
        raise UsageError(f"auth= has, for {origin!r}, a control character (RFC 7617, 2, has none)")
    try:
        encoded = f"{user}:{password}".encode()
    except UnicodeEncodeError:
        raise UsageError(f"auth= has, for {origin!r}, a lone surrogate, which is no character") from None
    return f"Basic {b64encode(encoded).decode('ascii')}"


def is_exposed(url: str, chain: Sequence[str]) -> bool:
    """Return whether a hop to *url* is in the clear after one that was not, so that nobody may be named.

    Args:
        url: where the hop goes.
        chain: the URLs that redirected there.
    """
    return bool(chain) and url.startswith("http:") and any(before.startswith("https:") for before in chain)


def own_fields(
    headers: Iterable[tuple[str, str]], *, asked: str, url: str, chain: Sequence[str], with_body: bool
) -> tuple[tuple[str, str], ...]:
    """Return the fields of a request's own that may go along on a hop.

    Args:
        headers: the request's fields.
        asked: the URL that was asked for, first of all.
        url: where the hop goes.
        chain: the URLs that redirected there.
        with_body: whether the hop has a body.

    Raises:
        FetchError: of kind ``protocol``, one of them is a credential that can't be
            sent. Fetchers say so too, but they repeat it.
    """
    dropped = frozenset[str]() if with_body else OF_BODY
    if chain and any(_urls.origin(hop) != _urls.origin(asked) for hop in (*chain, url)):
        # For good: a server in between that sends it back could choose what it is used for.
        dropped |= FOR_ONE_ORIGIN
    kept = tuple((name, value) for name, value in headers if name.lower() not in dropped)
    for name, value in kept:
        if name.lower() in FOR_ONE_ORIGIN and not _LATIN_1.fullmatch(value):
            raise FetchError(
                "protocol", f"the request's field {name!r} can't be sent (RFC 9110, section 5.5)"
            )
    return kept
