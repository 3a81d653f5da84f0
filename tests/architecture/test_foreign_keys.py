"""A foreign key points to its own row of the layers or to a lower one."""

import tomllib
from collections.abc import Iterable

from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

from apps.markets.models import Instrument
from tests.architecture.source import ROOT


def _rows() -> dict[str, int]:
    """App -> its row in the import contract, the lowest row being 0."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["id"] == "apps")
    return {app.strip(" ()"): row for row, layer in enumerate(reversed(layers)) for app in layer.split("|")}


def _app(model: type[models.Model]) -> str | None:
    parts = model.__module__.split(".")
    return parts[1] if parts[0] == "apps" else None


def _wrong_keys(every: Iterable[type[models.Model]]) -> list[str]:
    rows, found = _rows(), []
    for model in every:
        own = _app(model)
        for field in model._meta.get_fields():
            if own is None or not isinstance(field, models.ForeignKey):
                continue
            target = _app(field.related_model)
            if target is not None and target != own and rows[target] >= rows[own]:
                found.append(f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}")
    return found


def test_no_foreign_key_points_upwards_or_sideways() -> None:
    assert _wrong_keys(apps.get_models(include_auto_created=True)) == []


def test_every_app_with_tables_has_a_row() -> None:
    homes = {_app(model) for model in apps.get_models()} - {None}

    assert homes <= set(_rows())


@isolate_apps("apps.markets")
def test_a_planted_key_upwards_is_found() -> None:
    class Planted(models.Model):
        deployment = models.ForeignKey("deployments.Deployment", on_delete=models.CASCADE)

        class Meta:
            app_label = "markets"

    Planted.__module__ = Instrument.__module__
    Planted._meta.get_field("deployment").remote_field.model = apps.get_model("deployments.Deployment")

    assert _wrong_keys([Planted]) == ["markets.Planted.deployment -> deployments.Deployment"]


@isolate_apps("apps.risk")
def test_a_planted_key_to_a_sibling_is_found() -> None:
    class Planted(models.Model):
        release = models.ForeignKey("releases.Release", on_delete=models.CASCADE)

        class Meta:
            app_label = "risk"

    Planted.__module__ = "apps.risk.models"
    Planted._meta.get_field("release").remote_field.model = apps.get_model("releases.Release")

    assert _wrong_keys([Planted]) == ["risk.Planted.release -> releases.Release"]
