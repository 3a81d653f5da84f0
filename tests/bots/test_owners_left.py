"""Bots whose owners have left: one alert a person and desk, until the bots are handed over; nothing new is promoted."""

from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.alerts import services as alerts
from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.audit.models import Record
from apps.bots import services as bots
from apps.bots.models import Bot
from apps.common import nudges
from apps.common.errors import Refused
from apps.deployments.models import Deployment
from apps.promotions import services as promotions
from apps.promotions.models import Promotion
from apps.rollouts import services as rollouts
from tests import builders
from tests.builders import BY, Team, fresh, refused


def leave(user: User) -> None:
    """They are deactivated, and the sweep runs."""
    access.deactivate(user=user, **BY)
    bots.watch_owners()


def standing() -> list[Alert]:
    """Alerts of leavers that are not resolved."""
    return list(Alert.objects.filter(code="OWNER_LEFT").exclude(state="resolved").order_by("id"))


def give(bot: Bot, owner: User, fallback: User) -> None:
    """The bot to these two."""
    bots.hand_over(bot=bot, owner=owner, fallback_owner=fallback, **BY)


def another_bot(team: Team, name: str, **overrides: Any) -> Bot:
    """One more bot of the trader's."""
    fields = {"strategy": team.bot.strategy, "symbols": ["BTC-USD"], "accounts": [team.account.name]}
    owners = {"owner": team.trader, "fallback_owner": team.second_trader}
    return bots.make_bot(name=name, **(fields | owners | BY | overrides))


@pytest.mark.parametrize("who", ["trader", "second_trader"])
def test_an_owner_who_leaves_is_told_once_with_their_bots(team: Team, who: str) -> None:
    another_bot(team, "another")

    leave(getattr(team, who))
    bots.watch_owners()

    (alert,) = standing()
    assert (alert.tier, alert.scope, alert.repeats) == ("high", team.desk.scope, 0)
    assert (alert.object_id, alert.detail) == (getattr(team, who).pk, {"bots": ["alpha-bot", "another"]})


def test_whoever_leaves_without_bots_is_nobodys_concern(team: Team) -> None:
    leave(team.engineer)

    assert standing() == []


def test_each_desk_is_told_of_its_own_bots(team: Team) -> None:
    beta = access.make_desk(name="beta", **BY)
    strategy = bots.make_strategy(name="beta", bucket=access.make_bucket(desk=beta, name="beta-bucket", **BY), **BY)
    for user in (team.trader, team.second_trader):
        access.grant_role(user=user, role="trader", scope=beta.scope, **BY)
    another_bot(team, "another", strategy=strategy)

    leave(team.trader)

    assert {alert.scope: alert.detail["bots"] for alert in standing()} == {
        team.desk.scope: ["alpha-bot"],
        beta.scope: ["another"],
    }


def test_the_alert_ends_with_the_last_bot_handed_over(team: Team) -> None:
    another = another_bot(team, "another")
    leave(team.trader)

    give(team.bot, team.engineer, team.second_trader)
    assert [alert.detail for alert in standing()] == [{"bots": ["another"]}]
    give(another, team.engineer, team.second_trader)

    assert standing() == []
    assert Record.objects.filter(act="alert.resolved").count() == 2


def test_the_alert_names_a_bot_that_the_leaver_backs_since_it_was_raised(team: Team) -> None:
    lea = builders.make_user("lea", "trader", team.desk.scope)
    leave(team.trader)
    another = another_bot(team, "another", owner=lea)
    with acting(**BY):
        Bot.objects.filter(pk=another.pk).update(fallback_owner=team.trader)

    bots.watch_owners()
    bots.watch_owners()

    (alert,) = standing()
    assert (alert.detail, alert.repeats) == ({"bots": ["alpha-bot", "another"]}, 0)


def test_an_alert_resolved_by_hand_comes_again_while_the_bot_has_no_owner(team: Team) -> None:
    leave(team.trader)

    alerts.resolve(alert=standing()[0], **BY)
    bots.watch_owners()

    assert len(standing()) == 1


def test_leaving_wakes_the_sweep(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(nudges, "wake", woken.append)

    access.deactivate(user=team.trader, **BY)

    assert woken == ["bots.watch_owners"]
    assert not fresh(team.trader).is_active


@pytest.mark.parametrize("who", ["trader", "second_trader"])
def test_nothing_of_a_bot_without_an_owner_is_asked_to_be_promoted(team: Team, who: str) -> None:
    release = builders.make_release(team)
    access.deactivate(user=getattr(team, who), **BY)

    with refused("OWNER_LEFT"):
        builders.request(team, release)
    assert not Promotion.objects.exists()

    give(team.bot, team.engineer, team.risk_owner)
    assert builders.request(team, release).state == "gating"


def test_what_was_approved_before_an_owner_left_is_not_applied(team: Team) -> None:
    promotion = builders.approved(team)
    access.deactivate(user=team.second_trader, **BY)

    assert rollouts.apply(promotion) is None

    promotion = fresh(promotion)
    assert (promotion.state, promotion.outcome[:10]) == ("refused", "OWNER_LEFT")
    assert not Deployment.objects.exists()


def test_an_open_promotion_is_withdrawn_without_an_owner(team: Team) -> None:
    promotion = builders.voting(team)
    access.deactivate(user=team.trader, **BY)

    assert promotions.withdraw(promotion=promotion, actor=team.engineer, reason="not now").state == "withdrawn"


def test_a_refusal_names_who_left_and_the_bot(team: Team) -> None:
    access.deactivate(user=team.trader, **BY)

    with pytest.raises(
        Refused, match="Alpha-Trader left, and nobody took their place at alpha-bot: hand it over"
    ) as caught:
        builders.request(team)

    assert caught.value.context == {"bot": "alpha-bot", "owners": [str(team.trader.pk)]}
