"""One platform over HTTPS: calls are tried again, and a call tried again is still one act."""

import ssl
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import httpx

from quarterdeck.client.problems import failure_of
from quarterdeck.client.retrying import AGAIN, Pauses
from quarterdeck.client.settings import Settings
from quarterdeck.failures import Failure, unavailable, usage

CONNECT_S, UPLOAD_S = 10.0, 600.0
PAGE_SIZE = "200"
IN_PROGRESS = "IDEMPOTENCY_IN_PROGRESS"
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"

Progress = Callable[[int, int], None]


class Client:
    """Calls below /api/v1/; every failure is a Failure. Proxies come from HTTP(S)_PROXY and NO_PROXY.

    TLS is always verified: against `ca_file`, else SSL_CERT_FILE, else the usual authorities. Redirects are not
    followed, so the token goes to the one address only.
    """

    def __init__(
        self, settings: Settings, *, pauses: Pauses | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.settings = settings
        self.pauses = pauses or Pauses()
        self._http = httpx.Client(
            base_url=f"{settings.url}/api/v1/",
            headers={"Accept": "application/json", "User-Agent": "quarterdeck-cli"},
            timeout=httpx.Timeout(settings.timeout_s, connect=CONNECT_S),
            verify=_tls(settings),
            follow_redirects=False,
            transport=transport,
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **filters: str) -> Any:
        """What a path answers with."""
        return self._call("GET", path, params=filters)

    def find(self, path: str, **filters: str) -> list[dict[str, Any]]:
        """The newest page of a list."""
        return list(self.get(path, **filters)["results"])

    def every(self, path: str, **filters: str) -> Iterator[dict[str, Any]]:
        """All of a list, newest first, page by page."""
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, page_size=PAGE_SIZE, **filters, **cursor)
            yield from page["results"]
            following = httpx.URL(page.get("next") or "").params.get("cursor")
            if not following:
                return
            cursor = {"cursor": following}

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One act: the same Idempotency-Key goes with every try of it, so it happens once at most."""
        return self._call("POST", path, headers=_act(), json=dict(body or {}))

    def post_form(self, path: str, fields: Mapping[str, str]) -> Any:
        """One act whose body is a form, without the caller's token: that is what it asks for."""
        return self._call("POST", path, headers=_act(), data=dict(fields), is_anonymous=True)

    def upload(self, path: str, fields: Mapping[str, str], file: Path, name: str, progress: Progress) -> Any:
        """One act that sends a file, read piece by piece; `progress` hears bytes sent and bytes in all."""
        with file.open("rb") as handle:
            told = _Told(handle, file.stat().st_size, progress)
            form = {name: (file.name, told, "application/zip")}
            timeout = httpx.Timeout(UPLOAD_S, connect=CONNECT_S)
            return self._call("POST", path, headers=_act(), data=dict(fields), files=form, timeout=timeout)

    def _call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, is_anonymous: bool = False, **sent: Any
    ) -> Any:
        own = dict(headers or {})
        if self.settings.token and not is_anonymous:
            own["Authorization"] = f"Bearer {self.settings.token}"
        last: Failure | None = None
        for attempt in range(self.pauses.attempts):
            try:
                answer = self._http.request(method, path, headers=own, **sent)
            except httpx.TransportError as error:
                last, retry_after = _unreachable(self.settings.url, error), None
                if _is_final(error):
                    raise last from None
            else:
                if answer.is_success:
                    return _read(answer)
                last, retry_after = failure_of(answer.status_code, answer.content), answer.headers.get("Retry-After")
                if answer.status_code not in AGAIN and last.code != IN_PROGRESS:
                    raise last
            if attempt + 1 < self.pauses.attempts:
                self.pauses.wait(attempt, retry_after)
        assert last is not None
        raise last


class _Told:
    """A file that says how far it was read; it starts again from the beginning when a try is repeated."""

    def __init__(self, handle: BinaryIO, size: int, progress: Progress) -> None:
        self.handle, self.size, self.progress = handle, size, progress

    def read(self, count: int = -1) -> bytes:
        """The next piece."""
        piece = self.handle.read(count)
        self.progress(self.handle.tell(), self.size)
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return self.handle.seek(offset, whence)

    def tell(self) -> int:
        """The place in the file."""
        return self.handle.tell()

    def fileno(self) -> int:
        """The open file, whose size is the length that is announced."""
        return self.handle.fileno()


def _act() -> dict[str, str]:
    """The header that names one intended act."""
    return {"Idempotency-Key": f"cli-{uuid.uuid4()}"}


def _tls(settings: Settings) -> ssl.SSLContext | bool:
    """What verifies the platform; True leaves it to SSL_CERT_FILE or the usual authorities."""
    if settings.url.startswith("http://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody: no TLS is meant, so none is taken
    if settings.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(settings.ca_file))
    except (OSError, ssl.SSLError):
        raise usage(f"{settings.ca_file} holds no certificates in PEM") from None


def _is_final(error: httpx.TransportError) -> bool:
    """Whether another try cannot help."""
    return isinstance(error, httpx.UnsupportedProtocol) or _UNTRUSTED in str(error)


def _unreachable(url: str, error: httpx.TransportError) -> Failure:
    if _UNTRUSTED in str(error):
        return unavailable(f"the certificate of {url} is not one that is trusted here: give its authority by --ca-file")
    kind = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
    return unavailable(f"{url} {kind} ({type(error).__name__}): check the address, the proxy and the network")


def _read(answer: httpx.Response) -> Any:
    if answer.status_code == 204 or not answer.content:
        return {}
    try:
        return answer.json()
    except ValueError:
        raise unavailable("the answer is not JSON: is this the address of the platform?") from None
