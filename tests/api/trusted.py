"""The keys that each desk of the API's tests trusts."""

from typing import Any

from apps.access.models import Desk
from apps.bots.models import Signer, TrustedBuilder


def keys(desk: Desk, name: str) -> dict[str, Any]:
    """A signer and a builder of the desk, by their names in a side."""
    signer = Signer.objects.create(desk=desk, name="ci", key_id=f"{name:0<16}"[:16], public_key="a2V5")
    builder = TrustedBuilder.objects.create(
        desk=desk,
        name="release CI",
        key_id=f"{name:1<16}"[:16],
        public_key="a2V5",
        builder_id="https://ci.example/release",
        source_repository=f"https://git.example/{name}",
        refs=["refs/heads/main"],
    )
    return {"signer": signer, "builder": builder}
