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
        ("bots", "0001_initial"),
        ("releases", "0001_initial"),
        ("venues", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Policy",
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
                    "stage",
                    models.TextField(
                        choices=[
                            ("ideation", "Ideation"),
                            ("offline_testing", "Testing"),
                            ("simulated_execution", "Paper"),
                            ("shadow", "Shadow"),
                            ("micro", "Micro"),
                            ("limited", "Limited"),
                            ("full_production", "Full"),
                            ("retired", "Retired"),
                        ]
                    ),
                ),
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
                ("version", models.PositiveIntegerField()),
                ("gates", models.JSONField(help_text="Values of releases.states.GateKind.")),
                ("slots", models.JSONField(help_text="Permissions, one person each.")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("stage", "environment", "version"), name="policy_version_once")
                ],
            },
        ),
        audit.CreatePartitioned(
            name="HistoricalPromotion",
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
                ("number", models.PositiveIntegerField(db_index=True)),
                (
                    "stage",
                    models.TextField(
                        choices=[
                            ("ideation", "Ideation"),
                            ("offline_testing", "Testing"),
                            ("simulated_execution", "Paper"),
                            ("shadow", "Shadow"),
                            ("micro", "Micro"),
                            ("limited", "Limited"),
                            ("full_production", "Full"),
                            ("retired", "Retired"),
                        ]
                    ),
                ),
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
                (
                    "capital",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="In the account's currency.", max_digits=38
                    ),
                ),
                ("digest", models.CharField(blank=True, default="", max_length=64)),
                ("bound", models.JSONField(default=dict, help_text="Exactly what the digest covers.")),
                ("reason", models.TextField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("gating", "Gating"),
                            ("voting", "Voting"),
                            ("approved", "Approved"),
                            ("applied", "Applied"),
                            ("denied", "Denied"),
                            ("refused", "Refused"),
                            ("expired", "Expired"),
                            ("withdrawn", "Withdrawn"),
                            ("void", "Void"),
                        ],
                        default="gating",
                    ),
                ),
                (
                    "outcome",
                    models.TextField(blank=True, default="", help_text="Why it was refused, denied or void."),
                ),
                ("expires_at", models.DateTimeField()),
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
                    "account",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="venues.account",
                    ),
                ),
                (
                    "bot",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="bots.bot",
                    ),
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
                    "release",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="releases.release",
                    ),
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
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="promotions.policy",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical promotion",
                "verbose_name_plural": "historical promotions",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Promotion",
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
                ("number", models.PositiveIntegerField(unique=True)),
                (
                    "stage",
                    models.TextField(
                        choices=[
                            ("ideation", "Ideation"),
                            ("offline_testing", "Testing"),
                            ("simulated_execution", "Paper"),
                            ("shadow", "Shadow"),
                            ("micro", "Micro"),
                            ("limited", "Limited"),
                            ("full_production", "Full"),
                            ("retired", "Retired"),
                        ]
                    ),
                ),
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
                (
                    "capital",
                    apps.common.models.ExactDecimalField(
                        decimal_places=18, help_text="In the account's currency.", max_digits=38
                    ),
                ),
                ("digest", models.CharField(blank=True, default="", max_length=64)),
                ("bound", models.JSONField(default=dict, help_text="Exactly what the digest covers.")),
                ("reason", models.TextField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("gating", "Gating"),
                            ("voting", "Voting"),
                            ("approved", "Approved"),
                            ("applied", "Applied"),
                            ("denied", "Denied"),
                            ("refused", "Refused"),
                            ("expired", "Expired"),
                            ("withdrawn", "Withdrawn"),
                            ("void", "Void"),
                        ],
                        default="gating",
                    ),
                ),
                (
                    "outcome",
                    models.TextField(blank=True, default="", help_text="Why it was refused, denied or void."),
                ),
                ("expires_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="venues.account"),
                ),
                (
                    "bot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="promotions", to="bots.bot"
                    ),
                ),
                (
                    "consent",
                    models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, to="access.consent"),
                ),
                (
                    "policy",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="promotions.policy"),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="promotions",
                        to="releases.release",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="promotions_requested",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["gating", "voting", "approved"])),
                        fields=("bot", "account"),
                        name="one_open_promotion_per_bot_account",
                    )
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="promotion",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."number" IS DISTINCT FROM NEW."number" OR OLD."bot_id" IS DISTINCT FROM NEW."bot_id" OR OLD."release_id" IS DISTINCT FROM NEW."release_id" OR OLD."account_id" IS DISTINCT FROM NEW."account_id" OR OLD."stage" IS DISTINCT FROM NEW."stage" OR OLD."environment" IS DISTINCT FROM NEW."environment" OR OLD."capital" IS DISTINCT FROM NEW."capital" OR OLD."policy_id" IS DISTINCT FROM NEW."policy_id" OR OLD."digest" IS DISTINCT FROM NEW."digest" OR OLD."bound" IS DISTINCT FROM NEW."bound" OR OLD."consent_id" IS DISTINCT FROM NEW."consent_id" OR OLD."requested_by_id" IS DISTINCT FROM NEW."requested_by_id" OR OLD."reason" IS DISTINCT FROM NEW."reason" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."outcome" IS DISTINCT FROM NEW."outcome" OR OLD."expires_at" IS DISTINCT FROM NEW."expires_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."promotions_historicalpromotion" ("id", "created_at", "number", "bot_id", "release_id", "account_id", "stage", "environment", "capital", "policy_id", "digest", "bound", "consent_id", "requested_by_id", "reason", "state", "outcome", "expires_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."number", _row."bot_id", _row."release_id", _row."account_id", _row."stage", _row."environment", _row."capital", _row."policy_id", _row."digest", _row."bound", _row."consent_id", _row."requested_by_id", _row."reason", _row."state", _row."outcome", _row."expires_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="8e7e76d81e8f2b0fb39bc7aa787a790b8dd6a4eb",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_42eab",
                    table="promotions_promotion",
                    when="AFTER",
                ),
            ),
        ),
        audit.AppendOnly("Policy"),
    ]
