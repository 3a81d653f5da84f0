"""Gates worker: claims due gates and runs them."""

from celery import shared_task

from apps.common import claims
from apps.releases import services
from apps.releases.models import Gate
from apps.runtime import services as runtime


@shared_task(name="releases.run_due_gates")
def run_due_gates() -> None:
    """Say that this worker serves, and run every due gate, one after the other."""
    runtime.report_worker()
    while rows := claims.claim(Gate.objects.all(), lease_s=60):
        gate = rows[0]
        if gate.attempts > services.ATTEMPTS_MAX:
            services.give_up(gate)
        else:
            services.run_gate(gate)
