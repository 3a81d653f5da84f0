"""The raw report of a trade is kept under the trade's id."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("venues", "0002_order_path")]

    operations = [
        migrations.AddField(
            "venuemessage",
            "trade_id",
            models.TextField(help_text="Of the report of one trade: the venue's id of it.", null=True),
        ),
    ]
