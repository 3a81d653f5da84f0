"""Sweeps of risk."""

from celery import shared_task

from apps.risk import services


@shared_task(name="risk.settle_limits")
def settle_limits() -> None:
    """Apply raises whose time has come and write down what has reverted."""
    services.settle_limits()
