"""Orders that a venue without lookup does not list any more, and what its desk may say of them."""

from django.db import migrations, models

OUTCOME = models.TextField(
    choices=[
        ("accepted", "It works at the venue"),
        ("canceled", "It was cancelled there"),
        ("expired", "It expired there"),
        ("rejected", "The venue rejected it"),
        ("not_sent", "It never arrived"),
    ]
)


class Migration(migrations.Migration):
    dependencies = [("execution", "0005_numbers_of_fills")]

    operations = [
        migrations.AddField(
            "order",
            "unlisted_at",
            models.DateTimeField(help_text="When a list of the venue's open orders first lacked it.", null=True),
        ),
        migrations.AlterField("ordersettlement", "outcome", OUTCOME),
        migrations.AlterField("historicalordersettlement", "outcome", OUTCOME.clone()),
    ]
