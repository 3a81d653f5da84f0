"""Valuation: positions at their last price, and the books of the scopes that add them up.

A position is valued at the last price of its bot's feed, even a late one: a loss that is known late is still a
loss, and the bot itself is refused for its stale price. Without a rate to base currency nothing is marked, and
what opens is denied until there is one.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import structlog
from django.db.models import Q
from quarterdeck.decimals import EXACT

from apps.access import selectors as access
from apps.audit.context import acting, job
from apps.bots.states import Mode
from apps.common import nudges
from apps.common.clocks import wall_now
from apps.common.errors import DomainError, Refused
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.execution.models import Order, Position
from apps.execution.services import day_closes, ledger
from apps.markets import selectors as markets
from apps.risk import services as risk

log = structlog.get_logger(__name__)
ZERO = Decimal(0)
RELATED = (
    "bot__scope",
    "account__scope",
    "account__venue__scope",
    "instrument__scope",
    "feed__dataset",
    "feed__instrument",
)


@dataclass(slots=True)
class Marked:
    """Scopes whose positions could all be valued, and the trading day that each has reached."""

    days: dict[UUID, date] = field(default_factory=dict)
    unknown: set[UUID] = field(default_factory=set)
    by_replay: set[UUID] = field(default_factory=set)
    reached: list[tuple[Deployment, date]] = field(default_factory=list)

    def reach(self, scope_ids: list[UUID], day: date, *, is_replayed: bool) -> None:
        """A day that a feed has reached; where a live feed trades, replays in their own time turn no day."""
        for scope_id in scope_ids:
            is_first, was_replayed = scope_id not in self.days, scope_id in self.by_replay
            if is_first or (was_replayed and not is_replayed):
                self.days[scope_id] = day
                (self.by_replay.add if is_replayed else self.by_replay.discard)(scope_id)
            elif was_replayed == is_replayed:
                self.days[scope_id] = max(day, self.days[scope_id])


def mark_books() -> int:
    """Value every position that somebody trades and mark the books above it; how many positions changed."""
    started_at, changed = wall_now(), 0
    marked = {mode: Marked() for mode in Mode}
    traded = in_use()
    if not traded:
        return 0
    currency = access.firm().base_currency
    for deployment in traded:
        scopes, of_mode = ledger.scope_ids(deployment), marked[Mode(deployment.account.mode)]
        try:
            changed += _value(deployment, currency)
            day = markets.trading_day(deployment.instrument, markets.market_now(deployment.feed))
        except DomainError as error:  # one feed or rate that is missing marks nothing below its scopes
            log.warning("books.not_marked", deployment=str(deployment.pk), code=error.code)
            of_mode.unknown.update(scopes)
            continue
        of_mode.reached.append((deployment, day))
        of_mode.reach(scopes, day, is_replayed=deployment.feed.speed != 1)
    for mode, of_mode in marked.items():
        _try_mark(of_mode, mode, started_at, currency)
    nudges.wake("execution.contain_breaches")
    return changed


def in_use() -> list[Deployment]:
    """Deployments that run or still hold something, the newest of each bot and account."""
    holding = Position.objects.exclude(quantity=0).values_list("bot_id", "account_id")
    held = [Q(bot_id=bot, account_id=account) for bot, account in holding]
    wanted = Q(desired=Desired.RUNNING)
    for one in held:
        wanted |= one
    newest: dict[tuple[UUID, UUID], Deployment] = {}
    for deployment in Deployment.objects.filter(wanted).select_related(*RELATED).order_by("id"):
        newest[(deployment.bot_id, deployment.account_id)] = deployment
    return list(newest.values())


def _value(deployment: Deployment, currency: str) -> int:
    """Value the deployment's position; 1 when its figures changed."""
    bar = markets.last_bar(deployment.feed)
    key = {"bot": deployment.bot_id, "account": deployment.account_id, "instrument": deployment.instrument_id}
    held = Position.objects.filter(**key).first()
    if held is None or bar is None:
        return 0
    rate = markets.convert_rate(deployment.instrument.quote_currency, currency, wall_now())
    if _figures(held, bar.close, rate, deployment.instrument.multiplier) == (held.value_base, held.pnl_base):
        return 0
    with acting(job("valuing"), "positions at their last price"):
        risk.lock_exposure(scope=deployment.bot.scope, instrument=deployment.instrument)
        row = Position.objects.select_for_update().get(pk=held.pk)
        _move(row, bar.close, rate, deployment)
    return 1


