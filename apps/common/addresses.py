"""Who called, and from which networks somebody may: addresses and CIDR allow-lists."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from apps.common.errors import Invalid

Network = IPv4Network | IPv6Network
NETWORKS_MAX = 50
PREFIX_MIN = {4: 8, 6: 16}


def networks(texts: Iterable[str]) -> list[Network]:
    """The allow-list as networks. Raises Invalid ALLOW_LIST_INVALID, ALLOW_LIST_TOO_WIDE."""
    listed = list(texts)
    try:
        found = [ip_network(text) for text in listed]
    except ValueError as error:
        raise Invalid("ALLOW_LIST_INVALID", f"each entry is an address or a CIDR network: {error}") from None
    if len(found) > NETWORKS_MAX:
        raise Invalid("ALLOW_LIST_INVALID", f"an allow-list has at most {NETWORKS_MAX} entries")
    wide = [str(network) for network in found if network.prefixlen < PREFIX_MIN[network.version]]
    if wide:
        raise Invalid("ALLOW_LIST_TOO_WIDE", f"{wide[0]} lets in nearly everybody: name the callers' own networks")
    return found


def client_address(meta: Mapping[str, object], proxies: Iterable[Network]) -> str:
    """Who called: REMOTE_ADDR, or, when that is one of our proxies, the last address before our proxies.

    What X-Forwarded-For claims counts only where a proxy of ours has written it.
    """
    ours = list(proxies)
    address = str(meta.get("REMOTE_ADDR", ""))
    claimed = [part.strip() for part in str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",") if part.strip()]
    while claimed and is_within(address, ours):
        address = claimed.pop()
    return address[:64]


def is_within(address: str, allowed: Iterable[Network]) -> bool:
    """Whether the address is in one of the networks; what is no address is in none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found.version == network.version and found in network for network in allowed)


def neighbourhood(address: str) -> str:
    """The key under which calls from an address are counted: a host of IPv4, a /64 of IPv6, which one caller owns."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped else str(ip_network((int(found) >> 64 << 64, 64)))
    return str(found)
