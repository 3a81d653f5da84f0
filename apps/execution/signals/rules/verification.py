"""The Standard Webhooks scheme (standardwebhooks.com, spec v1): HMAC-SHA-256 over id, time and raw body.

What is refused says no more than SIGNAL_SIGNATURE or, only under a valid signature, SIGNAL_STALE.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from apps.common.errors import DomainError, Invalid, Refused

TOLERANCE_S = 300
KEY_PREFIX = "whsec_"
KEY_BYTES = 32
KEY_BYTES_MIN, KEY_BYTES_MAX = 24, 64
SIGNATURES_MAX = 10
HEADER_CHARS_MAX = 2_000
# Full stops separate the signed parts: one inside the id could move the border between them.
MESSAGE_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,128}", re.ASCII)
WHOLE_SECONDS = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
# An allow-list that lets most of the world in is none.
PREFIX_MIN = {4: 16, 6: 32}
NETWORKS_MAX = 50

Network = IPv4Network | IPv6Network


class Unverified(DomainError):
    """The message does not prove who sent it and when; the answer tells nobody what was wrong."""

    status = 401


@dataclass(frozen=True, slots=True)
class Headers:
    """The scheme's three headers as they came."""

    id: str
    timestamp: str
    signature: str


def bad_signature() -> Unverified:
    """The one answer to an unknown source, address, key or signature."""
    return Unverified("SIGNAL_SIGNATURE", "the message is not signed by a key of a source of this name")


def new_key() -> str:
    """A new key in the scheme's text form."""
    return KEY_PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def key_bytes(text: str) -> bytes:
    """The bytes of a key `whsec_<base64>`. Raises Refused KEYS_MALFORMED; the message holds nothing of it."""
    try:
        raw = base64.b64decode(text.removeprefix(KEY_PREFIX).encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if not text.startswith(KEY_PREFIX) or not KEY_BYTES_MIN <= len(raw) <= KEY_BYTES_MAX:
        raise Refused("KEYS_MALFORMED", f"a key is {KEY_PREFIX} and the base64 of {KEY_BYTES_MIN} bytes or more")
    return raw


def verify(headers: Headers, body: bytes, keys: Iterable[str], now: datetime) -> str:
    """The message's id, when one of `keys` signed it within TOLERANCE_S of `now`. Raises Unverified."""
    if not MESSAGE_ID.fullmatch(headers.id) or not WHOLE_SECONDS.fullmatch(headers.timestamp):
        raise bad_signature()
    content = f"{headers.id}.{headers.timestamp}.".encode() + body
    if not _is_signed(content, headers.signature, keys):
        raise bad_signature()
    check_time(int(headers.timestamp), now)
    return headers.id


def _is_signed(content: bytes, header: str, keys: Iterable[str]) -> bool:
    """Whether any signature is any key's; every pair is compared, so that time tells nothing."""
    offered = list(_signatures(header))
    is_signed = False
    for key in keys:
        expected = hmac.new(key_bytes(key), content, hashlib.sha256).digest()
        for signature in offered:
            is_signed |= hmac.compare_digest(expected, signature)
    return is_signed


def _signatures(header: str) -> Iterable[bytes]:
    """The v1 signatures of the header; whatever else is in it is passed over."""
    if len(header) > HEADER_CHARS_MAX:
        return
    for part in header.split(" ")[:SIGNATURES_MAX]:
        version, _, text = part.partition(",")
        if version == "v1":
            try:
                yield base64.b64decode(text.encode("ascii"), validate=True)
            except (ValueError, binascii.Error):
                continue


def check_time(sent_s: int, now: datetime) -> None:
    """Raise Unverified SIGNAL_STALE unless `sent_s` (Unix seconds) is within TOLERANCE_S of `now`."""
    if abs(now.timestamp() - sent_s) > TOLERANCE_S:
        raise Unverified("SIGNAL_STALE", f"the message's time is more than {TOLERANCE_S} s from ours")


def is_secret(offered: object, keys: Iterable[str]) -> bool:
    """Whether the body's secret is one of the keys, compared in constant time."""
    text = offered.encode("utf-8", "replace") if isinstance(offered, str) else b""
    found = False
    for key in keys:
        found |= hmac.compare_digest(key.encode(), text)
    return found


def body_time(value: object) -> int:
    """Unix seconds from a body's field: whole seconds, or ISO 8601 with a zone. Raises Unverified SIGNAL_STALE."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if WHOLE_SECONDS.fullmatch(text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise Unverified("SIGNAL_STALE", "the message has no time that we can read")
    return int(moment.timestamp())


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
        raise Invalid("ALLOW_LIST_TOO_WIDE", f"{wide[0]} lets in nearly everybody: name the sender's own networks")
    return found


def client_address(meta: Mapping[str, object], trusted: Iterable[Network]) -> str:
    """Who called: REMOTE_ADDR, or, when that is a trusted proxy, the last address before the trusted ones.

    What a header claims counts only where a proxy of ours has written it.
    """
    inside = list(trusted)
    address = str(meta.get("REMOTE_ADDR", ""))
    claimed = [part.strip() for part in str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",") if part.strip()]
    while claimed and is_within(address, inside):
        address = claimed.pop()
    return address


def is_within(address: str, allowed: Iterable[Network]) -> bool:
    """Whether the address is in one of the networks; what is no address is in none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found.version == network.version and found in network for network in allowed)
