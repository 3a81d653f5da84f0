"""Who may follow which topic, and whether a sign-in still stands."""

import re
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.db.models import Model
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string

from apps.access import selectors as access
from apps.access.models import User
from apps.access.states import Permission
from apps.bots.models import Bot
from apps.deployments.models import Deployment
from apps.promotions.models import Promotion
from apps.releases.models import Release
from apps.runtime.models import BacktestRun

SHARED = frozenset(
    {"fleet", "promotions", "holds", "alerts", "reconciliation", "deployments", "limits", "trust", "backtests"}
)
OBJECTS: dict[str, tuple[type[Model], str]] = {
    "bot": (Bot, "scope"),
    "promotion": (Promotion, "bot__scope"),
    "release": (Release, "bot__scope"),
    "deployment": (Deployment, "bot__scope"),
    "backtest": (BacktestRun, "code_version__bot__scope"),
}
SHAPE = re.compile(r"(?P<kind>[a-z]{1,20}):(?P<id>[0-9a-f-]{36})")


def signed_in(session_key: str) -> User | None:
    """The active person of the session as it is in the database now, or None."""
    session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")(session_key)
    data: dict[str, Any] = session.load()
    user = User.objects.filter(pk=data[SESSION_KEY], is_active=True).first() if SESSION_KEY in data else None
    kept = data.get(HASH_SESSION_KEY, "")
    if user is None or user.is_service or not constant_time_compare(kept, user.get_session_auth_hash()):
        return None
    return user


def may_follow(user: User, topics: set[str]) -> set[str]:
    """Those of `topics` that the person may follow: shared ones with any role, objects within reach."""
    if not access.grants_of(user).get(Permission.VIEW):
        return set()
    return {topic for topic in topics if topic in SHARED or _reaches(user, topic)}


def _reaches(user: User, topic: str) -> bool:
    shape = SHAPE.fullmatch(topic)
    if shape is None or shape["kind"] not in OBJECTS:
        return False
    model, path = OBJECTS[shape["kind"]]
    try:
        wanted = UUID(shape["id"])
    except ValueError:
        return False
    return access.within(model._default_manager.filter(pk=wanted), user, path).exists()
