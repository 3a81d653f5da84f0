"""The demo's rate: asked for by one of its people and agreed to by another, as any first rate."""

import pytest

from apps.common.clocks import wall_now
from apps.console.demo import market, people
from apps.markets import selectors
from apps.markets.models import FxRateRequest


@pytest.mark.django_db
def test_two_people_of_the_demo_enter_its_rate() -> None:
    people.make_tree()

    market._make_rates(people.make_people())

    asked = FxRateRequest.objects.get()
    voters = [vote.voter.username for vote in asked.consent.votes.all()]
    assert (asked.consent.requested_by.username, voters) == ("rita", ["raj"])
    assert str(selectors.convert_rate("EUR", "USD", wall_now()).normalize()) == "1.08"
