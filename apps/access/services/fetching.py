"""Reading a small JSON document from one registered host, and from nowhere else."""

import http.client
import json
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Timer
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from apps.common.errors import Invalid, Unavailable

TIMEOUT_S = 3.0
DEADLINE_S = 5.0
BYTES_MAX = 131_072
SCHEMES = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Place:
    """Where documents may come from."""

    scheme: str
    host: str
    port: int


def place_of(url: str) -> Place:
    """The place of an address without credentials, query or fragment.

    HTTPS, except for the hosts of settings.ISSUER_HTTP_HOSTS. Raises Invalid ISSUER_ADDRESS.
    """
    parts = _split(url)
    host = (parts.hostname or "").lower()
    is_plain = parts.scheme == "http" and host in settings.ISSUER_HTTP_HOSTS
    if parts.scheme != "https" and not is_plain:
        raise Invalid("ISSUER_ADDRESS", "the issuer must be an https:// address")
    if not host or parts.query or parts.fragment or "@" in parts.netloc or len(url) > 500:
        raise Invalid("ISSUER_ADDRESS", "the issuer must be an address of host and path alone, of 500 characters")
    return Place(parts.scheme, host, parts.port or SCHEMES[parts.scheme])


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise Invalid("ISSUER_ADDRESS", f"this is no address: {error}") from None
    if not url.isascii() or not url.isprintable() or " " in url:
        raise Invalid("ISSUER_ADDRESS", "an address is written in printable ASCII")
    return parts


def get_json(url: str, place: Place) -> Any:
    """The JSON at `url`, which must lie at `place`; no redirect is followed.

    The host's addresses are looked up once and must be public ones (except of settings.ISSUER_PRIVATE_HOSTS), and the
    connection goes to the one that was looked at. Raises Unavailable ISSUER_UNREACHABLE, whatever goes wrong.
    """
    try:
        if place_of(url) != place:
            raise Unavailable("ISSUER_UNREACHABLE", "the issuer names keys at another place than its own")
        return json.loads(_body(urlsplit(url), place, _address(place)))
    except (OSError, http.client.HTTPException, ValueError, RecursionError, Invalid) as error:
        raise Unavailable("ISSUER_UNREACHABLE", f"the issuer gave no answer that can be used: {_said(error)}") from None


def _said(error: Exception) -> str:
    return type(error).__name__ if not isinstance(error, ValueError) else "its document cannot be read"


def _address(place: Place) -> str:
    found = [str(info[4][0]) for info in socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)]
    is_private = any(not ip_address(address).is_global for address in found)
    if is_private and place.host not in settings.ISSUER_PRIVATE_HOSTS:
        raise Unavailable("ISSUER_UNREACHABLE", "the issuer's host leads to a private address, which is not allowed")
    return found[0]


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was looked at; TLS proves the host's name."""

    def __init__(self, place: Place, address: str) -> None:
        super().__init__(place.host, place.port, timeout=TIMEOUT_S)
        self._place, self._address = place, address
        self.line: socket.socket | None = None  # kept, since http.client lets go of a socket before its body is read

    def connect(self) -> None:
        """Connect to the address."""
        self.sock = socket.create_connection((self._address, self._place.port), TIMEOUT_S)
        if self._place.scheme == "https":
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._place.host)
        self.line = self.sock


def _body(parts: SplitResult, place: Place, address: str) -> bytes:
    connection = _Pinned(place, address)
    end = Timer(DEADLINE_S, _hang_up, [connection])
    end.start()
    try:
        connection.request("GET", parts.path or "/", headers={"Accept": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise Unavailable("ISSUER_UNREACHABLE", f"the issuer answered with status {response.status}")
        raw = response.read(BYTES_MAX + 1)
    finally:
        end.cancel()
        connection.close()
    if len(raw) > BYTES_MAX:
        raise Unavailable("ISSUER_UNREACHABLE", f"the issuer's document is longer than {BYTES_MAX} bytes")
    return raw


def _hang_up(connection: _Pinned) -> None:
    """End a connection whose other side only drips: a timeout counts from byte to byte."""
    if connection.line is not None:
        with suppress(OSError):
            connection.line.shutdown(socket.SHUT_RDWR)
