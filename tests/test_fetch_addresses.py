"""What addresses are for, and which of them may be connected to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl._errors import UsageError
from trio_crawl._fetch.addresses import AddressGuard, AddressKind, classify

KINDS: list[tuple[AddressKind, str]] = [
    ("global", "8.8.8.8 1.1.1.1 93.184.216.34 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0"),
    ("global", "192.0.0.9 192.0.0.10 192.31.196.1 192.52.193.1 192.175.48.1 198.17.255.255 223.255.255.255"),
    ("unspecified", "0.0.0.0 :: ::ffff:0.0.0.0"),
    ("reserved", "0.0.0.1 0.255.255.255 192.0.0.0 192.0.0.8 192.0.0.11 192.0.0.170 192.0.0.171"),
    ("reserved", "192.88.99.1 192.88.99.2 240.0.0.1 255.255.255.254"),
    ("broadcast", "255.255.255.255"),
    ("private", "10.0.0.0 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 fc00::1 fdff::1 fec0::1"),
    ("shared", "100.64.0.0 100.127.255.255"),
    ("loopback", "127.0.0.1 127.255.255.255 ::1"),
    ("link_local", "169.254.169.254 fe80::1 febf::1 fe80::1%eth0 fe80::1%25"),
    ("documentation", "192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff:: 3fff:fff:ffff::1"),
    ("benchmarking", "198.18.0.1 198.19.255.255 2001:2::1"),
    ("multicast", "224.0.0.1 239.255.255.255 ff02::1 ff0e::1"),
    ("global", "2606:4700:4700::1111 2001:4860:4860::8888 2620:4f:8000::1 2000:: 3ffe::1 3fff:1000::1"),
    (
        "global",
        "2001:1::1 2001:1::2 2001:1::3 2001:3::1 2001:4:112::1 2001:20::1 2001:2f::1 2001:30::1 2001:200::1",
    ),
    (
        "reserved",
        "2001:1::4 2001:4:113::1 2001:5::1 2001:10::1 2001:1f::1 2001:40::1 2001:1ff::1 2001:2:1::1",
    ),
    ("reserved", "64:ff9b:1::808:808 100::1 100:0:0:1::1 100:0:0:2::1 5f00::1 4000::1 e000::1 fe00::1 1::1"),
    # What an address carries decides: mapped, compatible, NAT64, 6to4, Teredo (client flipped, server plain).
    ("loopback", "::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::1"),
    ("loopback", "2001:0:808:808:0:0:80ff:fffe 2001:0:7f00:1:0:0:f7f7:f7f7"),
    ("global", "::ffff:8.8.8.8 ::8.8.8.8 64:ff9b::808:808 2002:808:808::1 2001:0:808:808:0:0:f7f7:f7f7"),
    ("link_local", "::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe::"),
    ("private", "::ffff:10.0.0.1 ::ffff:192.168.1.1%3"),
]


@pytest.mark.parametrize(("kind", "address"), [(kind, one) for kind, many in KINDS for one in many.split()])
def test_an_address_is_what_the_registries_say(kind: AddressKind, address: str) -> None:
    """Each block of the registries, its edges and its exceptions are known."""
    assert classify(address) == kind


# IANA's registries of special-purpose addresses, each block with what they say of "globally
# reachable"; 192.88.99.0/24, 2001:10::/28 and fec0::/10 are given up, and multicast is in others.
_LISTED = """
0.0.0.0/8 no            0.0.0.0/32 no           10.0.0.0/8 no           100.64.0.0/10 no
127.0.0.0/8 no          169.254.0.0/16 no       172.16.0.0/12 no        192.0.0.0/24 no
192.0.0.0/29 no         192.0.0.8/32 no         192.0.0.9/32 yes        192.0.0.10/32 yes
192.0.0.170/32 no       192.0.0.171/32 no       192.0.2.0/24 no         192.31.196.0/24 yes
192.52.193.0/24 yes     192.88.99.0/24 no       192.168.0.0/16 no       192.175.48.0/24 yes
198.18.0.0/15 no        198.51.100.0/24 no      203.0.113.0/24 no       224.0.0.0/4 no
240.0.0.0/4 no          255.255.255.255/32 no
::1/128 no              ::/128 no               64:ff9b:1::/48 no       100::/64 no
100:0:0:1::/64 no       2001:1::1/128 yes       2001:1::2/128 yes       2001:1::3/128 yes
2001:2::/48 no          2001:3::/32 yes         2001:4:112::/48 yes     2001:10::/28 no
2001:20::/28 yes        2001:30::/28 yes        2001:db8::/32 no        2620:4f:8000::/48 yes
3fff::/20 no            5f00::/16 no            fc00::/7 no             fe80::/10 no
fec0::/10 no            ff00::/8 no
"""
REGISTRIES = _LISTED.split()


@pytest.mark.parametrize(("block", "reachable"), [*zip(REGISTRIES[::2], REGISTRIES[1::2], strict=True)])
def test_each_block_of_the_registries_is_judged_to_its_ends(block: str, reachable: str) -> None:
    """The first, the last and a middle address of a block are global where it is globally reachable."""
    network = ip_network(block)
    exceptions = [
        ip_network(other)
        for other in REGISTRIES[::2]
        if other != block and ip_network(other).version == network.version
    ]
    for place in (0, 1, network.num_addresses // 2, -2, -1):
        if network.num_addresses == 1 and place:
            continue
        address = network[place]
        if any(address in other and other.prefixlen > network.prefixlen for other in exceptions):
            continue  # a block within the block says it
        assert (classify(str(address)) == "global") == (reachable == "yes"), address


@pytest.mark.parametrize("text", ["", "example.com", "127.1", "010.0.0.1", "1.2.3.4.5", "[::1]", "%eth0"])
def test_what_is_no_address_has_no_kind(text: str) -> None:
    """A name, and a spelling that only some resolvers understand, is an error."""
    with pytest.raises(ValueError, match="does not appear to be"):
        classify(text)


@settings(deadline=None, max_examples=200)
@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_however_it_is_wrapped(inner: IPv4Address) -> None:
    """Mapping, translating or tunnelling an IPv4 address doesn't change what it is for."""
    value = int(inner)
    kind = classify(str(inner))
    assert classify(f"::ffff:{inner}") == kind
    assert classify(str(IPv6Address((0x64FF9B << 96) | value))) == kind
    assert classify(str(IPv6Address((0x2002 << 112) | (value << 80)))) == kind
    teredo = (0x20010000 << 96) | (int(IPv4Address("8.8.8.8")) << 64) | (~value & 0xFFFFFFFF)
    assert classify(str(IPv6Address(teredo))) == kind


