"""Desired and observed states of a deployment."""

from django.db.models import TextChoices


class Desired(TextChoices):
    """What people want."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class Observed(TextChoices):
    """What workers last saw."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FAILED = "failed"


DESIRED_TRANSITIONS = {
    Desired.RUNNING: frozenset({Desired.PAUSED, Desired.STOPPED}),
    Desired.PAUSED: frozenset({Desired.RUNNING, Desired.STOPPED}),
}
OBSERVED_TRANSITIONS = {
    Observed.STARTING: frozenset({Observed.RUNNING, Observed.FAILED, Observed.PAUSED, Observed.STOPPED}),
    Observed.RUNNING: frozenset({Observed.PAUSED, Observed.STOPPED, Observed.FAILED, Observed.STARTING}),
    Observed.PAUSED: frozenset({Observed.RUNNING, Observed.STOPPED, Observed.STARTING}),
    Observed.FAILED: frozenset({Observed.STARTING, Observed.STOPPED, Observed.PAUSED}),
}
