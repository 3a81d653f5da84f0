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
        ("markets", "0001_initial"),
    ]

    operations = [
        audit.CreatePartitioned(
            name="HistoricalHold",
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
                ("level", models.TextField(choices=[("REDUCING", "Reducing"), ("HALTED", "Halted")])),
                ("reason", models.TextField()),
                ("placed_by", models.TextField(help_text="Actor.")),
                ("epoch", models.PositiveIntegerField(help_text="Counts the holds of the scope.")),
                (
                    "state",
                    models.TextField(choices=[("active", "Active"), ("released", "Released")], default="active"),
                ),
                (
                    "latched_at",
                    models.DateTimeField(help_text="From then on no new send permit could exist.", null=True),
                ),
                (
                    "latch_ms",
                    models.FloatField(help_text="Milliseconds from the request to the latch.", null=True),
                ),
                (
                    "drain_state",
                    models.TextField(
                        choices=[
                            ("not_needed", "Not Needed"),
                            ("pending", "Pending"),
                            ("drained", "Drained"),
                        ],
                        default="pending",
                    ),
                ),
                ("drained_at", models.DateTimeField(null=True)),
                ("released_at", models.DateTimeField(null=True)),
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
                "verbose_name": "historical hold",
                "verbose_name_plural": "historical holds",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        audit.CreatePartitioned(
            name="HistoricalLimit",
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
                            ("order_quantity", "Quantity per order"),
                            ("order_notional", "Notional per order, base currency"),
                            ("position", "Position per instrument, units"),
                            ("collar_bps", "Price collar, basis points"),
                            ("orders_per_minute", "Orders per minute"),
                        ]
                    ),
                ),
                ("value", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("set_by", models.TextField(help_text="Actor.")),
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
                "verbose_name": "historical limit",
                "verbose_name_plural": "historical limits",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        audit.CreatePartitioned(
            name="HistoricalLimitRaise",
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
                            ("order_quantity", "Quantity per order"),
                            ("order_notional", "Notional per order, base currency"),
                            ("position", "Position per instrument, units"),
                            ("collar_bps", "Price collar, basis points"),
                            ("orders_per_minute", "Orders per minute"),
                        ]
                    ),
                ),
                ("value", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
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
                "verbose_name": "historical limit raise",
                "verbose_name_plural": "historical limit raises",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Limit",
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
                            ("order_quantity", "Quantity per order"),
                            ("order_notional", "Notional per order, base currency"),
                            ("position", "Position per instrument, units"),
                            ("collar_bps", "Price collar, basis points"),
                            ("orders_per_minute", "Orders per minute"),
                        ]
                    ),
                ),
                ("value", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("set_by", models.TextField(help_text="Actor.")),
                (
                    "scope",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="limits", to="access.scope"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="LimitRaise",
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
                            ("order_quantity", "Quantity per order"),
                            ("order_notional", "Notional per order, base currency"),
                            ("position", "Position per instrument, units"),
                            ("collar_bps", "Price collar, basis points"),
                            ("orders_per_minute", "Orders per minute"),
                        ]
                    ),
                ),
                ("value", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("applied_at", models.DateTimeField(null=True)),
                (
                    "consent",
                    models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, to="access.consent"),
                ),
                ("scope", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="access.scope")),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="OrderRate",
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
                ("minute", models.DateTimeField()),
                ("count", models.PositiveIntegerField(default=0)),
                (
                    "scope",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to="access.scope"),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Exposure",
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
                    "position",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, default=0, help_text="Signed units.", max_digits=38
                    ),
                ),
                (
                    "working_buy",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        default=0,
                        help_text="Units of open and unknown buy orders.",
                        max_digits=38,
                    ),
                ),
                (
                    "working_sell",
                    apps.common.models.ExactDecimalField(decimal_places=18, default=0, max_digits=38),
                ),
                (
                    "instrument",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="markets.instrument"),
                ),
                (
                    "scope",
                    models.ForeignKey(
                        help_text="The bot's.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exposures",
                        to="access.scope",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("scope", "instrument"), name="one_exposure_per_bot_instrument"),
                    models.CheckConstraint(
                        condition=models.Q(("working_buy__gte", 0), ("working_sell__gte", 0)),
                        name="working_never_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Hold",
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
                ("level", models.TextField(choices=[("REDUCING", "Reducing"), ("HALTED", "Halted")])),
                ("reason", models.TextField()),
                ("placed_by", models.TextField(help_text="Actor.")),
                ("epoch", models.PositiveIntegerField(help_text="Counts the holds of the scope.")),
                (
                    "state",
                    models.TextField(choices=[("active", "Active"), ("released", "Released")], default="active"),
                ),
                (
                    "latched_at",
                    models.DateTimeField(help_text="From then on no new send permit could exist.", null=True),
                ),
                (
                    "latch_ms",
                    models.FloatField(help_text="Milliseconds from the request to the latch.", null=True),
                ),
                (
                    "drain_state",
                    models.TextField(
                        choices=[
                            ("not_needed", "Not Needed"),
                            ("pending", "Pending"),
                            ("drained", "Drained"),
                        ],
                        default="pending",
                    ),
                ),
                ("drained_at", models.DateTimeField(null=True)),
                ("released_at", models.DateTimeField(null=True)),
                (
                    "consent",
                    models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, to="access.consent"),
                ),
                (
                    "scope",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="holds", to="access.scope"
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(condition=models.Q(("state", "active")), fields=["scope"], name="hold_active")
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="hold",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."level" IS DISTINCT FROM NEW."level" OR OLD."reason" IS DISTINCT FROM NEW."reason" OR OLD."placed_by" IS DISTINCT FROM NEW."placed_by" OR OLD."epoch" IS DISTINCT FROM NEW."epoch" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."latched_at" IS DISTINCT FROM NEW."latched_at" OR OLD."latch_ms" IS DISTINCT FROM NEW."latch_ms" OR OLD."drain_state" IS DISTINCT FROM NEW."drain_state" OR OLD."drained_at" IS DISTINCT FROM NEW."drained_at" OR OLD."consent_id" IS DISTINCT FROM NEW."consent_id" OR OLD."released_at" IS DISTINCT FROM NEW."released_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."risk_historicalhold" ("id", "created_at", "scope_id", "level", "reason", "placed_by", "epoch", "state", "latched_at", "latch_ms", "drain_state", "drained_at", "consent_id", "released_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."scope_id", _row."level", _row."reason", _row."placed_by", _row."epoch", _row."state", _row."latched_at", _row."latch_ms", _row."drain_state", _row."drained_at", _row."consent_id", _row."released_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="6277c7c18516157dbe9193e7799b07d3dca886f8",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_8698b",
                    table="risk_hold",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="limit",
            constraint=models.UniqueConstraint(fields=("scope", "kind"), name="one_limit_per_scope_and_kind"),
        ),
        migrations.AddConstraint(
            model_name="limit",
            constraint=models.CheckConstraint(condition=models.Q(("value__gte", 0)), name="limit_not_negative"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="limit",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."kind" IS DISTINCT FROM NEW."kind" OR OLD."value" IS DISTINCT FROM NEW."value" OR OLD."set_by" IS DISTINCT FROM NEW."set_by") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."risk_historicallimit" ("id", "created_at", "scope_id", "kind", "value", "set_by", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."scope_id", _row."kind", _row."value", _row."set_by", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="5d5416043b704b22e7cded03449e3e1d1e48ffc4",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_511bc",
                    table="risk_limit",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="limitraise",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."kind" IS DISTINCT FROM NEW."kind" OR OLD."value" IS DISTINCT FROM NEW."value" OR OLD."consent_id" IS DISTINCT FROM NEW."consent_id" OR OLD."applied_at" IS DISTINCT FROM NEW."applied_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."risk_historicallimitraise" ("id", "created_at", "scope_id", "kind", "value", "consent_id", "applied_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."scope_id", _row."kind", _row."value", _row."consent_id", _row."applied_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="395957be9c677acc503e008309303b8564f34671",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_e0d57",
                    table="risk_limitraise",
                    when="AFTER",
                ),
            ),
        ),
    ]
