"""JSON Schemas (2020-12) of what bots are configured with, and how a failure is worded."""

from typing import Any

import jsonschema

from apps.common.errors import Invalid

DECIMAL = {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?$(?!\n)"}
SLUG = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,59}$"}
SYMBOL = {"type": "string", "pattern": "^[A-Z0-9][A-Z0-9./:-]{0,39}$"}
CLOCK = {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"}
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _names(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": 50, "uniqueItems": True}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": sorted(required),
        "additionalProperties": False,
    }


LIMITS = _object(
    {
        "order_quantity": DECIMAL,
        "order_notional": DECIMAL,
        "position": DECIMAL,
        "collar_bps": DECIMAL,
        "orders_per_minute": DECIMAL,
    },
    {
        "messages_per_second": DECIMAL,
        "repeat_executions": DECIMAL,
        "open_orders": DECIMAL,
        "gross_exposure": DECIMAL,
        "net_exposure": DECIMAL,
        "daily_loss": DECIMAL,
        "drawdown": DECIMAL,
    },
)
# What a bot may send at all; whatever is left out is allowed, but for shorting and extended hours, which must be said.
PERMISSIONS = _object(
    {},
    {
        "sides": _names({"enum": ["BUY", "SELL"]}),
        "order_types": _names({"enum": ["MARKET", "LIMIT", "STOP", "STOP_LIMIT"]}),
        "times_in_force": _names({"enum": ["DAY", "GTC", "IOC", "FOK"]}),
        "shorting": {"type": "boolean"},
        "extended_hours": {"type": "boolean"},
    },
)
END_OF_DAY = _object(
    {"policy": {"enum": ["flat", "carry"]}},
    {"minutes_before_close": {"type": "integer", "minimum": 1, "maximum": 240}},
)
CONFIG = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Config bundle",
    **_object(
        {
            "venue": SLUG,
            "accounts": _names(SLUG),
            "symbols": _names(SYMBOL),
            "feed": SLUG,
            "limits": LIMITS,
            "data_contract": _object(
                {
                    "interval": {"enum": ["1m", "5m", "15m", "1h", "1d"]},
                    "fields": _names({"enum": ["open", "high", "low", "close", "volume"]}),
                    "staleness_ms_max": {"type": "integer", "minimum": 100, "maximum": 86_400_000},
                }
            ),
        },
        {
            "runs": {"enum": ["hosted", "attached"]},
            "permissions": PERMISSIONS,
            "end_of_day": END_OF_DAY,
            "session_windows": {
                "type": "array",
                "maxItems": 50,
                "items": _object({"days": _names({"enum": DAYS}), "from": CLOCK, "until": CLOCK}),
            },
            "latency_budget": _object({}, {"cycle_ms_max": {"type": "integer"}, "submit_ms_max": {"type": "integer"}}),
            "alert_thresholds": {"type": "object", "additionalProperties": DECIMAL},
        },
    ),
}


def check(content: Any, schema: dict[str, Any], code: str) -> None:
    """Raise Invalid `code` with every failure and its place unless `content` fits `schema`."""
    validator = jsonschema.Draft202012Validator(schema)
    failures = sorted(validator.iter_errors(content), key=lambda error: error.json_path)[:20]
    if failures:
        places = [{"at": failure.json_path, "problem": failure.message[:300]} for failure in failures]
        first = places[0]
        raise Invalid(code, f"{first['at']}: {first['problem']}", failures=places)
