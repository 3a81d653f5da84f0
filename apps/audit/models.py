"""History and append-only bases, and the record of acts."""

from typing import Any, ClassVar

from django.db import models
from simple_history.models import HistoricalRecords

from apps.audit.triggers import HistoryTrigger
from apps.common import ids
from apps.common.models import BaseModel, UuidV7


class HistoryContext(models.Model):
    """What every history row carries beside the object's columns."""

    request_id = models.TextField(default="", blank=True)

    class Meta:
        abstract = True


def _no_user(_: Any) -> None:
    return None


class TriggerHistory(HistoricalRecords):
    """simple-history's tables and queries; the rows are written by HistoryTrigger only."""

    def fields_included(self, model: type[models.Model]) -> list[Any]:
        """Fields that history keeps: all but those the model excludes (secrets, leases)."""
        excluded = set(getattr(model, "history_excluded", ()))
        return [field for field in super().fields_included(model) if field.name not in excluded]


class HistoryModel(BaseModel):
    """A mutable object whose every change is kept by a database trigger."""

    history_excluded: ClassVar[tuple[str, ...]] = ()
    history = TriggerHistory(
        inherit=True,
        bases=(HistoryContext,),
        history_id_field=models.UUIDField(default=ids.uuid7, db_default=UuidV7()),
        history_change_reason_field=models.TextField(default=""),
        history_user_id_field=models.TextField(default=""),
        history_user_getter=_no_user,
    )

    class Meta:
        abstract = True
        triggers = [HistoryTrigger()]


class AppendOnlyModel(BaseModel):
    """A fact: inserted once, never changed; kept so by privileges and by a trigger."""

    class Meta:
        abstract = True


class Record(AppendOnlyModel):
    """One act (`promotion.approved`) by somebody on something, with its reason."""

    act = models.TextField(db_index=True)
    actor = models.TextField(db_index=True, help_text="`user:<id>`, `service:<id>` or `job:<name>`.")
    reason = models.TextField(default="", blank=True)
    object_kind = models.TextField(help_text="Model label, e.g. `promotions.promotion`.")
    object_id = models.UUIDField()
    scope_id = models.UUIDField(null=True, help_text="Scope whose readers may see the record.")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    request_id = models.TextField(default="", blank=True)

    class Meta:
        indexes = [models.Index(fields=["object_kind", "object_id", "-id"], name="record_by_object")]
