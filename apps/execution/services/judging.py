"""The pre-trade check around its pure rules: what is read, what follows for the books of the scopes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from decimal import Decimal
from math import ceil
from typing import Any
from uuid import UUID

from quarterdeck.decimals import EXACT

from apps.common.clocks import wall_now
from apps.common.errors import Refused
from apps.deployments.models import Deployment
from apps.execution import standing as stands
from apps.execution.models import Order
from apps.execution.services import ledger
from apps.execution.services.tickets import Ticket
from apps.execution.states import WORKING, Purpose
from apps.markets import selectors as markets
from apps.markets.models import Instrument
from apps.risk import rules
from apps.risk import services as risk
from apps.risk.models import Exposure
from apps.risk.states import PER_SCOPE, TradingState
from apps.venues import services as venues
from apps.venues.adapters.base import Capabilities

ZERO = Decimal(0)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERYTHING = {
    "sides": ("BUY", "SELL"),
    "order_types": ("MARKET", "LIMIT", "STOP", "STOP_LIMIT"),
    "times_in_force": ("DAY", "GTC", "IOC", "FOK"),
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the check said, and the figures that it went by.

    `unit_base` is what one unit counts for on the books of the scopes. `scopes` are the sums before the order.
    `is_netted` says that it is an exit which may not grow the net of its account or bucket.
    """

    order: rules.OrderFacts
    denials: list[rules.Denial]
    limits: dict[str, Decimal]
    scopes: dict[UUID, rules.ScopeFacts]
    market: rules.MarketFacts
    market_at: datetime
    unit_base: Decimal
    cash: Decimal | None
    capabilities: Capabilities
    is_netted: bool

    @property
    def codes(self) -> list[str]:
        """The codes of the denials."""
        return [denial.code for denial in self.denials]


def judge(ticket: Ticket, exposure: Exposure, rates: tuple[int, int], *, besides: Order | None = None) -> Judgement:
    """Check a ticket against everything that stands now; `besides` is an order that it replaces.

    `exposure` is the bot's row in the instrument, `rates` its orders of this minute and second; under their
    locks the answer holds until the transaction ends, but for what several bots share (see `overdrawn`).
    """
    deployment = ticket.deployment
    scope_ids = ledger.scope_ids(deployment)
    asked = _asked(ticket, scope_ids, besides)
    standing, is_netted = stands.around(asked), _is_netted(ticket, besides)
    reading = markets.reading(deployment.feed, with_extended=_needs_extended_price(ticket))
    market = _market(ticket, reading, standing)
    scopes = _scopes(standing, scope_ids, deployment, besides)
    if is_netted:
        scopes |= _hedged(scopes, asked, deployment)
    limits = _limits(standing, deployment)
    capabilities = venues.capabilities_of(deployment.account)
    order, instrument = _order(ticket, standing, besides), _instrument(ticket, standing, reading.market_at)
    denials = rules.check(
        order,
        instrument,
        _exposure(ticket, exposure, rates, standing, besides),
        limits,
        market,
        entitlements=_entitlements(deployment),
        venue=_venue(capabilities, standing, scopes, deployment, market),
        session=_session(ticket, standing, reading),
        scopes=list(scopes.values()),
    )
    if ticket.purpose == Purpose.PROTECTIVE and not capabilities.has_reduce_only:
        # It could turn the position around together with an exit, and no venue would stop it.
        denials.append(rules.Denial("VENUE_CANNOT", {"purpose": ticket.purpose}))
    unit = rules.notional(replace(order, quantity=Decimal(1)), instrument, market)
    return Judgement(
        order,
        denials,
        limits,
        scopes,
        market,
        reading.market_at,
        risk.worth(Decimal(1), unit or ZERO),
        standing.cash,
        capabilities,
        is_netted,
    )


def _needs_extended_price(ticket: Ticket) -> bool:
    """Whether the feed must deliver in extended hours too: what opens there is not priced by the close before.

    An exit is not held up by it: it could as well go out without asking for those hours.
    """
    return ticket.is_extended_hours and ticket.purpose != Purpose.EXIT


