"""Books of paper and of real money apart. None exists yet: the next step of `execution` opens them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial"), ("risk", "0003_limit_kinds")]

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
