"""Limits with effective dates: raises that start later, raises that end by themselves."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.audit.context import acting
from apps.audit.models import Record
from apps.common.clocks import clock, wall_now
from apps.common.errors import Invalid, Refused
from apps.risk import services as risk
from apps.risk.models import Limit, LimitRaise
from apps.risk.services.limits import raise_digest
from tests.builders import BY, Team, make_team, make_user, open_folders
from tests.markets.builders import Wall


@pytest.fixture
def wall() -> Wall:
    """A wall clock that stands still until it is moved."""
    moved = Wall()
    with clock(moved):
        yield moved  # type: ignore[misc]


@pytest.fixture
def team(db: None, wall: Wall, tmp_path: object, settings: object) -> Team:
    """A desk whose bot may have 10 units at most."""

    open_folders(tmp_path, settings)  # type: ignore[arg-type]
    found = make_team()
    raised(found, "10")
    return found


def asked(team: Team, value: str, **when: object) -> LimitRaise:
    """A raise of the bot's position limit that waits for a vote."""
    return risk.request_raise(
        scope=team.bot.scope, kind="position", value=Decimal(value), actor=team.risk_owner, reason="more", **when
    )


def granted(team: Team, found: LimitRaise) -> LimitRaise:
    """The same, granted by another risk owner."""
    assert found.consent is not None
    other = make_user(f"risk-{LimitRaise.objects.count()}", "risk owner", team.desk.scope)
    return risk.vote_raise(limit_raise=found, actor=other, approve=True, reason="sized", digest=found.consent.digest)


def raised(team: Team, value: str, **when: object) -> LimitRaise:
    """Asked for and granted."""
    return granted(team, asked(team, value, **when))


def in_force(team: Team) -> Decimal:
    """The position limit that counts now."""
    return risk.in_force(Limit.objects.get(scope=team.bot.scope, kind="position"))


def test_a_raise_that_ends_reverts_by_itself(team: Team, wall: Wall) -> None:
    raised(team, "20", expires_at=wall_now() + timedelta(hours=1))
    during = in_force(team)
    wall.advance(3600)

    assert (during, in_force(team)) == (20, 10)


def test_the_sweep_writes_down_what_has_reverted(team: Team, wall: Wall) -> None:
    raised(team, "20", expires_at=wall_now() + timedelta(hours=1))
    wall.advance(3600)

    assert (risk.settle_limits(), risk.settle_limits()) == (1, 0)

    limit = Limit.objects.get(scope=team.bot.scope, kind="position")
    assert (limit.value, limit.expires_at, limit.reverts_to) == (10, None, None)
    assert Record.objects.filter(act="limit.reverted").count() == 1


def test_a_raise_for_later_starts_when_its_time_has_come(team: Team, wall: Wall) -> None:
    raised(team, "20", effective_from=wall_now() + timedelta(hours=48))
    risk.settle_limits()
    before = in_force(team)
    wall.advance(48 * 3600)
    risk.settle_limits()

    assert (before, in_force(team)) == (10, 20)


def test_a_raise_whose_voter_lost_the_role_does_not_start(team: Team, wall: Wall) -> None:
    found = raised(team, "20", effective_from=wall_now() + timedelta(hours=48))
    voter = found.consent.votes.get().voter  # type: ignore[union-attr]
    voter.is_active = False

    with acting(**BY):
        voter.save(update_fields=["is_active"])
    wall.advance(48 * 3600)

    assert (risk.settle_limits(), in_force(team)) == (0, 10)


def test_a_second_raise_that_ends_falls_back_to_the_ground_not_to_the_first(team: Team, wall: Wall) -> None:
    raised(team, "20", expires_at=wall_now() + timedelta(hours=1))
    raised(team, "30", expires_at=wall_now() + timedelta(hours=2))
    wall.advance(2 * 3600)

    assert in_force(team) == 10


def test_lowering_below_the_ground_ends_the_raise(team: Team, wall: Wall) -> None:
    raised(team, "20", expires_at=wall_now() + timedelta(hours=1))
    risk.set_limit(scope=team.bot.scope, kind="position", value=Decimal(5), actor=team.risk_owner, reason="less")
    wall.advance(3600)

    assert in_force(team) == 5


