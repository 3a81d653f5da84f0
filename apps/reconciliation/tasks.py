"""Sweeps of reconciliation."""

from celery import shared_task

from apps.reconciliation import services


@shared_task(name="reconciliation.run_due")
def run_due() -> None:
    """Ask for the runs whose time has come, and run what is due."""
    services.schedule_runs()
    services.run_due()
