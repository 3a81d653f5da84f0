"""Gates and their states."""

from django.db.models import TextChoices


class GateKind(TextChoices):
    """What a gate checks."""

    CONFIG_LINT = "config_lint", "Configuration lint"
    DATA_CONTRACT = "data_contract", "Data contract"
    SECRETS_PRESENT = "secrets_present", "Secrets present"
    OPERATING_STANDARD = "operating_standard", "Operating standard"
    DETERMINISTIC = "deterministic", "Deterministic run"
    ORDER_CONTRACT = "order_contract", "Order contract"
    BACKTEST = "backtest", "Frozen backtest"
    UNIT = "unit", "Unit tests"
    INTEGRATION = "integration", "Integration tests"
    DEPENDENCY_SCAN = "dependency_scan", "Dependency scan"
    IMAGE_SCAN = "image_scan", "Image scan"
    PAPER_WINDOW = "paper_window", "Paper window"
    ROLLBACK_REHEARSAL = "rollback_rehearsal", "Rollback rehearsal"


class Reporter(TextChoices):
    """Who says what a gate measured; it is judged here, whoever says it."""

    WORKER = "worker", "Gates worker"
    CI = "ci", "CI by token"
    FLOOR = "floor", "An app above releases"


class GateState(TextChoices):
    """PASSED opens a door, and so does WAIVED by a second person; ERROR and missing data never do."""

    PENDING = "pending"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    EXPIRED = "expired"
    WAIVED = "waived"


# A new verdict begins with PENDING, whatever was there before, so that only what runs can pass.
GATE_TRANSITIONS = {
    # A worker may die again and again before it starts.
    GateState.PENDING: frozenset({GateState.RUNNING, GateState.ERROR}),
    GateState.RUNNING: frozenset({GateState.PASSED, GateState.FAILED, GateState.ERROR, GateState.RUNNING}),
    GateState.PASSED: frozenset({GateState.PENDING, GateState.EXPIRED}),
    GateState.FAILED: frozenset({GateState.PENDING, GateState.WAIVED}),
    GateState.ERROR: frozenset({GateState.PENDING, GateState.WAIVED}),
    GateState.EXPIRED: frozenset({GateState.PENDING, GateState.WAIVED}),
    GateState.WAIVED: frozenset({GateState.PENDING, GateState.EXPIRED}),
}
OPEN_STATES = (GateState.PASSED, GateState.WAIVED)
WAIVABLE_STATES = (GateState.FAILED, GateState.ERROR, GateState.EXPIRED)
