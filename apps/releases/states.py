"""Gates and their states."""

from django.db.models import TextChoices


class GateKind(TextChoices):
    """What a gate checks; more kinds come with their own floor."""

    CONFIG_LINT = "config_lint", "Configuration lint"
    DETERMINISTIC = "deterministic", "Deterministic run"
    BACKTEST = "backtest", "Frozen backtest"


class GateState(TextChoices):
    """Only PASSED opens a door; ERROR and missing data never pass."""

    PENDING = "pending"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


GATE_TRANSITIONS = {
    # A worker may die again and again before it starts.
    GateState.PENDING: frozenset({GateState.RUNNING, GateState.ERROR}),
    GateState.RUNNING: frozenset({GateState.PASSED, GateState.FAILED, GateState.ERROR, GateState.RUNNING}),
    # Asked for again: an expired pass, or what did not pass.
    GateState.PASSED: frozenset({GateState.PENDING}),
    GateState.FAILED: frozenset({GateState.PENDING}),
    GateState.ERROR: frozenset({GateState.PENDING}),
}
