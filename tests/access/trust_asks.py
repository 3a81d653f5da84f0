"""What the matrix asks to trust: keys that are none, so that it ends after the question who may."""

from collections.abc import Iterator
from typing import Any

from apps.access.states import Permission as P
from tests.api.world import Side

# Acts on a key, and the side's object that they act on: by the API, and by pages.
ACTS = {
    "signer-revoke": "signer",
    "signer-rotate": "signer",
    "trusted-builder-revoke": "builder",
    "trusted-builder-rotate": "builder",
}
PAGES = {
    "signer_rotate": "signer",
    "signer_revoke": "signer",
    "builder_rotate": "builder",
    "builder_revoke": "builder",
}


def builder(side: Side) -> dict[str, Any]:
    """A CI to trust, by the API."""
    uris = {"builder_id": "https://ci.example/b", "source_repository": "https://git.example/r", "refs": ["main"]}
    return uris | {"desk": side.desk.name, "name": "new", "public_key": "A" * 43 + "="}


def by_form(side: Side) -> dict[str, Any]:
    """A signer or a CI to trust, by a form."""
    return builder(side) | {"desk": side.desk.pk, "refs": "main"}


def pages() -> Iterator[tuple[Any, ...]]:
    """The console."""
    yield "code_version", "get", "seen", (P.VIEW,), lambda side: {"code_id": side.code_version.pk}
    for name in ("signer_trust", "builder_trust"):
        yield name, "post", "act", (P.ADMINISTER,), lambda _: {}, by_form
    for name, key in PAGES.items():
        yield name, "post", "act", (P.ADMINISTER,), lambda side, key=key: {"key_id": getattr(side, key).pk}
