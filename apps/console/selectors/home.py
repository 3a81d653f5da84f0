"""What waits for a person, as links to where it is done."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse

from apps.access import selectors as access
from apps.access.models import Consent, User
from apps.access.states import Permission
from apps.bots.models import Bot
from apps.common.decimals import text_of
from apps.console.selectors import fleet, holds, limits, orders, trading
from apps.console.wording import words
from apps.execution.models import Order, OrderSettlement
from apps.execution.signals.models import SignalSource
from apps.markets.models import FxRateRequest, MaintenanceRequest, MarketStateRequest, OfficialMarkRequest
from apps.promotions.models import Promotion
from apps.releases.models import GateWaiver
from apps.risk.models import Hold, KillDrill, LimitRaise, Throttle

DUTIES_SHOWN = 10
IN_DOUBT = "only the venue’s desk can tell what became of it"
OVERDUE = "promotions below it are blocked until one passes"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that this person may decide."""

    title: str
    detail: str
    url: str
    mode: str
    asked_by: str
    at: datetime
    expires: bool = True


def tasks(user: User) -> list[Task]:
    """What waits for this person: first what keeps bots from trading, then votes, soonest to expire first."""
    waiting = sorted(access.open_consents_for(user), key=lambda consent: consent.expires_at)
    targets = _targets(waiting)
    return _duties(user) + [_task(consent, targets.get(consent.object_id)) for consent in waiting]


def _duties(user: User) -> list[Task]:
    """What this person may set right alone: orders in doubt, throttled bots, overdue drills."""
    doubt = orders.for_people(user, Permission.OPERATE)[:DUTIES_SHOWN]
    may_enable = access.visible_scope_ids(user, Permission.RELEASE_HOLD)
    throttles = [row for row in limits.throttled(user) if row.scope_id in may_enable][:DUTIES_SHOWN]
    may_drill = {scope.pk for scope in holds.drillable(user)}
    late = {row.scope_id: row for row in holds.overdue_drills(user) if row.scope_id in may_drill}
    return [
        *(
            _duty(f"Ask the venue about {row.side} {row.instrument} of {row.bot}", IN_DOUBT, _order(row), row)
            for row in doubt
        ),
        *(_duty(f"Enable {row.scope}", row.reason, f"{reverse('limits')}#throttle-{row.pk}", row) for row in throttles),
        *(
            _duty(f"Drill the kill switch of {row.scope}", OVERDUE, reverse("holds") + "#drill-list", row)
            for row in list(late.values())[:DUTIES_SHOWN]
        ),
    ]


def _duty(title: str, detail: str, url: str, row: Order | Throttle | KillDrill) -> Task:
    return Task(title, detail, url, mode="", asked_by="platform", at=row.created_at, expires=False)


def _order(row: Order) -> str:
    return reverse("order", args=[row.pk]) + "#settle"


def _targets(waiting: list[Consent]) -> dict[UUID, object]:
    ids = {consent.object_id for consent in waiting}
    found: dict[UUID, object] = {}
    found.update(Promotion.objects.select_related("bot", "account", "release__code_version").in_bulk(ids))
    found.update(Hold.objects.select_related("scope").in_bulk(ids))
    found.update(LimitRaise.objects.select_related("scope").in_bulk(ids))
    found.update(
        OrderSettlement.objects.select_related("order__instrument", "order__bot", "order__account").in_bulk(ids)
    )
    found.update(FxRateRequest.objects.in_bulk(ids))
    found.update(MarketStateRequest.objects.select_related("instrument").in_bulk(ids))
    found.update(MaintenanceRequest.objects.select_related("window__scope").in_bulk(ids))
    found.update(OfficialMarkRequest.objects.select_related("instrument").in_bulk(ids))
    found.update(GateWaiver.objects.select_related("gate__release__bot", "gate__release__code_version").in_bulk(ids))
    found.update(SignalSource.objects.select_related("deployment__bot", "deployment__account").in_bulk(ids))
    return found


def _task(consent: Consent, target: object) -> Task:
    title, url, mode = f"{consent.act} on {consent.scope}", reverse("home"), ""
    if isinstance(target, Promotion):
        version = target.release.code_version.version
        goal = f"{words(target.stage)}, {target.environment}"
        title = f"Approve {target}: {target.bot} {version} → {goal}"
        url, mode = reverse("promotion", args=[target.number]) + "#votes", target.account.mode
    elif isinstance(target, Hold):
        title, url = f"Release the hold on {target.scope}", f"{reverse('holds')}#hold-{target.pk}"
    elif isinstance(target, LimitRaise):
        title = f"Raise {target.get_kind_display().lower()} of {target.scope}"
        url = f"{reverse('limits')}#raise-{target.pk}"
    elif isinstance(target, OrderSettlement):
        order = target.order
        title = f"Settle {order.side} {order.instrument} of {order.bot}: {target.get_outcome_display().lower()}"
        url, mode = _order(order), order.account.mode
    elif isinstance(target, FxRateRequest):
        title = f"Agree to a rate of {text_of(target.rate)} from {target.base} to {target.quote}"
        url = f"{reverse('markets')}#asked-{target.pk}"
    elif isinstance(target, MarketStateRequest):
        title = f"Let more trade in {target.instrument}: {target.get_state_display().lower()}"
        url = f"{reverse('markets')}#asked-{target.pk}"
    elif isinstance(target, MaintenanceRequest):
        title = f"Agree to less maintenance of {target.window.scope.name}"
        url = f"{reverse('markets')}#asked-{target.pk}"
    elif isinstance(target, OfficialMarkRequest):
        title = f"Agree to the {target.kind} of {target.instrument} on {target.trading_day}: {text_of(target.price)}"
        url = f"{reverse('marks')}#asked-{target.pk}"
    elif isinstance(target, SignalSource):
        deployment = target.deployment
        title = f"Activate the signal source {target} for {deployment.bot}"
        url, mode = f"{reverse('signal_sources')}#source-{target.pk}", deployment.account.mode
    elif isinstance(target, GateWaiver):
        gate = target.gate
        title = f"Waive {gate.get_kind_display().lower()} for {gate.release}"
        url = f"{reverse('release', args=[gate.release_id])}#gate-{gate.pk}"
    return Task(title, consent.reason, url, mode, consent.requested_by.display_name, consent.expires_at)


def standings(user: User) -> dict[str, int]:
    """How many bots within reach are active, reducing, halted."""
    bots = list(access.within(Bot.objects.select_related("scope"), user, "scope"))
    running = fleet.running_by_bot([bot.pk for bot in bots])
    by_scope = trading.holds_by_scope()
    counted = Counter(
        trading.strictest(trading.scopes_of(bot, running[bot.pk]), by_scope).name for bot in bots if running.get(bot.pk)
    )
    return {name: counted.get(name, 0) for name in ("ACTIVE", "REDUCING", "HALTED")}
