"""Asking for exchanges: a trust with pinned keys, the form of the RFC, and what a refusal looks like."""

from typing import Any

from django.test import Client
from rest_framework.test import APIClient

from apps.access import services as access
from apps.access.api.exchange import GRANT, SUBJECT_TYPES
from apps.access.models import SpentAssertion, Token, WorkloadTrust
from apps.access.states import Permission
from tests.access.conftest import Cast
from tests.access.issuer import AUDIENCE, CLAIMS, SUBJECT, public_jwk
from tests.builders import BY

ISSUER = "https://ci.example"
ADDRESS = "/api/v1/token-exchange/"


def make_trust(cast: Cast, **changes: Any) -> WorkloadTrust:
    """A trust of the cast's machine with three pinned keys."""
    fields = {
        "user": cast.machine,
        "name": "paper deploys",
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "subject": SUBJECT,
        "claims": CLAIMS,
        "permissions": [Permission.VIEW, Permission.TRADE],
        "jwks": {"keys": [public_jwk("one"), public_jwk("two", "RSA"), public_jwk("three", "OKP")]},
    }
    return access.make_trust(**fields | changes, **BY)


def ask(subject_token: str, *, client: Client | None = None, **changes: Any) -> Any:
    """The answer to an exchange; a field changed to None is left out."""
    form = {"grant_type": GRANT, "subject_token": subject_token, "subject_token_type": SUBJECT_TYPES[0], **changes}
    remote = form.pop("REMOTE_ADDR", "203.0.113.7")
    body = "&".join(f"{name}={value}" for name, value in form.items() if value is not None)
    caller = client or Client()
    return caller.post(ADDRESS, body, content_type="application/x-www-form-urlencoded", REMOTE_ADDR=remote)


def refused(answer: Any, code: str, status: int = 400, error: str = "invalid_request") -> None:
    """The answer is this refusal, and nothing came of it."""
    assert (answer.status_code, answer.json()["code"], answer.json()["error"]) == (status, code, error)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not Token.objects.exists()
    assert not SpentAssertion.objects.exists()


def desks(text: str, **extra: Any) -> int:
    """What the desks' list answers to a bearer."""
    return int(APIClient(HTTP_AUTHORIZATION=f"Bearer {text}").get("/api/v1/desks/", **extra).status_code)
