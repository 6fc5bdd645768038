"""Where a redirect leads, and with which method (RFC 9110, section 15.4; the Fetch standard, 4.5).

A fragment goes nowhere: whether the target has one of its own or inherits it
(RFC 9110, section 10.2.2), it is not sent, and the URLs of a crawl have none. Nor
does a user name or password: a server can't choose whom we log in as.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from .. import _urls
from .._errors import FetchError
from .._lease import Redirect

if TYPE_CHECKING:
    from collections.abc import Sequence

# 300 offers a choice, 304 has no target, 305 and 306 are dead: browsers follow none of them.
_FOLLOWED: Final = frozenset({301, 302, 303, 307, 308})

_ASCII: Final = bytes(range(0x80))

_SHOWN: Final = 200
"""Characters of a bad target that an error message quotes."""


def follow(  # noqa: PLR0913 (all are keywords, and a value to hold them would have no other use)
    *,
    status: int,
    location: str | None,
    url: str,
    method: str,
    chain: Sequence[str],
    max_redirects: int,
    may_differ: bool = False,
    may_repeat: bool = False,
) -> Redirect | None:
    """Return the next hop that a response asks for, or None if it is the page itself.

    Args:
        status: the response's status code.
        location: its ``Location`` field, decoded as Latin-1; None if it has none.
        url: the URL that gave this response.
        method: the HTTP method it was asked with.
        chain: the URLs that redirected to *url*, the first one first.
        max_redirects: the length that *chain* may reach.
        may_differ: whether the same request may be answered otherwise now, since
            the response set a cookie that will be sent: then it is no loop to come
            back to a URL, which is how sites see whether cookies are kept.
        may_repeat: whether a redirect to *url* itself is followed: a server that wakes up, or
            makes the page meanwhile, says so once.

    Raises:
        FetchError: of kind ``redirects``: the target is no http(s) URL, or too long a one, or
            was in the chain before, or the chain would get too long.
    """
    if status not in _FOLLOWED or location is None or not location.strip():
        return None
    reference = _urls.shortened(location)
    target = None if reference is None else _urls.join(url, _percent_encoded(reference))
    if target is None:
        shown = _urls.without_secrets(location.strip()[: 2 * _SHOWN])
        shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
        long = _urls.is_too_long(url, location if reference is None else _percent_encoded(reference))
        why = f"is longer than {_urls.MAX_LENGTH:,} characters" if long else "is no http(s) URL"
        raise FetchError("redirects", f"{url} redirects to {shown!r}, which {why}")
    target = _urls.without_user_info(target)
    next_method = _method(status, method)
    # A POST that leads to a GET of the same URL is how forms work, not a loop.
    again = may_differ or (may_repeat and target == url)
    if next_method == method and not again and (target == url or target in chain):
        message = f"{url} redirects to {target}, where the redirect came from: a loop"
        raise FetchError("redirects", message)
    if len(chain) >= max_redirects:
        message = f"more than max_redirects={max_redirects} redirects; the next one would be to {target}"
        raise FetchError("redirects", message)
    return Redirect(url=target, method=next_method, keep_body=next_method == method)


def _method(status: int, method: str) -> str:
    """Return the method of the next hop: a form's POST becomes a GET, 307 and 308 change nothing."""
    if status == HTTPStatus.SEE_OTHER:
        return method if method in {"GET", "HEAD"} else "GET"
    if status in {301, 302} and method == "POST":
        return "GET"
    return method


def _percent_encoded(location: str) -> str:
    """Return *location* with each byte beyond ASCII percent-encoded.

    Such bytes are not allowed, but servers send them, in UTF-8 or in an old
    encoding. Percent-encoded, both reach the server as it wrote them, and UTF-8
    in a host name is read as such by the URL parser.
    """
    if location.isascii():
        return location
    try:
        octets = location.encode("latin-1")
    except UnicodeEncodeError:
        # No header of the wire's, but a string that a fetcher made up: read as characters.
        octets = location.encode("utf-8", "replace")
    return quote(octets, safe=_ASCII)
