"""The first tables of the app."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import apps.common.clocks
import apps.common.ids
import apps.common.models
from apps.audit import operations as audit


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("bots", "0001_initial"),
        ("markets", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="WorkerReport",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=apps.common.models.UuidV7(),
                        default=apps.common.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=apps.common.clocks.wall_now,
                        editable=False,
                    ),
                ),
                ("worker", models.TextField(unique=True)),
                ("has_passed", models.BooleanField()),
                ("leaks", models.JSONField(default=list)),
                ("capabilities", models.JSONField(default=dict)),
                ("reported_at", models.DateTimeField()),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Backtest",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=apps.common.models.UuidV7(),
                        default=apps.common.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=apps.common.clocks.wall_now,
                        editable=False,
                    ),
                ),
                ("seed", models.BigIntegerField()),
                (
                    "intents_hash",
                    models.CharField(help_text="SHA-256 over the ordered intents and fills.", max_length=64),
                ),
                ("metrics", models.JSONField(help_text="Decimal strings by name.")),
                (
                    "equity",
                    models.JSONField(help_text="[[epoch_ms, equity], ...], thinned to at most 500 points."),
                ),
                ("duration_ms", models.PositiveIntegerField()),
                (
                    "code_version",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="bots.codeversion"),
                ),
                (
                    "dataset",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="markets.dataset"),
                ),
                (
                    "parameter_set",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="bots.parameterset"),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        audit.AppendOnly("Backtest"),
    ]
