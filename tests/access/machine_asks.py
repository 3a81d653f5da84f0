"""What the matrix asks about machines: name, method, kind, permissions, URL and body of its rules."""

from typing import Any

from apps.access.states import Permission as P
from tests.api.world import Side

TOKEN = {"user": "own-bot", "name": "new", "permissions": ["trade"]}
TRUST = TOKEN | {"issuer": "https://ci.example", "audience": "qd", "subject": "repo:new"}
BY = (P.ADMINISTER,)


def nothing(_: Side) -> dict[str, Any]:
    """No values."""
    return {}


def token(side: Side) -> dict[str, Any]:
    """The side's token by the API."""
    return {"pk": side.token.pk}


def trust(side: Side) -> dict[str, Any]:
    """The side's trusted workload by the API."""
    return {"pk": side.trust.pk}


API = (
    ("token-list", "get", "list", (), nothing),
    ("token-list", "post", "firm", BY, nothing, lambda _: TOKEN),
    ("token-detail", "get", "hidden", BY, token),
    ("token-revoke", "post", "hidden", BY, token),
    ("token-rotate", "post", "hidden", BY, token),
    ("workload-trust-list", "get", "list", (), nothing),
    ("workload-trust-list", "post", "firm", BY, nothing, lambda _: TRUST),
    ("workload-trust-detail", "get", "hidden", BY, trust),
    ("workload-trust-revoke", "post", "hidden", BY, trust),
    ("token-exchange", "post", "open", (), nothing),
)
PAGES = (
    ("machines", "get", "firm", BY, nothing),
    ("token_make", "post", "firm", BY, nothing),
    ("trust_make", "post", "firm", BY, nothing),
    ("token_rotate", "post", "firm", BY, lambda side: {"token_id": side.token.pk}),
    ("token_revoke", "post", "firm", BY, lambda side: {"token_id": side.token.pk}),
    ("trust_revoke", "post", "firm", BY, lambda side: {"trust_id": side.trust.pk}),
)
