"""The three kinds of model (design §8), and the registry for models that are not ours."""

from django.db import models
from simple_history.models import HistoricalChanges

from apps.audit.models import AppendOnlyModel, HistoryModel
from apps.common.models import OperationalModel

HISTORY, APPEND_ONLY, OPERATIONAL = "history", "append-only", "operational"

# Models of libraries: label -> what restores them or when they expire.
FOREIGN: dict[str, str] = {
    "auth.Permission": "written by migrations from the code",
    "auth.Group": "unused: roles are access.Role",
    "auth.Group_permissions": "unused: roles are access.Role",
    "contenttypes.ContentType": "written by migrations from the code",
    "sessions.Session": "expires with the sign-in; people sign in again",
    "account.EmailAddress": "unused until people verify addresses; copied from access.User",
    "account.EmailConfirmation": "expires within days",
    "guardian.UserObjectPermission": "unused: grants hang on Scope by direct key",
    "guardian.GroupObjectPermission": "unused: grants hang on Scope by direct key",
}


def kind_of(model: type[models.Model]) -> str | None:
    """The declared kind of `model`, or None when nobody declared it."""
    if issubclass(model, HistoryModel):
        return HISTORY
    if issubclass(model, AppendOnlyModel | HistoricalChanges):
        return APPEND_ONLY
    if issubclass(model, OperationalModel):
        return OPERATIONAL if getattr(model, "rebuilt_from", "") else None
    return OPERATIONAL if model._meta.label in FOREIGN else None
