"""Sweeps of the paper venue."""

from celery import shared_task

from apps.venues.paper import matching


@shared_task(name="venues.paper.match_due")
def match_due() -> None:
    """Match every market up to its feed's last complete bar."""
    matching.match_due()
