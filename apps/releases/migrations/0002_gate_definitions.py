"""What each kind of gate is measured against, versioned; waivers by a second person; accepted baselines."""

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

SHIPPED = {
    "config_lint": ("worker", 168, {"problems_max": 0}),
    "deterministic": ("worker", 168, {"differences_max": 0}),
    "backtest": (
        "worker",
        168,
        {
            "needs_baseline": False,
            "floors": {"fill_count_min": 20, "max_drawdown_max": "0.6"},
            "tolerances": {
                "return_drop_max": "0.05",
                "drawdown_rise_max": "0.05",
                "sharpe_drop_max": "0.5",
                "fills_change_percent_max": "30",
                "costs_rise_percent_max": "30",
            },
        },
    ),
    "data_contract": ("worker", 168, {"problems_max": 0, "bars_min": 2, "gap_percent_max": "5"}),
    "order_contract": ("worker", 168, {"violations_max": 0, "orders_min": 1}),
    "secrets_present": ("worker", 72, {"missing_max": 0}),
    "operating_standard": (
        "worker",
        168,
        {
            "headings": ["When it must be held", "Restarting", "Changing it"],
            "missing_max": 0,
            "words_min": 100,
            "outdated_max": 0,
        },
    ),
    "unit": ("ci", 168, {"failed_max": 0, "passed_min": 1}),
    "integration": ("ci", 168, {"failed_max": 0, "passed_min": 1}),
    "dependency_scan": ("worker", 24, {"vulnerabilities_max": 0}),
    "image_scan": ("ci", 24, {"criticals_max": 0, "highs_max": 0}),
    "paper_window": (
        "floor",
        72,
        {
            "window_days": 30,
            "trades_min": 30,
            "sessions_min": 5,
            "reject_percent_max": "2",
            "slippage_bps_max": "10",
            "latency_ms_max": "1000",
            "drawdown_percent_max": "10",
        },
    ),
    "rollback_rehearsal": ("floor", 720, {"fenced_ms_max": 5000, "reconciled_ms_max": 300000, "breaks_max": 0}),
}
LINK = """
    UPDATE releases_gate SET definition_id = found.id
    FROM releases_gatedefinition AS found WHERE found.kind = releases_gate.kind AND found.version = 1
"""


