"""The first tables of the app."""

import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import simple_history.models
from django.conf import settings
from django.db import migrations, models

import apps.common.clocks
import apps.common.ids
import apps.common.models
from apps.audit import operations as audit


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("bots", "0001_initial"),
        ("runtime", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Release",
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
                ("data_model_version", models.PositiveIntegerField()),
                ("build_id", models.CharField(max_length=64)),
                (
                    "bot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="releases", to="bots.bot"
                    ),
                ),
                (
                    "code_version",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="bots.codeversion"),
                ),
                (
                    "config_bundle",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="bots.configbundle"),
                ),
                (
                    "made_by",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
                ),
                (
                    "parameter_set",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="bots.parameterset"),
                ),
                (
                    "previous",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="successors",
                        to="releases.release",
                    ),
                ),
            ],
        ),
        audit.CreatePartitioned(
            name="HistoricalGate",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=apps.common.models.UuidV7(),
                        db_index=True,
                        default=apps.common.ids.uuid7,
                        editable=False,
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
                ("request_id", models.TextField(blank=True, default="")),
                ("history_change_reason", models.TextField(default="")),
                ("history_user_id", models.TextField(default="")),
                (
                    "kind",
                    models.TextField(
                        choices=[
                            ("config_lint", "Configuration lint"),
                            ("deterministic", "Deterministic run"),
                            ("backtest", "Frozen backtest"),
                        ]
                    ),
                ),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("pending", "Pending"),
                            ("running", "Running"),
                            ("passed", "Passed"),
                            ("failed", "Failed"),
                            ("error", "Error"),
                        ],
                        default="pending",
                    ),
                ),
                (
                    "figures",
                    models.JSONField(default=dict, help_text="What was measured; decimals as strings."),
                ),
                ("thresholds", models.JSONField(default=dict, help_text="What it was measured against.")),
                ("message", models.TextField(blank=True, default="")),
                ("evidence_digest", models.CharField(blank=True, default="", max_length=64)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "valid_until",
                    models.DateTimeField(help_text="A pass is no permission after this.", null=True),
                ),
                (
                    "history_id",
                    models.UUIDField(
                        db_default=apps.common.models.UuidV7(),
                        default=apps.common.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("history_date", models.DateTimeField(db_index=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
                (
                    "backtest",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="runtime.backtest",
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="releases.release",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical gate",
                "verbose_name_plural": "historical gates",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Gate",
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
                ("due_at", models.DateTimeField(blank=True, db_index=True, null=True)),
                ("lease_owner", models.TextField(blank=True, default="")),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveIntegerField(default=0)),
                (
                    "kind",
                    models.TextField(
                        choices=[
                            ("config_lint", "Configuration lint"),
                            ("deterministic", "Deterministic run"),
                            ("backtest", "Frozen backtest"),
                        ]
                    ),
                ),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("pending", "Pending"),
                            ("running", "Running"),
                            ("passed", "Passed"),
                            ("failed", "Failed"),
                            ("error", "Error"),
                        ],
                        default="pending",
                    ),
                ),
                ("progress_percent", models.PositiveSmallIntegerField(default=0)),
                (
                    "figures",
                    models.JSONField(default=dict, help_text="What was measured; decimals as strings."),
                ),
                ("thresholds", models.JSONField(default=dict, help_text="What it was measured against.")),
                ("message", models.TextField(blank=True, default="")),
                ("evidence_digest", models.CharField(blank=True, default="", max_length=64)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "valid_until",
                    models.DateTimeField(help_text="A pass is no permission after this.", null=True),
                ),
                (
                    "backtest",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="runtime.backtest"),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="gates",
                        to="releases.release",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.UniqueConstraint(fields=("bot", "build_id"), name="release_same_triple_once"),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.UniqueConstraint(fields=("bot", "number"), name="release_numbered_per_bot"),
        ),
        migrations.AddConstraint(
            model_name="gate",
            constraint=models.UniqueConstraint(fields=("release", "kind"), name="one_gate_per_kind"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="gate",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."release_id" IS DISTINCT FROM NEW."release_id" OR OLD."kind" IS DISTINCT FROM NEW."kind" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."figures" IS DISTINCT FROM NEW."figures" OR OLD."thresholds" IS DISTINCT FROM NEW."thresholds" OR OLD."message" IS DISTINCT FROM NEW."message" OR OLD."backtest_id" IS DISTINCT FROM NEW."backtest_id" OR OLD."evidence_digest" IS DISTINCT FROM NEW."evidence_digest" OR OLD."decided_at" IS DISTINCT FROM NEW."decided_at" OR OLD."valid_until" IS DISTINCT FROM NEW."valid_until") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."releases_historicalgate" ("id", "created_at", "release_id", "kind", "state", "figures", "thresholds", "message", "backtest_id", "evidence_digest", "decided_at", "valid_until", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."release_id", _row."kind", _row."state", _row."figures", _row."thresholds", _row."message", _row."backtest_id", _row."evidence_digest", _row."decided_at", _row."valid_until", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="80c897eee434046e0ad8af965c468a448bbec2f7",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_9f06e",
                    table="releases_gate",
                    when="AFTER",
                ),
            ),
        ),
        audit.AppendOnly("Release"),
    ]
