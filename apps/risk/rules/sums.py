"""Sums that are shared: gross and net exposure, open orders, loss and drawdown, scope by scope (design §6)."""

from collections.abc import Sequence
from decimal import Decimal

from apps.risk.rules.facts import INFINITY, MINUS_INFINITY, ZERO, Denial, ScopeFacts, exceeded, written


def judge_open_orders(scopes: Sequence[ScopeFacts], found: list[Denial]) -> None:
    """Working orders, this one included."""
    is_stated = False
    for scope in scopes:
        bound = scope.limits.get("open_orders")
        if bound is not None:
            is_stated = True
            count = scope.open_orders
            if not 0 < count + 1 <= bound < INFINITY:
                found.append(
                    exceeded("OPEN_ORDERS_ABOVE_LIMIT", "open_orders", bound, scope=scope.name, open_orders=count)
                )
    if not is_stated:
        found.append(Denial("LIMIT_MISSING", {"limit": "open_orders"}))


def judge_exposure(side: str, value: Decimal, scopes: Sequence[ScopeFacts], found: list[Denial]) -> None:
    """Gross and net with an order on `side` worth `value`, and the working ones, filled."""
    has_gross = has_net = False
    for scope in scopes:
        limits, buying, selling = scope.limits, scope.buying, scope.selling
        bound = limits.get("gross_exposure")
        if bound is not None:
            has_gross = True
            bought = scope.gross + buying
            total = bought + selling
            # Sums that fall hide a negative part, which would make room that is not there.
            if not (ZERO <= scope.gross <= bought <= total and total + value <= bound < INFINITY):
                gross = total + value
                found.append(exceeded("GROSS_ABOVE_LIMIT", "gross_exposure", bound, scope=scope.name, gross=gross))
        bound = limits.get("net_exposure")
        if bound is not None:
            has_net = True
            working, net = (buying, scope.net) if side == "BUY" else (selling, -scope.net)
            worst = net + working + value
            if not (MINUS_INFINITY < worst <= bound < INFINITY and working >= ZERO and bound >= ZERO):
                found.append(exceeded("NET_ABOVE_LIMIT", "net_exposure", bound, scope=scope.name, net=worst))
    if not has_gross:
        found.append(Denial("LIMIT_MISSING", {"limit": "gross_exposure"}))
    if not has_net:
        found.append(Denial("LIMIT_MISSING", {"limit": "net_exposure"}))


def judge_exit_net(side: str, quantity: Decimal, scopes: Sequence[ScopeFacts], found: list[Denial]) -> None:
    """A bot's exit may not grow the net of its account or bucket: one leg of a hedge is no reduction by itself.

    Units of one instrument are compared, no prices: with everything that works to leave on the side filled, the net
    may be as far from flat as it is, and no further. What is no number says nothing about a net and stops no exit.
    """
    for scope in scopes:
        hedge = scope.hedge
        if hedge is None:
            continue
        leaving = hedge.leaving + quantity
        left = hedge.held + (leaving if side == "BUY" else -leaving)
        if left.is_finite() and abs(left) > abs(hedge.held):
            context = {"scope": scope.name, "held": written(hedge.held), "net": written(left)}
            found.append(Denial("EXIT_GROWS_NET", context))


def judge_losses(scopes: Sequence[ScopeFacts], found: list[Denial]) -> None:
    """What was lost today and from the peak; a loss that nobody marked recently counts as unknown."""
    has_loss = has_drawdown = False
    for scope in scopes:
        bound = scope.limits.get("daily_loss")
        if bound is not None:
            has_loss = True
            lost = scope.daily_loss
            if lost is None or not (MINUS_INFINITY < lost < bound < INFINITY and bound > ZERO):
                _lost("DAILY_LOSS_REACHED", "daily_loss", scope, lost, bound, found)
        bound = scope.limits.get("drawdown")
        if bound is not None:
            has_drawdown = True
            lost = scope.drawdown
            if lost is None or not (MINUS_INFINITY < lost < bound < INFINITY and bound > ZERO):
                _lost("DRAWDOWN_REACHED", "drawdown", scope, lost, bound, found)
    if not has_loss:
        found.append(Denial("LIMIT_MISSING", {"limit": "daily_loss"}))
    if not has_drawdown:
        found.append(Denial("LIMIT_MISSING", {"limit": "drawdown"}))


def _lost(code: str, kind: str, scope: ScopeFacts, lost: Decimal | None, bound: Decimal, found: list[Denial]) -> None:
    is_known = lost is not None and lost.is_finite()
    if not is_known:
        found.append(Denial("PNL_STALE", {"scope": scope.name, "limit": kind}))
    if is_known or not bound.is_finite():
        found.append(exceeded(code, kind, bound, scope=scope.name, lost=lost or ZERO))