def revalue(position: Position, *, price: Decimal, order: Order) -> None:
    """Bring a locked position's value and profit up to date after a fill of `order` at `price`.

    A fill is a fact and is booked without a rate too: then the next valuation follows.
    """
    currency = access.firm().base_currency
    try:
        rate = markets.convert_rate(order.instrument.quote_currency, currency, wall_now())
    except Refused as error:
        log.warning("position.not_valued", position=str(position.pk), code=error.code)
        return
    _move(position, price, rate, order)


def _move(row: Position, price: Decimal, rate: Decimal, traded: Order | Deployment) -> None:
    gross, net, earned = _set_figures(row, price, rate, traded)
    row.save(update_fields=["value_base", "pnl_base"])
    risk.move_books(ledger.scope_ids(traded), mode=traded.account.mode, gross=gross, net=net, pnl=earned)


def _set_figures(
    row: Position, price: Decimal, rate: Decimal, traded: Order | Deployment
) -> tuple[Decimal, Decimal, Decimal]:
    """Set a position's value and profit without writing them; gross, net and profit that they move the books by."""
    value, pnl = _figures(row, price, rate, traded.instrument.multiplier)
    moved = abs(value) - abs(row.value_base), value - row.value_base, pnl - row.pnl_base
    row.value_base, row.pnl_base = value, pnl
    return moved


def _figures(row: Position, price: Decimal, rate: Decimal, multiplier: Decimal) -> tuple[Decimal, Decimal]:
    """Signed value and profit less fees of a position in base currency, to 18 decimal places."""
    unit = EXACT.multiply(EXACT.multiply(price, multiplier), rate)
    cost = EXACT.multiply(EXACT.multiply(row.average_price, multiplier), rate)
    value = risk.worth(row.quantity, unit)
    unrealised = value - risk.worth(row.quantity, cost)
    return value, unrealised + risk.worth(row.realised_pnl - row.fees, rate)


def _turns(marked: Marked, currency: str) -> list[day_closes.Turn]:
    """What turns with its day, and what that day would begin with; what cannot be priced now turns later."""
    found: list[day_closes.Turn] = []
    for deployment, day in day_closes.behind(marked.reached):
        try:
            bar = markets.last_bar(deployment.feed)
            rate = markets.convert_rate(deployment.instrument.quote_currency, currency, wall_now())
        except DomainError as error:
            log.warning("day.not_turned", deployment=str(deployment.pk), code=error.code)
            marked.unknown.update(ledger.scope_ids(deployment))
            continue
        if bar is not None:
            found.append(day_closes.Turn(deployment, day, bar.close, rate))
    # A position turns with all books above it, or later: a book that stays behind would miss what a mark restates.
    return [one for one in found if marked.unknown.isdisjoint(ledger.scope_ids(one.deployment))]


def _try_mark(marked: Marked, mode: Mode, at: datetime, currency: str) -> None:
    """Mark the books of one mode; what goes wrong with them leaves the other mode's marked."""
    try:
        _mark(marked, mode, at, currency)
    except Exception as error:
        log.exception("books.mark_failed", mode=mode.value, error=type(error).__name__)


def _mark(marked: Marked, mode: Mode, at: datetime, currency: str) -> None:
    risk.open_books(marked.days, mode=mode)
    turns = _turns(marked, currency)
    if not turns:
        _mark_scopes(marked, mode, at)
        return
    # What positions stood at and the day of the books commit together: the one without the other could not be restated.
    with acting(job("valuing"), "a trading day ended"):
        held = day_closes.locked(turns)
        risk.lock_books(marked.days, mode=mode)
        for row, turn in held:
            if row.quantity:  # figures that stay move nothing, and take no statement while the books are locked
                gross, net, earned = _set_figures(row, turn.price, turn.rate, turn.deployment)
                risk.move_books(ledger.scope_ids(turn.deployment), mode=mode, gross=gross, net=net, pnl=earned)
        _mark_scopes(marked, mode, at)
        day_closes.keep(held, mode=mode)


def _mark_scopes(marked: Marked, mode: Mode, at: datetime) -> None:
    by_day: dict[date, list[UUID]] = defaultdict(list)
    for scope_id, day in marked.days.items():
        if scope_id not in marked.unknown:
            by_day[day].append(scope_id)
    for day, scope_ids in by_day.items():
        risk.mark_books(scope_ids=scope_ids, mode=mode, at=at, trading_day=day)
