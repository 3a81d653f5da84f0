"""What is traded: instruments, and the prices that other sources state."""

from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError
from django.db.models import Q

from apps.access import selectors as access
from apps.access.models import User
from apps.access.services import make_scope
from apps.access.states import ScopeKind
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import decimals
from apps.common.clocks import wall_now
from apps.common.errors import Invalid
from apps.markets import calendars
from apps.markets.models import Instrument, ReferencePrice
from apps.markets.states import InstrumentClass


def add_instrument(
    *,
    symbol: str,
    asset_class: str,
    base_currency: str,
    quote_currency: str,
    lot_size: Decimal | str,
    tick_size: Decimal | str,
    actor: User | str,
    reason: str,
    multiplier: Decimal | str = "1",
    is_fractional: bool = False,
    session_calendar: str = calendars.ALWAYS_OPEN,
    expires_at: datetime | None = None,
) -> Instrument:
    """Make `symbol` tradable, with its scope below the firm.

    Raises Invalid DECIMAL_MALFORMED, STEP_NOT_POSITIVE, ASSET_CLASS_UNKNOWN, CALENDAR_UNKNOWN, SYMBOL_TAKEN.
    """
    steps = {"lot_size": lot_size, "tick_size": tick_size, "multiplier": multiplier}
    exact = {name: _positive(value, name) for name, value in steps.items()}
    if asset_class not in InstrumentClass.values:
        raise Invalid("ASSET_CLASS_UNKNOWN", f"asset class is one of {', '.join(InstrumentClass.values)}")
    if not calendars.is_known(session_calendar):
        raise Invalid("CALENDAR_UNKNOWN", "session calendar is 24/7, 24/5 or the code of an exchange, e.g. XNYS")
    try:
        with acting(actor, reason):
            scope = make_scope(kind=ScopeKind.INSTRUMENT, name=symbol, parent=access.firm().scope)
            instrument = Instrument.objects.create(
                symbol=symbol,
                asset_class=asset_class,
                base_currency=base_currency,
                quote_currency=quote_currency,
                is_fractional=is_fractional,
                session_calendar=session_calendar,
                expires_at=expires_at,
                scope=scope,
                **exact,
            )
            audit.record("instrument.added", instrument, scope_id=scope.pk, after={"symbol": symbol})
    except IntegrityError as error:
        raise Invalid("SYMBOL_TAKEN", f"{symbol} exists already", field="symbol") from error
    return instrument


def _positive(value: Decimal | str, field: str) -> Decimal:
    exact = decimals.parse(value, field)
    if exact <= 0:
        raise Invalid("STEP_NOT_POSITIVE", f"{field} must be above zero", field=field)
    return exact


def see_reference(*, instrument: Instrument, source: str, price: Decimal, seen_at: datetime) -> None:
    """Keep the newest price that `source` states; an older answer that comes late changes nothing.

    One from the future was seen before the clock was set back, and gives way.
    """
    if not price.is_finite() or price <= 0:
        return
    fields = {"price": price, "seen_at": seen_at}
    newer = ReferencePrice.objects.filter(instrument=instrument, source=source)
    if not newer.exists():
        ReferencePrice.objects.bulk_create(
            [ReferencePrice(instrument=instrument, source=source, **fields)], ignore_conflicts=True
        )
    newer.filter(Q(seen_at__lt=seen_at) | Q(seen_at__gt=wall_now())).update(**fields)