def overdrawn(ticket: Ticket, judged: Judgement, sums: Mapping[UUID, risk.Sums]) -> list[rules.Denial]:
    """What an order that was just added to the books of its scopes has put over a limit.

    The check read those books before other bots' orders could be kept out; now their rows are ours until the
    transaction ends, so the last unit goes to one order only. So it is with exits of bots that hedge each other: every
    one of a bucket counts itself in under the lock of the bucket's book, and sees here all that did so before.
    """
    found: list[rules.Denial] = []
    if not sums:  # nothing was added
        return found
    if ticket.purpose == Purpose.EXIT:
        return _grown(ticket, judged) if judged.is_netted else found
    if ticket.purpose == Purpose.OPENING:
        after = [_after(facts, sums[pk]) for pk, facts in judged.scopes.items() if pk in sums]
        found += rules.check_sums(judged.order, after)
        account = sums.get(ticket.deployment.account.scope_id)
        if ticket.side == "BUY" and account is not None and _overspends(account, judged):
            found.append(rules.Denial("BUYING_POWER_EXCEEDED", {}))
    if stands.crosses_own(_asked(ticket, [], None)):
        found.append(rules.Denial("SELF_TRADE", {}))
    return found


def _is_netted(ticket: Ticket, besides: Order | None) -> bool:
    """Whether it is a new exit of a bot: people and plans know why, and new terms let no more leave than the old."""
    return ticket.purpose == Purpose.EXIT and not (ticket.by_person or ticket.by_plan) and besides is None


def _hedged(
    scopes: Mapping[UUID, rules.ScopeFacts], asked: stands.Asked, deployment: Deployment
) -> dict[UUID, rules.ScopeFacts]:
    """The bucket and the account where another bot holds the opposite of what the exit closes."""
    of_both = zip(deployment.account.scope.lineage[-2:], stands.hedges(asked), strict=True)
    return {pk: replace(scopes[pk], hedge=hedge) for pk, hedge in of_both if hedge is not None}


def _grown(ticket: Ticket, judged: Judgement) -> list[rules.Denial]:
    """An exit that was just counted in, by the units that stand now."""
    hedged = _hedged(judged.scopes, _asked(ticket, [], None), ticket.deployment)
    return rules.check_net(judged.order, list(hedged.values()))


def _overspends(account: risk.Sums, judged: Judgement) -> bool:
    return judged.cash is None or _in_account_currency(account.buying, judged.market) > judged.cash


def _after(facts: rules.ScopeFacts, sums: risk.Sums) -> rules.ScopeFacts:
    return replace(
        facts, gross=sums.gross, net=sums.net, buying=sums.buying, selling=sums.selling, open_orders=sums.open_orders
    )


def _asked(ticket: Ticket, scope_ids: list[UUID], besides: Order | None) -> stands.Asked:
    deployment = ticket.deployment
    return stands.Asked(
        scopes=scope_ids,
        bot=deployment.bot_id,
        bot_scope=deployment.bot.scope_id,
        account=deployment.account_id,
        bucket=deployment.account.bucket_id,
        mode=deployment.account.mode,
        venue=deployment.account.venue_id,
        instrument=ticket.instrument.pk,
        side=ticket.side,
        order_type=ticket.order_type,
        quantity=ticket.quantity,
        limit_price=ticket.limit_price,
        stop_price=ticket.stop_price,
        purpose=ticket.purpose,
        parent=ticket.parent_id,
        source=f"venue:{deployment.account.venue.name}",
        besides=stands.NOBODY if besides is None else besides.pk,
    )


def _order(ticket: Ticket, standing: stands.Standing, besides: Order | None) -> rules.OrderFacts:
    left = None
    if ticket.parent_id is not None:
        own = ZERO if besides is None else besides.filled_quantity
        left = EXACT.subtract(ticket.parent_quantity or ZERO, EXACT.add(standing.parent_used, own))
    return rules.OrderFacts(
        side=ticket.side,
        quantity=ticket.quantity,
        order_type=ticket.order_type,
        time_in_force=ticket.time_in_force,
        purpose=ticket.purpose,
        parent_left=left,
        parent_agrees=standing.parent_quantity in (None, ticket.parent_quantity),
        limit_price=ticket.limit_price,
        stop_price=ticket.stop_price,
        is_reduce_only=ticket.is_reduce_only,
        is_post_only=ticket.is_post_only,
        is_extended_hours=ticket.is_extended_hours,
        by_person=ticket.by_person,
        is_planned=ticket.by_plan,
    )


def _instrument(ticket: Ticket, standing: stands.Standing, market_at: datetime) -> rules.InstrumentFacts:
    instrument = ticket.instrument
    return rules.InstrumentFacts(
        lot_size=instrument.lot_size,
        tick_size=instrument.tick_size,
        multiplier=instrument.multiplier,
        is_entitled=instrument.pk == ticket.deployment.instrument_id,
        is_expired=instrument.expires_at is not None and instrument.expires_at <= market_at,
        limit_up=standing.limit_up,
        limit_down=standing.limit_down,
        has_extended_hours=instrument.has_extended_hours,
    )


