"""The sweep for silent bots runs each second: it finds what is open, and what was just lost, among all that ended."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("execution", "0006_unlisted_orders")]

    operations = [
        migrations.AddIndex(
            "botsession", models.Index(fields=["due_at"], condition=Q(state="open"), name="session_open")
        ),
        migrations.AddIndex(
            "botsession", models.Index(fields=["ended_at"], condition=Q(state="expired"), name="session_lost")
        ),
    ]
