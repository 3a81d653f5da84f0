"""`manage.py provision`: migrate and set privileges, as the owner role."""

from typing import Any

from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection, transaction

from apps.audit import provisioning


class Command(BaseCommand):
    """Brings the database to the code's shape and sets who may do what in it; safe to repeat."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, then grant; refuses to run as the application role."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT session_user")
            role = cursor.fetchone()[0]
        if role == provisioning.APP_ROLE:
            raise CommandError("provision needs the owner role: set DATABASE_URL to DATABASE_OWNER_URL for it")
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        call_command("createcachetable", verbosity=0)
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in provisioning.statements():
                cursor.execute(statement)
        self.stdout.write("privileges set")
