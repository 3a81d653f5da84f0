"""The first tables of the app."""

import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import simple_history.models
from django.db import migrations, models

import apps.common.clocks
import apps.common.ids
import apps.common.models
from apps.audit import operations as audit


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "0001_initial"),
    ]

    operations = [
        audit.CreatePartitioned(
            name="HistoricalAlert",
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
                    "tier",
                    models.TextField(choices=[("critical", "Critical"), ("high", "High"), ("informational", "Info")]),
                ),
                ("code", models.TextField(help_text="Stable, e.g. `RECONCILIATION_BREAK`.")),
                ("title", models.TextField()),
                ("object_kind", models.TextField(blank=True, default="")),
                ("object_id", models.UUIDField(null=True)),
                ("detail", models.JSONField(default=dict)),
                ("dedup_key", models.TextField()),
                (
                    "repeats",
                    models.PositiveIntegerField(default=0, help_text="How often it was raised again while open."),
                ),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("open", "Open"),
                            ("acknowledged", "Acknowledged"),
                            ("resolved", "Resolved"),
                        ],
                        default="open",
                    ),
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
                    "scope",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="access.scope",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical alert",
                "verbose_name_plural": "historical alerts",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Alert",
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
                    "tier",
                    models.TextField(choices=[("critical", "Critical"), ("high", "High"), ("informational", "Info")]),
                ),
                ("code", models.TextField(help_text="Stable, e.g. `RECONCILIATION_BREAK`.")),
                ("title", models.TextField()),
                ("object_kind", models.TextField(blank=True, default="")),
                ("object_id", models.UUIDField(null=True)),
                ("detail", models.JSONField(default=dict)),
                ("dedup_key", models.TextField()),
                (
                    "repeats",
                    models.PositiveIntegerField(default=0, help_text="How often it was raised again while open."),
                ),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("open", "Open"),
                            ("acknowledged", "Acknowledged"),
                            ("resolved", "Resolved"),
                        ],
                        default="open",
                    ),
                ),
                (
                    "scope",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="alerts", to="access.scope"
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["state", "-id"], name="alert_by_state")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "resolved"), _negated=True),
                        fields=("dedup_key",),
                        name="one_open_alert_per_key",
                    )
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="alert",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."tier" IS DISTINCT FROM NEW."tier" OR OLD."code" IS DISTINCT FROM NEW."code" OR OLD."title" IS DISTINCT FROM NEW."title" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."object_kind" IS DISTINCT FROM NEW."object_kind" OR OLD."object_id" IS DISTINCT FROM NEW."object_id" OR OLD."detail" IS DISTINCT FROM NEW."detail" OR OLD."dedup_key" IS DISTINCT FROM NEW."dedup_key" OR OLD."repeats" IS DISTINCT FROM NEW."repeats" OR OLD."state" IS DISTINCT FROM NEW."state") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."alerts_historicalalert" ("id", "created_at", "tier", "code", "title", "scope_id", "object_kind", "object_id", "detail", "dedup_key", "repeats", "state", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."tier", _row."code", _row."title", _row."scope_id", _row."object_kind", _row."object_id", _row."detail", _row."dedup_key", _row."repeats", _row."state", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="7121055744c26887c09f15d7a648b24330913c02",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_32a23",
                    table="alerts_alert",
                    when="AFTER",
                ),
            ),
        ),
    ]
