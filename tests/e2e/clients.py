"""People and machines that use the product over HTTP, as their browsers and programs would."""

import re
import uuid
from typing import Any

import httpx

from tests.e2e.product import Product

PASSWORD = "quarterdeck-demo"
TIMEOUT_S = 30.0
FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
PERMISSIONS = {"ci": ["view_scope", "build"], "bot": ["view_scope", "trade"]}


class Caller:
    """Somebody who calls the REST API: a person with a session or a machine with a token."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def get(self, path: str, **filters: str) -> dict[str, Any]:
        """What a path answers with 200."""
        answer = self.client.get(f"/api/v1/{path}", params=filters)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def find(self, path: str, **filters: str) -> list[dict[str, Any]]:
        """The first page of a list."""
        return list(self.get(path, **filters)["results"])

    def only(self, path: str, **filters: str) -> dict[str, Any]:
        """The one object that a list holds."""
        (found,) = self.find(path, **filters)
        return found

    def post(self, path: str, body: dict[str, Any], *, key: str | None = None) -> httpx.Response:
        """Call an unsafe endpoint under an idempotency key of its own unless one is given."""
        return self.client.post(f"/api/v1/{path}", json=body, headers=self._headers(key))

    def upload(self, path: str, fields: dict[str, str], artifact: bytes) -> httpx.Response:
        """Send a form with an artifact."""
        files = {"artifact": ("bot.zip", artifact, "application/zip")}
        return self.client.post(f"/api/v1/{path}", data=fields, files=files, headers=self._headers(None))

    def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What an unsafe call that must succeed answers with."""
        answer = self.post(path, body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def _headers(self, key: str | None) -> dict[str, str]:
        token = next((c.value for c in self.client.cookies.jar if "csrf" in c.name), None)
        headers = {"Idempotency-Key": key or f"e2e-{uuid.uuid4()}"}
        return headers | {"X-CSRFToken": token} if token else headers


def sign_in(product: Product, username: str) -> Caller:
    """A person's session, made by the sign-in page."""
    client = httpx.Client(base_url=product.url, timeout=TIMEOUT_S)
    page = client.get("/accounts/login/")
    found = FIELD.search(page.text)
    assert found, page.text[:500]
    fields = {"login": username, "password": PASSWORD, "csrfmiddlewaretoken": found.group(1)}
    answer = client.post("/accounts/login/", data=fields)
    assert answer.status_code == 302, f"{username}: {answer.status_code} {answer.text[:2000]}"
    return Caller(client)


def machine(product: Product, administrator: Caller, kind: str, desk: str) -> Caller:
    """A desk's service account of a kind (`ci`, `bot`) with a token that the administrator makes for it."""
    body = {
        "user": f"{kind}-{desk}",
        "name": f"{kind} of {desk}",
        "permissions": PERMISSIONS[kind],
        "expires_in_h": 1,
    }
    secret = administrator.made("tokens/", body)["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    return Caller(httpx.Client(base_url=product.url, timeout=TIMEOUT_S, headers=headers))
