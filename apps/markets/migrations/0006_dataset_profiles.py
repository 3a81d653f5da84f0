"""What the bars of datasets look like."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import apps.common.clocks
import apps.common.ids
import apps.common.models
from apps.audit import operations as audit


class Migration(migrations.Migration):
    dependencies = [
        ("markets", "0005_official_marks"),
    ]

    operations = [
        migrations.CreateModel(
            name="DatasetProfile",
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
                ("zone", models.TextField(help_text="The zone in which its file writes times: `UTC` or an offset.")),
                (
                    "gap_count",
                    models.PositiveIntegerField(help_text="Stretches without bars, closed sessions included."),
                ),
                ("gaps", models.JSONField(help_text="[[from_ms, until_ms, bars missing, session was open], ...]")),
                ("outlier_count", models.PositiveIntegerField()),
                (
                    "outliers",
                    models.JSONField(help_text="[[end_ms, close, log return, robust z], ...], the largest first."),
                ),
                ("idle_count", models.PositiveIntegerField(help_text="Stretches of bars without volume.")),
                ("idle_runs", models.JSONField(help_text="[[from_ms, until_ms, bars], ...]")),
                ("flat_count", models.PositiveIntegerField(help_text="Stretches of bars with one and the same price.")),
                ("flat_runs", models.JSONField(help_text="[[from_ms, until_ms, bars], ...]")),
                ("points", models.JSONField(help_text="[[end_ms, close], ...], thinned to what can be drawn.")),
                (
                    "dataset",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="profile", to="markets.dataset"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        audit.AppendOnly("DatasetProfile"),
    ]
