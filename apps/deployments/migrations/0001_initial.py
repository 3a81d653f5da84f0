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
        ("bots", "0001_initial"),
        ("markets", "0001_initial"),
        ("promotions", "0001_initial"),
        ("releases", "0001_initial"),
        ("venues", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Deployment",
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
                    "environment",
                    models.TextField(
                        choices=[
                            ("research", "Research"),
                            ("staging", "Staging"),
                            ("paper", "Paper"),
                            ("live", "Live"),
                        ]
                    ),
                ),
                ("mode", models.TextField(choices=[("paper", "Paper"), ("live", "Live")])),
                (
                    "stage",
                    models.TextField(
                        choices=[
                            ("ideation", "Ideation"),
                            ("offline_testing", "Testing"),
                            ("simulated_execution", "Paper"),
                            ("shadow", "Shadow"),
                            ("micro", "Micro"),
                            ("limited", "Limited"),
                            ("full_production", "Full"),
                            ("retired", "Retired"),
                        ]
                    ),
                ),
                ("capital", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("limits", models.JSONField(help_text="The bundle's limits, by risk.states.LimitKind.")),
                (
                    "desired",
                    models.TextField(
                        choices=[("running", "Running"), ("paused", "Paused"), ("stopped", "Stopped")],
                        default="running",
                    ),
                ),
                (
                    "observed",
                    models.TextField(
                        choices=[
                            ("starting", "Starting"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("stopped", "Stopped"),
                            ("failed", "Failed"),
                        ],
                        default="starting",
                    ),
                ),
                ("observed_reason", models.TextField(blank=True, default="")),
                ("epoch", models.PositiveIntegerField(default=1)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments",
                        to="venues.account",
                    ),
                ),
                (
                    "bot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deployments", to="bots.bot"
                    ),
                ),
                ("feed", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="markets.feed")),
                (
                    "instrument",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="markets.instrument"),
                ),
                (
                    "promotion",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments",
                        to="promotions.promotion",
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments",
                        to="releases.release",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="DeploymentEvent",
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
                ("sequence", models.PositiveIntegerField()),
                (
                    "kind",
                    models.TextField(help_text="created, redeployed, paused, resumed, stopped, failed, recovered"),
                ),
                ("actor", models.TextField()),
                ("reason", models.TextField()),
                ("epoch", models.PositiveIntegerField()),
                ("build_id", models.CharField(max_length=64)),
                ("detail", models.JSONField(default=dict)),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="deployments.deployment",
                    ),
                ),
            ],
        ),
        audit.CreatePartitioned(
            name="HistoricalDeployment",
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
                    "environment",
                    models.TextField(
                        choices=[
                            ("research", "Research"),
                            ("staging", "Staging"),
                            ("paper", "Paper"),
                            ("live", "Live"),
                        ]
                    ),
                ),
                ("mode", models.TextField(choices=[("paper", "Paper"), ("live", "Live")])),
                (
                    "stage",
                    models.TextField(
                        choices=[
                            ("ideation", "Ideation"),
                            ("offline_testing", "Testing"),
                            ("simulated_execution", "Paper"),
                            ("shadow", "Shadow"),
                            ("micro", "Micro"),
                            ("limited", "Limited"),
                            ("full_production", "Full"),
                            ("retired", "Retired"),
                        ]
                    ),
                ),
                ("capital", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("limits", models.JSONField(help_text="The bundle's limits, by risk.states.LimitKind.")),
                (
                    "desired",
                    models.TextField(
                        choices=[("running", "Running"), ("paused", "Paused"), ("stopped", "Stopped")],
                        default="running",
                    ),
                ),
                (
                    "observed",
                    models.TextField(
                        choices=[
                            ("starting", "Starting"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("stopped", "Stopped"),
                            ("failed", "Failed"),
                        ],
                        default="starting",
                    ),
                ),
                ("observed_reason", models.TextField(blank=True, default="")),
                ("epoch", models.PositiveIntegerField(default=1)),
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
                    "bot",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="bots.bot",
                    ),
                ),
                (
                    "feed",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="markets.feed",
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="markets.instrument",
                    ),
                ),
                (
                    "promotion",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="promotions.promotion",
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
                "verbose_name": "historical deployment",
                "verbose_name_plural": "historical deployments",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        audit.CreatePartitioned(
            name="HistoricalSlice",
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
                    "bot",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="bots.bot",
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="markets.instrument",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical slice",
                "verbose_name_plural": "historical slices",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Slice",
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
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="venues.account"),
                ),
                (
                    "bot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="slices", to="bots.bot"
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="markets.instrument"),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddConstraint(
            model_name="deployment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("desired", "stopped"), _negated=True),
                fields=("bot", "account"),
                name="one_deployment_per_bot_account",
            ),
        ),
        migrations.AddConstraint(
            model_name="deployment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("environment", "live"), ("mode", "live")),
                    models.Q(models.Q(("environment", "live"), _negated=True), ("mode", "paper")),
                    _connector="OR",
                ),
                name="deployment_mode_fits_environment",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="deployment",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."bot_id" IS DISTINCT FROM NEW."bot_id" OR OLD."account_id" IS DISTINCT FROM NEW."account_id" OR OLD."environment" IS DISTINCT FROM NEW."environment" OR OLD."mode" IS DISTINCT FROM NEW."mode" OR OLD."stage" IS DISTINCT FROM NEW."stage" OR OLD."capital" IS DISTINCT FROM NEW."capital" OR OLD."release_id" IS DISTINCT FROM NEW."release_id" OR OLD."promotion_id" IS DISTINCT FROM NEW."promotion_id" OR OLD."feed_id" IS DISTINCT FROM NEW."feed_id" OR OLD."instrument_id" IS DISTINCT FROM NEW."instrument_id" OR OLD."limits" IS DISTINCT FROM NEW."limits" OR OLD."desired" IS DISTINCT FROM NEW."desired" OR OLD."observed" IS DISTINCT FROM NEW."observed" OR OLD."observed_reason" IS DISTINCT FROM NEW."observed_reason" OR OLD."epoch" IS DISTINCT FROM NEW."epoch") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."deployments_historicaldeployment" ("id", "created_at", "bot_id", "account_id", "environment", "mode", "stage", "capital", "release_id", "promotion_id", "feed_id", "instrument_id", "limits", "desired", "observed", "observed_reason", "epoch", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."bot_id", _row."account_id", _row."environment", _row."mode", _row."stage", _row."capital", _row."release_id", _row."promotion_id", _row."feed_id", _row."instrument_id", _row."limits", _row."desired", _row."observed", _row."observed_reason", _row."epoch", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="e9294a81b96952f79db48cf0fbe8b1ed671394de",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_a4072",
                    table="deployments_deployment",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="deploymentevent",
            constraint=models.UniqueConstraint(fields=("deployment", "sequence"), name="deployment_log_in_sequence"),
        ),
        migrations.AddConstraint(
            model_name="slice",
            constraint=models.UniqueConstraint(fields=("account", "instrument"), name="one_bot_per_account_instrument"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="slice",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."account_id" IS DISTINCT FROM NEW."account_id" OR OLD."instrument_id" IS DISTINCT FROM NEW."instrument_id" OR OLD."bot_id" IS DISTINCT FROM NEW."bot_id") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."deployments_historicalslice" ("id", "created_at", "account_id", "instrument_id", "bot_id", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."account_id", _row."instrument_id", _row."bot_id", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="02b327186723b3bc2678f433163a2fa1d31a5b06",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_dc292",
                    table="deployments_slice",
                    when="AFTER",
                ),
            ),
        ),
        audit.AppendOnly("DeploymentEvent"),
    ]
