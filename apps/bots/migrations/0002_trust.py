"""Keys that replace keys, builders that a desk trusts, and what verifications found."""

import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import simple_history.models
from django.db import migrations, models

import apps.common.clocks
import apps.common.ids
import apps.common.models
from apps.audit import operations as audit


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("bots", "0001_initial"),
    ]

    operations = [
        audit.CreatePartitioned(
            name="HistoricalTrustedBuilder",
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
                ("key_id", models.CharField(max_length=16)),
                ("public_key", models.TextField(help_text="Raw 32 bytes, base64.")),
                (
                    "revoked_at",
                    models.DateTimeField(blank=True, help_text="From then on it is not trusted.", null=True),
                ),
                ("revoked_reason", models.TextField(blank=True, default="")),
                ("builder_id", models.TextField(help_text="URI, as runDetails.builder.id names it.")),
                (
                    "source_repository",
                    models.TextField(help_text="URI without scheme prefix `git+` and without the ref."),
                ),
                (
                    "refs",
                    models.JSONField(help_text="Refs it may build from: whole ones, or `refs/tags/*` for all below."),
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
            ],
            options={
                "verbose_name": "historical trusted builder",
                "verbose_name_plural": "historical trusted builders",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="TrustedBuilder",
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
                ("key_id", models.CharField(max_length=16)),
                ("public_key", models.TextField(help_text="Raw 32 bytes, base64.")),
                (
                    "revoked_at",
                    models.DateTimeField(blank=True, help_text="From then on it is not trusted.", null=True),
                ),
                ("revoked_reason", models.TextField(blank=True, default="")),
                ("builder_id", models.TextField(help_text="URI, as runDetails.builder.id names it.")),
                (
                    "source_repository",
                    models.TextField(help_text="URI without scheme prefix `git+` and without the ref."),
                ),
                (
                    "refs",
                    models.JSONField(help_text="Refs it may build from: whole ones, or `refs/tags/*` for all below."),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Verification",
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
                ("moment", models.TextField(choices=[("upload", "Upload"), ("launch", "Launch")])),
                ("verdict", models.TextField(choices=[("verified", "Verified"), ("refused", "Refused")])),
                ("code", models.TextField(blank=True, default="", help_text="Why it was refused.")),
                ("message", models.TextField(blank=True, default="")),
                ("facts", models.JSONField(help_text="What was checked.")),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="signer",
            name="history",
        ),
        migrations.AddField(
            model_name="codeversion",
            name="sbom_sha256",
            field=models.CharField(default="", help_text="Of its canonical JSON; empty: there is none.", max_length=64),
        ),
        migrations.AddField(
            model_name="historicalsigner",
            name="replaces",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="The key before.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="bots.signer",
            ),
        ),
        migrations.AddField(
            model_name="historicalsigner",
            name="revoked_reason",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="signer",
            name="replaces",
            field=models.ForeignKey(
                blank=True,
                help_text="The key before.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="successors",
                to="bots.signer",
            ),
        ),
        migrations.AddField(
            model_name="signer",
            name="revoked_reason",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AlterField(
            model_name="codeversion",
            name="provenance",
            field=models.JSONField(
                help_text="DSSE envelope of its CI, a claim: `selectors.ci_provenance` judges it.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="historicalsigner",
            name="revoked_at",
            field=models.DateTimeField(blank=True, help_text="From then on it is not trusted.", null=True),
        ),
        migrations.AlterField(
            model_name="signer",
            name="desk",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="%(class)ss", to="access.desk"
            ),
        ),
        migrations.AlterField(
            model_name="signer",
            name="revoked_at",
            field=models.DateTimeField(blank=True, help_text="From then on it is not trusted.", null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="signer",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."desk_id" IS DISTINCT FROM NEW."desk_id" OR OLD."name" IS DISTINCT FROM NEW."name" OR OLD."public_key" IS DISTINCT FROM NEW."public_key" OR OLD."replaces_id" IS DISTINCT FROM NEW."replaces_id" OR OLD."revoked_at" IS DISTINCT FROM NEW."revoked_at" OR OLD."revoked_reason" IS DISTINCT FROM NEW."revoked_reason" OR OLD."key_id" IS DISTINCT FROM NEW."key_id") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."bots_historicalsigner" ("id", "created_at", "desk_id", "name", "public_key", "replaces_id", "revoked_at", "revoked_reason", "key_id", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."desk_id", _row."name", _row."public_key", _row."replaces_id", _row."revoked_at", _row."revoked_reason", _row."key_id", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="3cf089934b7a0a9d3975e0e0f2d9cc0e0321ab41",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_33d51",
                    table="bots_signer",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddField(
            model_name="historicaltrustedbuilder",
            name="desk",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="access.desk",
            ),
        ),
        migrations.AddField(
            model_name="trustedbuilder",
            name="desk",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="%(class)ss", to="access.desk"
            ),
        ),
        migrations.AddField(
            model_name="trustedbuilder",
            name="replaces",
            field=models.ForeignKey(
                blank=True,
                help_text="The key before.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="successors",
                to="bots.trustedbuilder",
            ),
        ),
        migrations.AddField(
            model_name="historicaltrustedbuilder",
            name="replaces",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="The key before.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="bots.trustedbuilder",
            ),
        ),
        migrations.AddField(
            model_name="codeversion",
            name="builder",
            field=models.ForeignKey(
                help_text="Whose provenance it is; null: a laptop's push.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="bots.trustedbuilder",
            ),
        ),
        migrations.AddField(
            model_name="verification",
            name="code_version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="verifications", to="bots.codeversion"
            ),
        ),
        migrations.AddConstraint(
            model_name="trustedbuilder",
            constraint=models.UniqueConstraint(
                fields=("desk", "key_id", "builder_id", "source_repository"), name="builder_trusted_once"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="trustedbuilder",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."desk_id" IS DISTINCT FROM NEW."desk_id" OR OLD."name" IS DISTINCT FROM NEW."name" OR OLD."key_id" IS DISTINCT FROM NEW."key_id" OR OLD."public_key" IS DISTINCT FROM NEW."public_key" OR OLD."replaces_id" IS DISTINCT FROM NEW."replaces_id" OR OLD."revoked_at" IS DISTINCT FROM NEW."revoked_at" OR OLD."revoked_reason" IS DISTINCT FROM NEW."revoked_reason" OR OLD."builder_id" IS DISTINCT FROM NEW."builder_id" OR OLD."source_repository" IS DISTINCT FROM NEW."source_repository" OR OLD."refs" IS DISTINCT FROM NEW."refs") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."bots_historicaltrustedbuilder" ("id", "created_at", "desk_id", "name", "key_id", "public_key", "replaces_id", "revoked_at", "revoked_reason", "builder_id", "source_repository", "refs", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."desk_id", _row."name", _row."key_id", _row."public_key", _row."replaces_id", _row."revoked_at", _row."revoked_reason", _row."builder_id", _row."source_repository", _row."refs", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="280279d05697fad75199c15497dd3edaa294e792",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_a0147",
                    table="bots_trustedbuilder",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="verification",
            index=models.Index(fields=["code_version", "-id"], name="verification_by_code"),
        ),
        audit.AppendOnly("Verification"),
    ]
