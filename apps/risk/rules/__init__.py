"""The pre-trade check: pure, exact, and explicit about every refusal (SEC rule 15c3-5; RTS 6 art. 15)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, getcontext, localcontext, setcontext

from apps.risk.rules import prices, shape, sizes, standing, sums
from apps.risk.rules.codes import CODES, PER_BOT, PER_SCOPE, REQUIRED
from apps.risk.rules.facts import (
    ACTIVE,
    BPS,
    FIGURES,
    HALTED,
    REDUCING,
    ZERO,
    Denial,
    Entitlements,
    ExposureFacts,
    HedgeFacts,
    InstrumentFacts,
    MaintenanceFacts,
    MarketFacts,
    OrderFacts,
    ScopeFacts,
    SessionFacts,
    VenueFacts,
)
from apps.risk.rules.prices import notional
from apps.risk.rules.sizes import closable, worst_position
from apps.risk.rules.standing import passes_holds

__all__ = [
    "ACTIVE",
    "BPS",
    "CODES",
    "HALTED",
    "PER_BOT",
    "PER_SCOPE",
    "REDUCING",
    "REQUIRED",
    "Denial",
    "Entitlements",
    "ExposureFacts",
    "HedgeFacts",
    "InstrumentFacts",
    "MaintenanceFacts",
    "MarketFacts",
    "OrderFacts",
    "ScopeFacts",
    "SessionFacts",
    "VenueFacts",
    "check",
    "check_net",
    "check_sums",
    "closable",
    "notional",
    "passes_holds",
    "strictest",
    "worst_position",
]


def check(
    order: OrderFacts,
    instrument: InstrumentFacts | None,
    exposure: ExposureFacts,
    limits: Mapping[str, Decimal],
    market: MarketFacts,
    *,
    entitlements: Entitlements,
    venue: VenueFacts,
    session: SessionFacts,
    scopes: Sequence[ScopeFacts],
) -> list[Denial]:
    """Every reason to refuse `order`; empty means that it may go on to a send permit.

    `limits` maps PER_BOT kinds, and `capital` in the account's currency, to the strictest value of the order's
    lineages; PER_SCOPE kinds are read from each of `scopes`. A kind that is nowhere refuses what opens. Zero is a
    limit that nothing fits into. Never raises for a figure: one that is no number refuses.
    """
    if instrument is None:
        return [Denial("INSTRUMENT_UNKNOWN", {})]
    outer = getcontext()
    setcontext(FIGURES)
    try:
        return _denials(order, instrument, exposure, limits, market, entitlements, venue, session, scopes)
    except ArithmeticError:
        return [Denial("FIGURES_UNUSABLE", {})]  # too long to be computed exactly
    finally:
        setcontext(outer)


def _denials(
    order: OrderFacts,
    instrument: InstrumentFacts,
    exposure: ExposureFacts,
    limits: Mapping[str, Decimal],
    market: MarketFacts,
    entitlements: Entitlements,
    venue: VenueFacts,
    session: SessionFacts,
    scopes: Sequence[ScopeFacts],
) -> list[Denial]:
    found: list[Denial] = []
    shape.judge(order, instrument, found)
    if found:
        return found

    # Whatever the purpose.
    standing.judge_always(order, instrument, exposure, venue, found)
    prices.judge_prices(order, market, limits, found)
    if order.purpose == "EXIT":
        sizes.judge_exit_pace(order, exposure, limits, found)
        sizes.judge_reduction(order, exposure, found)
        if not (order.by_person or order.is_planned):
            sums.judge_exit_net(order.side, order.quantity, scopes, found)
        return found

    # What opens or guards.
    unit = prices.unit_value(order, instrument, market)
    value = prices.judge_notional(order, unit, market, limits, found)
    prices.judge_decision(order, instrument, market, found)
    standing.judge_entitlements(order, entitlements, venue, found)
    standing.judge_extended(order, instrument, entitlements, found)
    sizes.judge_quantity(order, limits, found)
    sizes.judge_pace(exposure, limits, found)
    sums.judge_open_orders(scopes, found)
    if order.is_reduce_only or order.purpose == "PROTECTIVE":
        sizes.judge_reduction(order, exposure, found)
    standing.judge_self_trade(exposure, found)
    if order.purpose == "PROTECTIVE":
        return found

    # What opens; a purpose that nobody knows counts as opening.
    worst = sizes.judge_position(order, exposure, limits, found)
    sizes.judge_repetition(exposure, limits, found)
    standing.judge_session(order, session, found)
    standing.judge_maintenance(venue, session, found)
    standing.judge_conduct(exposure, found)
    standing.judge_shorting(order, worst, entitlements, found)
    prices.judge_money(order, unit, worst, limits, market, venue, found)
    sums.judge_exposure(order.side, value, scopes, found)
    sums.judge_losses(scopes, found)
    return found


def check_sums(order: OrderFacts, scopes: Sequence[ScopeFacts]) -> list[Denial]:
    """What is over a limit on books that count `order` already: gross, net and open orders."""
    found: list[Denial] = []
    with localcontext(FIGURES):
        sums.judge_exposure(order.side, ZERO, scopes, found)
        sums.judge_open_orders([replace(scope, open_orders=scope.open_orders - 1) for scope in scopes], found)
    return found


def check_net(order: OrderFacts, scopes: Sequence[ScopeFacts]) -> list[Denial]:
    """What a bot's exit grows on scopes whose `leaving` counts it already."""
    found: list[Denial] = []
    with localcontext(FIGURES):
        sums.judge_exit_net(order.side, ZERO, scopes, found)
    return found


def strictest(values: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    """The effective limits: the smallest value of each kind over all sources."""
    merged: dict[str, Decimal] = {}
    for source in values:
        for kind, value in source.items():
            merged[kind] = min(value, merged.get(kind, value))
    return merged
