"""Every Celery task has one queue and a sweep that finds its work when the nudge was lost."""

from collections import Counter
from importlib import import_module

from celery import current_app
from django.conf import settings

from tests.architecture.source import ROOT


def _tasks() -> set[str]:
    """Names of the tasks that the apps declare."""
    for path in sorted((ROOT / "apps").rglob("tasks.py")):
        import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return {name for name in current_app.tasks if not name.startswith("celery.")}


def test_every_task_has_exactly_one_queue() -> None:
    queued = Counter(name for names in settings.QUEUES.values() for name in names)

    assert set(queued) == _tasks()
    assert set(queued.values()) == {1}


def test_every_task_is_swept() -> None:
    assert set(settings.SWEEP_S) == _tasks()
    assert all(0 < seconds <= 60 for seconds in settings.SWEEP_S.values())


def test_the_queues_are_the_four_that_workers_serve() -> None:
    assert set(settings.QUEUES) == {"orders", "cycles", "gates", "default"}
