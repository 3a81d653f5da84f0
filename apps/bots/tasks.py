"""Bots worker: tells of bots whose owners have left."""

from celery import shared_task

from apps.bots import services


@shared_task(name="bots.watch_owners")
def watch_owners() -> None:
    """Raise and clear the alerts of bots whose owners have left."""
    services.watch_owners()
