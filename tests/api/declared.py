"""What was declared of the bots in the world of the API's tests."""

from typing import Any

from apps.access.models import User
from apps.promotions.models import Declaration


def arrange_declaration(name: str, objects: dict[str, Any], people: dict[str, User]) -> None:
    """The side's bot was declared once, by its name only."""
    content = {"apiVersion": "quarterdeck/v1", "bot": {"name": objects["bot"].name}}
    objects["declaration"] = Declaration.objects.create(
        bot=objects["bot"],
        number=1,
        digest="8" * 64,
        text="arranged",
        content=content,
        plan_digest="8" * 64,
        lines=[],
        raises=[],
        heads={"config": 1, "parameters": 1, "release": 1},
        applied_by=people["engineer"],
        reason="arranged",
    )
