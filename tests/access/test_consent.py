"""Consent: two people, one digest, in time."""

from datetime import timedelta
from typing import Any

import pytest

from apps.access import selectors
from apps.access import services as access
from apps.access.models import Consent, RoleGrant, User, Vote
from apps.audit.models import Record
from apps.common.clocks import wall_now
from tests.access.conftest import Cast
from tests.builders import BY, fresh, refused
from tests.markets.builders import Wall
from tests.races import codes, race

DIGEST = "d" * 64
SLOTS = ["vote_trader", "vote_risk"]


def _open(cast: Cast, **overrides: Any) -> Consent:
    fields: dict[str, Any] = {
        "act": "test.act",
        "target": cast.bucket,
        "scope": cast.bucket.scope,
        "digest": DIGEST,
        "slots": SLOTS,
        "excluded": [],
        "expires_at": wall_now() + timedelta(hours=1),
        "actor": cast.engineer,
        "reason": "asked for",
    }
    return access.open_consent(**(fields | overrides))


def _vote(consent: Consent, actor: User, approve: bool = True, **overrides: Any) -> Consent:
    fields: dict[str, Any] = {"digest": DIGEST, "reason": "I have looked"} | overrides
    return access.vote(consent=consent, actor=fresh(actor), approve=approve, **fields)


def _granted(cast: Cast) -> Consent:
    consent = _open(cast)
    _vote(consent, cast.trader)
    return _vote(consent, cast.risk_owner)


def _unchanged(consent: Consent, votes: int = 0) -> bool:
    return fresh(consent).state == "open" and Vote.objects.count() == votes


def test_the_last_slot_grants(cast: Cast) -> None:
    consent = _open(cast)

    assert _vote(consent, cast.trader).state == "open"
    assert _vote(consent, cast.risk_owner).state == "granted"
    assert Record.objects.filter(act="test.act.approved").count() == 2
    access.use_consent(consent=consent, digest=DIGEST)


def test_one_denial_ends_it(cast: Cast) -> None:
    consent = _open(cast)
    _vote(consent, cast.trader)

    assert _vote(consent, cast.risk_owner, approve=False).state == "denied"
    with refused("CONSENT_NOT_OPEN"):
        _vote(consent, cast.both)


def test_the_requester_cannot_vote(cast: Cast) -> None:
    consent = _open(cast, actor=cast.trader)

    with refused("VOTE_EXCLUDED"):
        _vote(consent, cast.trader)

    assert _unchanged(consent)


def test_whoever_is_excluded_cannot_vote(cast: Cast) -> None:
    consent = _open(cast, excluded=[cast.trader])

    with refused("VOTE_EXCLUDED"):
        _vote(consent, cast.trader)

    assert _unchanged(consent)


def test_one_person_has_one_vote(cast: Cast) -> None:
    consent = _open(cast)
    _vote(consent, cast.both)

    with refused("ALREADY_VOTED"):
        _vote(consent, cast.both)

    assert _unchanged(consent, votes=1)


def test_a_vote_that_fills_no_slot_is_refused(cast: Cast) -> None:
    consent = _open(cast)
    _vote(consent, cast.trader)

    with refused("NO_FREE_SLOT"):
        _vote(consent, cast.second_trader)

    assert _unchanged(consent, votes=1)


def test_a_vote_on_something_else_is_refused(cast: Cast) -> None:
    consent = _open(cast)

    with refused("DIGEST_CHANGED"):
        _vote(consent, cast.trader, digest="e" * 64)

    assert _unchanged(consent)


def test_a_vote_without_a_reason_is_refused(cast: Cast) -> None:
    consent = _open(cast)

    with refused("REASON_MISSING"):
        _vote(consent, cast.trader, reason=" ")

    assert _unchanged(consent)


def test_a_late_vote_is_refused(cast: Cast, wall: Wall) -> None:
    consent = _open(cast)
    wall.advance(3600)

    with refused("CONSENT_EXPIRED"):
        _vote(consent, cast.trader)

    assert _unchanged(consent)


def test_a_role_that_fills_no_slot_does_not_vote(cast: Cast) -> None:
    consent = _open(cast, actor=cast.administrator)

    with refused("PERMISSION_DENIED"):
        _vote(consent, cast.engineer)

    assert _unchanged(consent)


def test_a_trader_of_another_desk_does_not_vote(cast: Cast) -> None:
    stranger = access.make_person(username="s", display_name="S", password="correct-horse-battery", **BY)
    access.grant_role(user=stranger, role="trader", scope=cast.other_desk.scope, **BY)
    consent = _open(cast)

    with refused("PERMISSION_DENIED"):
        _vote(consent, stranger)

    assert _unchanged(consent)


