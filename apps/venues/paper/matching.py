"""Matching at the paper venue: every bar once, in order, one transaction each.

Locks are taken in one order, market then accounts by id, so that markets matched side by side cannot
deadlock, and a kill at any point leaves the books as they were before the bar.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import transaction
from quarterdeck.decimals import EXACT
from quarterdeck.events import Bar, Instrument, Side

from apps.common.nudges import wake
from apps.markets import selectors as markets
from apps.markets.models import Feed
from apps.runtime.simulator import (
    Holding,
    MatchResult,
    SimConfig,
    SimFill,
    SimOrder,
    SimState,
    apply_fill,
    cash_delta,
    match,
)
from apps.venues.adapters.base import VenueOrderState
from apps.venues.paper import books, late, rules
from apps.venues.paper.models import PaperAccount, PaperMarket, PaperOrder, PaperPosition, PaperTrade
from apps.venues.paper.services import reserved_cash

log = structlog.get_logger(__name__)
ZERO = Decimal(0)
BARS_MAX = 500
END_MS = 2**62
STATES = {
    SimState.WORKING: VenueOrderState.OPEN,
    SimState.FILLED: VenueOrderState.FILLED,
    SimState.CANCELED: VenueOrderState.CANCELED,
    SimState.EXPIRED: VenueOrderState.EXPIRED,
}


@dataclass(slots=True)
class Ledger:
    """One account during one bar, its row locked: what changes is written once, when the bar is done."""

    account: PaperAccount
    position: PaperPosition
    reserved: Decimal
    sequence: int
    volume_used: Decimal = ZERO
    trades: list[PaperTrade] = field(default_factory=list)

    def book(self, order: PaperOrder, fill: SimFill, market: PaperMarket) -> None:
        """Put one execution into cash, position and trades."""
        side, held = Side(order.side), self.position
        holding = Holding(held.quantity, held.average_price)
        holding = apply_fill(holding, side, fill.quantity, fill.price, fill.fee, market.multiplier)
        held.quantity, held.average_price = holding.quantity, holding.average_price
        delta = cash_delta(side, fill.quantity, fill.price, fill.fee, market.multiplier)
        self.account.cash = EXACT.add(self.account.cash, delta)
        self.volume_used = EXACT.add(self.volume_used, fill.quantity)
        self.sequence += 1
        self.trades.append(
            PaperTrade(
                order=order,
                account=self.account,
                sequence=self.sequence,
                trade_id=f"{order.pk.hex}-{fill.market_ms}",
                symbol=order.symbol,
                side=order.side,
                quantity=fill.quantity,
                price=fill.price,
                fee=fill.fee,
                market_ms=fill.market_ms,
            )
        )

    def write(self) -> None:
        """Store the account, its position and its new trades."""
        if self.trades:
            self.account.save(update_fields=["cash"])
            self.position.save()
            PaperTrade.objects.bulk_create(self.trades)


@dataclass(frozen=True, slots=True)
class Venue:
    """A market with the simulator's view of it."""

    market: PaperMarket
    instrument: Instrument
    config: SimConfig


def match_due() -> int:
    """Match every market up to its feed's last complete bar; how many bars. One bad market stops no other.

    Requests that were on their way arrive first.
    """
    total = 0
    try:
        late.deliver_due()
    except Exception as error:
        log.exception("paper.late_failed", error=type(error).__name__)
    for symbol in PaperMarket.objects.order_by("symbol").values_list("symbol", flat=True):
        try:
            total += match_market(symbol)
        except Exception as error:
            log.exception("paper.match_failed", symbol=symbol, error=type(error).__name__)
    return total


def match_market(symbol: str, *, bars_max: int = BARS_MAX) -> int:
    """Match up to `bars_max` new bars of a market; how many. Nothing while another process does it."""
    total = 0
    while total < bars_max:
        done = _step(symbol)
        if done == 0:
            break
        total += done
    return total


