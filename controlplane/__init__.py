"""The Django project that puts the apps together; `celery` finds its application here."""

from controlplane.celery import app as celery_app

__all__ = ["celery_app"]
