"""Across apps only services, selectors, models and states are imported, and a few declared doors."""

from pathlib import Path

from tests.architecture.source import ROOT, imported, modules

OPEN = {"services", "selectors", "models", "states"}
# What an app offers beside them; each line is a decision.
DOORS = {
    "access.api",  # bases of every endpoint: reach, permission, idempotency
    "access.idempotency",
    "audit.context",
    "audit.kinds",
    "bots.artifacts",
    "bots.schemas",
    "risk.rules",  # the pure pre-trade check, which the order path calls
    "runtime.backtest",
    "runtime.host",
    "runtime.sandbox",
    "runtime.simulator",
    "venues.adapters",
}

# Parts of an app that are shaped like one: the same doors are open in them.
PARTS = {"paper", "exits", "signals", "declarations"}


def _crossings(root: Path) -> set[str]:
    """Modules that another app imports although they are no door, with the file that does."""
    found = set()
    for path in modules(root, "apps"):
        own = path.relative_to(root / "apps").parts[0]
        for name in imported(path):
            target, *inner = [part for part in name.split(".")[1:] if part not in PARTS]
            if target in (own, "common") or not inner or inner[0] in OPEN or f"{target}.{inner[0]}" in DOORS:
                continue
            found.add(f"{path.relative_to(root)} imports {target}.{inner[0]}")
    return found


def test_apps_meet_only_at_their_doors() -> None:
    assert _crossings(ROOT) == set()


def test_a_planted_back_door_is_found(tmp_path: Path) -> None:
    (tmp_path / "apps" / "risk").mkdir(parents=True)
    (tmp_path / "apps" / "risk" / "services.py").write_text("from apps.releases.checks import SEED\n")

    assert _crossings(tmp_path) == {"apps/risk/services.py imports releases.checks"}
