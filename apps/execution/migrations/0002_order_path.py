"""Sessions, anomalies, replaced orders and what an order reserves."""

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
        ("deployments", "0001_initial"),
        ("execution", "0001_initial"),
        ("markets", "0002_order_path"),
        ("venues", "0002_order_path"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Anomaly",
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
                    "kind",
                    models.TextField(
                        choices=[
                            ("overfill", "More was filled than was ordered"),
                            ("late_fill", "A fill came after the order had ended"),
                            ("bust", "The venue took a trade back"),
                            ("unknown_trade", "A trade of no order of ours"),
                        ]
                    ),
                ),
                ("key", models.TextField(help_text="What it is about: a trade id.")),
                ("ours", models.JSONField(null=True)),
                ("theirs", models.JSONField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="BotSession",
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
                    "epoch",
                    models.PositiveIntegerField(help_text="Deployment epoch; a session of an older one cannot send."),
                ),
                (
                    "build_id",
                    models.CharField(help_text="What the bot says it runs; the deployment's build.", max_length=64),
                ),
                (
                    "heartbeat_s",
                    models.PositiveIntegerField(help_text="Seconds within which the next heartbeat must come."),
                ),
                ("heartbeat_at", models.DateTimeField()),
                (
                    "state",
                    models.TextField(
                        choices=[("open", "Open"), ("closed", "Closed"), ("expired", "Expired")], default="open"
                    ),
                ),
                ("ended_at", models.DateTimeField(null=True)),
                ("outcome", models.TextField(blank=True, default="", help_text="What the dead-man policy did.")),
            ],
            options={
                "abstract": False,
            },
        ),
        audit.CreatePartitioned(
            name="HistoricalBotSession",
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
                    "epoch",
                    models.PositiveIntegerField(help_text="Deployment epoch; a session of an older one cannot send."),
                ),
                (
                    "build_id",
                    models.CharField(help_text="What the bot says it runs; the deployment's build.", max_length=64),
                ),
                (
                    "heartbeat_s",
                    models.PositiveIntegerField(help_text="Seconds within which the next heartbeat must come."),
                ),
                (
                    "state",
                    models.TextField(
                        choices=[("open", "Open"), ("closed", "Closed"), ("expired", "Expired")], default="open"
                    ),
                ),
                ("ended_at", models.DateTimeField(null=True)),
                ("outcome", models.TextField(blank=True, default="", help_text="What the dead-man policy did.")),
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
                "verbose_name": "historical bot session",
                "verbose_name_plural": "historical bot sessions",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.RemoveIndex(
            model_name="order",
            name="order_working",
        ),
        migrations.AddField(
            model_name="accountsync",
            name="cash",
            field=apps.common.models.ExactDecimalField(
                decimal_places=18, help_text="Account currency, as the venue said last.", max_digits=38, null=True
            ),
        ),
        migrations.AddField(
            model_name="accountsync",
            name="cash_at",
            field=models.DateTimeField(help_text="When it said so; a stale answer denies what opens.", null=True),
        ),
        migrations.AddField(
            model_name="fill",
            name="corrects",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="corrections", to="execution.fill"
            ),
        ),
        migrations.AddField(
            model_name="fill",
            name="kind",
            field=models.TextField(choices=[("TRADE", "Trade"), ("BUST", "Bust")], default="TRADE"),
        ),
        migrations.AddField(
            model_name="order",
            name="is_post_only",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="order",
            name="needs_person",
            field=models.BooleanField(default=False, help_text="Only a person can find out what became of it."),
        ),
        migrations.AddField(
            model_name="order",
            name="parent_id",
            field=models.UUIDField(help_text="The caller's parent order, of which this is a slice.", null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="parent_quantity",
            field=apps.common.models.ExactDecimalField(
                decimal_places=18, help_text="What all slices of the parent may add up to.", max_digits=38, null=True
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="remainder",
            field=models.TextField(
                choices=[("WORK", "It goes on working"), ("CANCEL", "It is cancelled")], default="WORK"
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="replace_limit_price",
            field=apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="replace_quantity",
            field=apps.common.models.ExactDecimalField(
                decimal_places=18, help_text="Terms that the venue was asked for.", max_digits=38, null=True
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="replace_stop_price",
            field=apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="unit_base",
            field=apps.common.models.ExactDecimalField(
                decimal_places=18,
                default=0,
                help_text="Base currency per unit at the check; what scopes reserve.",
                max_digits=38,
            ),
        ),
        migrations.AddField(
            model_name="position",
            name="pnl_base",
            field=apps.common.models.ExactDecimalField(
                decimal_places=18,
                default=0,
                help_text="Realised and unrealised, less fees, base currency.",
                max_digits=38,
            ),
        ),
        migrations.AddField(
            model_name="position",
            name="value_base",
            field=apps.common.models.ExactDecimalField(
                decimal_places=18, default=0, help_text="Signed, base currency, at the last valuation.", max_digits=38
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="state",
            field=models.TextField(
                choices=[
                    ("INITIALIZED", "Initialized"),
                    ("DENIED", "Denied"),
                    ("SUBMITTING", "Submitting"),
                    ("NOT_SENT", "Not Sent"),
                    ("UNKNOWN", "Unknown"),
                    ("ACCEPTED", "Accepted"),
                    ("REJECTED", "Rejected"),
                    ("PARTIALLY_FILLED", "Partially Filled"),
                    ("FILLED", "Filled"),
                    ("PENDING_REPLACE", "Pending Replace"),
                    ("PENDING_CANCEL", "Pending Cancel"),
                    ("CANCELED", "Canceled"),
                    ("EXPIRED", "Expired"),
                ],
                default="INITIALIZED",
            ),
        ),
        migrations.AlterField(
            model_name="orderevent",
            name="state",
            field=models.TextField(
                choices=[
                    ("INITIALIZED", "Initialized"),
                    ("DENIED", "Denied"),
                    ("SUBMITTING", "Submitting"),
                    ("NOT_SENT", "Not Sent"),
                    ("UNKNOWN", "Unknown"),
                    ("ACCEPTED", "Accepted"),
                    ("REJECTED", "Rejected"),
                    ("PARTIALLY_FILLED", "Partially Filled"),
                    ("FILLED", "Filled"),
                    ("PENDING_REPLACE", "Pending Replace"),
                    ("PENDING_CANCEL", "Pending Cancel"),
                    ("CANCELED", "Canceled"),
                    ("EXPIRED", "Expired"),
                ]
            ),
        ),
        migrations.AddField(
            model_name="anomaly",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="anomalies", to="venues.account"
            ),
        ),
        migrations.AddField(
            model_name="anomaly",
            name="order",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="anomalies", to="execution.order"
            ),
        ),
        migrations.AddField(
            model_name="botsession",
            name="deployment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="sessions", to="deployments.deployment"
            ),
        ),
        migrations.AddField(
            model_name="botsession",
            name="opened_by",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name="order",
            name="session",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="orders", to="execution.botsession"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "INITIALIZED",
                            "SUBMITTING",
                            "UNKNOWN",
                            "ACCEPTED",
                            "PARTIALLY_FILLED",
                            "PENDING_REPLACE",
                            "PENDING_CANCEL",
                        ],
                    )
                ),
                fields=["account", "instrument"],
                name="order_at_work",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "INITIALIZED",
                            "SUBMITTING",
                            "UNKNOWN",
                            "ACCEPTED",
                            "PARTIALLY_FILLED",
                            "PENDING_REPLACE",
                            "PENDING_CANCEL",
                        ],
                    )
                ),
                fields=["instrument", "side"],
                name="order_crossing",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("parent_id__isnull", False)), fields=["parent_id"], name="order_by_parent"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(condition=models.Q(("needs_person", True)), fields=["id"], name="order_for_people"),
        ),
        migrations.AddField(
            model_name="historicalbotsession",
            name="deployment",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="deployments.deployment",
            ),
        ),
        migrations.AddField(
            model_name="historicalbotsession",
            name="opened_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="anomaly",
            constraint=models.UniqueConstraint(fields=("account", "kind", "key"), name="one_anomaly_per_key"),
        ),
        migrations.AddConstraint(
            model_name="botsession",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")), fields=("deployment",), name="one_open_session_per_deployment"
            ),
        ),
        migrations.AddConstraint(
            model_name="botsession",
            constraint=models.CheckConstraint(
                condition=models.Q(("heartbeat_s__gt", 0)), name="session_heartbeat_positive"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="botsession",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."deployment_id" IS DISTINCT FROM NEW."deployment_id" OR OLD."epoch" IS DISTINCT FROM NEW."epoch" OR OLD."build_id" IS DISTINCT FROM NEW."build_id" OR OLD."opened_by_id" IS DISTINCT FROM NEW."opened_by_id" OR OLD."heartbeat_s" IS DISTINCT FROM NEW."heartbeat_s" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."ended_at" IS DISTINCT FROM NEW."ended_at" OR OLD."outcome" IS DISTINCT FROM NEW."outcome") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."execution_historicalbotsession" ("id", "created_at", "deployment_id", "epoch", "build_id", "opened_by_id", "heartbeat_s", "state", "ended_at", "outcome", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."deployment_id", _row."epoch", _row."build_id", _row."opened_by_id", _row."heartbeat_s", _row."state", _row."ended_at", _row."outcome", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="57bccae462115b91b5840963f6723472c370133a",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_b6417",
                    table="execution_botsession",
                    when="AFTER",
                ),
            ),
        ),
    ]
