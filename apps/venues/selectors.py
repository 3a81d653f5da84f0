"""Reads of venues and accounts."""

from uuid import UUID

from django.db.models import QuerySet

from apps.access.models import User
from apps.access.selectors import within
from apps.venues import breaker
from apps.venues.models import Account, Venue, VenueMessage


def visible_accounts(user: User) -> QuerySet[Account]:
    """Accounts that `user` may see, by name."""
    return within(Account.objects.select_related("venue", "bucket", "scope"), user, "scope").order_by("name")


def is_up(venue: Venue) -> bool:
    """Whether the venue answers, as of at most a second ago; nothing is opened at one that does not."""
    return not breaker.is_open(venue)


def messages_of(account_id: UUID, client_order_id: UUID) -> QuerySet[VenueMessage]:
    """What was said to the venue about an order of the account and what it answered, without secrets.

    What a venue reports on another account under the same client order id is not about this order.
    """
    return VenueMessage.objects.filter(account_id=account_id, client_order_id=client_order_id.hex)