def test_a_machine_never_votes_whatever_its_roles(cast: Cast) -> None:
    access.grant_role(user=cast.machine, role="trader", scope=cast.desk.scope, **BY)
    consent = _open(cast)

    with refused("VOTE_BY_SERVICE"):
        _vote(consent, cast.machine)

    assert _unchanged(consent)
    assert cast.machine not in selectors.holders("vote_trader", cast.desk.scope)


def test_a_deactivated_person_does_not_vote(cast: Cast) -> None:
    consent = _open(cast)
    access.deactivate(user=cast.trader, **BY)

    with refused("VOTE_BY_SERVICE"):
        _vote(consent, cast.trader)

    assert _unchanged(consent)


def test_the_seats_say_who_may_still_fill_them(cast: Cast) -> None:
    consent = _open(cast)
    _vote(consent, cast.trader)

    trader, risk = selectors.seats_of(fresh(consent))

    assert (trader.filled_by, trader.candidates) == (cast.trader, ())
    assert (risk.filled_by, set(risk.candidates)) == (None, {cast.risk_owner, cast.both})
    assert selectors.open_consents_for(fresh(cast.risk_owner)) == [consent]
    assert selectors.open_consents_for(fresh(cast.second_trader)) == []


def test_a_seat_goes_with_the_role_that_filled_it(cast: Cast) -> None:
    consent = _open(cast)
    _vote(consent, cast.trader)

    access.revoke_role(grant=RoleGrant.objects.get(user=cast.trader), **BY)

    assert _vote(consent, cast.risk_owner).state == "open"
    assert _vote(consent, cast.second_trader).state == "granted"


@pytest.mark.parametrize("how", ["role", "deactivated"])
def test_a_granted_consent_falls_with_a_voter(cast: Cast, how: str) -> None:
    consent = _granted(cast)
    if how == "role":
        access.revoke_role(grant=RoleGrant.objects.get(user=cast.trader), **BY)
    else:
        access.deactivate(user=cast.trader, **BY)

    with refused("CONSENT_VOTER_LOST"):
        access.use_consent(consent=consent, digest=DIGEST)


def test_a_granted_consent_expires(cast: Cast, wall: Wall) -> None:
    consent = _granted(cast)
    wall.advance(3600)

    with refused("CONSENT_EXPIRED"):
        access.use_consent(consent=consent, digest=DIGEST)


def test_a_granted_consent_covers_nothing_else(cast: Cast) -> None:
    with refused("DIGEST_CHANGED"):
        access.use_consent(consent=_granted(cast), digest="e" * 64)


def test_an_open_consent_cannot_be_used(cast: Cast) -> None:
    with refused("CONSENT_NOT_GRANTED"):
        access.use_consent(consent=_open(cast), digest=DIGEST)


@pytest.mark.parametrize("end", [access.withdraw_consent, access.void_consent])
def test_a_consent_taken_back_cannot_be_used(cast: Cast, end: Any) -> None:
    consent = _granted(cast)

    end(consent=consent, **BY)

    with refused("CONSENT_NOT_GRANTED"):
        access.use_consent(consent=consent, digest=DIGEST)


def test_the_sweep_ends_late_ones_and_leaves_the_others(cast: Cast, wall: Wall) -> None:
    late = _open(cast)
    later = _open(cast, act="test.other", expires_at=wall_now() + timedelta(days=1))
    wall.advance(3600)

    assert access.expire_consents() == 1

    assert (fresh(late).state, fresh(later).state) == ("expired", "open")


def test_of_two_traders_racing_for_one_slot_one_fills_it(committed_cast: Cast) -> None:
    consent = _open(committed_cast)

    outcomes = race(lambda: _vote(consent, committed_cast.trader), lambda: _vote(consent, committed_cast.second_trader))

    assert codes(outcomes) == ["NO_FREE_SLOT"]
    assert Vote.objects.count() == 1


def test_one_person_racing_with_themselves_votes_once(committed_cast: Cast) -> None:
    consent = _open(committed_cast)

    outcomes = race(*[lambda: _vote(consent, committed_cast.both)] * 2)

    assert codes(outcomes) == ["ALREADY_VOTED"]
    assert fresh(consent).state == "open"


def test_the_last_two_votes_at_once_grant_once(committed_cast: Cast) -> None:
    consent = _open(committed_cast)

    outcomes = race(lambda: _vote(consent, committed_cast.trader), lambda: _vote(consent, committed_cast.risk_owner))

    assert sorted(outcome.state for outcome in outcomes) == ["granted", "open"]
    assert Record.objects.filter(act="test.act.approved").count() == 2
