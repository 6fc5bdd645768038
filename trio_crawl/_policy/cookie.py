"""One cookie that is kept: who may set it, and which requests it is for (RFC 6265, sections 5.1 and 5.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .. import _urls

if TYPE_CHECKING:
    from .set_cookie import SetCookie

_OF_HOST: Final = "__host-"
OF_HTTPS: Final = ("__secure-", _OF_HOST)
"""How the names of cookies begin, case aside, that have to be ``Secure`` (RFC 6265bis, section 4.1.3)."""


@dataclass(slots=True, kw_only=True)
class Cookie:
    """One cookie that is kept.

    Args:
        name: its name.
        value: its value.
        domain: the host that it is for, and unless *host_only* the hosts below.
        host_only: whether it is for that host alone.
        path: the folder that it is for.
        secure: whether it is sent over https alone.
        expires: when it ends, in seconds since 1970; None with the crawl.
        used: when it was sent or set last, in seconds since 1970.
        number: counts up in the order of making.
    """

    name: str
    value: str = field(repr=False)
    domain: str
    host_only: bool
    path: str
    secure: bool
    expires: float | None
    used: float
    number: int

    @property
    def key(self) -> tuple[str, str, str, bool]:
        """What a later cookie has to share to replace it (RFC 6265, section 5.3, step 11, and 6265bis)."""
        return self.domain, self.path, self.name, self.host_only

    def is_for(self, host: str, path: str, *, secure: bool) -> bool:
        """Return whether it goes to *path* on *host* (RFC 6265, section 5.4, step 1)."""
        return (
            (self.domain == host or (not self.host_only and _domain_matches(host, self.domain)))
            and (self.path == "/" or _path_matches(path, self.path))
            and (secure or not self.secure)
        )

    def is_over(self, moment: float) -> bool:
        """Return whether it has ended at *moment*, in seconds since 1970."""
        return self.expires is not None and self.expires <= moment

    def would_be_hidden_by(self, other: Cookie) -> bool:
        """Return whether *other* takes its place, or goes beside it (RFC 6265bis, section 5.7, step 16)."""
        return (
            self.name == other.name
            and (_domain_matches(self.domain, other.domain) or _domain_matches(other.domain, self.domain))
            and _path_matches(other.path, self.path)
        )


def made(url: str, said: SetCookie, moment: float, number: int) -> Cookie | None:
    """Return the cookie that a response sets (RFC 6265, section 5.3, steps 2 to 10).

    Args:
        url: what was asked for.
        said: what a ``Set-Cookie`` field of the response says.
        moment: the present one, in seconds since 1970.
        number: the cookie's place in the order of making.

    Returns:
        None if it may not: the domain is not the host's own, or what is for https
        alone comes over http, or its name promises what it does not keep.
    """
    parts = _urls.split(url)
    host, domain = parts.host, said.domain
    if domain and not (domain == host or _may_speak_for(host, domain)):
        return None
    if said.secure and parts.scheme != "https":
        return None
    name = said.name.lower()
    if name.startswith(OF_HTTPS) and not said.secure:
        return None
    if name.startswith(_OF_HOST) and (domain or said.path != "/"):
        return None
    return Cookie(
        name=said.name,
        value=said.value,
        domain=domain or host,
        host_only=not domain or _urls.is_public_suffix(domain),
        path=said.path or _default_path(parts.path),
        secure=said.secure,
        expires=said.expires,
        used=moment,
        number=number,
    )


def _may_speak_for(host: str, domain: str) -> bool:
    """Return whether *host* is below *domain*, and below nothing where others can register domains."""
    return _domain_matches(host, domain) and _urls.registrable_domain(host) == _urls.registrable_domain(
        domain
    )


def _domain_matches(host: str, domain: str) -> bool:
    """Return whether *host* is *domain*, or below it and no IP address (RFC 6265, section 5.1.3)."""
    if host == domain:
        return True
    return host.endswith(f".{domain}") and _urls.literal_address(host) is None


def _path_matches(path: str, folder: str) -> bool:
    """Return whether *path* is *folder*, or in it (RFC 6265, section 5.1.4)."""
    if not path.startswith(folder):
        return False
    return len(path) == len(folder) or folder.endswith("/") or path[len(folder)] == "/"


def _default_path(path: str) -> str:
    """Return the folder of *path*, without a slash at its end (RFC 6265, section 5.1.4)."""
    return path[: path.rfind("/")] or "/"
