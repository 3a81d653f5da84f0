"""What of the market waits for a second person in the world of the API's tests."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from apps.access.models import User
from apps.common.clocks import wall_now
from apps.markets import services as markets
from apps.markets.models import Instrument, OfficialDay, OfficialMark
from apps.venues.models import Venue

DAY = date(2023, 12, 30)


def ask_for(venue: Venue, instrument: Instrument, asker: User) -> None:
    """A rate, a market state, less maintenance and a mark that somebody who has left asked for."""
    asked: dict[str, Any] = {"source": "arranged", "actor": asker, "reason": "arranged"}
    until = wall_now() + timedelta(days=1)
    markets.request_fx_rate(base="CHF", quote="USD", rate="1.1", valid_until=until, **asked)
    markets.request_market_state(instrument=instrument, state="trading", **asked)
    times = {"starts_at": until + timedelta(days=20), "ends_at": until + timedelta(days=21)}
    window = markets.announce_maintenance(venue=venue.scope, **times, **asked)
    markets.request_less_maintenance(window=window, actor=asker, reason="arranged")
    day = {"instrument": instrument, "kind": "close", "price": Decimal(60000)}
    mark = OfficialMark.objects.create(**day, trading_day=DAY, revision=1, source="arranged", stated_by="job:test")
    OfficialDay.objects.create(instrument=instrument, trading_day=DAY, mark=mark)
    markets.request_mark(**day, trading_day=DAY + timedelta(days=1), **asked)
