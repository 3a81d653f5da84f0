"""Sweeps of the markets."""

from celery import shared_task

from apps.markets import services


@shared_task(name="markets.tick_feeds")
def tick_feeds() -> None:
    """Keep every replay running."""
    services.tick_feeds()
