"""The kinds of limits that are summed per scope, and those of a bot's pace."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("risk", "0002_order_path"),
    ]

    operations = [
        migrations.AlterField(
            model_name="historicallimit",
            name="kind",
            field=models.TextField(
                choices=[
                    ("order_quantity", "Quantity per order"),
                    ("order_notional", "Notional per order, base currency"),
                    ("position", "Position per instrument, units"),
                    ("collar_bps", "Price collar, basis points"),
                    ("orders_per_minute", "Orders per minute"),
                    ("messages_per_second", "Messages per second"),
                    ("repeat_executions", "Equal orders within a minute"),
                    ("gross_exposure", "Gross exposure, base currency"),
                    ("net_exposure", "Net exposure, base currency"),
                    ("open_orders", "Open orders"),
                    ("daily_loss", "Loss of a trading day, base currency"),
                    ("drawdown", "Fall from the highest profit, base currency"),
                ]
            ),
        ),
        migrations.AlterField(
            model_name="historicallimitraise",
            name="kind",
            field=models.TextField(
                choices=[
                    ("order_quantity", "Quantity per order"),
                    ("order_notional", "Notional per order, base currency"),
                    ("position", "Position per instrument, units"),
                    ("collar_bps", "Price collar, basis points"),
                    ("orders_per_minute", "Orders per minute"),
                    ("messages_per_second", "Messages per second"),
                    ("repeat_executions", "Equal orders within a minute"),
                    ("gross_exposure", "Gross exposure, base currency"),
                    ("net_exposure", "Net exposure, base currency"),
                    ("open_orders", "Open orders"),
                    ("daily_loss", "Loss of a trading day, base currency"),
                    ("drawdown", "Fall from the highest profit, base currency"),
                ]
            ),
        ),
        migrations.AlterField(
            model_name="limit",
            name="kind",
            field=models.TextField(
                choices=[
                    ("order_quantity", "Quantity per order"),
                    ("order_notional", "Notional per order, base currency"),
                    ("position", "Position per instrument, units"),
                    ("collar_bps", "Price collar, basis points"),
                    ("orders_per_minute", "Orders per minute"),
                    ("messages_per_second", "Messages per second"),
                    ("repeat_executions", "Equal orders within a minute"),
                    ("gross_exposure", "Gross exposure, base currency"),
                    ("net_exposure", "Net exposure, base currency"),
                    ("open_orders", "Open orders"),
                    ("daily_loss", "Loss of a trading day, base currency"),
                    ("drawdown", "Fall from the highest profit, base currency"),
                ]
            ),
        ),
        migrations.AlterField(
            model_name="limitraise",
            name="kind",
            field=models.TextField(
                choices=[
                    ("order_quantity", "Quantity per order"),
                    ("order_notional", "Notional per order, base currency"),
                    ("position", "Position per instrument, units"),
                    ("collar_bps", "Price collar, basis points"),
                    ("orders_per_minute", "Orders per minute"),
                    ("messages_per_second", "Messages per second"),
                    ("repeat_executions", "Equal orders within a minute"),
                    ("gross_exposure", "Gross exposure, base currency"),
                    ("net_exposure", "Net exposure, base currency"),
                    ("open_orders", "Open orders"),
                    ("daily_loss", "Loss of a trading day, base currency"),
                    ("drawdown", "Fall from the highest profit, base currency"),
                ]
            ),
        ),
    ]
