"""What each kind of gate may be measured against, what a report of it must say, and who may report it: pure data."""

from dataclasses import dataclass, field
from typing import Any

from apps.releases.states import GateKind, Reporter

COUNT = {"type": "integer", "minimum": 0, "maximum": 1_000_000_000}
DECIMAL = {"type": "string", "pattern": r"^-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?$(?!\n)"}
NAMES = {"type": "array", "items": {"type": "string", "maxLength": 300}, "maxItems": 100}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": sorted(required),
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class Kind:
    """The schemas of a kind's thresholds and reported figures; a threshold `x_max` or `x_min` bounds the figure `x`."""

    thresholds: dict[str, Any]
    reporters: tuple[Reporter, ...] = (Reporter.WORKER,)
    figures: dict[str, Any] = field(default_factory=dict)
    may_be_waived: bool = True
    is_compared: bool = False  # with the release that it would replace
    advice: str = "mend the build and push it again"


TESTS = _object({"passed": COUNT, "failed": COUNT}, {"skipped": COUNT, "seconds": DECIMAL})
TESTS_BOUNDS = _object({"failed_max": COUNT, "passed_min": COUNT}, {"skipped_max": COUNT})
IMAGE = _object({"criticals": COUNT, "highs": COUNT}, {"mediums": COUNT, "lows": COUNT, "packages": COUNT})
DEPENDENCIES = _object({"packages": COUNT, "vulnerabilities": COUNT}, {"names": NAMES})
PAPER = _object(
    {
        "trades": COUNT,
        "sessions": COUNT,
        "orders": COUNT,
        "reject_percent": DECIMAL,
        "slippage_bps": DECIMAL,
        "latency_ms": DECIMAL,
        "drawdown_percent": DECIMAL,
    },
    {"window_days": COUNT},
)

KINDS: dict[GateKind, Kind] = {
    # What the build is and whether it does the same thing twice are facts: nobody agrees them away.
    GateKind.CONFIG_LINT: Kind(
        _object({"problems_max": COUNT}), may_be_waived=False, advice="mend the configuration and push it again"
    ),
    GateKind.DETERMINISTIC: Kind(
        _object({"differences_max": COUNT}, {"bars_min": COUNT}),
        may_be_waived=False,
        advice="let orders depend on events, parameters and the seed alone",
    ),
    GateKind.SECRETS_PRESENT: Kind(
        _object({"missing_max": COUNT}),
        may_be_waived=False,
        advice="put the venue keys of the account where the workers run, then ask again",
    ),
    GateKind.DATA_CONTRACT: Kind(
        _object({"problems_max": COUNT, "bars_min": COUNT, "gap_percent_max": DECIMAL}, {"late_ms_max": COUNT}),
        advice="declare what the feed delivers, or mend the feed, then ask again",
    ),
    GateKind.ORDER_CONTRACT: Kind(
        _object({"violations_max": COUNT, "orders_min": COUNT}),
        may_be_waived=False,
        advice="declare in [orders] and permissions what the bot sends, or let it send only that",
    ),
    GateKind.OPERATING_STANDARD: Kind(
        _object(
            {
                "headings": {**NAMES, "minItems": 1, "uniqueItems": True},
                "missing_max": COUNT,
                "words_min": COUNT,
                "outdated_max": COUNT,
            }
        ),
        is_compared=True,
        advice="bring the operating standard up to date and push it with the build",
    ),
    GateKind.BACKTEST: Kind(
        _object(
            {
                "needs_baseline": {"type": "boolean"},
                "floors": _object(
                    {"fill_count_min": COUNT, "max_drawdown_max": DECIMAL}, {"total_return_min": DECIMAL}
                ),
                "tolerances": _object(
                    {
                        "return_drop_max": DECIMAL,
                        "drawdown_rise_max": DECIMAL,
                        "sharpe_drop_max": DECIMAL,
                        "fills_change_percent_max": DECIMAL,
                        "costs_rise_percent_max": DECIMAL,
                    }
                ),
            }
        ),
        advice="change the build, or, when the change is meant, let somebody else accept the run as the baseline",
    ),
    GateKind.UNIT: Kind(TESTS_BOUNDS, (Reporter.CI,), TESTS),
    GateKind.INTEGRATION: Kind(TESTS_BOUNDS, (Reporter.CI,), TESTS),
    GateKind.DEPENDENCY_SCAN: Kind(
        _object({"vulnerabilities_max": COUNT}),
        (Reporter.WORKER, Reporter.CI),
        DEPENDENCIES,
        advice="raise the versions in the lockfile and push the build again",
    ),
    GateKind.IMAGE_SCAN: Kind(
        _object({"criticals_max": COUNT, "highs_max": COUNT}, {"mediums_max": COUNT, "lows_max": COUNT}),
        (Reporter.CI,),
        IMAGE,
    ),
    GateKind.PAPER_WINDOW: Kind(
        _object(
            {
                "window_days": {**COUNT, "minimum": 1, "maximum": 366},
                "trades_min": COUNT,
                "sessions_min": COUNT,
                "reject_percent_max": DECIMAL,
                "slippage_bps_max": DECIMAL,
                "latency_ms_max": DECIMAL,
                "drawdown_percent_max": DECIMAL,
            }
        ),
        (Reporter.FLOOR,),
        PAPER,
        advice="let the release trade on paper until the window is met, then ask again",
    ),
    GateKind.ROLLBACK_REHEARSAL: Kind(
        _object({"fenced_ms_max": COUNT, "reconciled_ms_max": COUNT, "breaks_max": COUNT}),
        (Reporter.FLOOR,),
        _object({"fenced_ms": COUNT, "reconciled_ms": COUNT, "breaks": COUNT}),
    ),
}
