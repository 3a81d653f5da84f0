"""What a bot may say of an order, over the wire and back."""

from decimal import Decimal as D

import pytest
from quarterdeck.events import Bar, Instrument, OrderType
from quarterdeck.messages import bar_fields, intent_fields, to_event, to_intent
from quarterdeck.protocol import ProtocolError, decode, encode
from quarterdeck.session import Session
from quarterdeck.strategy import Strategy

BAR = Bar("X", 0, 3_600_000, D(1), D(1), D(1), D(1), D(1))
X = Instrument("X", D(1), D(1), D(1))


def say(**terms):
    """The one intent of a bot that buys on every bar."""

    class Buyer(Strategy):
        def on_bar(self, bar):
            self.buy(D(1), order_type=OrderType.LIMIT, limit_price=D(1), **terms)

    session = Session(Buyer(), parameters={}, instruments=[X], checkpoint=None, seed=1)
    session.handle(BAR)
    return session.take()[0][0]


@pytest.mark.parametrize("wish", ["post_only", "extended_hours"])
def test_a_wish_of_an_intent_survives_the_line(wish):
    intent = say(**{wish: True})

    assert to_intent(decode(encode("intent", intent_fields(intent)))) == intent
    assert getattr(intent, wish)


def test_an_intent_without_wishes_looks_as_it_always_did():
    intent = say()

    assert intent_fields(intent).keys().isdisjoint({"post_only", "extended_hours"})
    assert to_intent(intent_fields(intent)) == intent


@pytest.mark.parametrize("value", [0, 1, "true", None])
@pytest.mark.parametrize("wish", ["post_only", "extended_hours"])
def test_a_wish_is_true_or_false(wish, value):
    with pytest.raises(ProtocolError):
        to_intent(intent_fields(say()) | {wish: value})


def test_a_bar_says_that_it_lies_in_extended_hours():
    bar = BAR._replace(is_extended=True)

    assert to_event(decode(encode("bar", bar_fields(bar)))) == bar
    assert "extended" not in bar_fields(BAR)
