"""Sources of signals, their messages and their rates."""

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
        ("execution", "0002_order_path"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        audit.CreatePartitioned(
            name="HistoricalSignalSource",
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
                ("name", models.SlugField(help_text="The last part of its address.", max_length=60)),
                (
                    "mode",
                    models.TextField(
                        choices=[("standard_webhooks", "Standard Webhooks"), ("body_secret", "Body Secret")]
                    ),
                ),
                (
                    "envelope",
                    models.JSONField(default=dict, help_text="Pointers to secret, timestamp and id in a body."),
                ),
                ("body_schema", models.JSONField(help_text="JSON Schema (2020-12) of its bodies.")),
                ("mapping", models.JSONField(help_text="From a body to an order's fields.")),
                ("allow_list", models.JSONField(default=list, help_text="Networks (CIDR) from which it may call.")),
                ("messages_per_minute", models.PositiveIntegerField()),
                ("is_active", models.BooleanField(default=False)),
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
                    "acts_as",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="Service account in whose name orders are placed.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                    "deployment",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical signal source",
                "verbose_name_plural": "historical signal sources",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="SignalSource",
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
                ("name", models.SlugField(help_text="The last part of its address.", max_length=60, unique=True)),
                (
                    "mode",
                    models.TextField(
                        choices=[("standard_webhooks", "Standard Webhooks"), ("body_secret", "Body Secret")]
                    ),
                ),
                (
                    "envelope",
                    models.JSONField(default=dict, help_text="Pointers to secret, timestamp and id in a body."),
                ),
                ("body_schema", models.JSONField(help_text="JSON Schema (2020-12) of its bodies.")),
                ("mapping", models.JSONField(help_text="From a body to an order's fields.")),
                ("allow_list", models.JSONField(default=list, help_text="Networks (CIDR) from which it may call.")),
                ("messages_per_minute", models.PositiveIntegerField()),
                ("is_active", models.BooleanField(default=False)),
                (
                    "acts_as",
                    models.ForeignKey(
                        help_text="Service account in whose name orders are placed.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "consent",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="access.consent"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signal_sources",
                        to="deployments.deployment",
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="SignalRate",
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
                    "source",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rate", to="signals.signalsource"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Signal",
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
                ("webhook_id", models.TextField()),
                ("received_at", models.DateTimeField(default=apps.common.clocks.wall_now)),
                ("body_digest", models.CharField(max_length=64)),
                (
                    "body",
                    models.JSONField(help_text="As it came, without the secret; null where it was no JSON.", null=True),
                ),
                (
                    "outcome",
                    models.TextField(
                        choices=[
                            ("PLACED", "Placed"),
                            ("DENIED", "Denied"),
                            ("REFUSED", "Refused"),
                            ("MALFORMED", "Malformed"),
                        ]
                    ),
                ),
                ("codes", models.JSONField(default=list)),
                (
                    "detail",
                    models.JSONField(default=dict, help_text="Where a malformed body failed; never its content."),
                ),
                (
                    "order",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signals",
                        to="execution.order",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="signals", to="signals.signalsource"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="signalsource",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("mode", "body_secret"), _negated=True),
                    models.Q(("allow_list", []), _negated=True),
                    _connector="OR",
                ),
                name="weak_source_has_an_allow_list",
            ),
        ),
        migrations.AddConstraint(
            model_name="signalsource",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_active", False), ("consent__isnull", False), _connector="OR"),
                name="active_source_was_consented_to",
            ),
        ),
        migrations.AddConstraint(
            model_name="signalsource",
            constraint=models.CheckConstraint(
                condition=models.Q(("messages_per_minute__gt", 0)), name="source_rate_positive"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="signalsource",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."name" IS DISTINCT FROM NEW."name" OR OLD."deployment_id" IS DISTINCT FROM NEW."deployment_id" OR OLD."acts_as_id" IS DISTINCT FROM NEW."acts_as_id" OR OLD."mode" IS DISTINCT FROM NEW."mode" OR OLD."envelope" IS DISTINCT FROM NEW."envelope" OR OLD."body_schema" IS DISTINCT FROM NEW."body_schema" OR OLD."mapping" IS DISTINCT FROM NEW."mapping" OR OLD."allow_list" IS DISTINCT FROM NEW."allow_list" OR OLD."messages_per_minute" IS DISTINCT FROM NEW."messages_per_minute" OR OLD."made_by_id" IS DISTINCT FROM NEW."made_by_id" OR OLD."is_active" IS DISTINCT FROM NEW."is_active" OR OLD."consent_id" IS DISTINCT FROM NEW."consent_id") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."signals_historicalsignalsource" ("id", "created_at", "name", "deployment_id", "acts_as_id", "mode", "envelope", "body_schema", "mapping", "allow_list", "messages_per_minute", "made_by_id", "is_active", "consent_id", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."name", _row."deployment_id", _row."acts_as_id", _row."mode", _row."envelope", _row."body_schema", _row."mapping", _row."allow_list", _row."messages_per_minute", _row."made_by_id", _row."is_active", _row."consent_id", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="096b47d9b7097980ad5c55b316e403ecc872c505",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_f854e",
                    table="signals_signalsource",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="signal",
            index=models.Index(fields=["source", "received_at"], name="signal_by_age"),
        ),
        migrations.AddConstraint(
            model_name="signal",
            constraint=models.UniqueConstraint(fields=("source", "webhook_id"), name="signal_taken_once"),
        ),
    ]
