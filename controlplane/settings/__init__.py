"""Settings by environment; loading any of them makes the Celery application the current one."""

from controlplane.celery import app as celery_app

__all__ = ["celery_app"]