def _exposure(
    ticket: Ticket,
    exposure: Exposure,
    rates: tuple[int, int],
    standing: stands.Standing,
    besides: Order | None,
) -> rules.ExposureFacts:
    account = ticket.deployment.account
    position, buys, sells = exposure.position, exposure.working_buy, exposure.working_sell
    if besides is not None:
        buys -= besides.reserved_quantity if besides.side == "BUY" else ZERO
        sells -= besides.reserved_quantity if besides.side == "SELL" else ZERO
    if ticket.confirmed is not None:
        position, buys, sells = ticket.confirmed
    elif ticket.purpose == Purpose.EXIT:
        # A resting protective order can only reduce, so it does not stand in the way of getting out.
        buys, sells = ledger.working_exits(account, ticket.instrument, WORKING, besides=besides)
    return rules.ExposureFacts(
        position=position,
        working_buy=buys,
        working_sell=sells,
        orders_this_minute=rates[0],
        orders_this_second=rates[1],
        repeats=standing.repeats,
        is_throttled=standing.is_throttled,
        is_duplicate=standing.is_duplicate and besides is None,
        crosses_own=standing.crosses_own,
        trading_state=max((TradingState[level] for level in standing.holds), default=TradingState.ACTIVE),
        mode_agrees=ticket.deployment.mode == account.mode == account.venue.mode,
    )


def _limits(standing: stands.Standing, deployment: Deployment) -> dict[str, Decimal]:
    """The strictest of each kind that is compared per bot: the stricter of ledger and bundle, and the capital."""
    merged = rules.strictest(standing.limits.values())
    narrowed = {kind: Decimal(value) for kind, value in deployment.limits.items() if kind in merged}
    return rules.strictest([merged, narrowed]) | {"capital": deployment.capital}


def _scopes(
    standing: stands.Standing, scope_ids: Sequence[UUID], deployment: Deployment, besides: Order | None
) -> dict[UUID, rules.ScopeFacts]:
    """Limits and sums of each scope; one whose book nobody keeps yet counts as not marked."""
    books = {book.scope_id: book for book in standing.books}
    found = {}
    for pk in scope_ids:
        book = books.get(pk) or stands.Book(pk, str(pk), ZERO, ZERO, ZERO, ZERO, 0, None, None)
        limits = {kind: value for kind, value in standing.limits.get(pk, {}).items() if kind in PER_SCOPE}
        found[pk] = _facts(book, limits, besides)
    own = found[deployment.bot.scope_id]
    known = {kind for limits in standing.limits.values() for kind in limits if kind in PER_SCOPE}
    narrowed = {kind: Decimal(value) for kind, value in deployment.limits.items() if kind in known}
    found[deployment.bot.scope_id] = replace(own, limits=rules.strictest([own.limits, narrowed]))
    return found


def _facts(book: stands.Book, limits: dict[str, Decimal], besides: Order | None) -> rules.ScopeFacts:
    amount = ZERO if besides is None else risk.worth(besides.reserved_quantity, besides.unit_base)
    is_buy = besides is not None and besides.side == "BUY"
    return rules.ScopeFacts(
        name=book.name,
        limits=limits,
        gross=book.gross,
        net=book.net,
        buying=book.buying - (amount if is_buy else ZERO),
        selling=book.selling - (ZERO if is_buy else amount),
        open_orders=book.open_orders - (0 if besides is None else 1),
        daily_loss=book.daily_loss,
        drawdown=book.drawdown,
    )


def _market(ticket: Ticket, reading: markets.Reading, standing: stands.Standing) -> rules.MarketFacts:
    deployment, bar = ticket.deployment, reading.bar
    staleness_ms_max = _bundle(deployment)["data_contract"]["staleness_ms_max"]
    speed = deployment.feed.speed
    age_ms = 0 if bar is None or ticket.decided_ms is None else (bar.end_ms - ticket.decided_ms) // speed
    return rules.MarketFacts(
        reference_price=bar.close if bar else None,
        is_fresh=reading.late_ms <= staleness_ms_max,
        base_rate=rate(ticket.instrument, standing.base_currency),
        account_rate=rate(ticket.instrument, deployment.account.currency),
        is_decision_fresh=age_ms <= staleness_ms_max,
        venue_price=standing.venue_price,
        is_venue_price_fresh=standing.is_venue_price_fresh,
    )


