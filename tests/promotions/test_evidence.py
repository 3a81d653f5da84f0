"""What voters see, and what the digest binds."""

from decimal import Decimal

import pytest

from apps.common.canonical import digest
from apps.promotions import selectors
from apps.rollouts import services as rollouts
from tests import builders
from tests.builders import LIMITS, Team, fresh
from tests.promotions.conftest import Ahead


@pytest.mark.parametrize(
    "field",
    ["account", "bot", "build_id", "capital", "environment", "evidence", "limits", "policy", "stage"],
)
def test_everything_that_voters_see_changes_the_digest(team: Team, field: str) -> None:
    promotion = builders.voting(team)
    bound = selectors.bound(promotion)

    assert digest(bound) == promotion.digest
    assert digest(bound | {field: "other"}) != promotion.digest


def test_capital_is_bound_as_it_is_written(team: Team) -> None:
    promotion = builders.voting(team, capital=Decimal("1000.50"))

    assert promotion.bound["capital"] == "1000.5"


def test_a_first_release_is_compared_with_nothing(team: Team) -> None:
    diff = selectors.diff(builders.voting(team))

    assert diff.before is None
    assert all(change.widens for change in diff.limits)


def test_a_later_release_is_compared_with_what_runs(team: Team, wall: Ahead) -> None:
    first = builders.approved(team)
    rollouts.apply(first)
    config = builders.push_config(team, limits=LIMITS | {"position": "3"})
    second = builders.voting(team, release=builders.make_release(team, config_bundle=config))

    diff = selectors.diff(second)

    assert diff.before == first.release
    assert [change.kind for change in diff.limits if change.widens] == ["position"]
    assert [change.path for change in diff.config if change.kind != "same"] == ["limits.position"]


def test_a_slot_that_nobody_can_fill_is_seen_before_it_blocks(team: Team) -> None:
    builders.access.deactivate(user=team.risk_owner, **builders.BY)
    promotion = builders.voting(team)

    trader, risk = selectors.who_can_approve(fresh(promotion))

    assert set(trader.candidates) == {team.trader, team.second_trader}
    assert risk.candidates == ()
