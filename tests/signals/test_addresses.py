"""Who called: the connection's address, or a proxy of ours says so."""

import pytest

from apps.execution.signals.rules.verification import client_address, is_within, networks
from tests.builders import refused

PROXIES = networks(["10.0.0.0/16", "::1/128"])
FORGED = {"REMOTE_ADDR": "198.51.100.9", "HTTP_X_FORWARDED_FOR": "203.0.113.7"}


def test_without_proxies_a_header_claims_nothing() -> None:
    assert client_address(FORGED, []) == "198.51.100.9"


def test_a_stranger_cannot_claim_an_address() -> None:
    assert client_address(FORGED, PROXIES) == "198.51.100.9"


@pytest.mark.parametrize(
    ("claimed", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 198.51.100.9", "198.51.100.9"),
        ("203.0.113.7, 198.51.100.9, 10.0.0.8", "198.51.100.9"),
        ("", "10.0.0.1"),
        ("10.0.0.2", "10.0.0.2"),
        ("203.0.113.7, junk", "junk"),
    ],
)
def test_behind_our_proxy_it_is_the_last_address_that_is_not_ours(claimed: str, address: str) -> None:
    meta = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": claimed}

    assert client_address(meta, PROXIES) == address


def test_addresses_are_within_networks() -> None:
    allowed = networks(["203.0.113.0/24", "2001:db8::/32", "192.0.2.1"])

    assert all(is_within(one, allowed) for one in ("203.0.113.7", "2001:db8::1", "192.0.2.1", "::ffff:203.0.113.7"))
    assert not any(is_within(one, allowed) for one in ("203.0.114.7", "2001:db9::1", "192.0.2.2", "", "junk"))


@pytest.mark.parametrize("text", ["", "anywhere", "203.0.113.7/24", "203.0.113.0/33", "1.2.3"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with refused("ALLOW_LIST_INVALID"):
        networks([text])


@pytest.mark.parametrize("text", ["0.0.0.0/0", "203.0.0.0/15", "::/0", "2001:d00::/24"])
def test_a_list_that_lets_everybody_in_is_refused(text: str) -> None:
    with refused("ALLOW_LIST_TOO_WIDE"):
        networks([text])


def test_a_list_is_bounded() -> None:
    with refused("ALLOW_LIST_INVALID"):
        networks([f"203.0.113.{number}" for number in range(51)])