def test_lowering_a_little_keeps_the_end_of_the_raise(team: Team, wall: Wall) -> None:
    raised(team, "20", expires_at=wall_now() + timedelta(hours=1))
    risk.set_limit(scope=team.bot.scope, kind="position", value=Decimal(15), actor=team.risk_owner, reason="less")
    during = in_force(team)
    wall.advance(3600)

    assert (during, in_force(team)) == (15, 10)


def position_limit(team: Team) -> Limit:
    """The row as it stands."""
    return Limit.objects.select_related("raised_by").get(scope=team.bot.scope, kind="position")


def lowered(team: Team, value: str) -> None:
    """The risk owner lowers it at once."""
    risk.set_limit(scope=team.bot.scope, kind="position", value=Decimal(value), actor=team.risk_owner, reason="less")


def test_a_raised_limit_names_who_asked_and_who_agreed(team: Team) -> None:
    found = raised(team, "20")

    stands_on = position_limit(team).raised_by
    assert stands_on == found
    assert stands_on.asked_by == team.risk_owner
    assert [voter.username for voter in stands_on.agreed_by] == ["risk-2"]


def test_a_raise_that_started_later_names_its_people_too(team: Team, wall: Wall) -> None:
    found = raised(team, "20", effective_from=wall_now() + timedelta(hours=48))
    before = position_limit(team).raised_by
    wall.advance(48 * 3600)
    risk.settle_limits()

    limit = position_limit(team)
    assert before != found
    assert (limit.set_by, limit.raised_by) == ("job:limits", found)
    assert found.asked_by == team.risk_owner
    assert found.agreed_by != [team.risk_owner]


def test_a_vote_against_is_no_agreement(team: Team) -> None:
    found = asked(team, "20")
    assert found.consent is not None
    other = make_user("no-sayer", "risk owner", team.desk.scope)
    risk.vote_raise(limit_raise=found, actor=other, approve=False, reason="no", digest=found.consent.digest)

    assert found.agreed_by == []
    assert position_limit(team).raised_by != found


def test_a_lowered_limit_stands_on_no_raise(team: Team) -> None:
    raised(team, "20")
    lowered(team, "15")

    assert position_limit(team).raised_by is None


def test_lowering_to_the_ground_or_below_ends_who_raised_it(team: Team) -> None:
    raised(team, "20", expires_at=wall_now() + timedelta(hours=1))
    lowered(team, "10")

    limit = position_limit(team)
    assert (limit.expires_at, limit.raised_by) == (None, None)


def test_what_is_left_of_a_raise_until_its_end_still_names_it(team: Team, wall: Wall) -> None:
    found = raised(team, "20", expires_at=wall_now() + timedelta(hours=1))
    lowered(team, "15")
    during = position_limit(team).raised_by
    wall.advance(3600)
    risk.settle_limits()

    assert (during, position_limit(team).raised_by) == (found, None)


def test_what_has_reverted_stands_on_no_raise(team: Team, wall: Wall) -> None:
    raised(team, "20", expires_at=wall_now() + timedelta(hours=1))
    wall.advance(3600)
    risk.settle_limits()

    assert position_limit(team).raised_by is None


def test_history_keeps_which_raise_a_limit_stood_on(team: Team, wall: Wall) -> None:
    found = raised(team, "20", expires_at=wall_now() + timedelta(hours=1))
    wall.advance(3600)
    risk.settle_limits()

    kept = position_limit(team).history.order_by("-history_id").values_list("raised_by", flat=True)
    assert list(kept[:2]) == [None, found.pk]


def test_what_has_reverted_cannot_be_lowered_to_more(team: Team, wall: Wall) -> None:
    raised(team, "20", expires_at=wall_now() + timedelta(hours=1))
    wall.advance(3600)

    with pytest.raises(Refused, match="allows more"):
        risk.set_limit(scope=team.bot.scope, kind="position", value=Decimal(15), actor=team.risk_owner, reason="x")
    assert in_force(team) == 10


def test_a_raise_cannot_end_before_it_starts(team: Team) -> None:
    with pytest.raises(Invalid, match="end after it starts"):
        asked(team, "20", expires_at=wall_now())
    assert LimitRaise.objects.count() == 1


def test_the_end_is_part_of_what_the_voters_consent_to(team: Team) -> None:
    found = asked(team, "20", expires_at=wall_now() + timedelta(hours=1))
    assert found.consent is not None
    before = found.consent.digest
    found.expires_at = None

    assert raise_digest(found) != before
