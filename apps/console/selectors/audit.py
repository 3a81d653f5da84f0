"""The audit explorer: acts, and the versions of one object with what changed between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Model, Q, QuerySet

from apps.access import selectors as access
from apps.access.models import Firm, Scope, User
from apps.access.states import Permission
from apps.audit.kinds import APPEND_ONLY, HISTORY, kind_of
from apps.audit.models import Record
from apps.common.errors import NotFound
from apps.console.selectors import diffs
from apps.console.selectors.diffs import DiffRow

VERSIONS_SHOWN = 100
RECORDS_SHOWN = 100
# Where the scope of an object is found, tried in turn; what has none belongs to the firm.
SCOPE_PATHS = (
    "scope",
    "bot.scope",
    "account.scope",
    "deployment.bot.scope",
    "release.bot.scope",
    "order.bot.scope",
    "consent.scope",
    "desk.scope",
    "bucket.scope",
    "content_object",
    "instrument.scope",
)
HISTORY_COLUMNS = {
    "history_id",
    "history_date",
    "history_type",
    "history_change_reason",
    "history_user_id",
    "history_user",
    "request_id",
}
TYPES = {"+": "created", "~": "changed", "-": "deleted"}


def records(user: User, wanted: dict[str, Any]) -> QuerySet[Record]:
    """Acts on scopes that the person may audit, newest first."""
    rows = Record.objects.filter(_within(user)).order_by("-id")
    exact = {"actor": "actor", "kind": "object_kind", "object_id": "object_id"}
    for name, column in exact.items():
        if name in wanted:
            rows = rows.filter(**{column: wanted[name]})
    if "act" in wanted:
        rows = rows.filter(act__startswith=wanted["act"])
    if "since" in wanted:
        rows = rows.filter(created_at__gte=wanted["since"])
    if "until" in wanted:
        rows = rows.filter(created_at__lte=wanted["until"])
    if "text" in wanted:
        rows = rows.filter(Q(reason__icontains=wanted["text"]) | Q(act__icontains=wanted["text"]))
    return rows


def _within(user: User) -> Q:
    """Records of the person's scopes; those without a scope belong to the firm."""
    scopes = access.visible_scope_ids(user, Permission.AUDIT)
    reach = Q(scope_id__in=scopes)
    firm = Firm.objects.first()
    return reach | Q(scope_id__isnull=True) if firm and firm.scope_id in scopes else reach


def model_of(label: str) -> type[Model]:
    """The tracked model named `app.model`, else NotFound."""
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        model = None
    if model is None or kind_of(model) not in (HISTORY, APPEND_ONLY) or hasattr(model, "history_date"):
        raise NotFound("KIND_UNKNOWN", f"{label} is no kind of object that has an audit history")
    return model


def scope_of(target: Model) -> Scope:
    """The scope whose auditors may follow the object."""
    if isinstance(target, Scope):
        return target
    for path in SCOPE_PATHS:
        found: Any = target
        for name in path.split("."):
            found = getattr(found, name, None)
        if isinstance(found, Scope):
            return found
    return access.firm().scope


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object: who made it, when, why, and what differs from the one before."""

    at: datetime
    kind: str
    actor: str
    reason: str
    request_id: str
    changes: list[DiffRow]


@dataclass(frozen=True, slots=True)
class Biography:
    """Everything that is known of one object."""

    label: str
    object_id: UUID
    title: str
    scope: Scope
    versions: list[Version]
    records: list[Record]


def biography(label: str, object_id: UUID) -> Biography:
    """The versions and acts of an object, newest first; deleted ones, too."""
    model = model_of(label)
    target = model._default_manager.filter(pk=object_id).first()
    versions = list(_versions(model, object_id)) if kind_of(model) == HISTORY else []
    if target is None and not versions:
        raise NotFound("NOT_FOUND", "no such object within your reach")
    scope = scope_of(target) if target is not None else access.firm().scope
    acts = Record.objects.filter(object_kind=model._meta.label_lower, object_id=object_id).order_by("-id")
    if target is not None and not versions:
        versions = [Version(target.created_at, "created", "", "", "", _first(target))]  # type: ignore[attr-defined]
    title = f"{model._meta.verbose_name} {target or object_id}"
    return Biography(label, object_id, title, scope, versions, list(acts[:RECORDS_SHOWN]))


def _first(target: Model) -> list[DiffRow]:
    shown = {f.attname: _plain(getattr(target, f.attname)) for f in target._meta.concrete_fields}
    return list(diffs.compare({}, shown))


def _versions(model: Any, object_id: UUID) -> Iterator[Version]:
    rows = list(model.history.filter(id=object_id).order_by("-history_id")[: VERSIONS_SHOWN + 1])
    for newer, older in zip(rows, [*rows[1:], None], strict=True):
        if older is None and len(rows) > VERSIONS_SHOWN:
            return
        compared = diffs.compare(_values(older) if older else {}, _values(newer))
        yield Version(
            at=newer.history_date,
            kind=TYPES[newer.history_type],
            actor=newer.history_user_id,
            reason=newer.history_change_reason,
            request_id=newer.request_id,
            changes=[row for row in compared if row.kind != "same"],
        )


def _values(row: Model) -> dict[str, Any]:
    fields = (field.attname for field in row._meta.concrete_fields)
    return {name: _plain(getattr(row, name)) for name in fields if name not in HISTORY_COLUMNS}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, dict | list | bool) else str(value)
