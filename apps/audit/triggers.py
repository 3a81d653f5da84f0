"""The history trigger: built from the model, so that column changes follow through makemigrations."""

from typing import Any

import pgtrigger
from django.db import models

APP_ROLE = "quarterdeck_app"


class HistoryTrigger(pgtrigger.Trigger):
    """After every insert, update that changes a tracked column, or delete: one row of history."""

    name = "history"
    when = pgtrigger.After
    operation = pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete
    declare = [("_actor", "TEXT"), ("_row", "RECORD"), ("_type", "TEXT")]

    def get_func(self, model: Any) -> str:
        """PL/pgSQL that copies the tracked columns with who, why and the request.

        The table is named with its schema: a temporary table of the same name would be found first.
        """
        columns = tracked_columns(model)
        names = ", ".join(f'"{column}"' for column in columns)
        values = ", ".join(f'_row."{column}"' for column in columns)
        changed = " OR ".join(f'OLD."{c}" IS DISTINCT FROM NEW."{c}"' for c in columns)
        return f"""
            IF TG_OP = 'UPDATE' THEN
                IF NOT ({changed}) THEN RETURN NULL; END IF;
                _row := NEW; _type := '~';
            ELSIF TG_OP = 'INSERT' THEN
                _row := NEW; _type := '+';
            ELSE
                _row := OLD; _type := '-';
            END IF;
            _actor := NULLIF(current_setting('quarterdeck.actor', true), '');
            IF _actor IS NULL THEN
                IF session_user = '{APP_ROLE}' THEN
                    RAISE EXCEPTION 'a write to % without an actor', TG_TABLE_NAME USING ERRCODE = 'QD001';
                END IF;
                _actor := 'db:' || session_user;
            END IF;
            INSERT INTO public."{history_table(model)}" ({names}, history_id, history_date, history_type,
                history_change_reason, history_user_id, request_id)
            VALUES ({values}, uuidv7(), clock_timestamp(), _type,
                COALESCE(current_setting('quarterdeck.reason', true), ''), _actor,
                COALESCE(current_setting('quarterdeck.request_id', true), ''));
            RETURN NULL;
        """


def history_table(model: type[models.Model]) -> str:
    """The table that the trigger of `model` writes."""
    return f"{model._meta.app_label}_historical{model._meta.model_name}"


def tracked_columns(model: type[models.Model]) -> list[str]:
    """Columns that the model and its history model share: generated and secret ones are in one only.

    Works on the models of a migration's state too, which carry fields but no attributes of ours.
    """
    historical = model._meta.apps.get_model(model._meta.app_label, f"Historical{model._meta.object_name}")
    kept = {field.column for field in historical._meta.local_concrete_fields}
    return [str(f.column) for f in model._meta.local_concrete_fields if f.column in kept and not f.generated]
