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
    GateState.PENDING: frozenset({GateState.RUNNING}),
    GateState.RUNNING: frozenset({GateState.PASSED, GateState.FAILED, GateState.ERROR, GateState.RUNNING}),
}
