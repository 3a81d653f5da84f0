"""Official marks of trading days, and what waits for a second person."""

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
        ("markets", "0004_maintenance_windows"),
    ]

    operations = [
        migrations.CreateModel(
            name="OfficialMark",
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
                    "trading_day",
                    models.DateField(help_text="The day that ended with this price, by the instrument's calendar."),
                ),
                ("revision", models.PositiveIntegerField(help_text="The highest of a day counts.")),
                ("price", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("kind", models.TextField(choices=[("close", "Close"), ("settlement", "Settlement")])),
                ("source", models.TextField(help_text="Where the price is from.")),
                (
                    "feed_price",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="The feed's own last price of the day when it was stated; null: none was delivered.",
                        max_digits=38,
                        null=True,
                    ),
                ),
                ("stated_by", models.TextField(help_text="Actor.")),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="marks", to="markets.instrument"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="OfficialDay",
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
                ("trading_day", models.DateField()),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="markets.instrument"
                    ),
                ),
                (
                    "mark",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="markets.officialmark"
                    ),
                ),
            ],
        ),
        audit.CreatePartitioned(
            name="HistoricalOfficialMarkRequest",
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
                ("trading_day", models.DateField()),
                ("price", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("kind", models.TextField(choices=[("close", "Close"), ("settlement", "Settlement")])),
                ("source", models.TextField()),
                (
                    "departs_from",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="What it was measured by; null: nothing is known.",
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
                (
                    "consent",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="access.consent",
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
                    "entry",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="The mark it became.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="markets.officialmark",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical official mark request",
                "verbose_name_plural": "historical official mark requests",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="OfficialMarkRequest",
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
                ("trading_day", models.DateField()),
                ("price", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("kind", models.TextField(choices=[("close", "Close"), ("settlement", "Settlement")])),
                ("source", models.TextField()),
                (
                    "departs_from",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="What it was measured by; null: nothing is known.",
                        max_digits=38,
                        null=True,
                    ),
                ),
                (
                    "consent",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="access.consent"
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        help_text="The mark it became.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="requests",
                        to="markets.officialmark",
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="markets.instrument"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddConstraint(
            model_name="officialmark",
            constraint=models.UniqueConstraint(
                fields=("instrument", "trading_day", "revision"), name="one_mark_per_revision"
            ),
        ),
        migrations.AddConstraint(
            model_name="officialmark",
            constraint=models.CheckConstraint(condition=models.Q(("price__gt", 0)), name="official_mark_positive"),
        ),
        migrations.AddConstraint(
            model_name="officialday",
            constraint=models.UniqueConstraint(fields=("instrument", "trading_day"), name="one_official_day"),
        ),
        migrations.AddConstraint(
            model_name="officialmarkrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("price__gt", 0)), name="official_mark_asked_positive"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="officialmarkrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."instrument_id" IS DISTINCT FROM NEW."instrument_id" OR OLD."trading_day" IS DISTINCT FROM NEW."trading_day" OR OLD."price" IS DISTINCT FROM NEW."price" OR OLD."kind" IS DISTINCT FROM NEW."kind" OR OLD."source" IS DISTINCT FROM NEW."source" OR OLD."departs_from" IS DISTINCT FROM NEW."departs_from" OR OLD."consent_id" IS DISTINCT FROM NEW."consent_id" OR OLD."entry_id" IS DISTINCT FROM NEW."entry_id") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."markets_historicalofficialmarkrequest" ("id", "created_at", "instrument_id", "trading_day", "price", "kind", "source", "departs_from", "consent_id", "entry_id", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."instrument_id", _row."trading_day", _row."price", _row."kind", _row."source", _row."departs_from", _row."consent_id", _row."entry_id", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="89ffb358b913c50ae4fc85e280104a8daecef447",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_5d48a",
                    table="markets_officialmarkrequest",
                    when="AFTER",
                ),
            ),
        ),
        audit.AppendOnly("OfficialMark"),
    ]
