"""Orders at the paper venue that may also trade before and after the regular session."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("paper", "0002_order_path")]

    operations = [
        migrations.AddField("paperorder", "is_extended_hours", models.BooleanField(db_default=False, default=False)),
    ]
