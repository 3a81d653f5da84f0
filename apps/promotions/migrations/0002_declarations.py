"""What was declared of a bot, and what came of it."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import apps.common.clocks
import apps.common.ids
import apps.common.models
from apps.audit import operations as audit


class Migration(migrations.Migration):
    dependencies = [
        ("bots", "0001_initial"),
        ("promotions", "0001_initial"),
        ("releases", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Declaration",
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
                ("number", models.PositiveIntegerField()),
                ("digest", models.CharField(help_text="SHA-256 of the canonical content.", max_length=64)),
                ("text", models.TextField(help_text="As it was sent.")),
                ("content", models.JSONField(help_text="As it was read.")),
                ("plan_digest", models.CharField(max_length=64)),
                ("lines", models.JSONField(help_text="The plan that was applied.")),
                ("raises", models.JSONField(help_text="Ids of the limit raises that it asked for.")),
                (
                    "heads",
                    models.JSONField(help_text="Numbers of the newest versions and release when it was applied."),
                ),
                ("reason", models.TextField()),
                (
                    "applied_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "bot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="declarations", to="bots.bot"
                    ),
                ),
                (
                    "code_version",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bots.codeversion"
                    ),
                ),
                (
                    "config_bundle",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bots.configbundle"
                    ),
                ),
                (
                    "parameter_set",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bots.parameterset"
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="releases.release"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("bot", "number"), name="declaration_numbered_per_bot")],
            },
        ),
        audit.AppendOnly("Declaration"),
    ]
