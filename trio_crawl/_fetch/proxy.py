"""``proxy=`` of the fetchers: which proxy, how it is spoken to, and as whom. Pure.

A proxy's credentials are secret: no message, and no ``repr``, has them.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, final
from urllib.parse import unquote

from .._errors import UsageError
from .._urls import host as host_of, parse

Scheme: TypeAlias = Literal["http", "https", "socks5", "socks5h"]

_FORM: Final = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]*)://
    (?:(?P<username>[^@:/?\#]*)(?::(?P<password>[^@/?\#]*))?@)?
    (?P<host>\[[^]]*]|[^@:/?\#\[\]]*)
    (?::(?P<port>[^@:/?\#]*))?
    /?""",
    re.VERBOSE | re.IGNORECASE,
)
_SCHEMES: Final = frozenset({"http", "https", "socks5", "socks5h"})
_MAX_PORT: Final = 65535
_MAX_SOCKS_CREDENTIAL: Final = 255  # bytes: RFC 1929, section 2

# The value itself is not repeated: it may hold a password, and a slip of the pen puts it anywhere.
_ACCEPTED: Final = (
    'proxy takes "SCHEME://HOST:PORT" or "SCHEME://USER:PASSWORD@HOST:PORT", the scheme one of http, '
    "https, socks5 (it is given the address) and socks5h (it is given the name), with what is special in "
    "user and password percent-encoded"
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy, as `parse_proxy` reads it.

    Args:
        scheme: how it is spoken to: ``"http"`` and ``"https"`` (RFC 9110, section
            9.3.6), ``"socks5"`` and ``"socks5h"`` (RFC 1928).
        host: its host as a URL has it; an IPv6 address stands in brackets.
        hostname: the same without brackets, as a resolver takes it.
        port: its port, 1 to 65535.
        username: who to be, percent-decoded; None for nobody.
        password: what proves it, percent-decoded; None if there is none.
    """

    scheme: Scheme
    host: str
    hostname: str
    port: int
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        user_info = "" if self.username is None else "…@"
        return f"Proxy('{self.scheme}://{user_info}{self.authority}')"

    @property
    def authority(self) -> str:
        """``HOST:PORT``: what messages name it by."""
        return f"{self.host}:{self.port}"

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS, rather than HTTP."""
        return self.scheme in {"socks5", "socks5h"}

    @property
    def given_names(self) -> bool:
        """Whether it is given the names of hosts, and resolves them itself; else it is given addresses."""
        return self.scheme != "socks5"

    @property
    def basic(self) -> str | None:
        """The value of ``Proxy-Authorization`` (RFC 7617, in UTF-8); None if it is nobody that asks."""
        if self.username is None:
            return None
        pair = f"{self.username}:{self.password or ''}".encode()
        return f"Basic {b64encode(pair).decode('ascii')}"


def parse_proxy(text: str) -> Proxy:
    """Return the proxy that *text* names.

    A port has to be named: where there is none, some take 80 and others 1080.

    Raises:
        UsageError: it names none; says what is accepted, and not what was given.
    """
    if not isinstance(text, str):
        raise UsageError(f"{_ACCEPTED}; got {type(text).__name__}")
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise UsageError(f"{_ACCEPTED}; this has another form (it is not shown, it may hold a password)")
    scheme = form["scheme"].lower()
    if scheme not in _SCHEMES:
        raise UsageError(f"{_ACCEPTED}; this has the scheme {scheme!r}")
    host = _host(form["host"])
    username, password = _credentials(form, scheme)
    return Proxy(
        scheme=cast("Scheme", scheme),
        host=host,
        hostname=host.strip("[]"),
        port=_port(form["port"]),
        username=username,
        password=password,
    )


def _host(text: str) -> str:
    href = parse(f"http://{text}/") if text else None
    if href is None:
        raise UsageError(f"{_ACCEPTED}; this has no host, or one that can't be")
    return host_of(href)


def _port(text: str | None) -> int:
    if not text:
        raise UsageError(f"{_ACCEPTED}; this has no port, and there is no usual one for proxies")
    # Five digits at the most, as int() would take thousands of them.
    if not re.fullmatch(r"0*[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text[-5:]) <= _MAX_PORT:
        raise UsageError(f"{_ACCEPTED}; this has a port that is no number from 1 to {_MAX_PORT}")
    return int(text[-5:])


def _credentials(form: re.Match[str], scheme: str) -> tuple[str | None, str | None]:
    """Return user name and password, decoded; two None if there are none."""
    if not form["username"]:
        if form["password"]:
            raise UsageError(f"{_ACCEPTED}; this has a password and no user")
        return None, None
    try:
        username = unquote(form["username"], errors="strict")
        password = None if form["password"] is None else unquote(form["password"], errors="strict")
    except UnicodeDecodeError:
        raise UsageError(f"{_ACCEPTED}; user and password are UTF-8 when percent-decoded") from None
    both = username + (password or "")
    if not both.isprintable():
        raise UsageError(f"{_ACCEPTED}; user and password can't have control characters")
    if scheme in {"socks5", "socks5h"}:
        if max(len(username.encode()), len((password or "").encode())) > _MAX_SOCKS_CREDENTIAL:
            raise UsageError(
                f"user and password for SOCKS5 have {_MAX_SOCKS_CREDENTIAL} bytes at the most (RFC 1929)"
            )
    elif ":" in username:
        raise UsageError("the user of an HTTP proxy can't have a colon in its name (RFC 7617, section 2)")
    return username, password
