"""Rates and market states that wait for a second person, and who stated what of a market."""

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
        ("access", "0001_initial"),
        ("markets", "0002_order_path"),
    ]

    operations = [
        migrations.CreateModel(
            name="FxRateRequest",
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
                ("base", models.CharField(max_length=12)),
                ("quote", models.CharField(max_length=12)),
                ("rate", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("valid_from", models.DateTimeField(help_text="Null: as soon as it is granted.", null=True)),
                ("valid_until", models.DateTimeField()),
                ("source", models.TextField()),
                (
                    "departs_from",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="What counted when it was asked for; null: nothing did.",
                        max_digits=38,
                        null=True,
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        audit.CreatePartitioned(
            name="HistoricalFxRateRequest",
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
                ("base", models.CharField(max_length=12)),
                ("quote", models.CharField(max_length=12)),
                ("rate", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("valid_from", models.DateTimeField(help_text="Null: as soon as it is granted.", null=True)),
                ("valid_until", models.DateTimeField()),
                ("source", models.TextField()),
                (
                    "departs_from",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="What counted when it was asked for; null: nothing did.",
                        max_digits=38,
                        null=True,
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
            ],
            options={
                "verbose_name": "historical fx rate request",
                "verbose_name_plural": "historical fx rate requests",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        audit.CreatePartitioned(
            name="HistoricalMarketStateRequest",
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
                        ]
                    ),
                ),
                ("limit_up", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True)),
                ("limit_down", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True)),
                ("source", models.TextField()),
                ("applied_at", models.DateTimeField(null=True)),
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
                "verbose_name": "historical market state request",
                "verbose_name_plural": "historical market state requests",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="MarketStateRequest",
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
                        ]
                    ),
                ),
                ("limit_up", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True)),
                ("limit_down", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True)),
                ("source", models.TextField()),
                ("applied_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="marketstatus",
            name="history",
        ),
        migrations.AddField(
            model_name="historicalmarketstatus",
            name="ground_down",
            field=apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="historicalmarketstatus",
            name="ground_trades",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="What stood before whoever states this now: a feed goes back no further.",
            ),
        ),
        migrations.AddField(
            model_name="historicalmarketstatus",
            name="ground_up",
            field=apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="historicalmarketstatus",
            name="stated_by",
            field=models.TextField(db_default="", default="", help_text="Actor."),
        ),
        migrations.AddField(
            model_name="marketstatus",
            name="ground_down",
            field=apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="marketstatus",
            name="ground_trades",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="What stood before whoever states this now: a feed goes back no further.",
            ),
        ),
        migrations.AddField(
            model_name="marketstatus",
            name="ground_up",
            field=apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="marketstatus",
            name="stated_by",
            field=models.TextField(db_default="", default="", help_text="Actor."),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="marketstatus",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."instrument_id" IS DISTINCT FROM NEW."instrument_id" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."limit_up" IS DISTINCT FROM NEW."limit_up" OR OLD."limit_down" IS DISTINCT FROM NEW."limit_down" OR OLD."source" IS DISTINCT FROM NEW."source" OR OLD."stated_by" IS DISTINCT FROM NEW."stated_by" OR OLD."ground_trades" IS DISTINCT FROM NEW."ground_trades" OR OLD."ground_up" IS DISTINCT FROM NEW."ground_up" OR OLD."ground_down" IS DISTINCT FROM NEW."ground_down") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."markets_historicalmarketstatus" ("id", "created_at", "instrument_id", "state", "limit_up", "limit_down", "source", "stated_by", "ground_trades", "ground_up", "ground_down", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."instrument_id", _row."state", _row."limit_up", _row."limit_down", _row."source", _row."stated_by", _row."ground_trades", _row."ground_up", _row."ground_down", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="981368723bb276ee50e7591a82f97545d21597e0",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_0e77b",
                    table="markets_marketstatus",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="fxrate",
            constraint=models.CheckConstraint(
                condition=models.Q(("valid_until__gt", models.F("valid_from"))), name="fx_rate_ends_after_it_starts"
            ),
        ),
        migrations.AddField(
            model_name="fxraterequest",
            name="consent",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="access.consent"
            ),
        ),
        migrations.AddField(
            model_name="fxraterequest",
            name="entry",
            field=models.OneToOneField(
                help_text="The rate that it became.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="request",
                to="markets.fxrate",
            ),
        ),
        migrations.AddField(
            model_name="historicalfxraterequest",
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
            model_name="historicalfxraterequest",
            name="entry",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="The rate that it became.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="markets.fxrate",
            ),
        ),
        migrations.AddField(
            model_name="historicalmarketstaterequest",
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
            model_name="historicalmarketstaterequest",
            name="instrument",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="markets.instrument",
            ),
        ),
        migrations.AddField(
            model_name="marketstaterequest",
            name="consent",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="access.consent"
            ),
        ),
        migrations.AddField(
            model_name="marketstaterequest",
            name="instrument",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="markets.instrument"
            ),
        ),
        migrations.AddConstraint(
            model_name="fxraterequest",
            constraint=models.CheckConstraint(condition=models.Q(("rate__gt", 0)), name="fx_rate_asked_positive"),
        ),
        migrations.AddConstraint(
            model_name="fxraterequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_from__isnull", True), ("valid_until__gt", models.F("valid_from")), _connector="OR"
                ),
                name="fx_rate_asked_ends_after_it_starts",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="fxraterequest",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."base" IS DISTINCT FROM NEW."base" OR OLD."quote" IS DISTINCT FROM NEW."quote" OR OLD."rate" IS DISTINCT FROM NEW."rate" OR OLD."valid_from" IS DISTINCT FROM NEW."valid_from" OR OLD."valid_until" IS DISTINCT FROM NEW."valid_until" OR OLD."source" IS DISTINCT FROM NEW."source" OR OLD."departs_from" IS DISTINCT FROM NEW."departs_from" OR OLD."consent_id" IS DISTINCT FROM NEW."consent_id" OR OLD."entry_id" IS DISTINCT FROM NEW."entry_id") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."markets_historicalfxraterequest" ("id", "created_at", "base", "quote", "rate", "valid_from", "valid_until", "source", "departs_from", "consent_id", "entry_id", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."base", _row."quote", _row."rate", _row."valid_from", _row."valid_until", _row."source", _row."departs_from", _row."consent_id", _row."entry_id", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="4272ae523be1c1bbebdc7a0c9f91fecb32b73f87",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_487b9",
                    table="markets_fxraterequest",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="marketstaterequest",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."instrument_id" IS DISTINCT FROM NEW."instrument_id" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."limit_up" IS DISTINCT FROM NEW."limit_up" OR OLD."limit_down" IS DISTINCT FROM NEW."limit_down" OR OLD."source" IS DISTINCT FROM NEW."source" OR OLD."consent_id" IS DISTINCT FROM NEW."consent_id" OR OLD."applied_at" IS DISTINCT FROM NEW."applied_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."markets_historicalmarketstaterequest" ("id", "created_at", "instrument_id", "state", "limit_up", "limit_down", "source", "consent_id", "applied_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."instrument_id", _row."state", _row."limit_up", _row."limit_down", _row."source", _row."consent_id", _row."applied_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="c294b20227d164fb2d21c747ce2ea8b8b6bafd94",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_70b09",
                    table="markets_marketstaterequest",
                    when="AFTER",
                ),
            ),
        ),
    ]
