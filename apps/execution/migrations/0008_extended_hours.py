"""Orders that may also trade before and after the regular session."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("execution", "0007_open_sessions")]

    operations = [
        migrations.AddField(
            "order",
            "is_extended_hours",
            models.BooleanField(
                db_default=False, default=False, help_text="It may also trade before and after the regular session."
            ),
        ),
    ]
