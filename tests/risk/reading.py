"""What follows from a generated case before any rule of the oracle is asked: whole fractions, worst cases."""

from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from tests.risk.generated import Case


def exactly(value: Decimal | None) -> Fraction | None:
    """The number that is meant; None for what is no number."""
    return Fraction(value) if value is not None and value.is_finite() else None


def above_zero(value: Decimal | None) -> Fraction | None:
    """The number, if it is one above zero."""
    number = exactly(value)
    return number if number is not None and number > 0 else None


class Reading:
    """What follows from a case before any rule is asked."""

    def __init__(self, case: Case) -> None:
        assert case.instrument is not None
        self.case, self.order, self.exposure = case, case.order, case.exposure
        self.instrument, self.market, self.venue = case.instrument, case.market, case.venue
        self.is_exit = case.order.purpose == "EXIT"
        self.is_guard = case.order.purpose == "PROTECTIVE"
        self.sign = 1 if case.order.side == "BUY" else -1
        self.quantity = Fraction(case.order.quantity)
        self.prices = [Fraction(p) for p in (case.order.limit_price, case.order.stop_price) if p is not None]
        self.limit = self.prices[0] if case.order.order_type in ("LIMIT", "STOP_LIMIT") else None
        self.feed = above_zero(case.market.reference_price)
        self.reference = above_zero(case.market.venue_price) if case.market.is_venue_price_fresh else None

    @cached_property
    def worst(self) -> Fraction | None:
        """The signed position with all that works on this side; None when our own figures are no figures."""
        position, working = exactly(self.exposure.position), self.working
        return None if position is None or working is None else position + self.sign * (working + self.quantity)

    @cached_property
    def working(self) -> Fraction | None:
        """What works on this side; None when either side is no quantity."""
        both = [exactly(side) for side in (self.exposure.working_buy, self.exposure.working_sell)]
        if any(side is None or side < 0 for side in both):
            return None
        return both[0] if self.sign > 0 else both[1]

    def worth(self, quantity: Fraction, rate: Decimal | None) -> Fraction:
        """The value of a quantity at the dearest price there is, in the currency that the rate leads to.

        What has no price or no rate counts as nothing: the missing price or rate is what refuses it.
        """
        known = [self.feed, above_zero(self.market.venue_price), *self.prices]
        prices, exact = [price for price in known if price is not None], above_zero(rate)
        if not prices or exact is None:
            return Fraction(0)
        return quantity * max(prices) * Fraction(self.instrument.multiplier) * exact

    def limit_of(self, kind: str) -> Fraction | None:
        """The bot's bound of a kind, if it is a number."""
        return exactly(self.case.limits.get(kind))

    def over(self, kind: str, figure: Fraction | int | None, times: int = 1) -> bool:
        """Whether a figure is above the bot's bound; without a bound another rule speaks."""
        bound = self.limit_of(kind)
        return bound is not None and figure is not None and figure > bound * times
