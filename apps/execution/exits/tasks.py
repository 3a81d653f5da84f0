"""Sweeps of exit plans."""

from celery import shared_task

from apps.execution.exits import services


@shared_task(name="execution.exits.advance_due")
def advance_due() -> None:
    """Take every due plan one step further."""
    services.advance_due()


@shared_task(name="execution.exits.flatten_before_close")
def flatten_before_close() -> None:
    """Start the exit plans of bots that must be flat by a close that is near."""
    services.flatten_before_close()
