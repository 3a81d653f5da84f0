"""Gates worker: claims due gates and runs them."""

from celery import shared_task

from apps.common import claims
from apps.releases import services
from apps.releases.models import Gate


@shared_task(name="releases.run_due_gates")
def run_due_gates() -> None:
    """Run every due gate, one after the other."""
    while rows := claims.claim(Gate.objects.all(), lease_s=60):
        gate = rows[0]
        if gate.attempts > services.ATTEMPTS_MAX:
            services.give_up(gate)
        else:
            services.run_gate(gate)
