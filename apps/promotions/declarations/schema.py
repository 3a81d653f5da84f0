"""The published JSON Schemas (2020-12): the declaration, the config bundle; parameters come with the code."""

from typing import Any

from apps.bots import schemas
from apps.promotions.declarations.rules.bundle import LIFTED
from apps.risk.states import LimitKind

API_VERSION = "quarterdeck/v1"
ID = "urn:quarterdeck:schema:{}:v1"
DIALECT = schemas.CONFIG["$schema"]
UNTIL = {
    "type": "string",
    "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?Z$(?!\n)",
    "description": "UTC, such as 2026-12-01T00:00Z: from then on what stood before is in force again.",
}
NAME = {"type": "string", "minLength": 1, "maxLength": 150}
_IN_BUNDLE: dict[str, Any] = schemas.CONFIG["properties"]


def _object(properties: dict[str, Any], required: tuple[str, ...] = (), about: str = "") -> dict[str, Any]:
    described = {"description": about} if about else {}
    return {
        "type": "object",
        **described,
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


LIMIT = {
    "oneOf": [
        schemas.DECIMAL,
        _object({"value": schemas.DECIMAL, "until": UNTIL}, ("value",), "A raise that ends by itself."),
    ]
}
CONFIG_SECTION = _object(
    {name: part for name, part in _IN_BUNDLE.items() if name not in LIFTED.values()},
    tuple(schemas.CONFIG["required"]),
    "The config bundle, but for what stands in alerts, latency_budget and schedules.",
)
_NAMES = {"type": "array", "items": NAME, "minItems": 1, "maxItems": 100, "uniqueItems": True}
BOT = _object(
    {
        "name": schemas.SLUG,
        "strategy": NAME,
        "owner": {**NAME, "description": "Sign-in name."},
        "fallback_owner": {**NAME, "description": "Sign-in name of another person."},
        "symbols": _NAMES,
        "accounts": _NAMES,
        "pool": NAME,
    },
    ("name",),
    "Who it is and how far it reaches; what is left out stays as it is.",
)
CODE = {
    **_object(
        {
            "version": NAME,
            "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$(?!\\n)", "description": "SHA-256 of the artifact."},
        },
        (),
        "The pushed code of the release: by its version, or by the digest of its artifact.",
    ),
    "minProperties": 1,
    "maxProperties": 1,
}
DECLARATION: dict[str, Any] = {
    "$schema": DIALECT,
    "$id": ID.format("declaration"),
    "title": "Declaration of a bot (quarterdeck.yaml)",
    **_object(
        {
            "apiVersion": {"const": API_VERSION},
            "bot": BOT,
            "code": CODE,
            "config": CONFIG_SECTION,
            "parameters": {"type": "object", "description": "By the schema that comes with the code."},
            "limits": _object(dict.fromkeys(LimitKind.values, LIMIT), (), "Of the bot in the risk ledger."),
            "alerts": _IN_BUNDLE["alert_thresholds"],
            "latency_budget": _IN_BUNDLE["latency_budget"],
            "schedules": _object({name: _IN_BUNDLE[name] for name in ("session_windows", "end_of_day")}),
        },
        ("apiVersion", "bot"),
        "What is left out is not managed by the declaration.",
    ),
    "dependentRequired": {"alerts": ["config"], "latency_budget": ["config"], "schedules": ["config"]},
}
CONFIG_BUNDLE: dict[str, Any] = {**schemas.CONFIG, "$id": ID.format("config-bundle")}
PARAMETERS: dict[str, Any] = {
    "$schema": DIALECT,
    "$id": ID.format("parameters"),
    "title": "Parameters: any object; the schema of one bot's comes with its code",
    "type": "object",
}
PUBLISHED = {"declaration": DECLARATION, "config-bundle": CONFIG_BUNDLE, "parameters": PARAMETERS}
