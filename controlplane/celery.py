"""The Celery application. Messages are nudges only; PostgreSQL holds every obligation (design rule 1)."""

from typing import Any

from celery import Celery
from celery.signals import celeryd_after_setup, setup_logging

app = Celery("quarterdeck")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

SANDBOXED_QUEUES = frozenset({"cycles", "gates"})


@setup_logging.connect
def keep_django_logging(**_: object) -> None:
    """Leave logging as settings.LOGGING set it."""


@celeryd_after_setup.connect
def examine_sandbox(sender: str, instance: Any, **_: object) -> None:
    """A worker that runs bots probes its sandbox before its pool starts."""
    from apps.runtime import services as runtime  # models are ready only now

    if SANDBOXED_QUEUES & set(instance.app.amqp.queues.consume_from):
        runtime.examine_worker(worker=sender)
