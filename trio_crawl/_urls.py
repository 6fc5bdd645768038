"""URLs as a browser reads them: parsing, joining and taking apart (the WHATWG URL standard).

A URL that this package passes on is a `str` as `parse` or `join` returned it:
http or https, serialised, without a fragment, of at most `MAX_LENGTH` characters. `origin`,
`host` and `split` rely on that form, which is what lets them be a few string operations.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

import ada_url
from publicsuffixlist import PublicSuffixList

MAX_LENGTH: Final = 8_000
"""Characters of a URL: as many as everybody is advised to support (RFC 9110, section 4.1), and no more.

What is longer leads nowhere. It is bounded here, where URLs are made: a reference of a few bytes is
as long as its base when it is joined, and what is kept of thousands of them has no other bound.
"""

NOWHERE: Final = "about:blank"
"""The base of references whose own is too long: what is relative to it is so, too."""

_PREFIXES = ("http://", "https://")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# What stands before "//" is a scheme; "localhost:8000" is a host and its port.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(?!\d+(?:[/?#]|$))", re.IGNORECASE)
_AUTHORITY = re.compile(r"https?:[/\\]*(?:[^/\\?#]*@)?([^/\\?#]*)", re.IGNORECASE)
_PORT = re.compile(r":([^:\]]*)$")
_MAX_PORT = 65535
# Characters that one character may be encoded as: four bytes of UTF-8.
_MOST_ENCODED = 12
# Characters of a text that are looked at for a URL; the rest may be a fragment.
_LONGEST_READ = 64 * 1024
_START = 64
# Characters of a URL whose parts are remembered.
_LONGEST_KEPT = 512
_ANY_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_C0_OR_SPACE = "".join(map(chr, range(0x21)))
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
        None if it is not a valid http or https URL, or longer than `MAX_LENGTH`. `explain` says why.
    """
    text = shortened(url)
    if text is None:
        return None
    try:
        href: str = ada_url.normalize_url(text)
    except ValueError:
        mended = _without_lone_surrogates(text)
        return None if mended is text else parse(mended)
    return _followable(href)


def join(base: str, reference: str) -> str | None:
    """Return where *reference* leads from *base*, without its fragment.

    Args:
        base: an absolute URL.
        reference: what an ``href`` or a ``Location`` field holds; white space
            around it is ignored.

    Returns:
        None if that is not a valid http or https URL, or longer than `MAX_LENGTH`.
    """
    href = resolve(base, reference)
    return None if href is None else _followable(href)


def resolve(base: str, reference: str) -> str | None:
    """Return *reference* relative to *base*, of whatever scheme, and with its fragment unless that is long.

    Returns:
        None if that is not a valid URL, or longer than `MAX_LENGTH`.
    """
    text = shortened(reference)
    if text is None or len(base) > MAX_LENGTH:
        return None
    try:
        href: str = ada_url.join_url(base, text)
    except ValueError:
        mended = _without_lone_surrogates(text)
        return None if mended is text else resolve(base, mended)
    return href if len(href) <= MAX_LENGTH or href.find("#") in range(MAX_LENGTH + 1) else None


def base_of(outer: str, reference: str) -> str | None:
    """Return the base URL that *reference* makes of the base *outer*.

    Returns:
        `NOWHERE` if it is longer than `MAX_LENGTH`; None if it is no valid URL.
    """
    named = resolve(outer, reference)
    return NOWHERE if named is None and is_too_long(outer, reference) else named


def is_absolute(reference: str) -> bool:
    """Return whether *reference* seems to be an http or https URL by itself."""
    return reference[:_START].lstrip(_C0_OR_SPACE)[:8].lower().startswith(_PREFIXES)


def is_too_long(base: str, reference: str) -> bool:
    """Return whether `join` returns None since what *reference* leads to is longer than `MAX_LENGTH`.

    Args:
        base: what it is relative to; `NOWHERE` is too long.
        reference: a reference, of any length.
    """
    scheme = _ANY_SCHEME.match(reference[:_START].lstrip(_C0_OR_SPACE))
    if scheme and scheme[1].lower() not in _DEFAULT_PORTS:
        return False
    text = shortened(reference)
    if text is None or (base == NOWHERE and not is_absolute(text)):
        return True
    if len(base) + _MOST_ENCODED * len(text) <= MAX_LENGTH:
        return False
    try:
        href: str = ada_url.join_url(base, _without_lone_surrogates(text))
    except ValueError:
        return False
    return href.startswith(_PREFIXES) and len(href.partition("#")[0]) > MAX_LENGTH


def shortened(text: str) -> str | None:
    """Return *text*, without fragment and white space where it is long; None if it is too long even so."""
    if len(text) <= MAX_LENGTH:
        return text
    text = text[:_LONGEST_READ].lstrip(_C0_OR_SPACE).partition("#")[0].rstrip(_C0_OR_SPACE)
    return text if len(text) <= MAX_LENGTH else None


def _followable(href: str) -> str | None:
    if not href.startswith(_PREFIXES):
        return None
    url = href.partition("#")[0]
    return url if len(url) <= MAX_LENGTH else None


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
    shown = without_secrets(text[:MAX_LENGTH])
    shown = repr(shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…")
    if is_too_long(NOWHERE, text) and (len(text) > MAX_LENGTH or is_absolute(text)):
        return f"{shown} has more than {MAX_LENGTH:,} characters, which is too long for a URL; shorten it."
    return _explain_start(text, shown)


def _explain_start(text: str, shown: str) -> str:
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


def split(url: str) -> Parts:
    """Return the parts of *url*, a URL as `parse` returns it."""
    return _split(url) if len(url) <= _LONGEST_KEPT else _split.__wrapped__(url)


@lru_cache(maxsize=4096)
def _split(url: str) -> Parts:
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
