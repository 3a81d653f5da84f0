"""Access worker: forgets what no longer protects against anything."""

from celery import shared_task

from apps.access import services


@shared_task(name="access.forget_spent")
def forget_spent() -> None:
    """Delete spent assertions that have expired, and counts of minutes that are over."""
    services.forget_spent()
