"""Orders: the list, and what is known about one of them beside its own row."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from apps.access import selectors as access
from apps.access.models import Consent, Scope, User
from apps.access.selectors import Seat
from apps.access.states import ConsentState, Permission
from apps.console.selectors.people import widest_first
from apps.execution.models import Order, OrderSettlement
from apps.execution.states import AT_VENUE, WORKING, OrderState
from apps.venues import selectors as venues
from apps.venues.models import VenueMessage

MESSAGES_SHOWN = 50
SWEEPS = (Permission.EXIT, Permission.TRADE)
REPLACEABLE = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the orders is wanted; every filter is a part of the address."""

    state: str = ""
    bot: str = ""
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class SettlementView:
    """What somebody said about an order in doubt, with the seats of its vote."""

    row: OrderSettlement
    seats: list[Seat]
    may_vote: bool

    @property
    def consent(self) -> Consent | None:
        """The vote, while it is open."""
        consent = self.row.consent
        return consent if consent is not None and consent.state == ConsentState.OPEN else None


def visible(user: User) -> QuerySet[Order]:
    """Orders within reach, newest first."""
    related = ("bot__scope", "account__venue", "instrument", "deployment__release__code_version", "cycle", "session")
    return access.within(Order.objects.select_related(*related).order_by("-id"), user, "bot__scope")


def found(user: User, wanted: Filters) -> QuerySet[Order]:
    """The orders that the filters ask for, newest first."""
    rows = visible(user)
    if wanted.state == "working":
        rows = rows.filter(state__in=WORKING)
    elif wanted.state == "needs_person":
        rows = rows.filter(needs_person=True, state__in=AT_VENUE)
    elif wanted.state in OrderState.values:
        rows = rows.filter(state=wanted.state)
    if wanted.bot:
        rows = rows.filter(bot__name__icontains=wanted.bot)
    if wanted.id:
        rows = (
            rows.filter(client_order_id=wanted.id)
            | rows.filter(trace_id=wanted.id)
            | rows.filter(parent_id=wanted.id)
            | rows.filter(pk=wanted.id)
        )
    return rows


def for_people(user: User, permission: Permission = Permission.VIEW) -> QuerySet[Order]:
    """Orders that only a person can find out about, on scopes where the person has `permission`; newest first."""
    rows = Order.objects.filter(needs_person=True, state__in=AT_VENUE).select_related("bot__scope", "instrument")
    return access.within(rows, user, "bot__scope", permission=permission).order_by("-id")


def messages(order: Order) -> list[VenueMessage]:
    """What was said to the venue about the order and what it answered, newest first."""
    return list(venues.messages_of(order.account_id, order.client_order_id).order_by("-sent_at")[:MESSAGES_SHOWN])


def settlements(order: Order, user: User) -> list[SettlementView]:
    """What people said about the order, newest first."""
    shown = []
    for row in order.settlements.select_related("consent__requested_by", "consent__scope").order_by("-id"):
        is_open = row.consent is not None and row.consent.state == ConsentState.OPEN
        seats = access.seats_of(row.consent) if is_open and row.consent else []
        shown.append(SettlementView(row, seats, any(user in seat.candidates for seat in seats)))
    return shown


def sweepable(user: User) -> list[Scope]:
    """Scopes below which the person may cancel every order, widest first."""
    ids = {pk for permission in SWEEPS for pk in access.visible_scope_ids(user, permission)}
    return widest_first(Scope.objects.filter(pk__in=ids))
