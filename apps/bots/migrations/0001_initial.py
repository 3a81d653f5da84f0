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
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Bot",
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
                ("name", models.SlugField(max_length=60, unique=True)),
                ("symbols", models.JSONField(help_text="Blast radius: the only instruments it may trade.")),
                (
                    "accounts",
                    models.JSONField(help_text="Blast radius: names of the only accounts it may use."),
                ),
                (
                    "worker_pool",
                    models.TextField(default="cycles", help_text="Blast radius: the queue whose workers run it."),
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
                        ],
                        default="offline_testing",
                    ),
                ),
                (
                    "fallback_owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bots_backed",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bots_owned",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "scope",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to="access.scope"),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        audit.CreatePartitioned(
            name="HistoricalSigner",
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
                ("key_id", models.CharField(db_index=True, max_length=16)),
                ("public_key", models.TextField(help_text="Raw 32 bytes, base64.")),
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
                (
                    "desk",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="access.desk",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical signer",
                "verbose_name_plural": "historical signers",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        audit.CreatePartitioned(
            name="HistoricalStrategy",
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
                ("name", models.TextField(db_index=True)),
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
                    "bucket",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="access.riskbucket",
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
                "verbose_name": "historical strategy",
                "verbose_name_plural": "historical strategys",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Signer",
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
                ("key_id", models.CharField(max_length=16, unique=True)),
                ("public_key", models.TextField(help_text="Raw 32 bytes, base64.")),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "desk",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="signers", to="access.desk"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="CodeVersion",
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
                ("number", models.PositiveIntegerField()),
                ("version", models.TextField(help_text="Semantic version from bot.toml.")),
                ("git_sha", models.CharField(max_length=40)),
                ("artifact_sha256", models.CharField(max_length=64)),
                ("artifact_bytes", models.PositiveBigIntegerField()),
                ("lockfile_sha256", models.CharField(max_length=64)),
                ("manifest", models.JSONField(help_text="bot.toml as read.")),
                ("parameter_schema", models.JSONField()),
                ("sbom", models.JSONField(null=True)),
                (
                    "provenance",
                    models.JSONField(help_text="Who built it from what; null for a laptop's push.", null=True),
                ),
                ("signature", models.TextField()),
                (
                    "bot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="code_versions",
                        to="bots.bot",
                    ),
                ),
                (
                    "pushed_by",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
                ),
                ("signer", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="bots.signer")),
            ],
        ),
        migrations.CreateModel(
            name="Strategy",
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
                (
                    "bucket",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="strategies",
                        to="access.riskbucket",
                    ),
                ),
                (
                    "scope",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to="access.scope"),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        audit.CreatePartitioned(
            name="HistoricalBot",
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
                ("name", models.SlugField(max_length=60)),
                ("symbols", models.JSONField(help_text="Blast radius: the only instruments it may trade.")),
                (
                    "accounts",
                    models.JSONField(help_text="Blast radius: names of the only accounts it may use."),
                ),
                (
                    "worker_pool",
                    models.TextField(default="cycles", help_text="Blast radius: the queue whose workers run it."),
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
                        ],
                        default="offline_testing",
                    ),
                ),
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
                    "fallback_owner",
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
                    "owner",
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
                (
                    "strategy",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="bots.strategy",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical bot",
                "verbose_name_plural": "historical bots",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.AddField(
            model_name="bot",
            name="strategy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="bots", to="bots.strategy"
            ),
        ),
        migrations.CreateModel(
            name="ConfigBundle",
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
                ("number", models.PositiveIntegerField()),
                ("digest", models.CharField(max_length=64)),
                ("content", models.JSONField()),
                (
                    "bot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="config_bundles",
                        to="bots.bot",
                    ),
                ),
                (
                    "pushed_by",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("bot", "digest"), name="config_same_content_one_version"),
                    models.UniqueConstraint(fields=("bot", "number"), name="config_numbered_per_bot"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ParameterSet",
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
                ("number", models.PositiveIntegerField()),
                ("digest", models.CharField(max_length=64)),
                ("content", models.JSONField()),
                (
                    "bot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="parameter_sets",
                        to="bots.bot",
                    ),
                ),
                (
                    "pushed_by",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("bot", "digest"), name="parameters_same_content_one_version"),
                    models.UniqueConstraint(fields=("bot", "number"), name="parameters_numbered_per_bot"),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="signer",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."desk_id" IS DISTINCT FROM NEW."desk_id" OR OLD."name" IS DISTINCT FROM NEW."name" OR OLD."key_id" IS DISTINCT FROM NEW."key_id" OR OLD."public_key" IS DISTINCT FROM NEW."public_key" OR OLD."revoked_at" IS DISTINCT FROM NEW."revoked_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."bots_historicalsigner" ("id", "created_at", "desk_id", "name", "key_id", "public_key", "revoked_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."desk_id", _row."name", _row."key_id", _row."public_key", _row."revoked_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="1857c28d4c2ec52bd115ee830f069c15e96ab781",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_33d51",
                    table="bots_signer",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="codeversion",
            constraint=models.UniqueConstraint(fields=("bot", "artifact_sha256"), name="code_same_bytes_one_version"),
        ),
        migrations.AddConstraint(
            model_name="codeversion",
            constraint=models.UniqueConstraint(fields=("bot", "number"), name="code_numbered_per_bot"),
        ),
        migrations.AddConstraint(
            model_name="codeversion",
            constraint=models.UniqueConstraint(fields=("bot", "version"), name="code_version_names_one_artifact"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="strategy",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."name" IS DISTINCT FROM NEW."name" OR OLD."bucket_id" IS DISTINCT FROM NEW."bucket_id" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."bots_historicalstrategy" ("id", "created_at", "name", "bucket_id", "scope_id", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."name", _row."bucket_id", _row."scope_id", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="9aeb4dbef77beea614b060fbf0465d6940a3950f",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_b567a",
                    table="bots_strategy",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="bot",
            constraint=models.CheckConstraint(
                condition=models.Q(("owner", models.F("fallback_owner")), _negated=True),
                name="fallback_owner_is_another_person",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bot",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."strategy_id" IS DISTINCT FROM NEW."strategy_id" OR OLD."name" IS DISTINCT FROM NEW."name" OR OLD."owner_id" IS DISTINCT FROM NEW."owner_id" OR OLD."fallback_owner_id" IS DISTINCT FROM NEW."fallback_owner_id" OR OLD."symbols" IS DISTINCT FROM NEW."symbols" OR OLD."accounts" IS DISTINCT FROM NEW."accounts" OR OLD."worker_pool" IS DISTINCT FROM NEW."worker_pool" OR OLD."stage" IS DISTINCT FROM NEW."stage" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."bots_historicalbot" ("id", "created_at", "strategy_id", "name", "owner_id", "fallback_owner_id", "symbols", "accounts", "worker_pool", "stage", "scope_id", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."strategy_id", _row."name", _row."owner_id", _row."fallback_owner_id", _row."symbols", _row."accounts", _row."worker_pool", _row."stage", _row."scope_id", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="c2fd2a357d798683ac2d7b44c3fb59d43baab081",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_c8c9a",
                    table="bots_bot",
                    when="AFTER",
                ),
            ),
        ),
        audit.AppendOnly("CodeVersion"),
        audit.AppendOnly("ConfigBundle"),
        audit.AppendOnly("ParameterSet"),
    ]
