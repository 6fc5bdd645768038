"""Which addresses a crawl may connect to.

A crawler fetches URLs that strangers wrote, so any page can point it at the
machine it runs on or at the network behind it. Only globally reachable
addresses may be connected to unless the caller lifts that with
``allow_private``. The judgement is made on the very address a socket is about
to be opened to, never on a name: names change their answer (DNS rebinding).

`classify` is the table, `AddressGuard` applies it. Nothing here does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal, NamedTuple, TypeAlias, final

from .. import _urls
from .._errors import UsageError
from .._policy.carried import carried

AddressKind: TypeAlias = Literal[
    "global",
    "unspecified",
    "loopback",
    "private",
    "link_local",
    "shared",
    "benchmarking",
    "documentation",
    "multicast",
    "broadcast",
    "reserved",
]
"""What an address is for, as far as a decision to connect depends on it."""

_Address: TypeAlias = IPv4Address | IPv6Address
_Network: TypeAlias = IPv4Network | IPv6Network

_IN_WORDS: Final[dict[AddressKind, str]] = {
    "global": "a global address",
    "unspecified": "the unspecified address (which reaches this machine)",
    "loopback": "a loopback address",
    "private": "a private address",
    "link_local": "a link-local address",
    "shared": "a shared address (behind a carrier's NAT)",
    "benchmarking": "an address for benchmarks",
    "documentation": "an address for documentation",
    "multicast": "a multicast address",
    "broadcast": "the broadcast address",
    "reserved": "a reserved address",
}

# Our own, since `ipaddress.is_global` of Python 3.11 follows older registries (it takes 2002::/16,
# 3fff::/20 and 5f00::/16 for global, and 192.0.0.9 for private). The most specific row wins.
_IPV4_BLOCKS: Final[tuple[tuple[str, AddressKind, str], ...]] = (
    ("0.0.0.0/0", "global", "RFC 791"),
    ("0.0.0.0/8", "reserved", "RFC 791, section 3.2: this network"),
    ("0.0.0.0/32", "unspecified", "RFC 1122, section 3.2.1.3"),
    ("10.0.0.0/8", "private", "RFC 1918"),
    ("100.64.0.0/10", "shared", "RFC 6598"),
    ("127.0.0.0/8", "loopback", "RFC 1122, section 3.2.1.3"),
    ("169.254.0.0/16", "link_local", "RFC 3927"),
    ("172.16.0.0/12", "private", "RFC 1918"),
    ("192.0.0.0/24", "reserved", "RFC 6890, section 2.1: IETF protocol assignments"),
    ("192.0.0.9/32", "global", "RFC 7723: port control anycast"),
    ("192.0.0.10/32", "global", "RFC 8155: TURN anycast"),
    ("192.0.2.0/24", "documentation", "RFC 5737"),
    ("192.88.99.0/24", "reserved", "RFC 7526: 6to4 relay anycast, deprecated"),
    ("192.168.0.0/16", "private", "RFC 1918"),
    ("198.18.0.0/15", "benchmarking", "RFC 2544"),
    ("198.51.100.0/24", "documentation", "RFC 5737"),
    ("203.0.113.0/24", "documentation", "RFC 5737"),
    ("224.0.0.0/4", "multicast", "RFC 5771"),
    ("240.0.0.0/4", "reserved", "RFC 1112, section 4"),
    ("255.255.255.255/32", "broadcast", "RFC 919, section 7"),
)
_IPV6_BLOCKS: Final[tuple[tuple[str, AddressKind, str], ...]] = (
    ("::/0", "reserved", "RFC 4291, section 2.4: unicast is given out from 2000::/3 alone"),
    ("2000::/3", "global", "RFC 4291, section 2.4"),
    ("::/128", "unspecified", "RFC 4291, section 2.5.2"),
    ("::1/128", "loopback", "RFC 4291, section 2.5.3"),
    ("64:ff9b:1::/48", "reserved", "RFC 8215: translation within one network"),
    ("100::/64", "reserved", "RFC 6666: discard"),
    ("100:0:0:1::/64", "reserved", "RFC 9780: dummy"),
    ("2001::/23", "reserved", "RFC 2928: IETF protocol assignments"),
    ("2001:1::1/128", "global", "RFC 7723: port control anycast"),
    ("2001:1::2/128", "global", "RFC 8155: TURN anycast"),
    ("2001:1::3/128", "global", "RFC 9665: service registration anycast"),
    ("2001:2::/48", "benchmarking", "RFC 5180"),
    ("2001:3::/32", "global", "RFC 7450: multicast tunnels"),
    ("2001:4:112::/48", "global", "RFC 7535: AS112"),
    ("2001:10::/28", "reserved", "RFC 4843: ORCHID, deprecated"),
    ("2001:20::/28", "global", "RFC 7343: ORCHIDv2"),
    ("2001:30::/28", "global", "RFC 9374: drone identifiers"),
    ("2001:db8::/32", "documentation", "RFC 3849"),
    ("3fff::/20", "documentation", "RFC 9637"),
    ("5f00::/16", "reserved", "RFC 9602: segment routing"),
    ("fc00::/7", "private", "RFC 4193"),
    ("fe80::/10", "link_local", "RFC 4291, section 2.5.6"),
    ("fec0::/10", "private", "RFC 3879: site-local, deprecated"),
    ("ff00::/8", "multicast", "RFC 4291, section 2.7"),
)

_MAX_PORT: Final = 2**16 - 1


def _by_prefix(
    blocks: Iterable[tuple[str, AddressKind, str]], bits: int
) -> tuple[tuple[int, dict[int, AddressKind]], ...]:
    """Return the rows of *blocks* by the bits behind their prefix, the most specific first."""
    tables: dict[int, dict[int, AddressKind]] = {}
    for block, kind, _ in blocks:
        network = ip_network(block)
        host_bits = bits - network.prefixlen
        tables.setdefault(host_bits, {})[int(network.network_address) >> host_bits] = kind
    return tuple(sorted(tables.items()))


_IPV4_TABLE: Final = _by_prefix(_IPV4_BLOCKS, 32)
_IPV6_TABLE: Final = _by_prefix(_IPV6_BLOCKS, 128)


def _look_up(address: _Address) -> AddressKind:
    value = int(address)
    for host_bits, rows in _IPV4_TABLE if isinstance(address, IPv4Address) else _IPV6_TABLE:
        kind = rows.get(value >> host_bits)
        if kind is not None:
            return kind
    raise AssertionError(address)  # the /0 rows match everything


class _Verdict(NamedTuple):
    """The kind of an address; ``inner`` are the addresses that it carries, the decisive one first."""

    kind: AddressKind
    address: _Address
    inner: tuple[IPv4Address, ...]


# A crawl asks for one address again with every connection; 4,096 verdicts take about 2 MB.
@lru_cache(maxsize=4096)
def _judge(address: str) -> _Verdict:
    parsed = ip_address(address.partition("%")[0])
    inner = carried(parsed) if isinstance(parsed, IPv6Address) else ()
    if not inner:
        return _Verdict(_look_up(parsed), parsed, ())
    inner = tuple(sorted(inner, key=lambda carried: _look_up(carried) == "global"))
    return _Verdict(_look_up(inner[0]), parsed, inner)


def classify(address: str) -> AddressKind:
    """Return what *address* is for, by IANA's registries of special-purpose addresses.

    An IPv6 address that carries an IPv4 address (mapped, compatible, NAT64,
    6to4, Teredo) is what the carried one is; of Teredo's two, client and
    server, the one that is not global decides.

    Args:
        address: an IPv4 or IPv6 address; a zone (``fe80::1%eth0``) is ignored.

    Raises:
        ValueError: *address* is no IP address.
    """
    return _judge(address).kind


_ACCEPTED: Final = (
    "allow_private takes True, False, or a list whose entries are a host ('intranet.test', '127.0.0.1', "
    "'::1'), a host and port ('localhost:8000', '[::1]:8000') or a network ('10.0.0.0/8', 'fd00::/8')"
)
_HOST_AND_PORT: Final = re.compile(
    r"""
    (?: \[ (?P<literal> [0-9A-Fa-f:.]+ ) \] | (?P<name> [^\s:/?\#@\\%*\[\]]+ ) )
    (?: : (?P<port> [0-9]{1,5} ) )?
    """,
    re.VERBOSE,
)


def _host_key(host: str) -> str:
    """Return *host*, as a URL or a person spells it, in the one form that is compared."""
    host = host.removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(host))
    except ValueError:
        return host.lower().removesuffix(".")


def _parse_host(entry: str) -> tuple[str, int | None]:
    """Return host and port of *entry*; the port is None where all are meant.

    Raises:
        ValueError: says what is wrong with it.
    """
    try:
        return str(ip_address(entry)), None
    except ValueError:
        match = _HOST_AND_PORT.fullmatch(entry)
    if match is None:
        raise ValueError("it is none of these")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port <= _MAX_PORT:
        raise ValueError(f"its port is not between 1 and {_MAX_PORT}")
    if match["literal"]:
        return str(IPv6Address(match["literal"])), port
    # As the host of a URL is read: lower case, "bücher" as "xn--bcher-kva", "127.1" as "127.0.0.1".
    url = _urls.parse(f"http://{match['name']}/")
    if url is None:
        raise ValueError("its host is not valid")
    return _host_key(_urls.host(url)), port


@final
class AddressGuard:
    """Judges addresses: an `abc.Guard`.

    Args:
        allow_private: False: global addresses only. True: every address. A list:
            global ones, and whatever an entry permits. An entry that is a host
            (as it stands in the URL, a name or an IP address), or a host and
            port, permits every address for that host; one that is a network
            permits its addresses for every host, also when an IPv6 address
            carries them.

    Raises:
        UsageError: *allow_private* is something else; says what it can be.
    """

    def __init__(self, allow_private: bool | Sequence[str] = False) -> None:  # noqa: FBT001, FBT002
        self._everything = allow_private is True
        self._hosts: set[tuple[str, int | None]] = set()
        self._networks: list[_Network] = []
        if isinstance(allow_private, bool):
            return
        if isinstance(allow_private, (str, bytes)) or not isinstance(allow_private, Iterable):
            hint = (
                f"; did you mean allow_private=[{allow_private!r}]?" if isinstance(allow_private, str) else ""
            )
            raise UsageError(f"{_ACCEPTED}; got {allow_private!r}{hint}")
        for entry in allow_private:
            self._permit(entry)

    def _permit(self, entry: object) -> None:
        if not isinstance(entry, str):
            raise UsageError(f"{_ACCEPTED}; got the entry {entry!r}, which is no str")
        try:
            if "/" in entry:
                self._networks.append(ip_network(entry))
            else:
                self._hosts.add(_parse_host(entry))
        except ValueError as error:
            raise UsageError(f"{_ACCEPTED}; got the entry {entry!r}: {error}") from None

    def __repr__(self) -> str:
        if self._everything:
            return "AddressGuard(True)"
        hosts = [host if port is None else f"{host}:{port}" for host, port in self._hosts]
        return f"AddressGuard({sorted(hosts) + [str(network) for network in self._networks]})"

    def refusal(self, host: str, port: int, address: str) -> str | None:
        """Return why *address* may not be connected to for ``host:port``, or None if it may.

        What is no address at all is refused, not raised: a judge that can be
        made to fail must fail to the safe side.
        """
        if self._everything:
            return None
        try:
            verdict = _judge(address)
        except ValueError:
            return f"{host} resolves to {address!r}, which is no IP address"
        if verdict.kind == "global" or self._permits(host, port, verdict):
            return None
        return _refusal_in_words(host, address, verdict)

    def _permits(self, host: str, port: int, verdict: _Verdict) -> bool:
        if self._hosts:
            key = _host_key(host)
            if (key, None) in self._hosts or (key, port) in self._hosts:
                return True
        if self._within(verdict.address):
            return True
        inner = verdict.inner
        return bool(inner) and all(_look_up(one) == "global" or self._within(one) for one in inner)

    def _within(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def _refusal_in_words(host: str, address: str, verdict: _Verdict) -> str:
    bare = host.removeprefix("[").removesuffix("]")
    is_literal = _host_key(host) == str(verdict.address)
    subject = f"{address} is" if is_literal else f"{host} resolves to {address},"
    carries = f" carrying {verdict.inner[0]}," if verdict.inner else ""
    kind = _IN_WORDS[verdict.kind]
    return f"{subject}{carries} {kind}; allow_private=True or allow_private=[{bare!r}] permits it"