@settings(deadline=None, max_examples=200)
@given(st.ip_addresses())
def test_the_guard_lets_global_addresses_pass_and_no_others(address: IPv4Address | IPv6Address) -> None:
    """By default the kind alone decides, and the message says which it is."""
    refusal = AddressGuard().refusal("site.test", 80, str(address))
    assert (refusal is None) == (classify(str(address)) == "global")


@settings(deadline=None, max_examples=200)
@given(st.ip_addresses(v=4))
def test_the_standard_library_agrees_where_it_follows_the_registries(address: IPv4Address) -> None:
    """For IPv4 only the blocks differ that Python 3.11 gets wrong, or has no opinion on."""
    known = any(str(address).startswith(block) for block in ("192.0.0.", "192.88.99."))
    if not known and not address.is_multicast:
        assert (classify(str(address)) == "global") == address.is_global


def test_a_refusal_names_the_address_its_kind_and_what_lifts_it() -> None:
    """The message of a refused name tells all a person needs."""
    assert AddressGuard().refusal("example.test", 80, "127.0.0.1") == (
        "example.test resolves to 127.0.0.1, a loopback address; "
        "allow_private=True or allow_private=['example.test'] permits it"
    )


def test_a_refused_literal_is_not_said_to_resolve() -> None:
    """An address that stands in the URL is named once; brackets are left out of the remedy."""
    assert AddressGuard().refusal("10.1.2.3", 80, "10.1.2.3") == (
        "10.1.2.3 is a private address; allow_private=True or allow_private=['10.1.2.3'] permits it"
    )
    assert AddressGuard().refusal("[::1]", 80, "::1") == (
        "::1 is a loopback address; allow_private=True or allow_private=['::1'] permits it"
    )


def test_a_refusal_names_the_address_that_is_carried() -> None:
    """It would be a riddle otherwise what is wrong with a NAT64 address."""
    refusal = AddressGuard().refusal("example.test", 80, "64:ff9b::7f00:1")
    assert refusal is not None
    assert "resolves to 64:ff9b::7f00:1, carrying 127.0.0.1, a loopback address;" in refusal


def test_the_remedy_that_a_refusal_names_works() -> None:
    """Each ``allow_private`` of a message, taken literally, permits the address."""
    for host, address in [("example.test", "127.0.0.1"), ("[::1]", "::1"), ("10.1.2.3", "10.1.2.3")]:
        refusal = AddressGuard().refusal(host, 80, address)
        assert refusal is not None
        entry = refusal.partition("allow_private=['")[2].partition("']")[0]
        assert AddressGuard([entry]).refusal(host, 80, address) is None


def test_what_is_no_address_is_refused() -> None:
    """A judge that can't read its case does not let it pass."""
    assert "no IP address" in str(AddressGuard().refusal("example.test", 80, "localhost"))
    assert "no IP address" in str(AddressGuard(["example.test"]).refusal("example.test", 80, ""))


def test_true_permits_every_address() -> None:
    """Nothing is refused, the unspecified address included."""
    guard = AddressGuard(True)
    assert [guard.refusal("x.test", 1, one) for one in ("127.0.0.1", "::1", "0.0.0.0", "10.0.0.1")] == [
        None
    ] * 4


