"""Average cost and PnL."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st
from quarterdeck.events import Side
from quarterdeck.holding import Holding, apply_fill, cash_delta

ONE = D(1)
fills = st.lists(
    st.tuples(st.sampled_from(list(Side)), st.integers(1, 500), st.integers(1, 10_000), st.integers(0, 99)),
    max_size=30,
)


def after(*trades):
    holding = Holding()
    for side, quantity, price in trades:
        holding = apply_fill(holding, side, D(quantity), D(price), D(0), ONE)
    return holding


def test_buys_average_and_sells_realise():
    holding = after((Side.BUY, 1, 100), (Side.BUY, 1, 200), (Side.SELL, 1, 180))

    assert (holding.quantity, holding.average_price, holding.realised_pnl) == (D(1), D(150), D(30))


def test_crossing_zero_opens_at_the_fill_price():
    holding = after((Side.BUY, 1, 100), (Side.SELL, 3, 90))

    assert (holding.quantity, holding.average_price, holding.realised_pnl) == (D(-2), D(90), D(-10))


def test_short_gains_when_the_price_falls():
    assert after((Side.SELL, 2, 100), (Side.BUY, 2, 90)).realised_pnl == D(20)


@given(fills)
def test_cash_and_holding_always_agree(trades):
    """cash + quantity x mark = realised + unrealised - fees, but for the rounding of averages."""
    holding, cash, mark = Holding(), D(0), D(77)
    for side, quantity, price, fee in trades:
        holding = apply_fill(holding, side, D(quantity), D(price), D(fee), D(2))
        cash += cash_delta(side, D(quantity), D(price), D(fee), D(2))

    by_cash = cash + holding.quantity * mark * 2
    by_pnl = holding.realised_pnl + holding.unrealised_pnl(mark, D(2)) - holding.fees
    assert abs(by_cash - by_pnl) < D("1e-10")
