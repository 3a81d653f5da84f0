"""The Celery application. Messages are nudges only; PostgreSQL holds every obligation (design rule 1)."""

from celery import Celery
from celery.signals import setup_logging

app = Celery("quarterdeck")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_django_logging(**_: object) -> None:
    """Leave logging as settings.LOGGING set it."""
