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
            name="HistoricalVenue",
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
                ("name", models.SlugField()),
                ("adapter", models.TextField(help_text="Folder under apps/venues, e.g. `paper`.")),
                ("mode", models.TextField(choices=[("paper", "Paper"), ("live", "Live")])),
                ("settings", models.JSONField(default=dict, help_text="Adapter settings without secrets.")),
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
                "verbose_name": "historical venue",
                "verbose_name_plural": "historical venues",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Venue",
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
                ("name", models.SlugField(unique=True)),
                ("adapter", models.TextField(help_text="Folder under apps/venues, e.g. `paper`.")),
                ("mode", models.TextField(choices=[("paper", "Paper"), ("live", "Live")])),
                ("settings", models.JSONField(default=dict, help_text="Adapter settings without secrets.")),
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
            name="HistoricalAccount",
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
                ("name", models.SlugField()),
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
                ("currency", models.CharField(max_length=12)),
                (
                    "opening_cash",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        default=0,
                        help_text="What we know was there before our first fill.",
                        max_digits=38,
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
                    "bucket",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="access.riskbucket",
                    ),
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
                (
                    "venue",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="venues.venue",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical account",
                "verbose_name_plural": "historical accounts",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Account",
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
                ("name", models.SlugField(unique=True)),
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
                ("currency", models.CharField(max_length=12)),
                (
                    "opening_cash",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        default=0,
                        help_text="What we know was there before our first fill.",
                        max_digits=38,
                    ),
                ),
                (
                    "bucket",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="access.riskbucket",
                    ),
                ),
                (
                    "scope",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to="access.scope"),
                ),
                (
                    "venue",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="venues.venue",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="venue",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."name" IS DISTINCT FROM NEW."name" OR OLD."adapter" IS DISTINCT FROM NEW."adapter" OR OLD."mode" IS DISTINCT FROM NEW."mode" OR OLD."settings" IS DISTINCT FROM NEW."settings" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."venues_historicalvenue" ("id", "created_at", "name", "adapter", "mode", "settings", "scope_id", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."name", _row."adapter", _row."mode", _row."settings", _row."scope_id", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="d7c937326ba6fb88e4346622932392d05b79c4d1",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_d9231",
                    table="venues_venue",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("environment", "live"), ("mode", "live")),
                    models.Q(models.Q(("environment", "live"), _negated=True), ("mode", "paper")),
                    _connector="OR",
                ),
                name="account_mode_fits_environment",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="account",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."venue_id" IS DISTINCT FROM NEW."venue_id" OR OLD."bucket_id" IS DISTINCT FROM NEW."bucket_id" OR OLD."name" IS DISTINCT FROM NEW."name" OR OLD."environment" IS DISTINCT FROM NEW."environment" OR OLD."mode" IS DISTINCT FROM NEW."mode" OR OLD."currency" IS DISTINCT FROM NEW."currency" OR OLD."opening_cash" IS DISTINCT FROM NEW."opening_cash" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."venues_historicalaccount" ("id", "created_at", "venue_id", "bucket_id", "name", "environment", "mode", "currency", "opening_cash", "scope_id", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."venue_id", _row."bucket_id", _row."name", _row."environment", _row."mode", _row."currency", _row."opening_cash", _row."scope_id", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="852077b58ad39b443459abff642a536e8e7d9eb9",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_a9a96",
                    table="venues_account",
                    when="AFTER",
                ),
            ),
        ),
    ]
