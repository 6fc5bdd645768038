"""URLs as a browser reads them: parsing, joining and taking apart (the WHATWG URL standard).

A URL that this package passes on is a `str` as `parse` or `join` returned it:
http or https, serialised, without a fragment. `origin`, `host` and `split` rely
on that form, which is what lets them be a few string operations.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import ada_url
from publicsuffixlist import PublicSuffixList

_PREFIXES = ("http://", "https://")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# What stands before "//" is a scheme; "localhost:8000" is a host and its port.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(?!\d+(?:[/?#]|$))", re.IGNORECASE)
_AUTHORITY = re.compile(r"https?:[/\\]*(?:[^/\\?#]*@)?([^/\\?#]*)", re.IGNORECASE)
_PORT = re.compile(r":([^:\]]*)$")
_MAX_PORT = 65535
_SHOWN = 200
# Up to the end of what a message must not repeat; in "mailto:x@y" it is no user information.
_USER_INFO = re.compile(r"((?:[a-z][a-z0-9+.-]*:)?[/\\]+|https?:|)(?!mailto:)[^/\\?#]*@", re.IGNORECASE)


class Parts(NamedTuple):
    """The parts of an http or https URL.

    Args:
        scheme: ``"http"`` or ``"https"``.
        host: as the URL has it; an IPv6 address stands in brackets.
        hostname: the same without brackets, as a resolver takes it.
        port: the port that is connected to, the scheme's own if the URL names none.
        origin: ``scheme://host``, with the port if it is not the scheme's own.
        path: from the first slash on, without the query.
        query: what follows the question mark; empty if nothing does.
    """

    scheme: str
    host: str
    hostname: str
    port: int
    origin: str
    path: str
    query: str


def parse(url: str) -> str | None:
    """Return *url* as the URL standard serialises it, without its fragment.

    Returns:
        None if it is not a valid http or https URL. `explain` says why.
    """
    try:
        href: str = ada_url.normalize_url(url)
    except ValueError:
        mended = _without_lone_surrogates(url)
        return None if mended is url else parse(mended)
    return _followable(href)


def join(base: str, reference: str) -> str | None:
    """Return where *reference* leads from *base*, without its fragment.

    Args:
        base: an absolute URL.
        reference: what an ``href`` or a ``Location`` field holds; white space
            around it is ignored.

    Returns:
        None if that is not a valid http or https URL.
    """
    href = resolve(base, reference)
    return None if href is None else _followable(href)


def resolve(base: str, reference: str) -> str | None:
    """Return *reference* relative to *base*, of whatever scheme and with its fragment.

    Returns:
        None if that is not a valid URL.
    """
    try:
        href: str = ada_url.join_url(base, reference)
    except ValueError:
        mended = _without_lone_surrogates(reference)
        return None if mended is reference else resolve(base, mended)
    return href


def _followable(href: str) -> str | None:
    return href.partition("#")[0] if href.startswith(_PREFIXES) else None


def _without_lone_surrogates(text: str) -> str:
    """Return *text* with each lone surrogate as U+FFFD (Web IDL, ``USVString``); itself if it has none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def explain(url: str) -> str | None:
    """Return in one sentence what is wrong with a URL that a person gave, and what to do.

    Returns:
        None if nothing is wrong: `parse` takes it.
    """
    if parse(url) is not None:
        return None
    text = url.strip()
    if not text:
        return "The URL is empty; give an absolute one, such as https://example.com/."
    shown = without_secrets(text)
    shown = repr(shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…")
    scheme = _SCHEME.match(text)
    if scheme is None:
        guess = parse(f"https://{text.lstrip('/')}")
        if guess is None or (text.startswith((".", "/")) and not text.startswith("//")):
            return f"{shown} is not an absolute URL; start it with https:// and a host."
        return f"{shown} has no scheme; did you mean {without_user_info(guess)!r}?"
    if scheme[1].lower() not in _DEFAULT_PORTS:
        return f"{shown} has the scheme {scheme[1]!r}; only http and https URLs can be fetched."
    return _explain_authority(text, shown)


def _explain_authority(text: str, shown: str) -> str:
    found = _AUTHORITY.match(text)
    authority = found[1] if found else ""
    if not authority:
        return f"{shown} has no host; write it as https://host/path."
    if any(character.isspace() for character in authority):
        return f"{shown} has white space in its host {authority!r}; remove it, or encode it if it is data."
    port = _PORT.search(authority)
    if port and not (port[1].isascii() and port[1].isdigit() and int(port[1]) <= _MAX_PORT):
        return f"{shown} has the port {port[1]!r}; a port is a number from 0 to {_MAX_PORT}."
    return f"{shown} has the host {authority!r}, which is no valid domain or IP address; check its spelling."


def origin(url: str) -> str:
    """Return ``scheme://host[:port]`` of *url*, without user name and password."""
    end = url.find("/", 8)
    start = url if end < 0 else url[:end]
    if "@" not in start:
        return start
    return start[: start.index("//") + 2] + start.rpartition("@")[2]


def host(url: str) -> str:
    """Return the host of *url* without its port; an IPv6 address stands in brackets."""
    authority = url.split("/", 3)[2]
    if "@" in authority:
        authority = authority.rpartition("@")[2]
    if authority.endswith("]"):
        return authority
    return authority.rpartition(":")[0] if ":" in authority else authority


def without_user_info(url: str) -> str:
    """Return *url*, as `parse` returns it, without user name and password; itself if it has none."""
    if "@" not in url:
        return url
    end = url.find("/", 8)
    return url if "@" not in url[:end] else origin(url) + url[end:]


def without_secrets(text: str) -> str:
    """Return *text*, which need not be a URL, fit for a message: with ``…@`` for user name and password."""
    found = _USER_INFO.match(text)
    return text if found is None else f"{found[1]}…@{text[found.end() :]}"


@lru_cache(maxsize=4096)
def split(url: str) -> Parts:
    """Return the parts of *url*, a URL as `parse` returns it."""
    base = origin(url)
    name = host(url)
    scheme, _, authority = base.partition("://")
    port = authority[len(name) + 1 :]
    target = url.partition("#")[0].split("/", 3)[3:]
    path, _, query = (target[0] if target else "").partition("?")
    return Parts(
        scheme=scheme,
        host=name,
        hostname=name.strip("[]"),
        port=int(port) if port else _DEFAULT_PORTS[scheme],
        origin=base,
        path=f"/{path}",
        query=query,
    )


def literal_address(host: str) -> str | None:
    """Return the IP address that *host* is, without brackets; None if it is a name."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not bare or not (bare[-1].isdigit() or ":" in bare):
        return None
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return None
    return bare


@lru_cache(maxsize=1)
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=4096)
def registrable_domain(host: str) -> str:
    """Return the domain that *host* was registered as, by the public suffix list.

    ``www.example.co.uk`` belongs to ``example.co.uk``. An IP address, a public
    suffix and a name of one label belong to themselves.
    """
    address = literal_address(host)
    if address is not None:
        return address
    name = host.rstrip(".")
    domain: str | None = _public_suffixes().privatesuffix(name)
    return domain or name


@lru_cache(maxsize=4096)
def is_public_suffix(name: str) -> bool:
    """Return whether anyone can register a domain directly below *name*, as below ``co.uk``.

    A name of one label that the public suffix list does not know counts as one.
    """
    return bool(_public_suffixes().is_public(name.rstrip(".")))


def request_key(method: str, url: str, body: bytes | None) -> str:
    """Return what makes two requests the same: the URL itself for a GET without a body.

    For any other it is the method, the URL and a hash of the body.
    """
    if method == "GET" and not body:
        return url
    return f"{method} {url} {blake2b(body or b'', digest_size=16).hexdigest()}"


def page_id(key: str) -> str:
    """Return the name of the page with the deduplication *key*: 16 hexadecimal digits."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
