"""Reads of venues and accounts."""

from django.db.models import QuerySet

from apps.access.models import User
from apps.access.selectors import within
from apps.venues.models import Account


def visible_accounts(user: User) -> QuerySet[Account]:
    """Accounts that `user` may see, by name."""
    return within(Account.objects.select_related("venue", "bucket", "scope"), user, "scope").order_by("name")
