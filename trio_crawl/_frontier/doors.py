"""Where the pages of a host may be asked for: its addresses, as looked up and judged."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .._errors import FetchError

if TYPE_CHECKING:
    from .._lease import Lease
    from ..abc import Guard
    from .dealings import Dealings

ADDRESS_TTL: Final = 60.0
"""Seconds that the answer of a look-up is used for."""


@final
class Doors:
    """Judges the addresses of hosts, after each look-up, and where another port comes up.

    Args:
        guard: the judge of an address.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def through(self, host: Dealings, lease: Lease) -> FetchError | None:
        """Set the addresses that *lease* may connect to; return the error if there are none."""
        if host.refusal is not None:
            return host.refusal
        parts = _urls.split(_urls.origin(lease.url))
        door = host.door
        if door is None or host.port != parts.port:
            door = host.door = self._judge(parts, host.addresses)
            host.port = parts.port
        if isinstance(door, FetchError):
            return door
        lease.addresses = door
        return None

    def _judge(self, parts: _urls.Parts, addresses: tuple[str, ...]) -> tuple[str, ...] | FetchError:
        refusals = {a: self._guard.refusal(parts.hostname, parts.port, a) for a in addresses}
        door = tuple(address for address, refusal in refusals.items() if refusal is None)
        if not door:
            return FetchError("blocked_address", next(filter(None, refusals.values()), "no address"))
        return addresses if door == addresses else door  # the same object, for hosts are many


def looked_up(host: Dealings, answer: tuple[str, ...] | FetchError, now: float) -> FetchError | None:
    """Let *host* have what a look-up of its name brought; return the error if it is to be made again."""
    host.looking_up = False
    host.door = None
    host.addresses, host.refusal = (), None
    if not isinstance(answer, FetchError):
        host.addresses = answer
    elif getattr(answer, "temporary", False):
        host.fresh_until = -inf
        return answer
    else:
        host.refusal = answer
    host.fresh_until = now + ADDRESS_TTL
    return None
