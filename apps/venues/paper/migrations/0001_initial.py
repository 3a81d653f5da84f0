"""The first tables of the app."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import apps.common.clocks
import apps.common.ids
import apps.common.models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="PaperAccount",
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
                ("currency", models.CharField(max_length=12)),
                ("opening_cash", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("cash", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PaperMarket",
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
                ("feed", models.TextField(help_text="Name of the feed that makes its prices.")),
                (
                    "matched_until_ms",
                    models.BigIntegerField(help_text="Market time: end of the last bar matched."),
                ),
                (
                    "simulation",
                    models.JSONField(help_text="Simulator settings: spread, slippage, fees, participation."),
                ),
                ("lot_size", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("tick_size", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                (
                    "multiplier",
                    apps.common.models.ExactDecimalField(decimal_places=18, default=1, max_digits=38),
                ),
                ("currency", models.CharField(help_text="What prices and fees are in.", max_length=12)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PaperOrder",
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
                ("client_order_id", models.TextField()),
                ("symbol", models.TextField()),
                ("side", models.TextField()),
                ("order_type", models.TextField()),
                ("time_in_force", models.TextField()),
                ("quantity", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                (
                    "limit_price",
                    apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                (
                    "stop_price",
                    apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                ("is_reduce_only", models.BooleanField(default=False)),
                (
                    "filled_quantity",
                    apps.common.models.ExactDecimalField(decimal_places=18, default=0, max_digits=38),
                ),
                (
                    "average_price",
                    apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38, null=True),
                ),
                (
                    "reserved",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        default=0,
                        help_text="Cash that the rest of a buy keeps back.",
                        max_digits=38,
                    ),
                ),
                ("state", models.TextField(help_text="open, filled, canceled, rejected, expired")),
                ("reject_code", models.TextField(blank=True, default="")),
                (
                    "eligible_from_ms",
                    models.BigIntegerField(help_text="Market time: only bars starting then or later fill it."),
                ),
                ("is_triggered", models.BooleanField(default=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="paper.paperaccount",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PaperPosition",
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
                ("symbol", models.TextField()),
                (
                    "quantity",
                    apps.common.models.ExactDecimalField(decimal_places=18, default=0, max_digits=38),
                ),
                (
                    "average_price",
                    apps.common.models.ExactDecimalField(decimal_places=18, default=0, max_digits=38),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="positions",
                        to="paper.paperaccount",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PaperTrade",
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
                ("sequence", models.BigIntegerField()),
                ("trade_id", models.TextField(unique=True)),
                ("symbol", models.TextField()),
                ("side", models.TextField()),
                ("quantity", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("price", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("fee", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("market_ms", models.BigIntegerField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trades",
                        to="paper.paperaccount",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trades",
                        to="paper.paperorder",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="paperorder",
            index=models.Index(
                condition=models.Q(("state", "open")), fields=["symbol", "id"], name="paper_open_by_symbol"
            ),
        ),
        migrations.AddConstraint(
            model_name="paperorder",
            constraint=models.UniqueConstraint(fields=("account", "client_order_id"), name="paper_client_id_once"),
        ),
        migrations.AddConstraint(
            model_name="paperorder",
            constraint=models.CheckConstraint(
                condition=models.Q(("filled_quantity__lte", models.F("quantity"))), name="paper_no_overfill"
            ),
        ),
        migrations.AddConstraint(
            model_name="paperposition",
            constraint=models.UniqueConstraint(fields=("account", "symbol"), name="paper_position_once"),
        ),
        migrations.AddConstraint(
            model_name="papertrade",
            constraint=models.UniqueConstraint(fields=("account", "sequence"), name="paper_trades_in_sequence"),
        ),
        migrations.AddConstraint(
            model_name="papertrade",
            constraint=models.CheckConstraint(
                condition=models.Q(("price__gt", 0), ("quantity__gt", 0)), name="paper_trade_positive"
            ),
        ),
    ]
