"""What a bot may say of an order, over the wire and back."""

from decimal import Decimal as D

import pytest
from quarterdeck.events import Bar, Instrument, OrderType
from quarterdeck.messages import intent_fields, to_intent
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


def test_a_post_only_intent_survives_the_line():
    intent = say(post_only=True)

    assert to_intent(decode(encode("intent", intent_fields(intent)))) == intent
    assert intent.post_only


def test_an_intent_that_may_take_looks_as_it_always_did():
    intent = say()

    assert "post_only" not in intent_fields(intent)
    assert to_intent(intent_fields(intent)) == intent


@pytest.mark.parametrize("value", [0, 1, "true", None])
def test_post_only_is_true_or_false(value):
    with pytest.raises(ProtocolError):
        to_intent(intent_fields(say()) | {"post_only": value})
