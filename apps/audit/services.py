"""Writing the record of acts."""

from typing import Any
from uuid import UUID

from django.db import models

from apps.audit import context
from apps.audit.models import Record
from apps.common.errors import Refused
from apps.common.logs import request_id


def record(
    act: str,
    target: models.Model,
    *,
    scope_id: UUID | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> Record:
    """Record `act` on `target` by the current actor; it commits with the act or not at all.

    Refuses outside an `acting` block (AUDIT_WITHOUT_ACTOR).
    """
    who = context.current()
    if who is None:
        raise Refused("AUDIT_WITHOUT_ACTOR", f"{act} was attempted outside an acting() block")
    return Record.objects.create(
        act=act,
        actor=who.actor,
        reason=who.reason,
        object_kind=target._meta.label_lower,
        object_id=target.pk,
        scope_id=scope_id,
        before=before,
        after=after,
        request_id=request_id.get(),
    )
