"""What every response has to be like, and how checks put into words what came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._errors import FetchError
from .._model import Headers, Response
from . import _fetcher_check_contract as contract
from ._fetcher_check_contract import broken, expect

if TYPE_CHECKING:
    from .._model import Hop

_SHOWN: Final = 200  # characters of a value in a message
_TOLERANCE: Final = 1.0  # seconds between two clocks
_VERSIONS: Final = frozenset({"1.0", "1.1", "2", "3"})


def shown(value: object) -> str:
    """Return *value* for a message, cut if it is long."""
    if isinstance(value, bytes) and len(value) > _SHOWN:
        return f"{value[:_SHOWN]!r}... ({len(value):,} bytes)"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text):,} characters)"


def brief(came: Response | FetchError) -> str:
    """Return in a line what a fetch came to."""
    if isinstance(came, FetchError):
        return f"FetchError of kind {came.kind!r}: {shown(came.message)}"
    head = f"{came.status}, HTTP/{came.http_version}, fields {shown(list(came.headers))}"
    return f"a response: {head}, body {shown(came.body)}"


def asked_for(hop: Hop, when: str) -> str:
    """Return in a line what *hop* asks for, and *when*."""
    said = f"{hop.method} {hop.url}"
    if hop.headers:
        said += f", fields {shown(hop.headers)}"
    if hop.body is not None:
        said += f", body {shown(hop.body)}"
    return f"{said} ({when})" if when else said


def judge(response: object, hop: Hop, asked: str, seconds: float) -> None:
    """Look at what is the same in every response.

    Raises:
        AssertionError: it can't be right.
    """
    if not isinstance(response, Response):
        raise broken(contract.FINAL, asked=asked, came=f"{type(response).__name__}: {shown(response)}")
    came = brief(response)
    expect(response.url == hop.url, contract.URL, asked=asked, came=f"url={response.url!r}")
    expect(isinstance(response.headers, Headers), contract.FIELDS, asked=asked, came=came)
    expect(isinstance(response.body, bytes), contract.BODY, asked=asked, came=came)
    expect(
        response.http_version in _VERSIONS,
        contract.VERSION,
        asked=asked,
        came=f"http_version={response.http_version!r}",
    )
    expect(
        response.address in hop.addresses,
        contract.ADDRESS,
        asked=f"{asked} of {', '.join(hop.addresses)}",
        came=f"address={response.address!r}",
    )
    expect(
        0 <= response.elapsed <= seconds + _TOLERANCE,
        contract.ELAPSED,
        asked=f"{asked}, which took {seconds:.3f} s",
        came=f"elapsed={response.elapsed!r}",
    )
