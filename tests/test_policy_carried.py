"""Which servers addresses are."""

from __future__ import annotations

import pytest

from trio_crawl._policy.carried import servers


@pytest.mark.parametrize(
    "address",
    [
        "::ffff:192.0.2.1",
        "::ffff:c000:201",
        "0:0:0:0:0:ffff:192.0.2.1",
        "::192.0.2.1",
        "64:ff9b::192.0.2.1",
        "2002:c000:201::1",
        "::FFFF:192.0.2.1%eth0",
    ],
)
def test_a_wrapping_is_what_it_carries(address: str) -> None:
    """Whatever form an address comes in, it is one server."""
    assert servers((address,)) == ("192.0.2.1",)
    assert servers((address, "192.0.2.1")) == ("192.0.2.1",)


def test_other_addresses_have_one_form() -> None:
    """Each counts once, however it is spelled; what is none counts as it stands."""
    found = servers(("2001:DB8:0::1", "2001:db8::1", "fe80::1%eth0", "fe80::1%eth1", "no address"))
    assert found == ("2001:db8::1", "fe80::1", "no address")
    assert servers(()) == ()
