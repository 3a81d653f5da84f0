"""Messages to venues, their health and call budgets."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import apps.common.clocks
import apps.common.ids
import apps.common.models
from apps.audit import operations as audit


class Migration(migrations.Migration):
    dependencies = [
        ("venues", "0001_initial"),
    ]

    operations = [
        audit.CreatePartitioned(
            name="VenueMessage",
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
                (
                    "account_id",
                    models.UUIDField(help_text="Id of the account; messages outlive nothing, nothing refers to them."),
                ),
                ("client_order_id", models.TextField(blank=True, db_index=True, default="")),
                ("call", models.TextField(help_text="submit, cancel, replace, order_by_client_id, ...")),
                ("request", models.JSONField(null=True)),
                ("answer", models.JSONField(help_text="Null: no answer.", null=True)),
                ("error", models.TextField(blank=True, default="", help_text="Code of a refusal or of no answer.")),
                ("sent_at", models.DateTimeField()),
                ("took_ms", models.FloatField()),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="VenueBudget",
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
                ("tokens", models.FloatField()),
                ("filled_at", models.DateTimeField()),
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="budget", to="venues.account"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="VenueHealth",
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
                ("state", models.TextField(choices=[("closed", "Closed"), ("open", "Open")], default="closed")),
                ("failures", models.PositiveIntegerField(default=0, help_text="Unanswered calls in a row.")),
                ("opened_at", models.DateTimeField(null=True)),
                ("probe_at", models.DateTimeField(help_text="When the next call may try an open circuit.", null=True)),
                (
                    "venue",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="health", to="venues.venue"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
    ]
