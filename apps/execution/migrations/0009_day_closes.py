"""What positions stood at when their trading days ended."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import apps.common.clocks
import apps.common.ids
import apps.common.models


class Migration(migrations.Migration):
    dependencies = [
        ("bots", "0001_initial"),
        ("execution", "0008_extended_hours"),
        ("markets", "0005_official_marks"),
        ("venues", "0003_reports_of_trades"),
    ]

    operations = [
        migrations.AddField(
            model_name="position",
            name="pnl_at_open",
            field=apps.common.models.ExactDecimalField(
                db_default=0, decimal_places=18, default=0, help_text="`pnl_base` when that day began.", max_digits=38
            ),
        ),
        migrations.AddField(
            model_name="position",
            name="trading_day",
            field=models.DateField(help_text="The day of its instrument that its feed has reached.", null=True),
        ),
        migrations.CreateModel(
            name="DayClose",
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
                ("trading_day", models.DateField(help_text="The day that ended.")),
                ("opens", models.DateField(help_text="The day that began.")),
                (
                    "scopes",
                    models.JSONField(default=list, help_text="Scopes whose books began that day with this position."),
                ),
                (
                    "quantity",
                    apps.common.models.ExactDecimalField(decimal_places=18, help_text="Signed units.", max_digits=38),
                ),
                ("multiplier", apps.common.models.ExactDecimalField(decimal_places=18, max_digits=38)),
                (
                    "rate",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="Base currency per unit of the quote currency.", max_digits=38
                    ),
                ),
                (
                    "provisional_price",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="The feed's last price when the day turned.", max_digits=38
                    ),
                ),
                (
                    "value_base",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="Signed, at the provisional price.", max_digits=38
                    ),
                ),
                (
                    "pnl_base",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="Since the start, realised and unrealised, less fees; provisional price.",
                        max_digits=38,
                    ),
                ),
                (
                    "pnl_day_base",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="The same since the day began.", max_digits=38
                    ),
                ),
                (
                    "restated_base",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        default=0,
                        help_text="What the mark makes of it beyond the provisional price; the books began the day with it.",
                        max_digits=38,
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="day_closes", to="venues.account"
                    ),
                ),
                (
                    "bot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="day_closes", to="bots.bot"
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="markets.instrument"
                    ),
                ),
                (
                    "mark",
                    models.ForeignKey(
                        help_text="By which it was restated last.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="markets.officialmark",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="dayclose",
            index=models.Index(fields=["instrument", "trading_day"], name="close_by_day"),
        ),
        migrations.AddIndex(
            model_name="dayclose",
            index=models.Index(fields=["bot", "-id"], name="close_by_bot"),
        ),
        migrations.AddConstraint(
            model_name="dayclose",
            constraint=models.UniqueConstraint(
                fields=("bot", "account", "instrument", "trading_day"), name="one_close_per_day"
            ),
        ),
    ]
