"""What placed each hold; those that stand already are told by their drills and by who placed them."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

TELL = """
    UPDATE risk_hold SET source = CASE WHEN is_drill THEN 'drill' ELSE 'dead_man' END
    WHERE is_drill OR placed_by = 'job:dead-man'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("risk", "0004_books_per_mode"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="hold",
            name="history",
        ),
        migrations.AddField(
            model_name="historicalhold",
            name="source",
            field=models.TextField(
                choices=[
                    ("kill", "Kill switch"),
                    ("containment", "Containment"),
                    ("limits", "Limit breached"),
                    ("dead_man", "Dead-man"),
                    ("rollback", "Rollback"),
                    ("ramp", "Ramp"),
                    ("drill", "Drill"),
                ],
                db_default="kill",
                default="kill",
                help_text="What placed it.",
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="source",
            field=models.TextField(
                choices=[
                    ("kill", "Kill switch"),
                    ("containment", "Containment"),
                    ("limits", "Limit breached"),
                    ("dead_man", "Dead-man"),
                    ("rollback", "Rollback"),
                    ("ramp", "Ramp"),
                    ("drill", "Drill"),
                ],
                db_default="kill",
                default="kill",
                help_text="What placed it.",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="hold",
            trigger=pgtrigger.compiler.Trigger(
                name="history",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _actor TEXT; _row RECORD; _type TEXT;",
                    func='\n            IF TG_OP = \'UPDATE\' THEN\n                IF NOT (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."created_at" IS DISTINCT FROM NEW."created_at" OR OLD."scope_id" IS DISTINCT FROM NEW."scope_id" OR OLD."level" IS DISTINCT FROM NEW."level" OR OLD."reason" IS DISTINCT FROM NEW."reason" OR OLD."placed_by" IS DISTINCT FROM NEW."placed_by" OR OLD."source" IS DISTINCT FROM NEW."source" OR OLD."cancels" IS DISTINCT FROM NEW."cancels" OR OLD."is_drill" IS DISTINCT FROM NEW."is_drill" OR OLD."epoch" IS DISTINCT FROM NEW."epoch" OR OLD."state" IS DISTINCT FROM NEW."state" OR OLD."latched_at" IS DISTINCT FROM NEW."latched_at" OR OLD."latch_ms" IS DISTINCT FROM NEW."latch_ms" OR OLD."open_permits" IS DISTINCT FROM NEW."open_permits" OR OLD."drain_state" IS DISTINCT FROM NEW."drain_state" OR OLD."drained_at" IS DISTINCT FROM NEW."drained_at" OR OLD."drain_ms" IS DISTINCT FROM NEW."drain_ms" OR OLD."left" IS DISTINCT FROM NEW."left" OR OLD."consent_id" IS DISTINCT FROM NEW."consent_id" OR OLD."released_at" IS DISTINCT FROM NEW."released_at") THEN RETURN NULL; END IF;\n                _row := NEW; _type := \'~\';\n            ELSIF TG_OP = \'INSERT\' THEN\n                _row := NEW; _type := \'+\';\n            ELSE\n                _row := OLD; _type := \'-\';\n            END IF;\n            _actor := NULLIF(current_setting(\'quarterdeck.actor\', true), \'\');\n            IF _actor IS NULL THEN\n                IF session_user = \'quarterdeck_app\' THEN\n                    RAISE EXCEPTION \'a write to % without an actor\', TG_TABLE_NAME USING ERRCODE = \'QD001\';\n                END IF;\n                _actor := \'db:\' || session_user;\n            END IF;\n            INSERT INTO public."risk_historicalhold" ("id", "created_at", "scope_id", "level", "reason", "placed_by", "source", "cancels", "is_drill", "epoch", "state", "latched_at", "latch_ms", "open_permits", "drain_state", "drained_at", "drain_ms", "left", "consent_id", "released_at", history_id, history_date, history_type,\n                history_change_reason, history_user_id, request_id)\n            VALUES (_row."id", _row."created_at", _row."scope_id", _row."level", _row."reason", _row."placed_by", _row."source", _row."cancels", _row."is_drill", _row."epoch", _row."state", _row."latched_at", _row."latch_ms", _row."open_permits", _row."drain_state", _row."drained_at", _row."drain_ms", _row."left", _row."consent_id", _row."released_at", uuidv7(), clock_timestamp(), _type,\n                COALESCE(current_setting(\'quarterdeck.reason\', true), \'\'), _actor,\n                COALESCE(current_setting(\'quarterdeck.request_id\', true), \'\'));\n            RETURN NULL;\n        ',
                    hash="e33de84e20c217418c59c409195a9f2d10126ed1",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_history_8698b",
                    table="risk_hold",
                    when="AFTER",
                ),
            ),
        ),
        migrations.RunSQL(TELL, migrations.RunSQL.noop),
    ]
