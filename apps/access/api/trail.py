"""Which history exists, and on which scope an object of any kind hangs."""

from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import models

from apps.access import selectors
from apps.access.models import Scope
from apps.audit.models import HistoryModel
from apps.common.errors import NotFound

# The way from an object to its scope, first match first.
STEPS = ("scope", "content_object", "bot", "bucket", "account", "desk", "release", "deployment", "instrument")
STEPS_MAX = 4


def model_with_history(label: str) -> type[models.Model]:
    """The model `app.model` whose history is kept; others do not exist here (HISTORY_UNKNOWN)."""
    app, _, name = label.partition(".")
    try:
        found = apps.get_model(app, name)
    except (LookupError, ValueError):
        found = None
    if found is None or not issubclass(found, HistoryModel):
        raise NotFound("HISTORY_UNKNOWN", f"no history is kept of {label!r}; write app.model")
    return found


def history_of(label: str, object_id: UUID) -> models.QuerySet[Any]:
    """The history rows of one object, newest first."""
    history: Any = model_with_history(label)._default_manager.model.history  # type: ignore[attr-defined]
    return history.filter(id=object_id).order_by("-history_id")


def scope_of(target: Any) -> Scope:
    """The scope whose readers may see `target`: the nearest one, or the firm's for what belongs to nobody."""
    here = target
    for _ in range(STEPS_MAX):
        if isinstance(here, Scope):
            return here
        step = next((name for name in STEPS if getattr(here, f"{name}_id", None)), None)
        if step is None:
            break
        here = getattr(here, step)
    return here if isinstance(here, Scope) else selectors.firm().scope