def define(apps, schema_editor):
    """Version 1 of every kind: what the gates of before were judged by, and what the new ones begin with."""
    rows = apps.get_model("releases", "GateDefinition").objects
    for kind, (reporter, hours, thresholds) in SHIPPED.items():
        rows.create(
            kind=kind, version=1, thresholds=thresholds, valid_for_h=hours, reporter=reporter, set_by="job:migration"
        )


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("bots", "0001_initial"),
        ("markets", "0005_official_marks"),
        ("releases", "0001_initial"),
        ("runtime", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Baseline",
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
                    "simulator",
                    models.CharField(help_text="Digest of the simulator's settings, seed and cash.", max_length=64),
                ),
                ("reason", models.TextField()),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="GateDefinition",
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
                            ("config_lint", "Configuration lint"),
                            ("data_contract", "Data contract"),
                            ("secrets_present", "Secrets present"),
                            ("operating_standard", "Operating standard"),
                            ("deterministic", "Deterministic run"),
                            ("order_contract", "Order contract"),
                            ("backtest", "Frozen backtest"),
                            ("unit", "Unit tests"),
                            ("integration", "Integration tests"),
                            ("dependency_scan", "Dependency scan"),
                            ("image_scan", "Image scan"),
                            ("paper_window", "Paper window"),
                            ("rollback_rehearsal", "Rollback rehearsal"),
                        ]
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("thresholds", models.JSONField(help_text="By the schema of its kind; decimals as strings.")),
                ("valid_for_h", models.PositiveIntegerField(help_text="Hours for which a pass is good.")),
                (
                    "reporter",
                    models.TextField(
                        choices=[("worker", "Gates worker"), ("ci", "CI by token"), ("floor", "An app above releases")]
                    ),
                ),
                ("set_by", models.TextField(help_text="Actor.")),
            ],
        ),
        migrations.CreateModel(
            name="GateWaiver",
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
                ("evidence_digest", models.CharField(max_length=64)),
                ("until", models.DateTimeField(help_text="It opens nothing after this.")),
            ],
            options={
                "abstract": False,
            },
        ),
        audit.CreatePartitioned(
            name="HistoricalGateWaiver",
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
                ("evidence_digest", models.CharField(max_length=64)),
                ("until", models.DateTimeField(help_text="It opens nothing after this.")),
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
            ],
            options={
                "verbose_name": "historical gate waiver",
                "verbose_name_plural": "historical gate waivers",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="gate",
            name="history",
        ),
        migrations.AddField(
            model_name="gate",
            name="compared_with",
            field=models.ForeignKey(
                help_text="The release that it would replace.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="releases.release",
            ),
        ),
        migrations.AddField(
            model_name="gate",
            name="report",
            field=models.JSONField(help_text="Who reported it: by, tool, uri and digest of its evidence.", null=True),
        ),
        migrations.AddField(
            model_name="historicalgate",
            name="compared_with",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="The release that it would replace.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="releases.release",
            ),
        ),
        migrations.AddField(
            model_name="historicalgate",
            name="report",
            field=models.JSONField(help_text="Who reported it: by, tool, uri and digest of its evidence.", null=True),
        ),
        migrations.AlterField(
            model_name="gate",
            name="kind",
            field=models.TextField(
                choices=[
                    ("config_lint", "Configuration lint"),
                    ("data_contract", "Data contract"),
                    ("secrets_present", "Secrets present"),
                    ("operating_standard", "Operating standard"),
                    ("deterministic", "Deterministic run"),
                    ("order_contract", "Order contract"),
                    ("backtest", "Frozen backtest"),
                    ("unit", "Unit tests"),
                    ("integration", "Integration tests"),
                    ("dependency_scan", "Dependency scan"),
                    ("image_scan", "Image scan"),
                    ("paper_window", "Paper window"),
                    ("rollback_rehearsal", "Rollback rehearsal"),
                ]
            ),
        ),
        migrations.AlterField(
            model_name="gate",
            name="state",
            field=models.TextField(
                choices=[
                    ("pending", "Pending"),
                    ("running", "Running"),
                    ("passed", "Passed"),
                    ("failed", "Failed"),
                    ("error", "Error"),
                    ("expired", "Expired"),
                    ("waived", "Waived"),
                ],
                default="pending",
            ),
        ),
        migrations.AlterField(
            model_name="historicalgate",
            name="kind",
            field=models.TextField(
                choices=[
                    ("config_lint", "Configuration lint"),
                    ("data_contract", "Data contract"),
                    ("secrets_present", "Secrets present"),
                    ("operating_standard", "Operating standard"),
                    ("deterministic", "Deterministic run"),
                    ("order_contract", "Order contract"),
                    ("backtest", "Frozen backtest"),
                    ("unit", "Unit tests"),
                    ("integration", "Integration tests"),
                    ("dependency_scan", "Dependency scan"),
                    ("image_scan", "Image scan"),
                    ("paper_window", "Paper window"),
                    ("rollback_rehearsal", "Rollback rehearsal"),
                ]
            ),
        ),
        migrations.AlterField(
            model_name="historicalgate",
            name="state",
            field=models.TextField(
                choices=[
                    ("pending", "Pending"),
                    ("running", "Running"),
                    ("passed", "Passed"),
                    ("failed", "Failed"),
                    ("error", "Error"),
                    ("expired", "Expired"),
                    ("waived", "Waived"),
                ],
                default="pending",
            ),
        ),
        migrations.AddField(
            model_name="baseline",
            name="accepted_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="baseline",
            name="backtest",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="runtime.backtest"
            ),
        ),
        migrations.AddField(
            model_name="baseline",
            name="bot",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="baselines", to="bots.bot"
            ),
        ),
        migrations.AddField(
            model_name="baseline",
            name="dataset",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="markets.dataset"
            ),
        ),
        migrations.AddConstraint(
            model_name="gatedefinition",
            constraint=models.UniqueConstraint(fields=("kind", "version"), name="gate_definition_version_once"),
        ),
        migrations.AddConstraint(
            model_name="gatedefinition",
            constraint=models.CheckConstraint(
                condition=models.Q(("valid_for_h__gt", 0)), name="gate_definition_expires"
            ),
        ),
        migrations.AddField(
            model_name="gate",
            name="definition",
            field=models.ForeignKey(
                help_text="What it is judged by.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="gates",
                to="releases.gatedefinition",
            ),
        ),
        migrations.AddField(
            model_name="historicalgate",
            name="definition",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="What it is judged by.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="releases.gatedefinition",
            ),
        ),
        migrations.AddField(
            model_name="gatewaiver",
            name="consent",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="access.consent"
            ),
        ),
        migrations.AddField(
            model_name="gatewaiver",
            name="definition",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="releases.gatedefinition"
            ),
        ),
        migrations.AddField(
            model_name="gatewaiver",
            name="gate",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="waivers", to="releases.gate"
            ),
        ),
        migrations.AddField(
            model_name="historicalgatewaiver",
            name="consent",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="access.consent",
            ),
        ),
        migrations.AddField(
            model_name="historicalgatewaiver",
            name="definition",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="releases.gatedefinition",
            ),
        ),
        migrations.AddField(
            model_name="historicalgatewaiver",
            name="gate",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="releases.gate",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="gatewaiver",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."gate_id" IS DISTINCT FROM NEW."gate_id" OR OLD."definition_id" IS DISTINCT FROM NEW."definition_id" OR OLD."evidence_digest" IS DISTINCT FROM NEW."evidence_digest" OR OLD."until" IS DISTINCT FROM NEW."until" OR OLD."consent_id" IS DISTINCT FROM NEW."consent_id") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."releases_historicalgatewaiver" ("id", "created_at", "gate_id", "definition_id", "evidence_digest", "until", "consent_id", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."gate_id", _row."definition_id", _row."evidence_digest", _row."until", _row."consent_id", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="58c6834c46651c8f8b7bf51feca250b091a3eb94",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_be289",
                    table="releases_gatewaiver",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="gate",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."release_id" IS DISTINCT FROM NEW."release_id" OR OLD."kind" IS DISTINCT FROM NEW."kind" OR OLD."definition_id" IS DISTINCT FROM NEW."definition_id" OR OLD."compared_with_id" IS DISTINCT FROM NEW."compared_with_id" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."figures" IS DISTINCT FROM NEW."figures" OR OLD."thresholds" IS DISTINCT FROM NEW."thresholds" OR OLD."message" IS DISTINCT FROM NEW."message" OR OLD."backtest_id" IS DISTINCT FROM NEW."backtest_id" OR OLD."evidence_digest" IS DISTINCT FROM NEW."evidence_digest" OR OLD."report" IS DISTINCT FROM NEW."report" OR OLD."decided_at" IS DISTINCT FROM NEW."decided_at" OR OLD."valid_until" IS DISTINCT FROM NEW."valid_until") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."releases_historicalgate" ("id", "created_at", "release_id", "kind", "definition_id", "compared_with_id", "state", "figures", "thresholds", "message", "backtest_id", "evidence_digest", "report", "decided_at", "valid_until", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."release_id", _row."kind", _row."definition_id", _row."compared_with_id", _row."state", _row."figures", _row."thresholds", _row."message", _row."backtest_id", _row."evidence_digest", _row."report", _row."decided_at", _row."valid_until", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="c87ccc82bdda5bf55586d76d9a04ef47a19d97a8",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_9f06e",
                    table="releases_gate",
                    when="AFTER",
                ),
            ),
        ),
        audit.AppendOnly("GateDefinition"),
        audit.AppendOnly("Baseline"),
        migrations.RunPython(define, migrations.RunPython.noop),
        migrations.RunSQL(LINK, migrations.RunSQL.noop),
    ]
