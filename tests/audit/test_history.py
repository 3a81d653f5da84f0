"""Whichever way a row changes, one row of history says who changed it, why, and in which request."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction
from django.db.models import F

from apps.access.models import Role, RoleGrant, User
from apps.audit.context import acting
from apps.audit.kinds import HISTORY, kind_of
from apps.common.logs import request_id
from apps.promotions.models import Promotion
from apps.promotions.tasks import expire_due
from tests.api.world import World

TRACKED = [model for model in apps.get_models() if kind_of(model) == HISTORY]
SECOND = timedelta(seconds=1)
BOOKKEEPING = {
    "history_id",
    "history_date",
    "history_type",
    "history_change_reason",
    "history_user_id",
    "request_id",
}


def _save(row: models.Model) -> None:
    row.created_at += SECOND
    row.save()


def _update(row: models.Model) -> None:
    type(row)._default_manager.filter(pk=row.pk).update(created_at=F("created_at") + SECOND)


def _bulk_update(row: models.Model) -> None:
    row.created_at += SECOND
    type(row)._default_manager.bulk_update([row], ["created_at"])


def _raw_sql(row: models.Model) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET created_at = created_at + interval '1 second' WHERE id = %s", [row.pk]
        )


WAYS = [_save, _update, _bulk_update, _raw_sql]


def _one_of_each() -> Iterator[models.Model]:
    for model in TRACKED:
        row = model._default_manager.first()
        assert row is not None, f"the world has no {model._meta.label}"
        yield row


@pytest.mark.parametrize("change", WAYS)
def test_a_change_leaves_history_with_actor_reason_and_request(
    world: World, change: Callable[[models.Model], None]
) -> None:
    for row in _one_of_each():
        known = set(row.history.values_list("history_id", flat=True))
        token = request_id.set("request-0001")
        with acting("job:tests", f"change {row._meta.label}"):
            change(row)
        request_id.reset(token)

        written = row.history.exclude(history_id__in=known).get()
        who = (written.history_type, written.history_user_id, written.history_change_reason, written.request_id)
        assert who == ("~", "job:tests", f"change {row._meta.label}", "request-0001")
        assert written.created_at == type(row)._default_manager.get(pk=row.pk).created_at


@pytest.mark.parametrize("change", WAYS)
def test_a_change_by_nobody_is_refused_and_changes_nothing(
    world: World, change: Callable[[models.Model], None]
) -> None:
    for row in _one_of_each():
        before, known = row.created_at, row.history.count()

        with pytest.raises(DatabaseError, match="without an actor"), transaction.atomic():
            change(row)

        assert type(row)._default_manager.get(pk=row.pk).created_at == before
        assert row.history.count() == known


def test_making_and_deleting_leave_history_too(world: World) -> None:
    with acting("job:tests", "make"):
        grant = RoleGrant.objects.create(
            user=world.outsider, role=Role.objects.earliest("name"), scope=world.firm.scope
        )
    with acting("job:tests", "delete"):
        RoleGrant.objects.filter(pk=grant.pk).delete()

    kept = RoleGrant.history.filter(id=grant.pk).order_by("history_date")
    assert list(kept.values_list("history_type", "history_change_reason")) == [("+", "make"), ("-", "delete")]


def test_a_write_that_changes_nothing_leaves_nothing(world: World) -> None:
    known = world.outsider.history.count()

    with acting("job:tests", "look"):
        world.outsider.save()

    assert world.outsider.history.count() == known


def test_a_workers_task_leaves_its_name(world: World) -> None:
    voting = world.own.voting
    with acting("job:tests", "arrange"):
        Promotion.objects.filter(pk=voting.pk).update(expires_at=F("created_at"))

    expire_due()

    written = Promotion.history.filter(id=voting.pk).latest("history_date")
    assert (written.state, written.history_user_id) == ("expired", "job:expiry")
    assert written.history_change_reason == "nobody decided in time"


def test_a_person_is_kept_by_id_and_a_machine_by_another_word(world: World) -> None:
    person, machine = world.own.people["trader"], world.own.people["service account"]
    with acting(person, "by a person"):
        _save(world.own.hold)
    with acting(machine, "by a machine"):
        _save(world.own.alert)

    assert world.own.hold.history.latest("history_date").history_user_id == f"user:{person.pk}"
    assert world.own.alert.history.latest("history_date").history_user_id == f"service:{machine.pk}"


def _columns(table: str) -> set[str]:
    with connection.cursor() as cursor:
        return {column.name for column in connection.introspection.get_table_description(cursor, table)}


@pytest.mark.parametrize("model", TRACKED, ids=lambda model: model._meta.label)
def test_history_has_the_models_columns_but_not_the_excluded_ones(db: None, model: type[models.Model]) -> None:
    fields = {field.name: field.column for field in model._meta.local_concrete_fields}
    excluded = {fields[name] for name in getattr(model, "history_excluded", ())}

    assert _columns(model.history.model._meta.db_table) - BOOKKEEPING == set(fields.values()) - excluded


def test_secrets_are_excluded() -> None:
    secret = {("access.User", "password"), ("access.Token", "digest")}

    kept = {(model._meta.label, name) for model in TRACKED for name in model.history_excluded}

    assert secret <= kept


def test_a_new_password_leaves_no_trace_of_itself(world: World) -> None:
    known = world.outsider.history.count()

    with acting(world.outsider, "a new password"):
        world.outsider.set_password("correct-horse-battery")
        world.outsider.save()

    assert world.outsider.history.count() == known
    assert "password" not in {field.name for field in User.history.model._meta.get_fields()}