def rate(instrument: Instrument, currency: str) -> Decimal | None:
    """The rate from the instrument's quote currency, None when it is missing or stale."""
    try:
        return markets.convert_rate(instrument.quote_currency, currency, wall_now())
    except Refused:
        return None


def _venue(
    capabilities: Capabilities,
    standing: stands.Standing,
    scopes: dict[UUID, rules.ScopeFacts],
    deployment: Deployment,
    market: rules.MarketFacts,
) -> rules.VenueFacts:
    power = None
    if standing.cash is not None:
        power = standing.cash - _in_account_currency(scopes[deployment.account.scope_id].buying, market)
    return rules.VenueFacts(
        order_types=capabilities.order_types,
        times_in_force=capabilities.times_in_force,
        has_reduce_only=capabilities.has_reduce_only,
        has_post_only=capabilities.has_post_only,
        has_extended_hours=capabilities.has_extended_hours,
        is_up=standing.is_venue_up,
        maintenance=_maintenance(standing, wall_now()),
        buying_power=power,
    )


def _maintenance(standing: stands.Standing, now: datetime) -> rules.MaintenanceFacts | None:
    if standing.maintenance is None:
        return None
    starts_at, ends_at = standing.maintenance
    return rules.MaintenanceFacts(starts_in_s=ceil((starts_at - now).total_seconds()), ends_at=ends_at.isoformat())


def _in_account_currency(amount: Decimal, market: rules.MarketFacts) -> Decimal:
    """Base currency as the account's; without rates the check refuses what opens for that reason."""
    if not market.base_rate or not market.account_rate or market.base_rate == market.account_rate:
        return amount
    return EXACT.divide(EXACT.multiply(amount, market.account_rate), market.base_rate)


def _entitlements(deployment: Deployment) -> rules.Entitlements:
    asked = EVERYTHING | _bundle(deployment).get("permissions", {})
    return rules.Entitlements(
        sides=frozenset(asked["sides"]),
        order_types=frozenset(asked["order_types"]),
        times_in_force=frozenset(asked["times_in_force"]),
        shorting=bool(asked.get("shorting", False)),
        extended_hours=bool(asked.get("extended_hours", False)),
    )


def _session(ticket: Ticket, standing: stands.Standing, reading: markets.Reading) -> rules.SessionFacts:
    """The session of the newest bar, open only while the feed's schedule is in the same one.

    A bar says when something last traded, not that the market still trades: the one before the close may be missing.
    """
    bundle, instrument, market_at = _bundle(ticket.deployment), ticket.deployment.instrument, reading.market_at
    extended_close = markets.extended_close(instrument, market_at) if ticket.is_extended_hours else None
    closes_at = markets.closes_at(instrument, market_at) or extended_close
    is_in_window = is_within(bundle.get("session_windows"), market_at)
    end_of_day = bundle.get("end_of_day", {"policy": "carry"})
    is_flat = end_of_day["policy"] == "flat"
    return rules.SessionFacts(
        is_open=_is_one_session(instrument, reading) and is_in_window,
        is_halted=standing.is_halted,
        closes_in_s=None if closes_at is None else int((closes_at - market_at).total_seconds()),
        flat_before_close_s=60 * end_of_day.get("minutes_before_close", 15) if is_flat else None,
        is_extended=extended_close is not None and _is_one_day(instrument, reading) and is_in_window,
    )


def _is_one_session(instrument: Instrument, reading: markets.Reading) -> bool:
    times = (reading.market_at, reading.scheduled_at)
    is_open = all(markets.is_open(instrument, at) for at in times)
    return is_open and len({markets.closes_at(instrument, at) for at in times}) == 1


def _is_one_day(instrument: Instrument, reading: markets.Reading) -> bool:
    return len({markets.extended_close(instrument, at) for at in (reading.market_at, reading.scheduled_at)}) == 1


def is_within(windows: Sequence[Mapping[str, Any]] | None, market_at: datetime) -> bool:
    """Whether a bundle's session windows (UTC, market clock) allow trading; no windows allow it always."""
    if not windows:
        return True
    day, clock = DAYS[market_at.weekday()], market_at.time()
    return any(day in window["days"] and _starts(window) <= clock and _before_end(window, clock) for window in windows)


def _starts(window: Mapping[str, Any]) -> time:
    return time.fromisoformat(window["from"])


def _before_end(window: Mapping[str, Any], clock: time) -> bool:
    return window["until"] == "24:00" or clock < time.fromisoformat(window["until"])


def _bundle(deployment: Deployment) -> dict[str, Any]:
    content: dict[str, Any] = deployment.release.config_bundle.content
    return content
