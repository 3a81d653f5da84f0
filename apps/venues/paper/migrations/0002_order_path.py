"""Post-only, queues and day ends of orders; busts of trades; faults and late requests."""

import django.db.models.functions.datetime
from django.db import migrations, models

import apps.common.clocks
import apps.common.ids
import apps.common.models


class Migration(migrations.Migration):
    dependencies = [
        ("paper", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="PaperFault",
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
                    "account",
                    models.TextField(blank=True, default="", help_text="Name of an account; empty: the whole venue."),
                ),
                (
                    "call",
                    models.TextField(
                        choices=[
                            ("submit", "Submit"),
                            ("cancel", "Cancel"),
                            ("replace", "Replace"),
                            ("cancel_all", "Cancel All"),
                            ("lookup", "Lookup"),
                            ("open_orders", "Open Orders"),
                            ("orders", "Orders"),
                            ("trades", "Trades"),
                            ("positions", "Positions"),
                            ("balances", "Balances"),
                            ("quote", "Quote"),
                            ("ping", "Ping"),
                            ("any", "Any"),
                        ]
                    ),
                ),
                (
                    "kind",
                    models.TextField(
                        choices=[
                            ("drop_request", "the request never arrives"),
                            ("drop_reply", "the venue acts, its answer is lost"),
                            (
                                "delay",
                                "the request takes its time; past the timeout it arrives when nobody waits any more",
                            ),
                            ("duplicate", "the request arrives twice, or a list names everything twice"),
                            ("reorder", "a list comes newest first"),
                            ("fill_after_cancel", "the venue says cancelled, and then the rest trades"),
                            ("reject", "the venue says no"),
                            ("outage", "nothing answers"),
                            ("bust", "the venue undoes its last trade of the account before it lists them"),
                        ]
                    ),
                ),
                ("delay_ms", models.PositiveIntegerField(default=0)),
                ("code", models.TextField(blank=True, default="", help_text="What a reject says.")),
                ("count", models.PositiveIntegerField(help_text="How many calls it hits; null: all.", null=True)),
                ("used", models.PositiveIntegerField(default=0)),
                ("until", models.DateTimeField(help_text="Wall time; null: no end.", null=True)),
                ("is_open", models.BooleanField(default=True)),
            ],
        ),
        migrations.CreateModel(
            name="PaperLate",
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
                ("account", models.TextField()),
                (
                    "call",
                    models.TextField(
                        choices=[
                            ("submit", "Submit"),
                            ("cancel", "Cancel"),
                            ("replace", "Replace"),
                            ("cancel_all", "Cancel All"),
                            ("lookup", "Lookup"),
                            ("open_orders", "Open Orders"),
                            ("orders", "Orders"),
                            ("trades", "Trades"),
                            ("positions", "Positions"),
                            ("balances", "Balances"),
                            ("quote", "Quote"),
                            ("ping", "Ping"),
                            ("any", "Any"),
                        ]
                    ),
                ),
                ("request", models.JSONField()),
                ("arrives_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="paperorder",
            name="expires_ms",
            field=models.BigIntegerField(help_text="Market time: end of a DAY order's trading day.", null=True),
        ),
        migrations.AddField(
            model_name="paperorder",
            name="is_post_only",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="paperorder",
            name="queue_ahead",
            field=apps.common.models.ExactDecimalField(
                decimal_places=18,
                help_text="Volume that trades before it; null: it has not joined.",
                max_digits=38,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="papertrade",
            name="kind",
            field=models.TextField(choices=[("trade", "Trade"), ("bust", "Bust")], default="trade"),
        ),
        migrations.AddField(
            model_name="papertrade",
            name="refers_to",
            field=models.TextField(blank=True, default="", help_text="Trade id that a bust undoes."),
        ),
        migrations.AddConstraint(
            model_name="papertrade",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "bust")), fields=("refers_to",), name="paper_bust_once"
            ),
        ),
        migrations.AddIndex(
            model_name="paperfault",
            index=models.Index(condition=models.Q(("is_open", True)), fields=["account"], name="paper_faults_open"),
        ),
        migrations.AddConstraint(
            model_name="paperfault",
            constraint=models.CheckConstraint(
                condition=models.Q(("count", None), ("used__lte", models.F("count")), _connector="OR"),
                name="paper_fault_count",
            ),
        ),
    ]
