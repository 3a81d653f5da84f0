"""Prices from other sources and market states."""

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
    dependencies = [
        ("markets", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="historicalinstrument",
            name="session_calendar",
            field=models.TextField(default="24/7", help_text="`24/7`, `24/5` or the code of an exchange, e.g. `XNYS`."),
        ),
        migrations.AlterField(
            model_name="instrument",
            name="session_calendar",
            field=models.TextField(default="24/7", help_text="`24/7`, `24/5` or the code of an exchange, e.g. `XNYS`."),
        ),
        audit.CreatePartitioned(
            name="HistoricalMarketStatus",
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
                    "state",
                    models.TextField(
                        choices=[
                            ("trading", "Trading"),
                            ("halted", "Halted"),
                            ("auction", "Auction"),
                            ("maintenance", "Maintenance"),
                        ],
                        default="trading",
                    ),
                ),
                (
                    "limit_up",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="No buy above it.", max_digits=38, null=True
                    ),
                ),
                (
                    "limit_down",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="No sell below it.", max_digits=38, null=True
                    ),
                ),
                ("source", models.TextField(help_text="Who said so: a feed or a person.")),
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
                "verbose_name": "historical market status",
                "verbose_name_plural": "historical market statuss",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="MarketStatus",
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
                    "state",
                    models.TextField(
                        choices=[
                            ("trading", "Trading"),
                            ("halted", "Halted"),
                            ("auction", "Auction"),
                            ("maintenance", "Maintenance"),
                        ],
                        default="trading",
                    ),
                ),
                (
                    "limit_up",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="No buy above it.", max_digits=38, null=True
                    ),
                ),
                (
                    "limit_down",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="No sell below it.", max_digits=38, null=True
                    ),
                ),
                ("source", models.TextField(help_text="Who said so: a feed or a person.")),
                (
                    "instrument",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="status", to="markets.instrument"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ReferencePrice",
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
                ("source", models.TextField(help_text="Who says so, e.g. `venue:paper`.")),
                ("price", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("seen_at", models.DateTimeField(help_text="Wall time at which it was true.")),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="references", to="markets.instrument"
                    ),
                ),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="marketstatus",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."instrument_id" IS DISTINCT FROM NEW."instrument_id" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."limit_up" IS DISTINCT FROM NEW."limit_up" OR OLD."limit_down" IS DISTINCT FROM NEW."limit_down" OR OLD."source" IS DISTINCT FROM NEW."source") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."markets_historicalmarketstatus" ("id", "created_at", "instrument_id", "state", "limit_up", "limit_down", "source", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."instrument_id", _row."state", _row."limit_up", _row."limit_down", _row."source", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="83591eaf252b92a846c974a57cf78a8d49218a58",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_0e77b",
                    table="markets_marketstatus",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="referenceprice",
            constraint=models.UniqueConstraint(fields=("instrument", "source"), name="one_reference_per_source"),
        ),
        migrations.AddConstraint(
            model_name="referenceprice",
            constraint=models.CheckConstraint(condition=models.Q(("price__gt", 0)), name="reference_positive"),
        ),
    ]
