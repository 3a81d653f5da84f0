"""The first tables of the app."""

import django.db.models.functions.datetime
from django.db import migrations, models

import apps.common.clocks
import apps.common.ids
import apps.common.models
from apps.audit import operations as audit


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        audit.CreatePartitioned(
            name="Record",
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
                ("act", models.TextField(db_index=True)),
                (
                    "actor",
                    models.TextField(db_index=True, help_text="`user:<id>`, `service:<id>` or `job:<name>`."),
                ),
                ("reason", models.TextField(blank=True, default="")),
                ("object_kind", models.TextField(help_text="Model label, e.g. `promotions.promotion`.")),
                ("object_id", models.UUIDField()),
                (
                    "scope_id",
                    models.UUIDField(help_text="Scope whose readers may see the record.", null=True),
                ),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
                ("request_id", models.TextField(blank=True, default="")),
            ],
            options={
                "indexes": [models.Index(fields=["object_kind", "object_id", "-id"], name="record_by_object")],
            },
        ),
    ]
