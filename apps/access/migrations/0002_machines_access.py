"""Exchanged, narrowed and rotated tokens, and trust in workloads of other issuers."""

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
    ]

    operations = [
        migrations.CreateModel(
            name="ExchangeRate",
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
                ("key", models.TextField(unique=True)),
                ("minute", models.DateTimeField(db_index=True)),
                ("count", models.PositiveIntegerField()),
            ],
            options={
                "abstract": False,
            },
        ),
        audit.CreatePartitioned(
            name="HistoricalWorkloadTrust",
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
                ("name", models.TextField()),
                ("issuer", models.TextField(help_text="Exactly the `iss` of its tokens; keys are asked for below it.")),
                ("audience", models.TextField(help_text="Exactly the one `aud` of its tokens.")),
                ("subject", models.TextField(help_text="Exactly the `sub` of its tokens; never a pattern.")),
                (
                    "claims",
                    models.JSONField(
                        default=dict, help_text="Claims that must be equal: name of WORKLOAD_CLAIMS -> value."
                    ),
                ),
                (
                    "permissions",
                    models.JSONField(default=list, help_text="Narrows the account's grants; never widens them."),
                ),
                ("networks", models.JSONField(default=list, help_text="CIDR networks to call from; empty: anywhere.")),
                ("life_s", models.PositiveIntegerField(help_text="Seconds that a token lives.")),
                (
                    "jwks",
                    models.JSONField(blank=True, help_text="Pinned public keys; null: the issuer is asked.", null=True),
                ),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
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
                "verbose_name": "historical workload trust",
                "verbose_name_plural": "historical workload trusts",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="IssuerKeys",
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
                ("issuer", models.TextField(unique=True)),
                ("jwks", models.JSONField(null=True)),
                ("fetched_at", models.DateTimeField(null=True)),
                ("asked_at", models.DateTimeField(help_text="When somebody last set out to ask.", null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="SpentAssertion",
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
                ("issuer", models.TextField()),
                ("jti_digest", models.CharField(help_text="SHA-256 of the `jti`.", max_length=64)),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="WorkloadTrust",
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
                ("name", models.TextField()),
                ("issuer", models.TextField(help_text="Exactly the `iss` of its tokens; keys are asked for below it.")),
                ("audience", models.TextField(help_text="Exactly the one `aud` of its tokens.")),
                ("subject", models.TextField(help_text="Exactly the `sub` of its tokens; never a pattern.")),
                (
                    "claims",
                    models.JSONField(
                        default=dict, help_text="Claims that must be equal: name of WORKLOAD_CLAIMS -> value."
                    ),
                ),
                (
                    "permissions",
                    models.JSONField(default=list, help_text="Narrows the account's grants; never widens them."),
                ),
                ("networks", models.JSONField(default=list, help_text="CIDR networks to call from; empty: anywhere.")),
                ("life_s", models.PositiveIntegerField(help_text="Seconds that a token lives.")),
                (
                    "jwks",
                    models.JSONField(blank=True, help_text="Pinned public keys; null: the issuer is asked.", null=True),
                ),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "refused_at",
                    models.DateTimeField(blank=True, help_text="When a refused address was last recorded.", null=True),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="token",
            name="history",
        ),
        migrations.AddField(
            model_name="historicaltoken",
            name="networks",
            field=models.JSONField(default=list, help_text="CIDR networks to call from; empty: anywhere."),
        ),
        migrations.AddField(
            model_name="historicaltoken",
            name="replaces",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="Rotated out.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="access.token",
            ),
        ),
        migrations.AddField(
            model_name="historicaltoken",
            name="scope",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="Only there and below; null: no narrowing.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="access.scope",
            ),
        ),
        migrations.AddField(
            model_name="token",
            name="last_used_address",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="token",
            name="networks",
            field=models.JSONField(default=list, help_text="CIDR networks to call from; empty: anywhere."),
        ),
        migrations.AddField(
            model_name="token",
            name="refused_at",
            field=models.DateTimeField(blank=True, help_text="When a refused address was last recorded.", null=True),
        ),
        migrations.AddField(
            model_name="token",
            name="replaces",
            field=models.ForeignKey(
                blank=True,
                help_text="Rotated out.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replaced_by",
                to="access.token",
            ),
        ),
        migrations.AddField(
            model_name="token",
            name="scope",
            field=models.ForeignKey(
                blank=True,
                help_text="Only there and below; null: no narrowing.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="access.scope",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="token",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."user_id" IS DISTINCT FROM NEW."user_id" OR OLD."name" IS DISTINCT FROM NEW."name" OR OLD."prefix" IS DISTINCT FROM NEW."prefix" OR OLD."permissions" IS DISTINCT FROM NEW."permissions" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."networks" IS DISTINCT FROM NEW."networks" OR OLD."trust_id" IS DISTINCT FROM NEW."trust_id" OR OLD."replaces_id" IS DISTINCT FROM NEW."replaces_id" OR OLD."expires_at" IS DISTINCT FROM NEW."expires_at" OR OLD."revoked_at" IS DISTINCT FROM NEW."revoked_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."access_historicaltoken" ("id", "created_at", "user_id", "name", "prefix", "permissions", "scope_id", "networks", "trust_id", "replaces_id", "expires_at", "revoked_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."user_id", _row."name", _row."prefix", _row."permissions", _row."scope_id", _row."networks", _row."trust_id", _row."replaces_id", _row."expires_at", _row."revoked_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="d9e40eb8e5d671bb6bec54d0ebfbd5f65f5d2e87",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_723e7",
                    table="access_token",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddField(
            model_name="historicalworkloadtrust",
            name="scope",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="Only there and below; null: no narrowing.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="access.scope",
            ),
        ),
        migrations.AddField(
            model_name="historicalworkloadtrust",
            name="user",
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
            model_name="spentassertion",
            constraint=models.UniqueConstraint(fields=("issuer", "jti_digest"), name="one_exchange_per_jti"),
        ),
        migrations.AddField(
            model_name="workloadtrust",
            name="scope",
            field=models.ForeignKey(
                blank=True,
                help_text="Only there and below; null: no narrowing.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="access.scope",
            ),
        ),
        migrations.AddField(
            model_name="workloadtrust",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="trusts", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="historicaltoken",
            name="trust",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="By which an OIDC token was exchanged for it; null: a person made it.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="access.workloadtrust",
            ),
        ),
        migrations.AddField(
            model_name="token",
            name="trust",
            field=models.ForeignKey(
                blank=True,
                help_text="By which an OIDC token was exchanged for it; null: a person made it.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="tokens",
                to="access.workloadtrust",
            ),
        ),
        migrations.AddConstraint(
            model_name="workloadtrust",
            constraint=models.UniqueConstraint(
                condition=models.Q(("revoked_at__isnull", True)),
                fields=("issuer", "audience", "subject"),
                name="one_trust_per_workload",
            ),
        ),
        migrations.AddConstraint(
            model_name="workloadtrust",
            constraint=models.CheckConstraint(
                condition=models.Q(("life_s__range", (60, 900))), name="exchanged_tokens_live_15_minutes"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="workloadtrust",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."user_id" IS DISTINCT FROM NEW."user_id" OR OLD."name" IS DISTINCT FROM NEW."name" OR OLD."issuer" IS DISTINCT FROM NEW."issuer" OR OLD."audience" IS DISTINCT FROM NEW."audience" OR OLD."subject" IS DISTINCT FROM NEW."subject" OR OLD."claims" IS DISTINCT FROM NEW."claims" OR OLD."permissions" IS DISTINCT FROM NEW."permissions" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."networks" IS DISTINCT FROM NEW."networks" OR OLD."life_s" IS DISTINCT FROM NEW."life_s" OR OLD."jwks" IS DISTINCT FROM NEW."jwks" OR OLD."revoked_at" IS DISTINCT FROM NEW."revoked_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."access_historicalworkloadtrust" ("id", "created_at", "user_id", "name", "issuer", "audience", "subject", "claims", "permissions", "scope_id", "networks", "life_s", "jwks", "revoked_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."user_id", _row."name", _row."issuer", _row."audience", _row."subject", _row."claims", _row."permissions", _row."scope_id", _row."networks", _row."life_s", _row."jwks", _row."revoked_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="9c5ab357392701d3830105cc0d9cc182170cce1c",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_57717",
                    table="access_workloadtrust",
                    when="AFTER",
                ),
            ),
        ),
    ]
