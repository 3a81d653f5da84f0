"""What an account holds of one instrument, and how a fill changes it."""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from quarterdeck.decimals import EXACT, ZERO
from quarterdeck.events import Side

PRICE_STEP = Decimal("0.000000000000000001")


@dataclass(frozen=True, slots=True)
class Holding:
    """A signed quantity at an average entry price, with what closing parts of it has earned and cost."""

    quantity: Decimal = ZERO
    average_price: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    fees: Decimal = ZERO

    def unrealised_pnl(self, mark_price: Decimal, multiplier: Decimal) -> Decimal:
        """What closing at the mark would earn before costs."""
        return EXACT.multiply(EXACT.multiply(EXACT.subtract(mark_price, self.average_price), self.quantity), multiplier)


def apply_fill(
    holding: Holding, side: Side, quantity: Decimal, price: Decimal, fee: Decimal, multiplier: Decimal
) -> Holding:
    """The holding after a fill: average cost, realised PnL before fees, fees apart.

    Average and PnL are rounded half-even to 18 decimal places. Crossing zero closes the holding and
    opens another at the fill's price.
    """
    with localcontext(EXACT):
        signed = quantity if side == Side.BUY else -quantity
        after = holding.quantity + signed
        fees = holding.fees + fee
        if holding.quantity * signed >= 0:
            cost = abs(holding.quantity) * holding.average_price + quantity * price
            return Holding(after, (cost / abs(after)).quantize(PRICE_STEP), holding.realised_pnl, fees)
        closed = min(quantity, abs(holding.quantity))
        gain = ((price - holding.average_price) * closed * multiplier).quantize(PRICE_STEP)
        realised = holding.realised_pnl + (gain if holding.quantity > 0 else -gain)
        if after == 0:
            return Holding(ZERO, ZERO, realised, fees)
        average = holding.average_price if holding.quantity * after > 0 else price
        return Holding(after, average, realised, fees)


def cash_delta(side: Side, quantity: Decimal, price: Decimal, fee: Decimal, multiplier: Decimal) -> Decimal:
    """What a fill adds to the cash of the instrument's currency: negative for a buy."""
    with localcontext(EXACT):
        notional = quantity * price * multiplier
        return -notional - fee if side == Side.BUY else notional - fee
