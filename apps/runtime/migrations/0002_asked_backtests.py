"""Backtests that people ask for, and the fills of their results."""

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
    dependencies = [
        ("bots", "0001_initial"),
        ("markets", "0006_dataset_profiles"),
        ("runtime", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="backtest",
            name="bars",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="backtest",
            name="drawdown",
            field=models.JSONField(
                help_text="[[epoch_ms, fraction below the peak], ...], at most 500 points.", null=True
            ),
        ),
        migrations.AddField(
            model_name="backtest",
            name="fills_left_out",
            field=models.PositiveIntegerField(help_text="Of its fills those that are not kept.", null=True),
        ),
        migrations.AddField(
            model_name="backtest",
            name="orders_hash",
            field=models.CharField(db_default="", default="", help_text="SHA-256 over the intents.", max_length=64),
        ),
        migrations.AddField(
            model_name="backtest",
            name="simulation",
            field=models.JSONField(help_text="What trading cost, as SimConfig writes it.", null=True),
        ),
        migrations.AddField(
            model_name="backtest",
            name="starting_cash",
            field=apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
        ),
        audit.CreatePartitioned(
            name="HistoricalBacktestRun",
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
                ("seed", models.BigIntegerField()),
                ("simulation", models.JSONField(help_text="What trading costs, as SimConfig writes it.")),
                ("starting_cash", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                    ),
                ),
                ("bars_total", models.PositiveIntegerField()),
                ("error_code", models.TextField(blank=True, default="")),
                ("error_message", models.TextField(blank=True, default="")),
                ("reason", models.TextField(blank=True, default="")),
                ("started_at", models.DateTimeField(help_text="Wall time at which a worker began it last.", null=True)),
                ("ended_at", models.DateTimeField(null=True)),
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
                    "asked_by",
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
                    "code_version",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="bots.codeversion",
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="markets.dataset",
                    ),
                ),
                (
                    "parameter_set",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="bots.parameterset",
                    ),
                ),
                (
                    "result",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="runtime.backtest",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical backtest run",
                "verbose_name_plural": "historical backtest runs",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="BacktestFill",
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
                ("number", models.PositiveIntegerField(help_text="From 1, in the order of the market.")),
                ("market_at", models.DateTimeField(help_text="Market time: the end of the bar on which it traded.")),
                ("side", models.TextField()),
                ("quantity", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("price", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("fee", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                (
                    "slippage",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="What it cost against the close of the bar it was decided on; money.",
                        max_digits=38,
                    ),
                ),
                (
                    "realised_pnl",
                    apps.common.models.ExactDecimalField(decimal_places=18, help_text="Before fees.", max_digits=38),
                ),
                ("liquidity", models.TextField()),
                (
                    "backtest",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="fills", to="runtime.backtest"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("backtest", "number"), name="one_backtest_fill_per_number")
                ],
            },
        ),
        migrations.CreateModel(
            name="BacktestRun",
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
                ("seed", models.BigIntegerField()),
                ("simulation", models.JSONField(help_text="What trading costs, as SimConfig writes it.")),
                ("starting_cash", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                    ),
                ),
                ("progress_percent", models.PositiveSmallIntegerField(default=0)),
                ("bars_done", models.PositiveIntegerField(default=0)),
                ("bars_total", models.PositiveIntegerField()),
                ("error_code", models.TextField(blank=True, default="")),
                ("error_message", models.TextField(blank=True, default="")),
                ("reason", models.TextField(blank=True, default="")),
                ("started_at", models.DateTimeField(help_text="Wall time at which a worker began it last.", null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "code_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="backtest_runs", to="bots.codeversion"
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="backtest_runs", to="markets.dataset"
                    ),
                ),
                (
                    "parameter_set",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bots.parameterset"
                    ),
                ),
                (
                    "result",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="run",
                        to="runtime.backtest",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("starting_cash__gt", 0)), name="backtest_cash_positive"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("result__isnull", False), ("state", "done")),
                            models.Q(models.Q(("state", "done"), _negated=True), ("result__isnull", True)),
                            _connector="OR",
                        ),
                        name="backtest_done_has_its_result",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="backtestrun",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."code_version_id" IS DISTINCT FROM NEW."code_version_id" OR OLD."parameter_set_id" IS DISTINCT FROM NEW."parameter_set_id" OR OLD."dataset_id" IS DISTINCT FROM NEW."dataset_id" OR OLD."seed" IS DISTINCT FROM NEW."seed" OR OLD."simulation" IS DISTINCT FROM NEW."simulation" OR OLD."starting_cash" IS DISTINCT FROM NEW."starting_cash" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."bars_total" IS DISTINCT FROM NEW."bars_total" OR OLD."error_code" IS DISTINCT FROM NEW."error_code" OR OLD."error_message" IS DISTINCT FROM NEW."error_message" OR OLD."asked_by_id" IS DISTINCT FROM NEW."asked_by_id" OR OLD."reason" IS DISTINCT FROM NEW."reason" OR OLD."result_id" IS DISTINCT FROM NEW."result_id" OR OLD."started_at" IS DISTINCT FROM NEW."started_at" OR OLD."ended_at" IS DISTINCT FROM NEW."ended_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."runtime_historicalbacktestrun" ("id", "created_at", "code_version_id", "parameter_set_id", "dataset_id", "seed", "simulation", "starting_cash", "state", "bars_total", "error_code", "error_message", "asked_by_id", "reason", "result_id", "started_at", "ended_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."code_version_id", _row."parameter_set_id", _row."dataset_id", _row."seed", _row."simulation", _row."starting_cash", _row."state", _row."bars_total", _row."error_code", _row."error_message", _row."asked_by_id", _row."reason", _row."result_id", _row."started_at", _row."ended_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="1c6def7d3e795f6a569678d65f670fd2be4f46a0",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_e35af",
                    table="runtime_backtestrun",
                    when="AFTER",
                ),
            ),
        ),
        audit.AppendOnly("BacktestFill"),
    ]