def _step(symbol: str) -> int:
    """One transaction: the next bar, or all of them at once while no order is open."""
    with transaction.atomic():
        market = PaperMarket.objects.select_for_update(skip_locked=True).filter(symbol=symbol).first()
        if market is None:
            return 0
        feed = Feed.objects.select_related("dataset", "instrument").get(name=market.feed)
        has_orders = PaperOrder.objects.filter(symbol=symbol, state=VenueOrderState.OPEN).exists()
        bars = markets.bars_between(feed, market.matched_until_ms, END_MS, limit=1 if has_orders else None)
        if not bars:
            return 0
        if has_orders:
            _match_bar(market, bars[0])
        market.matched_until_ms = bars[-1].end_ms
        market.save(update_fields=["matched_until_ms"])
        return len(bars)


def _match_bar(market: PaperMarket, bar: Bar) -> None:
    venue = Venue(market, market.instrument(), SimConfig.from_json(market.simulation))
    eligible = PaperOrder.objects.filter(
        symbol=market.symbol, state=VenueOrderState.OPEN, eligible_from_ms__lte=bar.start_ms
    )
    ledgers = _ledgers(market.symbol, set(eligible.values_list("account_id", flat=True)))
    has_changed = False
    # Read after the accounts are locked: a cancel may have come in between.
    for order in eligible.filter(account_id__in=list(ledgers)).order_by("id"):
        has_changed |= _match_order(venue, ledgers[order.account_id], order, bar)
    for ledger in ledgers.values():
        ledger.write()
    if has_changed:
        wake("execution.sync_due_accounts")


def _ledgers(symbol: str, account_ids: set[UUID]) -> dict[UUID, Ledger]:
    accounts = PaperAccount.objects.select_for_update().filter(pk__in=account_ids).order_by("pk")
    return {account.pk: _ledger(account, symbol) for account in accounts}


def _ledger(account: PaperAccount, symbol: str) -> Ledger:
    held = PaperPosition.objects.filter(account=account, symbol=symbol).first()
    return Ledger(
        account=account,
        position=held or PaperPosition(account=account, symbol=symbol, quantity=ZERO, average_price=ZERO),
        reserved=reserved_cash(account),
        sequence=books.last_sequence(account),
    )


def _match_order(venue: Venue, ledger: Ledger, order: PaperOrder, bar: Bar) -> bool:
    """Let one bar trade against one order; whether its client would see a change."""
    sim = rules.sim_order(order.request(), order.eligible_from_ms, order.expires_ms)
    others = EXACT.subtract(ledger.reserved, order.reserved)
    result = match(
        sim,
        bar,
        venue.instrument,
        venue.config,
        filled=order.filled_quantity,
        triggered=order.is_triggered,
        position=ledger.position.quantity,
        buying_power=EXACT.subtract(ledger.account.cash, others),
        volume_used=ledger.volume_used,
        queue_ahead=order.queue_ahead,
        seed=rules.SEED,
    )
    result = _at_day_end(result, sim, bar)
    kept = (order.is_triggered, order.queue_ahead)
    if result.state == SimState.WORKING and not result.fills and (result.triggered, result.queue_ahead) == kept:
        return False
    for fill in result.fills:
        ledger.book(order, fill, venue.market)
    _update(order, result)
    is_open = order.state == VenueOrderState.OPEN
    leaves = EXACT.subtract(order.quantity, order.filled_quantity) if is_open else ZERO
    order.reserved = rules.reservation(sim, venue.instrument, venue.config, bar.open, leaves)
    ledger.reserved = EXACT.add(others, order.reserved)
    order.save()
    return bool(result.fills) or not is_open


def _at_day_end(result: MatchResult, sim: SimOrder, bar: Bar) -> MatchResult:
    """A DAY order ends with the last bar of its trading day, not only when the next day's first bar comes."""
    if result.state == SimState.WORKING and sim.expires_ms is not None and sim.expires_ms <= bar.end_ms:
        return replace(result, state=SimState.EXPIRED, code="ORDER_EXPIRED")
    return result


def _update(order: PaperOrder, result: MatchResult) -> None:
    for fill in result.fills:
        order.average_price = rules.average(order.filled_quantity, order.average_price, fill.quantity, fill.price)
        order.filled_quantity = EXACT.add(order.filled_quantity, fill.quantity)
    order.is_triggered, order.queue_ahead = result.triggered, result.queue_ahead
    order.state = STATES[result.state]
    order.reject_code = result.code
