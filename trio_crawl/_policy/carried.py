"""IPv6 addresses that are a wrapping of IPv4 ones, and so the same server."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

_IPV4_COMPATIBLE: Final = IPv6Network("::/96")  # RFC 4291, section 2.5.5.1
_IPV4_MAPPED: Final = IPv6Network("::ffff:0:0/96")  # RFC 4291, section 2.5.5.2
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052, section 2.1
_TEREDO: Final = IPv6Network("2001::/32")  # RFC 4380, section 4
_SIX_TO_FOUR: Final = IPv6Network("2002::/16")  # RFC 3056, section 2
_IPV4_MASK: Final = 2**32 - 1


def carried(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that *address* is a wrapping of, those packets may end up at."""
    value = int(address)
    if address in _TEREDO:
        # The client's address comes with every bit flipped, section 4; the server's is plain.
        return IPv4Address(~value & _IPV4_MASK), IPv4Address(value >> 64 & _IPV4_MASK)
    if address in _SIX_TO_FOUR:
        return (IPv4Address(value >> 80 & _IPV4_MASK),)
    if address in _IPV4_MAPPED or address in _NAT64 or (value > 1 and address in _IPV4_COMPATIBLE):
        return (IPv4Address(value & _IPV4_MASK),)
    return ()


@lru_cache(maxsize=4096)
def servers(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return who is asked by a connection to one of *addresses*: each once, in the one form of each.

    That is the inner address where one carries another, and the address without its zone.
    """
    found: dict[str, None] = {}
    for address in addresses:
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            found[address] = None  # whatever it is, it is the same each time
            continue
        inner = carried(parsed) if isinstance(parsed, IPv6Address) else ()
        found.update(dict.fromkeys(map(str, inner or (parsed,))))
    return tuple(found)
