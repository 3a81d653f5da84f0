"""Where an account's calls may go: the hosts of its own mode and nowhere else, each call with a time limit."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ReadTimeout

from apps.bots.states import Mode
from apps.common.errors import Refused
from apps.venues import messages
from apps.venues.adapters.base import VenueRejected
from apps.venues.models import Account

READ_BYTES = 65_536
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
# Answers that leave open whether the request was carried out, whatever their body says.
UNSURE_STATUSES = frozenset({408, 418, 425, 429})


def local_url(account: Account) -> str | None:
    """The stand-in on this machine that the venue's settings name as `url`; None for the venue itself.

    Raises Refused ENDPOINT_FORBIDDEN for any other host, for live accounts, and outside of development.
    """
    url = account.venue.settings.get("url")
    if url is None:
        return None
    is_local = isinstance(url, str) and host_of(url) in LOCAL_HOSTS
    if not (is_local and settings.DEMO_ALLOWED and account.mode == Mode.PAPER):
        raise Refused("ENDPOINT_FORBIDDEN", f"{account.venue} names an endpoint that {account} may not use")
    return str(url).rstrip("/")


def host_of(url: str) -> str:
    """The host in `url`, "" when there is none."""
    return urlsplit(url).hostname or ""


class Fence(HTTPAdapter):
    """The only way out of a client's session: to the named hosts, encrypted unless local, within the time limit.

    `is_unsure` tells whether the last answer's status leaves open what became of the request.
    """

    def __init__(self, hosts: frozenset[str], timeout_s: float, redact: Callable[[str], str]) -> None:
        super().__init__(max_retries=0)
        self._redact = redact
        self._hosts = hosts
        self._timeout_s = timeout_s
        self.is_unsure = False

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send one request, once. Raises VenueRejected ENDPOINT_FORBIDDEN before anything leaves."""
        url = urlsplit(request.url or "")
        host = url.hostname or ""
        if host not in self._hosts or (url.scheme != "https" and host not in LOCAL_HOSTS):
            raise VenueRejected("ENDPOINT_FORBIDDEN", f"this account may not reach {host}")
        self.is_unsure = False
        ends_at = time.monotonic() + self._timeout_s
        response = super().send(request, *args, **kwargs | {"timeout": self._timeout_s, "stream": True})
        _read(response, ends_at)
        said = {"sent": f"{request.method} {request.url}", "body": _text(request.body)}
        said = {name: self._redact(text) for name, text in (said | {"answer": _text(response.content)}).items()}
        messages.heard(said | {"status": response.status_code})
        self.is_unsure = response.status_code >= 500 or response.status_code in UNSURE_STATUSES
        return response


def _text(body: object) -> str:
    return body[: messages.TEXT_MAX].decode(errors="replace") if isinstance(body, bytes) else str(body or "")


def _read(response: Response, ends_at: float) -> None:
    """Take in the body; the time limit is for all of it, not for each piece. Raises requests' ReadTimeout."""
    pieces = []
    while piece := response.raw.read1(READ_BYTES, decode_content=True):
        pieces.append(piece)
        if time.monotonic() > ends_at:
            response.close()
            raise ReadTimeout(request=response.request)
    response._content, response._content_consumed = b"".join(pieces), True


def fence(session: Session, hosts: frozenset[str], timeout_s: float, redact: Callable[[str], str] = str) -> Fence:
    """Close `session` but for `hosts`; it takes neither proxies nor passwords from the environment.

    `redact` takes the account's secrets out of a text before it is kept.
    """
    way_out = Fence(hosts, timeout_s, redact)
    session.trust_env = False
    session.adapters.clear()
    session.mount("https://", way_out)
    session.mount("http://", way_out)
    return way_out