@pytest.mark.parametrize(
    ("entry", "host", "port", "address", "permitted"),
    [
        ("intranet.test", "intranet.test", 80, "10.0.0.1", True),
        ("intranet.test", "intranet.test", 8080, "::1", True),
        ("intranet.test", "other.test", 80, "10.0.0.1", False),
        ("intranet.test", "sub.intranet.test", 80, "10.0.0.1", False),
        ("Intranet.TEST.", "intranet.test", 80, "10.0.0.1", True),
        ("intranet.test", "intranet.test.", 80, "10.0.0.1", True),
        ("bücher.test", "xn--bcher-kva.test", 80, "10.0.0.1", True),
        ("my_host", "my_host", 80, "10.0.0.1", True),
        ("localhost:8000", "localhost", 8000, "127.0.0.1", True),
        ("localhost:8000", "localhost", 8001, "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1", 80, "127.0.0.1", True),
        # Not for a name that resolves there: that would open the way for DNS rebinding.
        ("127.0.0.1", "evil.test", 80, "127.0.0.1", False),
        ("127.0.0.1:81", "127.0.0.1", 81, "127.0.0.1", True),
        ("::1", "[::1]", 80, "::1", True),
        ("0:0::1", "::1", 80, "::1", True),
        ("[::1]", "[::1]", 80, "::1", True),
        ("[::1]:8000", "[::1]", 8000, "::1", True),
        ("[::1]:8000", "[::1]", 80, "::1", False),
        ("10.0.0.0/8", "a.test", 80, "10.9.8.7", True),
        ("10.0.0.0/8", "a.test", 80, "11.0.0.1", True),
        ("10.0.0.0/8", "a.test", 80, "192.168.0.1", False),
        ("10.0.0.0/8", "a.test", 80, "::ffff:10.0.0.1", True),
        ("10.0.0.0/8", "a.test", 80, "::ffff:127.0.0.1", False),
        ("10.0.0.0/8", "a.test", 80, "2001:0:7f00:1:0:0:f5ff:fffe", False),
        ("10.0.0.0/8", "a.test", 80, "::1", False),
        ("fd00::/8", "a.test", 80, "fd12::1", True),
        ("fe80::/10", "a.test", 80, "fe80::1%eth0", True),
        ("2002::/16", "a.test", 80, "2002:7f00:1::1", True),
        ("127.0.0.1/32", "a.test", 80, "127.0.0.1", True),
    ],
)
def test_an_entry_permits_what_it_names(
    entry: str,
    host: str,
    port: int,
    address: str,
    permitted: bool,
) -> None:
    """Hosts, hosts with a port, and networks each permit their own and nothing else."""
    assert (AddressGuard([entry]).refusal(host, port, address) is None) == permitted


def test_several_entries_add_up() -> None:
    """An address passes if any entry permits it."""
    guard = AddressGuard(("a.test", "b.test:81", "192.168.0.0/16"))
    assert guard.refusal("a.test", 80, "127.0.0.1") is None
    assert guard.refusal("b.test", 81, "127.0.0.1") is None
    assert guard.refusal("c.test", 80, "192.168.3.4") is None
    assert guard.refusal("b.test", 80, "127.0.0.1") is not None


@pytest.mark.parametrize(
    "entry",
    [
        "", " ", "http://localhost/", "localhost/", "*.example.com", "user@host", "a b", "host:", "host:0",
        "host:65536", "host:http", "[::1", "[localhost]", "::1]:80", "10.0.0.1/8", "10.0.0.0/33", "a:b:c",
        "[::1%eth0]", "1.2.3.4.5", "host?x", "host#x", b"localhost", 8000, None,
    ],
)  # fmt: skip
def test_an_entry_that_is_none_is_an_error_that_names_the_forms(entry: Any) -> None:  # noqa: ANN401
    """Whatever is not understood is said, with what would be."""
    with pytest.raises(UsageError, match=r"a host \('intranet.test'.*a network \('10.0.0.0/8'") as caught:
        AddressGuard([entry])
    assert repr(entry) in str(caught.value)


@pytest.mark.parametrize("value", ["localhost", b"localhost", 1, 0, None, 1.5])
def test_only_a_bool_or_a_list_is_taken(value: Any) -> None:  # noqa: ANN401
    """One string is not taken for a list of its letters, nor 1 for True."""
    with pytest.raises(UsageError, match="allow_private takes True, False, or a list"):
        AddressGuard(value)


def test_a_lone_string_is_answered_with_the_list_that_was_meant() -> None:
    """The most likely mistake gets its correction."""
    with pytest.raises(UsageError, match=r"did you mean allow_private=\['localhost:80'\]\?"):
        AddressGuard("localhost:80")


def test_two_guards_do_not_know_of_each_other() -> None:
    """What one crawl may connect to another may not."""
    AddressGuard(True)
    AddressGuard(["a.test"])
    assert AddressGuard().refusal("a.test", 80, "127.0.0.1") is not None


def test_a_guard_shows_what_it_permits() -> None:
    """Its `repr` can be read in a log."""
    assert repr(AddressGuard(["b.test:81", "a.test", "10.0.0.0/8"])) == (
        "AddressGuard(['a.test', 'b.test:81', '10.0.0.0/8'])"
    )
    assert repr(AddressGuard(True)) == "AddressGuard(True)"
