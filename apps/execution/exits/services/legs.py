"""Which positions lie below a scope, and which of them belong together."""

from collections.abc import Sequence
from uuid import UUID

from apps.access.models import Scope
from apps.common.errors import Invalid
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.execution.models import Position
from apps.execution.selectors import below
from apps.risk.models import Exposure

RELATED = (
    "bot__scope", "bot__strategy", "account__scope", "account__venue__scope", "feed__dataset", "feed__instrument",
    "instrument__scope", "release__config_bundle",
)  # fmt: skip


def positions_below(scope: Scope) -> list[Deployment]:
    """For each account and instrument below a scope the deployment that trades it or did so last.

    A stopped one counts while our books show something of it. In a fixed order, so that two plans that are
    started at once cannot lock each other out.
    """
    rows = Deployment.objects.filter(below(scope)).select_related(*RELATED)
    latest: dict[tuple[UUID, UUID], Deployment] = {}
    for row in rows.order_by("account_id", "instrument_id", "-id"):
        known = latest.setdefault((row.account_id, row.instrument_id), row)
        if known.desired == Desired.STOPPED and row.desired != Desired.STOPPED:
            latest[row.account_id, row.instrument_id] = row
    open_ones = _open_books(list(latest.values()))
    return [row for row in latest.values() if row.desired != Desired.STOPPED or row.pk in open_ones]


def _open_books(deployments: Sequence[Deployment]) -> set[UUID]:
    """Those of which our books show a position or a working order."""
    bots = {row.bot_id for row in deployments}
    held = set(
        Position.objects.filter(bot__in=bots).exclude(quantity=0).values_list("bot_id", "account_id", "instrument_id")
    )
    scopes = {row.bot.scope_id for row in deployments}
    exposures = Exposure.objects.filter(scope__in=scopes)
    busy = {
        (row.scope_id, row.instrument_id) for row in exposures if row.position or row.working_buy or row.working_sell
    }
    return {
        row.pk
        for row in deployments
        if (row.bot_id, row.account_id, row.instrument_id) in held or (row.bot.scope_id, row.instrument_id) in busy
    }


def hedge_groups(deployments: Sequence[Deployment], asked: Sequence[Sequence[UUID]]) -> dict[UUID, int]:
    """The group number of each deployment: as asked, the others by their strategy.

    Raises Invalid HEDGE_GROUP_UNKNOWN for a deployment that is not among them, HEDGE_GROUP_TWICE.
    """
    numbers: dict[UUID, int] = {}
    known = {row.pk for row in deployments}
    for number, group in enumerate(asked, start=1):
        for deployment_id in group:
            if deployment_id not in known:
                raise Invalid("HEDGE_GROUP_UNKNOWN", "a hedge group names a deployment that is not below the scope")
            if deployment_id in numbers:
                raise Invalid("HEDGE_GROUP_TWICE", "a deployment is in one hedge group only")
            numbers[deployment_id] = number
    by_strategy: dict[UUID, int] = {}
    for row in deployments:
        if row.pk not in numbers:
            following = len(asked) + len(by_strategy) + 1
            numbers[row.pk] = by_strategy.setdefault(row.bot.strategy_id, following)
    return numbers
