"""Gates worker: claims due gates and runs them."""

from celery import shared_task

from apps.common import claims
from apps.releases import services
from apps.releases.models import Gate
from apps.releases.states import Reporter
from apps.runtime import services as runtime


@shared_task(name="releases.run_due_gates")
def run_due_gates() -> None:
    """Say that this worker serves, and run every due gate, one after the other."""
    runtime.report_worker()
    ours = Gate.objects.filter(definition__reporter=Reporter.WORKER)
    while rows := claims.claim(ours, lease_s=60):
        gate = rows[0]
        if gate.attempts > services.ATTEMPTS_MAX:
            services.give_up(gate)
        else:
            services.run_gate(gate)


@shared_task(name="releases.expire_gates")
def expire_gates() -> None:
    """Say of passes and waivers past their end that they are."""
    services.expire_gates()
