"""The first tables of the app."""

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
    initial = True

    dependencies = [
        ("access", "0001_initial"),
        ("deployments", "0001_initial"),
        ("markets", "0002_order_path"),
        ("venues", "0002_order_path"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ExitPlan",
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
                            ("running", "Running"),
                            ("waiting", "Waiting"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                            ("blocked", "Blocked"),
                        ],
                        default="running",
                    ),
                ),
                (
                    "source",
                    models.TextField(
                        choices=[
                            ("person", "A person with the right to exit"),
                            ("end_of_day", "The end-of-day policy of the approved config bundle"),
                        ],
                        default="person",
                    ),
                ),
                ("reason", models.TextField()),
                (
                    "collar_bps",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="How far a price may be from the reference, basis points.",
                        max_digits=38,
                    ),
                ),
                (
                    "participation",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="Share of the volume expected in a step that a slice may take.",
                        max_digits=38,
                    ),
                ),
                ("step_s", models.PositiveIntegerField(help_text="Wall seconds between the slices of a leg.")),
                (
                    "keep_protective",
                    models.BooleanField(
                        default=True, help_text="Protective orders guard until the venue says flat; else they go first."
                    ),
                ),
                (
                    "closes_at",
                    models.DateTimeField(
                        help_text="Market time of the close that an end-of-day plan is for.", null=True
                    ),
                ),
                ("message", models.TextField(blank=True, default="", help_text="What it waits for, or why it ended.")),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exit_plans",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "scope",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="exit_plans", to="access.scope"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ExitLeg",
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
                ("hedge_group", models.PositiveIntegerField(help_text="Legs of one group advance together.")),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("clearing", "Clearing"),
                            ("exiting", "Exiting"),
                            ("sweeping", "Sweeping"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                            ("blocked", "Blocked"),
                        ],
                        default="clearing",
                    ),
                ),
                (
                    "target",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        default=0,
                        help_text="Units to close: the most that the venue has confirmed so far.",
                        max_digits=38,
                    ),
                ),
                (
                    "held",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="Signed units at the venue's last answer.",
                        max_digits=38,
                        null=True,
                    ),
                ),
                ("slices", models.PositiveIntegerField(default=0, help_text="Orders placed so far.")),
                ("last_order_id", models.UUIDField(help_text="Client order id of the newest slice.", null=True)),
                ("message", models.TextField(blank=True, default="")),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="venues.account")),
                (
                    "deployment",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="deployments.deployment"),
                ),
                ("instrument", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="markets.instrument")),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="legs", to="exits.exitplan"
                    ),
                ),
            ],
        ),
        audit.CreatePartitioned(
            name="HistoricalExitPlan",
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
                            ("running", "Running"),
                            ("waiting", "Waiting"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                            ("blocked", "Blocked"),
                        ],
                        default="running",
                    ),
                ),
                (
                    "source",
                    models.TextField(
                        choices=[
                            ("person", "A person with the right to exit"),
                            ("end_of_day", "The end-of-day policy of the approved config bundle"),
                        ],
                        default="person",
                    ),
                ),
                ("reason", models.TextField()),
                (
                    "collar_bps",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="How far a price may be from the reference, basis points.",
                        max_digits=38,
                    ),
                ),
                (
                    "participation",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18,
                        help_text="Share of the volume expected in a step that a slice may take.",
                        max_digits=38,
                    ),
                ),
                ("step_s", models.PositiveIntegerField(help_text="Wall seconds between the slices of a leg.")),
                (
                    "keep_protective",
                    models.BooleanField(
                        default=True, help_text="Protective orders guard until the venue says flat; else they go first."
                    ),
                ),
                (
                    "closes_at",
                    models.DateTimeField(
                        help_text="Market time of the close that an end-of-day plan is for.", null=True
                    ),
                ),
                ("message", models.TextField(blank=True, default="", help_text="What it waits for, or why it ended.")),
                ("ended_at", models.DateTimeField(null=True)),
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
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                "verbose_name": "historical exit plan",
                "verbose_name_plural": "historical exit plans",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.AddConstraint(
            model_name="exitplan",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["running", "waiting"])),
                fields=("scope",),
                name="one_active_exit_plan_per_scope",
            ),
        ),
        migrations.AddConstraint(
            model_name="exitplan",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closes_at__isnull", True), ("requested_by__isnull", False), ("source", "person")),
                    models.Q(("closes_at__isnull", False), ("requested_by__isnull", True), ("source", "end_of_day")),
                    _connector="OR",
                ),
                name="exit_plan_has_an_authority",
            ),
        ),
        migrations.AddConstraint(
            model_name="exitplan",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("collar_bps__gt", 0), ("participation__gt", 0), ("participation__lte", 1), ("step_s__gt", 0)
                ),
                name="exit_plan_terms",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="exitplan",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."source" IS DISTINCT FROM NEW."source" OR OLD."requested_by_id" IS DISTINCT FROM NEW."requested_by_id" OR OLD."reason" IS DISTINCT FROM NEW."reason" OR OLD."collar_bps" IS DISTINCT FROM NEW."collar_bps" OR OLD."participation" IS DISTINCT FROM NEW."participation" OR OLD."step_s" IS DISTINCT FROM NEW."step_s" OR OLD."keep_protective" IS DISTINCT FROM NEW."keep_protective" OR OLD."closes_at" IS DISTINCT FROM NEW."closes_at" OR OLD."message" IS DISTINCT FROM NEW."message" OR OLD."ended_at" IS DISTINCT FROM NEW."ended_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."exits_historicalexitplan" ("id", "created_at", "scope_id", "state", "source", "requested_by_id", "reason", "collar_bps", "participation", "step_s", "keep_protective", "closes_at", "message", "ended_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."scope_id", _row."state", _row."source", _row."requested_by_id", _row."reason", _row."collar_bps", _row."participation", _row."step_s", _row."keep_protective", _row."closes_at", _row."message", _row."ended_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="c024118683bd587b49a879c59388c408a1d1a197",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_64fcf",
                    table="exits_exitplan",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="exitleg",
            constraint=models.UniqueConstraint(
                fields=("plan", "account", "instrument"), name="one_leg_per_position_of_a_plan"
            ),
        ),
        migrations.AddConstraint(
            model_name="exitleg",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["clearing", "exiting", "sweeping"])),
                fields=("account", "instrument"),
                name="one_active_exit_leg_per_position",
            ),
        ),
    ]
