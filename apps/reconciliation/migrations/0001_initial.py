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
        ("venues", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        audit.CreatePartitioned(
            name="HistoricalReconciliationRun",
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
                ("trigger", models.TextField(help_text="`schedule` or `person`.")),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("due", "Due"),
                            ("clean", "Clean"),
                            ("broken", "Broken"),
                            ("failed", "Failed"),
                        ],
                        default="due",
                    ),
                ),
                ("orders_compared", models.PositiveIntegerField(default=0)),
                ("fills_compared", models.PositiveIntegerField(default=0)),
                ("positions_compared", models.PositiveIntegerField(default=0)),
                ("breaks_found", models.PositiveIntegerField(default=0)),
                ("duration_ms", models.PositiveIntegerField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("message", models.TextField(blank=True, default="")),
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
                    "account",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="venues.account",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical reconciliation run",
                "verbose_name_plural": "historical reconciliation runs",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="ReconciliationRun",
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
                ("trigger", models.TextField(help_text="`schedule` or `person`.")),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("due", "Due"),
                            ("clean", "Clean"),
                            ("broken", "Broken"),
                            ("failed", "Failed"),
                        ],
                        default="due",
                    ),
                ),
                ("orders_compared", models.PositiveIntegerField(default=0)),
                ("fills_compared", models.PositiveIntegerField(default=0)),
                ("positions_compared", models.PositiveIntegerField(default=0)),
                ("breaks_found", models.PositiveIntegerField(default=0)),
                ("duration_ms", models.PositiveIntegerField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("message", models.TextField(blank=True, default="")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reconciliation_runs",
                        to="venues.account",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        audit.CreatePartitioned(
            name="HistoricalBreak",
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
                            ("missing_fill_here", "The venue has a fill that we have not"),
                            ("missing_fill_there", "We have a fill that the venue has not"),
                            ("fill_differs", "Quantity, price or fee of a fill differs"),
                            ("unknown_order", "The venue has an order that is not ours"),
                            ("order_missing", "The venue does not know an order of ours"),
                            ("order_differs", "State or filled quantity of an order differs"),
                            ("position", "Position differs"),
                            ("cash", "Cash differs"),
                        ]
                    ),
                ),
                ("severity", models.TextField(choices=[("critical", "Critical"), ("high", "High")])),
                (
                    "key",
                    models.TextField(help_text="What it is about: a trade id, an order id, a symbol, a currency."),
                ),
                ("ours", models.JSONField(null=True)),
                ("theirs", models.JSONField(null=True)),
                (
                    "state",
                    models.TextField(choices=[("open", "Open"), ("resolved", "Resolved")], default="open"),
                ),
                ("resolution", models.TextField(blank=True, default="")),
                ("resolved_at", models.DateTimeField(null=True)),
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
                    "account",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="venues.account",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "first_run",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="reconciliation.reconciliationrun",
                    ),
                ),
                (
                    "last_run",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="reconciliation.reconciliationrun",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical break",
                "verbose_name_plural": "historical breaks",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Break",
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
                    "kind",
                    models.TextField(
                        choices=[
                            ("missing_fill_here", "The venue has a fill that we have not"),
                            ("missing_fill_there", "We have a fill that the venue has not"),
                            ("fill_differs", "Quantity, price or fee of a fill differs"),
                            ("unknown_order", "The venue has an order that is not ours"),
                            ("order_missing", "The venue does not know an order of ours"),
                            ("order_differs", "State or filled quantity of an order differs"),
                            ("position", "Position differs"),
                            ("cash", "Cash differs"),
                        ]
                    ),
                ),
                ("severity", models.TextField(choices=[("critical", "Critical"), ("high", "High")])),
                (
                    "key",
                    models.TextField(help_text="What it is about: a trade id, an order id, a symbol, a currency."),
                ),
                ("ours", models.JSONField(null=True)),
                ("theirs", models.JSONField(null=True)),
                (
                    "state",
                    models.TextField(choices=[("open", "Open"), ("resolved", "Resolved")], default="open"),
                ),
                ("resolution", models.TextField(blank=True, default="")),
                ("resolved_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="breaks",
                        to="venues.account",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "first_run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="breaks",
                        to="reconciliation.reconciliationrun",
                    ),
                ),
                (
                    "last_run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reconciliation.reconciliationrun",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddConstraint(
            model_name="reconciliationrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "due")), fields=("account",), name="one_due_run_per_account"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="reconciliationrun",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."account_id" IS DISTINCT FROM NEW."account_id" OR OLD."trigger" IS DISTINCT FROM NEW."trigger" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."orders_compared" IS DISTINCT FROM NEW."orders_compared" OR OLD."fills_compared" IS DISTINCT FROM NEW."fills_compared" OR OLD."positions_compared" IS DISTINCT FROM NEW."positions_compared" OR OLD."breaks_found" IS DISTINCT FROM NEW."breaks_found" OR OLD."duration_ms" IS DISTINCT FROM NEW."duration_ms" OR OLD."finished_at" IS DISTINCT FROM NEW."finished_at" OR OLD."message" IS DISTINCT FROM NEW."message") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."reconciliation_historicalreconciliationrun" ("id", "created_at", "account_id", "trigger", "state", "orders_compared", "fills_compared", "positions_compared", "breaks_found", "duration_ms", "finished_at", "message", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."account_id", _row."trigger", _row."state", _row."orders_compared", _row."fills_compared", _row."positions_compared", _row."breaks_found", _row."duration_ms", _row."finished_at", _row."message", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="f80d1ef54a96f57d97213d5c8421a67e5d6cc77a",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_458ef",
                    table="reconciliation_reconciliationrun",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="break",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")),
                fields=("account", "kind", "key"),
                name="one_open_break_per_key",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="break",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."account_id" IS DISTINCT FROM NEW."account_id" OR OLD."first_run_id" IS DISTINCT FROM NEW."first_run_id" OR OLD."last_run_id" IS DISTINCT FROM NEW."last_run_id" OR OLD."kind" IS DISTINCT FROM NEW."kind" OR OLD."severity" IS DISTINCT FROM NEW."severity" OR OLD."key" IS DISTINCT FROM NEW."key" OR OLD."ours" IS DISTINCT FROM NEW."ours" OR OLD."theirs" IS DISTINCT FROM NEW."theirs" OR OLD."owner_id" IS DISTINCT FROM NEW."owner_id" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."resolution" IS DISTINCT FROM NEW."resolution" OR OLD."resolved_at" IS DISTINCT FROM NEW."resolved_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."reconciliation_historicalbreak" ("id", "created_at", "account_id", "first_run_id", "last_run_id", "kind", "severity", "key", "ours", "theirs", "owner_id", "state", "resolution", "resolved_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."account_id", _row."first_run_id", _row."last_run_id", _row."kind", _row."severity", _row."key", _row."ours", _row."theirs", _row."owner_id", _row."state", _row."resolution", _row."resolved_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="68b8cadc9b17dce6ce907407c05ad7ebe7ab41f6",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_5a95e",
                    table="reconciliation_break",
                    when="AFTER",
                ),
            ),
        ),
    ]
