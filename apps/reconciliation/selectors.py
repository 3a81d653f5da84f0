"""Reads of runs and breaks."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from apps.access.models import User
from apps.access.selectors import within
from apps.common.clocks import wall_now
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.execution.models import Anomaly, Position
from apps.reconciliation.models import Break, ReconciliationRun
from apps.reconciliation.states import BreakState
from apps.venues.models import Account


def visible_runs(user: User) -> QuerySet[ReconciliationRun]:
    """Runs of accounts that `user` may see, newest first."""
    runs = ReconciliationRun.objects.select_related("account")
    return within(runs, user, "account__scope").order_by("-id")


def visible_breaks(user: User) -> QuerySet[Break]:
    """Breaks of accounts that `user` may see, newest first."""
    breaks = Break.objects.select_related("account", "owner", "first_run", "last_run")
    return within(breaks, user, "account__scope").order_by("-id")


def open_breaks(user: User) -> QuerySet[Break]:
    """Visible breaks that nobody and nothing has resolved, oldest first."""
    return visible_breaks(user).filter(state=BreakState.OPEN).order_by("id")


def accounts_to_reconcile() -> list[Account]:
    """Accounts that trade or hold something, their last run older than settings.RECONCILE_EVERY_S."""
    recently = wall_now() - timedelta(seconds=settings.RECONCILE_EVERY_S)
    trades = Deployment.objects.filter(account=OuterRef("pk")).exclude(desired=Desired.STOPPED)
    holds = Position.objects.filter(account=OuterRef("pk")).exclude(quantity=0)
    runs = ReconciliationRun.objects.filter(account=OuterRef("pk"), created_at__gt=recently)
    due = Account.objects.filter(Exists(trades) | Exists(holds)).exclude(Exists(runs))
    return list(due.order_by("pk"))


def accounts_with_anomalies() -> list[Account]:
    """Accounts at which the sync met what no order of ours explains, and no break says so yet."""
    due = Anomaly.objects.filter(account=OuterRef("pk"), due_at__lte=wall_now())
    return list(Account.objects.filter(Exists(due)).order_by("pk"))


def owner_of(account: Account) -> User | None:
    """Who answers for breaks of an account: the owner of the bot that trades there, the newest first."""
    trading = Deployment.objects.filter(account=account).exclude(desired=Desired.STOPPED)
    newest = trading.select_related("bot__owner").order_by("-id").first()
    return newest.bot.owner if newest else None
