"""Who may what with declarations: rows of the permission matrix, in the order of its `Rule`."""

from typing import Any

from apps.access.states import Permission as P
from tests.api.world import DIGEST, Side

EITHER = (P.BUILD, P.SET_LIMITS)


def by_id(side: Side) -> dict[str, Any]:
    """The side's bot in an address of the API."""
    return {"pk": side.bot.pk}


def by_name(side: Side) -> dict[str, Any]:
    """The side's bot in an address of a page."""
    return {"name": side.bot.name}


def text(_: Side) -> dict[str, Any]:
    """A declaration that ends at its shape, after the question who may."""
    return {"text": "a: 1", "digest": DIGEST}


API: tuple[tuple[Any, ...], ...] = (
    ("declaration", "get", "seen", (P.VIEW,), by_id),
    ("declaration-export", "get", "seen", (P.VIEW,), by_id),
    ("declaration-history", "get", "seen", (P.VIEW,), by_id),
    ("declaration-applied", "get", "seen", (P.VIEW,), lambda side: by_id(side) | {"number": 1}),
    ("declaration-validate", "post", "act", EITHER, by_id, text),
    ("declaration-plan", "post", "act", EITHER, by_id, text),
    ("declaration-apply", "post", "act", EITHER, by_id, text),
    ("json-schema-list", "get", "list"),
    ("json-schema-detail", "get", "list", (), lambda _: {"name": "declaration"}),
)
PAGES: tuple[tuple[Any, ...], ...] = (
    ("bot_declaration", "get", "seen", (P.VIEW,), by_name),
    ("declaration_file", "get", "seen", (P.VIEW,), by_name),
    ("declaration_check", "post", "act", EITHER, by_name),
    ("declaration_put", "post", "act", EITHER, by_name),
)
