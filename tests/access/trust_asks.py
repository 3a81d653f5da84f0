"""What the matrix asks to trust: keys that are none, so that it ends after the question who may."""

from typing import Any

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
