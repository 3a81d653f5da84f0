"""Fills are numbered in the order in which we book them; cycles remember that number instead of the venue's.

It is another column on purpose: a worker of the code before stops at the missing one instead of taking a number for the
venue's sequence.
"""

from django.db import migrations, models

import apps.execution.models

# The numbers of fills that are there already follow their place in the table, which is the order of booking.
REMEMBER = """
    UPDATE execution_cycle AS cycle SET told_until = coalesce((
        SELECT max(fill.number) FROM execution_fill AS fill
            JOIN deployments_deployment AS deployment ON deployment.id = cycle.deployment_id
        WHERE fill.bot_id = deployment.bot_id AND fill.account_id = deployment.account_id
            AND fill.venue_sequence <= cycle.fills_after), 0)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("deployments", "0001_initial"),
        ("execution", "0004_books_of_working_orders"),
    ]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE execution_fill_number", "DROP SEQUENCE execution_fill_number"),
        migrations.AddField(
            "fill",
            "number",
            models.BigIntegerField(
                db_default=apps.execution.models.NextNumber(),
                help_text="The order in which we booked them; given under the lock of the bot's exposure.",
            ),
        ),
        migrations.AddField(
            "cycle",
            "told_until",
            models.BigIntegerField(default=0, help_text="Number of the last fill that the bot has seen."),
        ),
        migrations.RunSQL(REMEMBER, migrations.RunSQL.noop),
        migrations.RemoveField("cycle", "fills_after"),
    ]
