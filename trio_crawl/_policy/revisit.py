"""Asking whether a page has changed since its last visit (RFC 9110, sections 8.8 and 13.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._lease import Unchanged, Validators

if TYPE_CHECKING:
    from datetime import datetime

    from .._lease import Lease
    from .._model import Headers, Page, Response

NOT_MODIFIED: Final = 304
"""RFC 9110, section 15.4.5."""

_OK: Final = 200

_CONDITIONAL: Final = frozenset(
    {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"}
)
"""Fields with which a request has conditions of its own (RFC 9110, sections 13.1 and 14.2)."""

_LONGEST: Final = 1024
"""Characters of a validator that is kept: longer ones are no use to anybody."""


def validators_of(page: Page) -> Validators | None:
    """Return what *page* may be asked for with at its next visit; None if there is nothing.

    Only a page that was there is worth it: by GET, with status 200.
    """
    if page.status != _OK or page.request.method != "GET":
        return None
    return _read(page.headers, page.final_url, None, None)


def _read(headers: Headers, url: str, etag: str | None, modified: str | None) -> Validators | None:
    # All in one pass, as this is done for every page.
    for name, value in headers.raw:
        match name.lower():
            case b"etag":
                etag = _checked(value) or etag
            case b"last-modified":
                modified = _checked(value) or modified
    return None if etag is None and modified is None else Validators(url, etag, modified)


def _checked(value: bytes) -> str | None:
    """Return a field's value, if it can be sent back as it is."""
    text = value.decode("latin-1").strip()
    return text if text.isascii() and text.isprintable() and 0 < len(text) <= _LONGEST else None


def conditions(lease: Lease, fields: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return the fields that make the next hop of *lease* conditional; none where it can't be.

    Args:
        lease: the page. Its validators are those of one URL, and sent to no other: where it is
            redirected to elsewhere than before, it is asked for as if for the first time.
        fields: of the request as it is.
    """
    validators = lease.validators
    if validators is None or lease.url != validators.url or lease.method != "GET":
        return ()
    if any(name.lower() in _CONDITIONAL for name, _ in fields):
        return ()
    found = []
    if validators.etag is not None:
        found.append(("If-None-Match", validators.etag))
    if validators.modified is not None:
        found.append(("If-Modified-Since", validators.modified))
    return tuple(found)


def unchanged(lease: Lease, response: Response, now: datetime) -> Unchanged | None:
    """Return that *lease*, which was asked for with `conditions`, has not changed; None if it may have.

    Args:
        lease: the page.
        response: what the conditional request brought.
        now: the present moment.
    """
    known = lease.validators
    if known is None or response.status != NOT_MODIFIED:
        return None
    validators = _read(response.headers, known.url, known.etag, known.modified)
    return Unchanged(validators or known, now.timestamp())
