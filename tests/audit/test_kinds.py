"""Every model declares its kind, and what is operational says what restores it."""

from collections.abc import Iterable

from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

from apps.audit.kinds import APPEND_ONLY, FOREIGN, HISTORY, OPERATIONAL, kind_of
from apps.common.models import OperationalModel


def _undeclared(every: Iterable[type[models.Model]]) -> list[str]:
    return [model._meta.label for model in every if kind_of(model) is None]


def test_every_model_has_a_kind() -> None:
    assert _undeclared(apps.get_models(include_auto_created=True)) == []


@isolate_apps("apps.access")
def test_a_planted_model_without_a_kind_is_found() -> None:
    class Planted(models.Model):
        class Meta:
            app_label = "access"

    assert _undeclared([Planted]) == ["access.Planted"]


@isolate_apps("apps.access")
def test_an_operational_model_that_does_not_say_what_restores_it_is_found() -> None:
    class Planted(OperationalModel):
        class Meta:
            app_label = "access"

    assert _undeclared([Planted]) == ["access.Planted"]


def test_only_models_of_libraries_are_declared_by_name() -> None:
    labels = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    ours = {label for label in FOREIGN if label in labels and _is_ours(label)}

    assert ours == set()


def test_every_history_model_has_its_trigger() -> None:
    for model in apps.get_models():
        if kind_of(model) == HISTORY:
            assert [trigger.name for trigger in model._meta.triggers] == ["history"], model._meta.label


def test_the_kinds_that_matter_are_what_they_must_be() -> None:
    kinds = {model._meta.label: kind_of(model) for model in apps.get_models()}

    assert {kinds[label] for label in ("access.User", "promotions.Promotion", "risk.Hold")} == {HISTORY}
    assert {kinds[label] for label in ("audit.Record", "access.Vote", "access.HistoricalUser")} == {APPEND_ONLY}
    assert {kinds[label] for label in ("access.IdempotencyRecord", "risk.Exposure")} == {OPERATIONAL}


def _is_ours(label: str) -> bool:
    return apps.get_model(label).__module__.startswith("apps.")
