"""A task that does nothing but say that it ran: the reference of `submit`."""

import redis
from celery import shared_task
from django.conf import settings

DONE = "benchmarks:noop"


@shared_task(name="benchmarks.noop")
def noop() -> None:
    """Say so."""
    redis.Redis.from_url(settings.REDIS_URL).rpush(DONE, "1")
