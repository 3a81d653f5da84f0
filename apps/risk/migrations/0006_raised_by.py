"""Which raise a limit stands on: who asked, who agreed and until when are found from the limit."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("risk", "0005_hold_sources"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="limit",
            name="history",
        ),
        migrations.AddField(
            model_name="historicallimit",
            name="raised_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="The raise that it stands on.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="risk.limitraise",
            ),
        ),
        migrations.AddField(
            model_name="limit",
            name="raised_by",
            field=models.ForeignKey(
                help_text="The raise that it stands on.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="risk.limitraise",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="limit",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."kind" IS DISTINCT FROM NEW."kind" OR OLD."value" IS DISTINCT FROM NEW."value" OR OLD."set_by" IS DISTINCT FROM NEW."set_by" OR OLD."expires_at" IS DISTINCT FROM NEW."expires_at" OR OLD."reverts_to" IS DISTINCT FROM NEW."reverts_to" OR OLD."raised_by_id" IS DISTINCT FROM NEW."raised_by_id") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."risk_historicallimit" ("id", "created_at", "scope_id", "kind", "value", "set_by", "expires_at", "reverts_to", "raised_by_id", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."scope_id", _row."kind", _row."value", _row."set_by", _row."expires_at", _row."reverts_to", _row."raised_by_id", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="5a8cda2dac7ca1356a31e6955e1d654a37fe7846",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_511bc",
                    table="risk_limit",
                    when="AFTER",
                ),
            ),
        ),
    ]
