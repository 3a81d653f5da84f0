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
        migrations.CreateModel(
            name="Dataset",
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
                ("name", models.TextField(unique=True)),
                ("interval_ms", models.PositiveBigIntegerField()),
                ("file_name", models.TextField(help_text="Name under the dataset folder.")),
                ("sha256", models.CharField(max_length=64, unique=True)),
                ("rows", models.PositiveIntegerField()),
                ("first_start", models.DateTimeField()),
                ("last_end", models.DateTimeField()),
                ("gaps", models.PositiveIntegerField(help_text="Bars missing while the session was open.")),
                ("source", models.TextField(help_text="Provenance.")),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Feed",
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
                ("name", models.TextField(unique=True)),
                ("speed", models.PositiveIntegerField(help_text="Market seconds per wall second.")),
                ("starts_at", models.DateTimeField(help_text="Market time at which the replay starts.")),
                (
                    "state",
                    models.TextField(
                        choices=[("running", "Running"), ("stalled", "Stalled"), ("ended", "Ended")],
                        default="running",
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="markets.dataset"),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="FeedClock",
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
                ("epoch", models.PositiveIntegerField(default=1)),
                ("wall_anchor", models.DateTimeField()),
                ("market_anchor", models.DateTimeField()),
                ("ticked_at", models.DateTimeField(help_text="Wall time of the last tick.")),
                (
                    "stalled_at",
                    models.DateTimeField(help_text="Wall time since which no bar is delivered.", null=True),
                ),
                (
                    "feed",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="clock", to="markets.feed"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="FxRate",
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
                ("valid_from", models.DateTimeField()),
                (
                    "valid_until",
                    models.DateTimeField(help_text="After this the rate is stale and denies increases."),
                ),
                ("source", models.TextField()),
            ],
            options={
                "indexes": [models.Index(fields=["base", "quote", "-valid_from"], name="fx_latest")],
                "constraints": [models.CheckConstraint(condition=models.Q(("rate__gt", 0)), name="fx_rate_positive")],
            },
        ),
        audit.CreatePartitioned(
            name="HistoricalInstrument",
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
                ("symbol", models.TextField(db_index=True)),
                (
                    "asset_class",
                    models.TextField(
                        choices=[
                            ("equity", "Equity"),
                            ("etf", "Etf"),
                            ("fx", "Fx"),
                            ("crypto_spot", "Crypto Spot"),
                            ("crypto_perpetual", "Crypto Perpetual"),
                            ("future", "Future"),
                            ("option", "Option"),
                        ]
                    ),
                ),
                ("base_currency", models.CharField(help_text="What a quantity counts.", max_length=12)),
                ("quote_currency", models.CharField(help_text="What a price is in.", max_length=12)),
                (
                    "multiplier",
                    apps.common.models.ExactDecimalField(decimal_places=18, default=1, max_digits=38),
                ),
                (
                    "lot_size",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="Quantities are whole multiples of this.", max_digits=38
                    ),
                ),
                (
                    "tick_size",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="Prices are whole multiples of this.", max_digits=38
                    ),
                ),
                ("is_fractional", models.BooleanField(default=False)),
                ("session_calendar", models.TextField(default="24/7", help_text="`24/7` or `24/5`.")),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
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
                "verbose_name": "historical instrument",
                "verbose_name_plural": "historical instruments",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Instrument",
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
                ("symbol", models.TextField(unique=True)),
                (
                    "asset_class",
                    models.TextField(
                        choices=[
                            ("equity", "Equity"),
                            ("etf", "Etf"),
                            ("fx", "Fx"),
                            ("crypto_spot", "Crypto Spot"),
                            ("crypto_perpetual", "Crypto Perpetual"),
                            ("future", "Future"),
                            ("option", "Option"),
                        ]
                    ),
                ),
                ("base_currency", models.CharField(help_text="What a quantity counts.", max_length=12)),
                ("quote_currency", models.CharField(help_text="What a price is in.", max_length=12)),
                (
                    "multiplier",
                    apps.common.models.ExactDecimalField(decimal_places=18, default=1, max_digits=38),
                ),
                (
                    "lot_size",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="Quantities are whole multiples of this.", max_digits=38
                    ),
                ),
                (
                    "tick_size",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="Prices are whole multiples of this.", max_digits=38
                    ),
                ),
                ("is_fractional", models.BooleanField(default=False)),
                ("session_calendar", models.TextField(default="24/7", help_text="`24/7` or `24/5`.")),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "scope",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to="access.scope"),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        audit.CreatePartitioned(
            name="HistoricalFeed",
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
                ("name", models.TextField(db_index=True)),
                ("speed", models.PositiveIntegerField(help_text="Market seconds per wall second.")),
                ("starts_at", models.DateTimeField(help_text="Market time at which the replay starts.")),
                (
                    "state",
                    models.TextField(
                        choices=[("running", "Running"), ("stalled", "Stalled"), ("ended", "Ended")],
                        default="running",
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
                "verbose_name": "historical feed",
                "verbose_name_plural": "historical feeds",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.AddField(
            model_name="feed",
            name="instrument",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="feeds", to="markets.instrument"
            ),
        ),
        migrations.AddField(
            model_name="dataset",
            name="instrument",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="markets.instrument"),
        ),
        migrations.AddConstraint(
            model_name="instrument",
            constraint=models.CheckConstraint(
                condition=models.Q(("lot_size__gt", 0), ("multiplier__gt", 0), ("tick_size__gt", 0)),
                name="instrument_steps_positive",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="instrument",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."symbol" IS DISTINCT FROM NEW."symbol" OR OLD."asset_class" IS DISTINCT FROM NEW."asset_class" OR OLD."base_currency" IS DISTINCT FROM NEW."base_currency" OR OLD."quote_currency" IS DISTINCT FROM NEW."quote_currency" OR OLD."multiplier" IS DISTINCT FROM NEW."multiplier" OR OLD."lot_size" IS DISTINCT FROM NEW."lot_size" OR OLD."tick_size" IS DISTINCT FROM NEW."tick_size" OR OLD."is_fractional" IS DISTINCT FROM NEW."is_fractional" OR OLD."session_calendar" IS DISTINCT FROM NEW."session_calendar" OR OLD."expires_at" IS DISTINCT FROM NEW."expires_at" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."markets_historicalinstrument" ("id", "created_at", "symbol", "asset_class", "base_currency", "quote_currency", "multiplier", "lot_size", "tick_size", "is_fractional", "session_calendar", "expires_at", "scope_id", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."symbol", _row."asset_class", _row."base_currency", _row."quote_currency", _row."multiplier", _row."lot_size", _row."tick_size", _row."is_fractional", _row."session_calendar", _row."expires_at", _row."scope_id", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="594ae79aedbdaa7d942a54ddd49c8be897b9708a",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_69f01",
                    table="markets_instrument",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="feed",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."name" IS DISTINCT FROM NEW."name" OR OLD."instrument_id" IS DISTINCT FROM NEW."instrument_id" OR OLD."dataset_id" IS DISTINCT FROM NEW."dataset_id" OR OLD."speed" IS DISTINCT FROM NEW."speed" OR OLD."starts_at" IS DISTINCT FROM NEW."starts_at" OR OLD."state" IS DISTINCT FROM NEW."state") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."markets_historicalfeed" ("id", "created_at", "name", "instrument_id", "dataset_id", "speed", "starts_at", "state", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."name", _row."instrument_id", _row."dataset_id", _row."speed", _row."starts_at", _row."state", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="41e55f8cc2ce5bdc3e1f00174dc15487bf6fe573",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_68de4",
                    table="markets_feed",
                    when="AFTER",
                ),
            ),
        ),
        audit.AppendOnly("Dataset"),
        audit.AppendOnly("FxRate"),
    ]
