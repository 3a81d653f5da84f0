"""How the sections of a declaration put a config bundle together, and how a bundle is taken apart again."""

from typing import Any

# Parts of the config bundle that a declaration names by themselves: section, name there -> name in the bundle.
LIFTED: dict[tuple[str, ...], str] = {
    ("alerts",): "alert_thresholds",
    ("latency_budget",): "latency_budget",
    ("schedules", "session_windows"): "session_windows",
    ("schedules", "end_of_day"): "end_of_day",
}


def bundle_of(declared: dict[str, Any]) -> dict[str, Any] | None:
    """The config bundle that a declaration of the right shape puts together, or None when it manages none."""
    if "config" not in declared:
        return None
    bundle = dict(declared["config"])
    for path, name in LIFTED.items():
        inner = declared if len(path) == 1 else declared.get(path[0], {})
        if path[-1] in inner:
            bundle[name] = inner[path[-1]]
    return bundle


def sections_of(bundle: dict[str, Any]) -> dict[str, Any]:
    """The sections of a declaration that put this bundle together again."""
    found: dict[str, Any] = {"config": {name: bundle[name] for name in bundle if name not in LIFTED.values()}}
    for path, name in LIFTED.items():
        if name in bundle:
            inner = found if len(path) == 1 else found.setdefault(path[0], {})
            inner[path[-1]] = bundle[name]
    return found


def document_path(path: str) -> str:
    """Where a declaration has what the bundle has at this dotted path."""
    head, dot, rest = path.partition(".")
    for section, name in LIFTED.items():
        if name == head:
            return f"{'.'.join(section)}{dot}{rest}"
    return f"config.{path}"
