"""Values to message fields and back; what comes from the other side is checked field by field."""

from collections.abc import Callable
from decimal import Decimal

from quarterdeck.decimals import parse_decimal, plain
from quarterdeck.events import (
    Bar,
    Event,
    Fill,
    Inputs,
    Instrument,
    Intent,
    OrderStatus,
    OrderType,
    OrderUpdate,
    Purpose,
    Side,
    Signal,
    TimeInForce,
)
from quarterdeck.protocol import (
    NAME_LENGTH_MAX,
    NOTES_PER_EVENT_MAX,
    VALUE_LENGTH_MAX,
    Message,
    ProtocolError,
    encode,
)


def encode_event(event: Event) -> bytes:
    """A bar, fill or order update as a line."""
    if isinstance(event, Bar):
        return encode("bar", bar_fields(event))
    if isinstance(event, Fill):
        return encode("fill", fill_fields(event))
    return encode("order", update_fields(event))


def bar_fields(bar: Bar) -> Message:
    prices = {name: plain(getattr(bar, name)) for name in ("open", "high", "low", "close", "volume")}
    fields: Message = {"instrument": bar.instrument, "start_ms": bar.start_ms, "end_ms": bar.end_ms, **prices}
    return fields | {"extended": True} if bar.is_extended else fields


def fill_fields(fill: Fill) -> Message:
    return {
        "intent_seq": fill.intent_seq,
        "instrument": fill.instrument,
        "side": fill.side,
        "quantity": plain(fill.quantity),
        "price": plain(fill.price),
        "fee": plain(fill.fee),
        "market_ms": fill.market_ms,
    }


def update_fields(update: OrderUpdate) -> Message:
    return {
        "intent_seq": update.intent_seq,
        "status": update.status,
        "code": update.code,
        "message": update.message[:VALUE_LENGTH_MAX],
        "market_ms": update.market_ms,
    }


def intent_fields(intent: Intent) -> Message:
    """An intent as message fields; an absent price is left out, and what is not wanted of post_only, extended_hours."""
    fields: Message = {
        "seq": intent.seq,
        "instrument": intent.instrument,
        "side": intent.side,
        "quantity": plain(intent.quantity),
        "order_type": intent.order_type,
        "time_in_force": intent.time_in_force,
        "purpose": intent.purpose,
        "reduce_only": intent.reduce_only,
        "on_bar_end_ms": intent.on_bar_end_ms,
    }
    if intent.limit_price is not None:
        fields["limit_price"] = plain(intent.limit_price)
    if intent.stop_price is not None:
        fields["stop_price"] = plain(intent.stop_price)
    if intent.post_only:
        fields["post_only"] = True
    if intent.extended_hours:
        fields["extended_hours"] = True
    return fields


def signal_fields(signal: Signal) -> Message:
    return {"name": signal.name, "value": plain(signal.value), "market_ms": signal.market_ms}


def inputs_fields(inputs: Inputs) -> Message:
    return {"values": dict(inputs.values), "market_ms": inputs.market_ms}


def instrument_fields(instrument: Instrument) -> Message:
    return {
        "symbol": instrument.symbol,
        "tick_size": plain(instrument.tick_size),
        "lot_size": plain(instrument.lot_size),
        "quantity_min": plain(instrument.quantity_min),
        "multiplier": plain(instrument.multiplier),
        "currency": instrument.currency,
    }


def to_event(message: Message) -> Event:
    """The event of a bar, fill or order message; ProtocolError when a field is missing or malformed."""
    try:
        return _EVENT_READERS[message["type"]](message)
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"{message.get('type')}: {error!r}") from None


def _to_bar(m: Message) -> Bar:
    return Bar(
        instrument=_name(m["instrument"]),
        start_ms=_integer(m["start_ms"]),
        end_ms=_integer(m["end_ms"]),
        open=parse_decimal(m["open"]),
        high=parse_decimal(m["high"]),
        low=parse_decimal(m["low"]),
        close=parse_decimal(m["close"]),
        volume=parse_decimal(m["volume"]),
        is_extended=_boolean(m["extended"]) if "extended" in m else False,
    )


def _to_fill(m: Message) -> Fill:
    return Fill(
        None if m["intent_seq"] is None else _integer(m["intent_seq"]),
        _name(m["instrument"]),
        Side(m["side"]),
        parse_decimal(m["quantity"]),
        parse_decimal(m["price"]),
        parse_decimal(m["fee"]),
        _integer(m["market_ms"]),
    )


def _to_update(m: Message) -> OrderUpdate:
    return OrderUpdate(
        _integer(m["intent_seq"]),
        OrderStatus(m["status"]),
        _name(m["code"]),
        _text(m["message"]),
        _integer(m["market_ms"]),
    )


_EVENT_READERS: dict[str, Callable[[Message], Event]] = {
    "bar": _to_bar,
    "fill": _to_fill,
    "order": _to_update,
}


def to_instrument(m: Message) -> Instrument:
    """The instrument a start message names; ValueError or KeyError when it does not."""
    return Instrument(
        symbol=_name(m["symbol"]),
        tick_size=_positive(m["tick_size"]),
        lot_size=_positive(m["lot_size"]),
        quantity_min=parse_decimal(m["quantity_min"]),
        multiplier=_positive(m["multiplier"]),
        currency=_name(m["currency"]),
    )


def to_intent(m: Message) -> Intent:
    """The intent of a message; ProtocolError for NaN, a non-positive number, an unknown word."""
    try:
        intent = Intent(
            seq=_integer(m["seq"]),
            instrument=_name(m["instrument"]),
            side=Side(m["side"]),
            quantity=_positive(m["quantity"]),
            order_type=OrderType(m["order_type"]),
            time_in_force=TimeInForce(m["time_in_force"]),
            purpose=Purpose(m["purpose"]),
            reduce_only=_boolean(m["reduce_only"]),
            on_bar_end_ms=_integer(m["on_bar_end_ms"]),
            limit_price=_positive(m["limit_price"]) if "limit_price" in m else None,
            stop_price=_positive(m["stop_price"]) if "stop_price" in m else None,
            post_only=_boolean(m["post_only"]) if "post_only" in m else False,
            extended_hours=_boolean(m["extended_hours"]) if "extended_hours" in m else False,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"intent: {error!r}") from None
    return intent


def to_signal(m: Message) -> Signal:
    """The signal of a message; ProtocolError when malformed."""
    try:
        return Signal(_name(m["name"]), parse_decimal(m["value"]), _integer(m["market_ms"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"signal: {error!r}") from None


def to_inputs(m: Message) -> Inputs:
    """The model inputs of a message; ProtocolError when malformed or too many."""
    try:
        values = {_name(key): _text(value) for key, value in m["values"].items()}
        if len(values) > NOTES_PER_EVENT_MAX:
            raise ValueError("too many values")
        return Inputs(values, _integer(m["market_ms"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"inputs: {error!r}") from None


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"not an integer in range: {value!r:.40}")
    return value


def _boolean(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError(f"not true or false: {value!r:.40}")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= NAME_LENGTH_MAX or not value.isprintable():
        raise ValueError(f"not a name: {value!r:.40}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > VALUE_LENGTH_MAX or "\x00" in value:
        raise ValueError(f"not a short text: {value!r:.40}")
    return value


def _positive(value: object) -> Decimal:
    number = parse_decimal(value)
    if number <= 0:
        raise ValueError(f"not positive: {value!r:.40}")
    return number
