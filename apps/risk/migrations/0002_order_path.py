"""Sums per scope, throttles, drills, and limits that revert."""

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
        ("access", "0001_initial"),
        ("risk", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        audit.CreatePartitioned(
            name="HistoricalKillDrill",
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
                            ("due", "Due"),
                            ("running", "Running"),
                            ("passed", "Passed"),
                            ("failed", "Failed"),
                            ("error", "Error"),
                        ],
                        default="due",
                    ),
                ),
                ("scheduled_by", models.TextField(help_text="Actor.")),
                ("blocks_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("latch_ms", models.FloatField(null=True)),
                ("drain_ms", models.FloatField(null=True)),
                ("figures", models.JSONField(default=dict, help_text="Orders, denials, sends after the latch.")),
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
            ],
            options={
                "verbose_name": "historical kill drill",
                "verbose_name_plural": "historical kill drills",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        audit.CreatePartitioned(
            name="HistoricalThrottle",
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
                ("reason", models.TextField()),
                ("repeats", models.PositiveIntegerField()),
                ("enabled_at", models.DateTimeField(null=True)),
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
                "verbose_name": "historical throttle",
                "verbose_name_plural": "historical throttles",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="KillDrill",
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
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("due", "Due"),
                            ("running", "Running"),
                            ("passed", "Passed"),
                            ("failed", "Failed"),
                            ("error", "Error"),
                        ],
                        default="due",
                    ),
                ),
                ("scheduled_by", models.TextField(help_text="Actor.")),
                ("blocks_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("latch_ms", models.FloatField(null=True)),
                ("drain_ms", models.FloatField(null=True)),
                ("figures", models.JSONField(default=dict, help_text="Orders, denials, sends after the latch.")),
                ("message", models.TextField(blank=True, default="")),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ScopeBook",
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
                    "gross",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, default=0, help_text="Sum of the sizes of all positions.", max_digits=38
                    ),
                ),
                (
                    "net",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, default=0, help_text="Sum of all positions, signed.", max_digits=38
                    ),
                ),
                (
                    "buying",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, default=0, help_text="Working buy orders.", max_digits=38
                    ),
                ),
                ("selling", apps.common.models.ExactDecimalField(decimal_places=18, default=0, max_digits=38)),
                ("open_orders", models.IntegerField(default=0)),
                (
                    "pnl",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        default=0,
                        help_text="Realised and unrealised, less fees, since the start.",
                        max_digits=38,
                    ),
                ),
                (
                    "pnl_at_open",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        default=0,
                        help_text="The same at the start of the trading day.",
                        max_digits=38,
                    ),
                ),
                (
                    "pnl_peak",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, default=0, help_text="The highest that it has been.", max_digits=38
                    ),
                ),
                ("trading_day", models.DateField(null=True)),
                ("marked_at", models.DateTimeField(help_text="Wall time of the last valuation.", null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Throttle",
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
                ("reason", models.TextField()),
                ("repeats", models.PositiveIntegerField()),
                ("enabled_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="hold",
            name="history",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="limit",
            name="history",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="limitraise",
            name="history",
        ),
        migrations.AddField(
            model_name="historicalhold",
            name="cancels",
            field=models.TextField(
                choices=[("opening", "Opening orders"), ("all", "All orders, protective ones too")], default="opening"
            ),
        ),
        migrations.AddField(
            model_name="historicalhold",
            name="drain_ms",
            field=models.FloatField(help_text="Milliseconds from the latch until drained.", null=True),
        ),
        migrations.AddField(
            model_name="historicalhold",
            name="is_drill",
            field=models.BooleanField(default=False, help_text="Placed by a drill, which lifts it again."),
        ),
        migrations.AddField(
            model_name="historicalhold",
            name="left",
            field=models.JSONField(default=list, help_text="Orders whose end the venue has not confirmed."),
        ),
        migrations.AddField(
            model_name="historicalhold",
            name="open_permits",
            field=models.JSONField(default=list, help_text="Orders that were permitted before the latch."),
        ),
        migrations.AddField(
            model_name="historicallimit",
            name="expires_at",
            field=models.DateTimeField(help_text="From then on `reverts_to` is in force.", null=True),
        ),
        migrations.AddField(
            model_name="historicallimit",
            name="reverts_to",
            field=apps.common.models.ExactDecimalField(
                decimal_places=18,
                help_text="What was in force before a raise that ends by itself.",
                max_digits=38,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="historicallimitraise",
            name="effective_from",
            field=models.DateTimeField(help_text="Not before; null: as soon as it is granted.", null=True),
        ),
        migrations.AddField(
            model_name="historicallimitraise",
            name="expires_at",
            field=models.DateTimeField(help_text="When it reverts by itself; null: it stays.", null=True),
        ),
        migrations.AddField(
            model_name="hold",
            name="cancels",
            field=models.TextField(
                choices=[("opening", "Opening orders"), ("all", "All orders, protective ones too")], default="opening"
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="drain_ms",
            field=models.FloatField(help_text="Milliseconds from the latch until drained.", null=True),
        ),
        migrations.AddField(
            model_name="hold",
            name="is_drill",
            field=models.BooleanField(default=False, help_text="Placed by a drill, which lifts it again."),
        ),
        migrations.AddField(
            model_name="hold",
            name="left",
            field=models.JSONField(default=list, help_text="Orders whose end the venue has not confirmed."),
        ),
        migrations.AddField(
            model_name="hold",
            name="open_permits",
            field=models.JSONField(default=list, help_text="Orders that were permitted before the latch."),
        ),
        migrations.AddField(
            model_name="limit",
            name="expires_at",
            field=models.DateTimeField(help_text="From then on `reverts_to` is in force.", null=True),
        ),
        migrations.AddField(
            model_name="limit",
            name="reverts_to",
            field=apps.common.models.ExactDecimalField(
                decimal_places=18,
                help_text="What was in force before a raise that ends by itself.",
                max_digits=38,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="limitraise",
            name="effective_from",
            field=models.DateTimeField(help_text="Not before; null: as soon as it is granted.", null=True),
        ),
        migrations.AddField(
            model_name="limitraise",
            name="expires_at",
            field=models.DateTimeField(help_text="When it reverts by itself; null: it stays.", null=True),
        ),
        migrations.AddField(
            model_name="orderrate",
            name="second",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="orderrate",
            name="second_count",
            field=models.PositiveIntegerField(default=0),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="hold",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."level" IS DISTINCT FROM NEW."level" OR OLD."reason" IS DISTINCT FROM NEW."reason" OR OLD."placed_by" IS DISTINCT FROM NEW."placed_by" OR OLD."cancels" IS DISTINCT FROM NEW."cancels" OR OLD."is_drill" IS DISTINCT FROM NEW."is_drill" OR OLD."epoch" IS DISTINCT FROM NEW."epoch" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."latched_at" IS DISTINCT FROM NEW."latched_at" OR OLD."latch_ms" IS DISTINCT FROM NEW."latch_ms" OR OLD."open_permits" IS DISTINCT FROM NEW."open_permits" OR OLD."drain_state" IS DISTINCT FROM NEW."drain_state" OR OLD."drained_at" IS DISTINCT FROM NEW."drained_at" OR OLD."drain_ms" IS DISTINCT FROM NEW."drain_ms" OR OLD."left" IS DISTINCT FROM NEW."left" OR OLD."consent_id" IS DISTINCT FROM NEW."consent_id" OR OLD."released_at" IS DISTINCT FROM NEW."released_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."risk_historicalhold" ("id", "created_at", "scope_id", "level", "reason", "placed_by", "cancels", "is_drill", "epoch", "state", "latched_at", "latch_ms", "open_permits", "drain_state", "drained_at", "drain_ms", "left", "consent_id", "released_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."scope_id", _row."level", _row."reason", _row."placed_by", _row."cancels", _row."is_drill", _row."epoch", _row."state", _row."latched_at", _row."latch_ms", _row."open_permits", _row."drain_state", _row."drained_at", _row."drain_ms", _row."left", _row."consent_id", _row."released_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="b017a234e11c48c5ff269ae0e3b04625ec76fd20",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_8698b",
                    table="risk_hold",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="limit",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."kind" IS DISTINCT FROM NEW."kind" OR OLD."value" IS DISTINCT FROM NEW."value" OR OLD."set_by" IS DISTINCT FROM NEW."set_by" OR OLD."expires_at" IS DISTINCT FROM NEW."expires_at" OR OLD."reverts_to" IS DISTINCT FROM NEW."reverts_to") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."risk_historicallimit" ("id", "created_at", "scope_id", "kind", "value", "set_by", "expires_at", "reverts_to", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."scope_id", _row."kind", _row."value", _row."set_by", _row."expires_at", _row."reverts_to", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="6cbfadf3df539ddfd8dc9b11c0c0ed8cd65e7063",
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
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."kind" IS DISTINCT FROM NEW."kind" OR OLD."value" IS DISTINCT FROM NEW."value" OR OLD."consent_id" IS DISTINCT FROM NEW."consent_id" OR OLD."effective_from" IS DISTINCT FROM NEW."effective_from" OR OLD."expires_at" IS DISTINCT FROM NEW."expires_at" OR OLD."applied_at" IS DISTINCT FROM NEW."applied_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."risk_historicallimitraise" ("id", "created_at", "scope_id", "kind", "value", "consent_id", "effective_from", "expires_at", "applied_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."scope_id", _row."kind", _row."value", _row."consent_id", _row."effective_from", _row."expires_at", _row."applied_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="c137721ccc883e1a24f9a956ff7aef63cd026c70",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_e0d57",
                    table="risk_limitraise",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="limit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("expires_at__isnull", True), ("reverts_to__isnull", True)),
                    models.Q(
                        ("expires_at__isnull", False), ("reverts_to__gte", 0), ("reverts_to__lte", models.F("value"))
                    ),
                    _connector="OR",
                ),
                name="limit_reverts_downwards",
            ),
        ),
        migrations.AddField(
            model_name="historicalkilldrill",
            name="hold",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="risk.hold",
            ),
        ),
        migrations.AddField(
            model_name="historicalkilldrill",
            name="scope",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="access.scope",
            ),
        ),
        migrations.AddField(
            model_name="historicalthrottle",
            name="enabled_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicalthrottle",
            name="scope",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="The bot's.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="access.scope",
            ),
        ),
        migrations.AddField(
            model_name="killdrill",
            name="hold",
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, to="risk.hold"),
        ),
        migrations.AddField(
            model_name="killdrill",
            name="scope",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="drills", to="access.scope"
            ),
        ),
        migrations.AddField(
            model_name="scopebook",
            name="scope",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="book", to="access.scope"
            ),
        ),
        migrations.AddField(
            model_name="throttle",
            name="enabled_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="throttle",
            name="scope",
            field=models.ForeignKey(
                help_text="The bot's.",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="throttles",
                to="access.scope",
            ),
        ),
        migrations.AddConstraint(
            model_name="killdrill",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["due", "running"])),
                fields=("scope",),
                name="one_open_drill_per_scope",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="killdrill",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."scheduled_by" IS DISTINCT FROM NEW."scheduled_by" OR OLD."blocks_from" IS DISTINCT FROM NEW."blocks_from" OR OLD."valid_until" IS DISTINCT FROM NEW."valid_until" OR OLD."started_at" IS DISTINCT FROM NEW."started_at" OR OLD."finished_at" IS DISTINCT FROM NEW."finished_at" OR OLD."hold_id" IS DISTINCT FROM NEW."hold_id" OR OLD."latch_ms" IS DISTINCT FROM NEW."latch_ms" OR OLD."drain_ms" IS DISTINCT FROM NEW."drain_ms" OR OLD."figures" IS DISTINCT FROM NEW."figures" OR OLD."message" IS DISTINCT FROM NEW."message") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."risk_historicalkilldrill" ("id", "created_at", "scope_id", "state", "scheduled_by", "blocks_from", "valid_until", "started_at", "finished_at", "hold_id", "latch_ms", "drain_ms", "figures", "message", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."scope_id", _row."state", _row."scheduled_by", _row."blocks_from", _row."valid_until", _row."started_at", _row."finished_at", _row."hold_id", _row."latch_ms", _row."drain_ms", _row."figures", _row."message", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="b4d87019b98c7058011ac6e4119ac5297b93dae5",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_77794",
                    table="risk_killdrill",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="throttle",
            constraint=models.UniqueConstraint(
                condition=models.Q(("enabled_at__isnull", True)),
                fields=("scope",),
                name="one_standing_throttle_per_bot",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="throttle",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."reason" IS DISTINCT FROM NEW."reason" OR OLD."repeats" IS DISTINCT FROM NEW."repeats" OR OLD."enabled_by_id" IS DISTINCT FROM NEW."enabled_by_id" OR OLD."enabled_at" IS DISTINCT FROM NEW."enabled_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."risk_historicalthrottle" ("id", "created_at", "scope_id", "reason", "repeats", "enabled_by_id", "enabled_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."scope_id", _row."reason", _row."repeats", _row."enabled_by_id", _row."enabled_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="7f91d8799d5cd0d4b5a6c5fc916933301aded827",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_78237",
                    table="risk_throttle",
                    when="AFTER",
                ),
            ),
        ),
    ]
