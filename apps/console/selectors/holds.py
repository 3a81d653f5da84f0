"""Holds in force, and what a hold on a scope would stop."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from apps.access import selectors as access
from apps.access.models import Scope, User
from apps.access.selectors import Seat
from apps.access.states import ConsentState, Permission, ScopeKind
from apps.bots.models import Bot
from apps.console.selectors import inbox
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.execution.models import Order, Position
from apps.execution.states import WORKING
from apps.risk.models import Hold
from apps.risk.states import HoldState

PAST_SHOWN = 20
NAMES_SHOWN = 30


def placeable(user: User) -> list[Scope]:
    """Scopes on which the person may place a hold, widest first."""
    found = list(access.visible_scopes(user, Permission.HOLD))
    kinds = list(ScopeKind)
    return sorted(found, key=lambda scope: (kinds.index(ScopeKind(scope.kind)), scope.name))


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold with the seats of its release, if that was asked for."""

    hold: Hold
    seats: list[Seat]
    may_vote: bool

    @property
    def is_release_asked(self) -> bool:
        """Whether a second person is waited for."""
        return self.hold.consent is not None and self.hold.consent.state == ConsentState.OPEN


def in_force(user: User) -> list[HoldView]:
    """Holds in force within reach, newest first."""
    views = []
    for hold in inbox.active_holds(user):
        is_open = hold.consent is not None and hold.consent.state == ConsentState.OPEN
        seats = access.seats_of(hold.consent) if is_open and hold.consent else []
        views.append(HoldView(hold, seats, any(user in seat.candidates for seat in seats)))
    return views


def past(user: User) -> list[Hold]:
    """The latest released holds."""
    rows = Hold.objects.filter(state=HoldState.RELEASED).select_related("scope")
    return list(access.within(rows, user, "scope").order_by("-released_at")[:PAST_SHOWN])


@dataclass(frozen=True, slots=True)
class Preview:
    """What a hold on `scope` would stop, now."""

    scope: Scope
    bots: list[Bot]
    bot_count: int
    running: int
    accounts: list[str]
    orders: dict[str, int]
    positions: list[Position]


def preview(scope: Scope) -> Preview:
    """The bots, accounts, orders and positions below `scope`."""
    bots = _bots(scope)
    touched = _deployments(scope)
    orders = Order.objects.filter(_orders(scope), state__in=WORKING)
    positions = Position.objects.filter(_orders(scope)).exclude(quantity=0)
    return Preview(
        scope=scope,
        bots=list(bots.order_by("name")[:NAMES_SHOWN]),
        bot_count=bots.count(),
        running=touched.filter(desired=Desired.RUNNING).count(),
        accounts=sorted(set(touched.values_list("account__name", flat=True))),
        orders=dict(orders.values_list("purpose").annotate(n=Count("pk")).order_by("purpose")),
        positions=list(positions.select_related("instrument", "bot").order_by("bot__name")[:NAMES_SHOWN]),
    )


def _bots(scope: Scope) -> QuerySet[Bot]:
    below = Q(scope__path__startswith=scope.path)
    return Bot.objects.filter(below | Q(pk__in=_deployments(scope).values("bot_id")))


def _deployments(scope: Scope) -> QuerySet[Deployment]:
    return Deployment.objects.filter(_orders(scope)).exclude(desired=Desired.STOPPED)


def _orders(scope: Scope) -> Q:
    """Anything with a bot, an account and an instrument that lies below the scope by any of them."""
    return (
        Q(bot__scope__path__startswith=scope.path)
        | Q(account__scope__path__startswith=scope.path)
        | Q(account__venue__scope__path__startswith=scope.path)
        | Q(instrument__scope__path__startswith=scope.path)
    )
