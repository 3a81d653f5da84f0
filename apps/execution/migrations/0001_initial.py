"""The first tables of the app."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import apps.common.clocks
import apps.common.ids
import apps.common.models
from apps.audit import operations as audit


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("bots", "0001_initial"),
        ("deployments", "0001_initial"),
        ("markets", "0001_initial"),
        ("venues", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountSync",
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
                ("cursor", models.BigIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="sync", to="venues.account"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Cycle",
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
                ("epoch", models.PositiveIntegerField()),
                ("sequence", models.PositiveIntegerField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("due", "Due"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("fenced", "Fenced"),
                        ],
                        default="due",
                    ),
                ),
                (
                    "from_ms",
                    models.BigIntegerField(help_text="Market time after which events belong to this cycle."),
                ),
                (
                    "until_ms",
                    models.BigIntegerField(help_text="Market time of the last event consumed.", null=True),
                ),
                (
                    "fills_after",
                    models.BigIntegerField(default=0, help_text="Last fill sequence that the bot has seen."),
                ),
                ("bars", models.PositiveIntegerField(default=0)),
                ("checkpoint", models.JSONField(help_text="The bot's state after the slice.", null=True)),
                ("signals", models.JSONField(default=list)),
                ("inputs", models.JSONField(default=list, help_text="Model inputs that the bot declared.")),
                ("duration_ms", models.PositiveIntegerField(null=True)),
                ("error", models.TextField(blank=True, default="")),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cycles",
                        to="deployments.deployment",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EquityPoint",
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
                ("market_at", models.DateTimeField()),
                ("mark_price", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("quantity", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                (
                    "pnl",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="Realised and unrealised, less fees, quote currency.",
                        max_digits=38,
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="equity",
                        to="deployments.deployment",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Order",
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
                ("client_order_id", models.UUIDField(unique=True)),
                ("intent_sequence", models.PositiveIntegerField(null=True)),
                (
                    "epoch",
                    models.PositiveIntegerField(help_text="Deployment epoch; an older one cannot be sent."),
                ),
                ("build_id", models.CharField(max_length=64)),
                ("trace_id", models.UUIDField()),
                (
                    "placed_by",
                    models.TextField(help_text="Actor: the bot's service account, a job or a person."),
                ),
                (
                    "by_person",
                    models.BooleanField(default=False, help_text="An authorised person's own order."),
                ),
                ("side", models.TextField(choices=[("BUY", "Buy"), ("SELL", "Sell")])),
                (
                    "order_type",
                    models.TextField(
                        choices=[
                            ("MARKET", "Market"),
                            ("LIMIT", "Limit"),
                            ("STOP", "Stop"),
                            ("STOP_LIMIT", "Stop Limit"),
                        ]
                    ),
                ),
                (
                    "time_in_force",
                    models.TextField(choices=[("DAY", "Day"), ("GTC", "Gtc"), ("IOC", "Ioc"), ("FOK", "Fok")]),
                ),
                (
                    "purpose",
                    models.TextField(choices=[("OPENING", "Opening"), ("PROTECTIVE", "Protective"), ("EXIT", "Exit")]),
                ),
                ("is_reduce_only", models.BooleanField(default=False)),
                ("quantity", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                (
                    "limit_price",
                    apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                (
                    "stop_price",
                    apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                (
                    "reference_price",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="The collar's reference at the check.",
                        max_digits=38,
                        null=True,
                    ),
                ),
                (
                    "limits_snapshot",
                    models.JSONField(default=dict, help_text="Effective limits at the check."),
                ),
                ("decided_market_at", models.DateTimeField(help_text="Market clock at the decision.")),
                (
                    "state",
                    models.TextField(
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
                            ("PENDING_CANCEL", "Pending Cancel"),
                            ("CANCELED", "Canceled"),
                            ("EXPIRED", "Expired"),
                        ],
                        default="INITIALIZED",
                    ),
                ),
                ("codes", models.JSONField(default=list, help_text="Reason codes of a denial or rejection.")),
                ("venue_order_id", models.TextField(blank=True, default="")),
                (
                    "send_before",
                    models.DateTimeField(help_text="The permit: no call to the venue after this.", null=True),
                ),
                (
                    "filled_quantity",
                    apps.common.models.ExactDecimalField(decimal_places=18, default=0, max_digits=38),
                ),
                (
                    "average_price",
                    apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                (
                    "reserved_quantity",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        default=0,
                        help_text="Units that exposure still counts as working.",
                        max_digits=38,
                    ),
                ),
                (
                    "is_reported",
                    models.BooleanField(default=False, help_text="The bot was told how the order ended."),
                ),
                ("cancel_requested", models.BooleanField(default=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="venues.account",
                    ),
                ),
                (
                    "bot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="orders", to="bots.bot"
                    ),
                ),
                (
                    "cycle",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="execution.cycle",
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="markets.instrument"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Fill",
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
                ("trade_id", models.TextField()),
                (
                    "venue_sequence",
                    models.BigIntegerField(help_text="The venue's order of this account's trades."),
                ),
                ("side", models.TextField(choices=[("BUY", "Buy"), ("SELL", "Sell")])),
                ("quantity", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("price", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("fee", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("fee_currency", models.CharField(max_length=12)),
                ("market_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="fills", to="venues.account"
                    ),
                ),
                (
                    "bot",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="fills", to="bots.bot"),
                ),
                (
                    "instrument",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="markets.instrument"),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fills",
                        to="execution.order",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="OrderEvent",
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
                ("sequence", models.PositiveIntegerField()),
                (
                    "state",
                    models.TextField(
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
                            ("PENDING_CANCEL", "Pending Cancel"),
                            ("CANCELED", "Canceled"),
                            ("EXPIRED", "Expired"),
                        ]
                    ),
                ),
                ("actor", models.TextField()),
                ("reason", models.TextField(blank=True, default="")),
                ("detail", models.JSONField(default=dict)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="execution.order",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Position",
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
                    "quantity",
                    apps.common.models.ExactDecimalField(decimal_places=18, default=0, max_digits=38),
                ),
                (
                    "average_price",
                    apps.common.models.ExactDecimalField(decimal_places=18, default=0, max_digits=38),
                ),
                (
                    "realised_pnl",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, default=0, help_text="Quote currency, before fees.", max_digits=38
                    ),
                ),
                ("fees", apps.common.models.ExactDecimalField(decimal_places=18, default=0, max_digits=38)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="positions",
                        to="venues.account",
                    ),
                ),
                (
                    "bot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="positions", to="bots.bot"
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="markets.instrument"),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="cycle",
            constraint=models.UniqueConstraint(fields=("deployment", "epoch", "sequence"), name="cycle_in_sequence"),
        ),
        migrations.AddConstraint(
            model_name="cycle",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "due")),
                fields=("deployment",),
                name="one_due_cycle_per_deployment",
            ),
        ),
        migrations.AddConstraint(
            model_name="equitypoint",
            constraint=models.UniqueConstraint(fields=("deployment", "market_at"), name="one_equity_point_per_bar"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["bot", "-id"], name="order_by_bot"),
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
                            "PENDING_CANCEL",
                        ],
                    )
                ),
                fields=["account", "instrument"],
                name="order_working",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("is_reported", False)), fields=["deployment"], name="order_unreported"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(condition=models.Q(("quantity__gt", 0)), name="order_quantity_positive"),
        ),
        migrations.AddIndex(
            model_name="fill",
            index=models.Index(fields=["bot", "-id"], name="fill_by_bot"),
        ),
        migrations.AddConstraint(
            model_name="fill",
            constraint=models.UniqueConstraint(fields=("account", "trade_id"), name="fill_booked_once"),
        ),
        migrations.AddConstraint(
            model_name="fill",
            constraint=models.CheckConstraint(
                condition=models.Q(("price__gt", 0), ("quantity__gt", 0)), name="fill_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderevent",
            constraint=models.UniqueConstraint(fields=("order", "sequence"), name="order_events_in_sequence"),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.UniqueConstraint(fields=("bot", "account", "instrument"), name="one_position_per_slice"),
        ),
        audit.AppendOnly("OrderEvent"),
        audit.AppendOnly("Fill"),
    ]
