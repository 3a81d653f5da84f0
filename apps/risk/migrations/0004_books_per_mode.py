"""Books of paper and of real money apart.

What stands so far becomes the paper book. Where real money traded before, `manage.py rebuild_exposure` puts its part
where it belongs.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    # The books of working orders are counted before: that migration knows one book per scope.
    dependencies = [
        ("access", "0001_initial"),
        ("execution", "0004_books_of_working_orders"),
        ("risk", "0003_limit_kinds"),
    ]

    operations = [
        migrations.AddField(
            "scopebook",
            "mode",
            models.TextField(choices=[("paper", "Paper"), ("live", "Live")], default="paper"),
            preserve_default=False,
        ),
        migrations.AlterField(
            "scopebook",
            "scope",
            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="books", to="access.scope"),
        ),
        migrations.AddConstraint(
            "scopebook",
            models.UniqueConstraint(fields=["scope", "mode"], name="one_book_per_scope_and_mode"),
        ),
    ]
