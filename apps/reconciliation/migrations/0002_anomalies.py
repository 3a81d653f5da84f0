"""Breaks that both books may agree about: overfills, late fills, busts, trades of no order of ours."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="break",
            name="kind",
            field=models.TextField(
                choices=[
                    ("missing_fill_here", "The venue has a fill that we have not"),
                    ("missing_fill_there", "We have a fill that the venue has not"),
                    ("fill_differs", "Quantity, price or fee of a fill differs"),
                    ("unknown_order", "The venue has an order that is not ours"),
                    ("order_missing", "The venue does not know an order of ours"),
                    ("order_differs", "State or filled quantity of an order differs"),
                    ("position", "Position differs"),
                    ("cash", "Cash differs"),
                    ("overfill", "More was filled than was ordered"),
                    ("late_fill", "A fill came after the order had ended"),
                    ("bust", "The venue took a trade back"),
                    ("unknown_trade", "A trade of no order of ours"),
                ]
            ),
        ),
        migrations.AlterField(
            model_name="historicalbreak",
            name="kind",
            field=models.TextField(
                choices=[
                    ("missing_fill_here", "The venue has a fill that we have not"),
                    ("missing_fill_there", "We have a fill that the venue has not"),
                    ("fill_differs", "Quantity, price or fee of a fill differs"),
                    ("unknown_order", "The venue has an order that is not ours"),
                    ("order_missing", "The venue does not know an order of ours"),
                    ("order_differs", "State or filled quantity of an order differs"),
                    ("position", "Position differs"),
                    ("cash", "Cash differs"),
                    ("overfill", "More was filled than was ordered"),
                    ("late_fill", "A fill came after the order had ended"),
                    ("bust", "The venue took a trade back"),
                    ("unknown_trade", "A trade of no order of ours"),
                ]
            ),
        ),
    ]
