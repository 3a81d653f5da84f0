"""Roles are granted on a scope and hold there and below; taken away, they are gone at once."""

import pytest

from apps.access import selectors
from apps.access import services as access
from apps.access.models import RoleGrant, ScopePermission, User
from apps.access.roles import ROLES
from apps.access.states import Permission
from apps.audit.models import Record
from tests.access.conftest import Cast
from tests.builders import BY, fresh, refused
from tests.races import race


def _codenames(user: User) -> set[str]:
    return set(ScopePermission.objects.filter(user=user).values_list("permission__codename", flat=True))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_gives_exactly_its_permissions(cast: Cast, role: str) -> None:
    somebody = access.make_service_account(username="somebody", display_name="Somebody", **BY)

    access.grant_role(user=somebody, role=role, scope=cast.desk.scope, **BY)

    held = {permission for permission in Permission if access.may(somebody, permission, cast.desk.scope)}
    assert held == ROLES[role]


def test_a_grant_holds_below_but_not_above_and_not_beside(cast: Cast) -> None:
    trader = fresh(cast.trader)

    assert access.may(trader, Permission.VOTE_TRADER, cast.desk.scope)
    assert access.may(trader, Permission.VOTE_TRADER, cast.bucket.scope)
    assert not access.may(trader, Permission.VOTE_TRADER, cast.firm.scope)
    assert not access.may(trader, Permission.VOTE_TRADER, cast.other_desk.scope)


def test_a_grant_on_the_firm_holds_everywhere(cast: Cast) -> None:
    for scope in (cast.firm.scope, cast.desk.scope, cast.other_desk.scope, cast.bucket.scope):
        assert access.may(fresh(cast.administrator), Permission.ADMINISTER, scope)


def test_a_person_sees_their_desk_and_not_the_other(cast: Cast) -> None:
    seen = selectors.visible_scope_ids(fresh(cast.trader))

    assert seen == {cast.desk.scope_id, cast.bucket.scope_id}


def test_whoever_may_not_is_told_what_is_missing(cast: Cast) -> None:
    with refused("PERMISSION_DENIED"):
        access.require(fresh(cast.trader), Permission.SET_LIMITS, cast.desk.scope)


def test_being_a_superuser_means_nothing(cast: Cast) -> None:
    assert not fresh(cast.administrator).is_superuser
    assert not access.may(fresh(cast.administrator), Permission.VOTE_RISK, cast.firm.scope)


def test_nobody_grants_a_role_to_themselves(cast: Cast) -> None:
    with refused("OWN_ROLE_GRANT"):
        access.grant_role(
            user=fresh(cast.administrator),
            role="risk owner",
            scope=cast.firm.scope,
            actor=cast.administrator,
            reason="convenient",
        )

    assert not access.may(fresh(cast.administrator), Permission.VOTE_RISK, cast.firm.scope)
    assert RoleGrant.objects.filter(user=cast.administrator).count() == 1


def test_an_unknown_role_is_refused(cast: Cast) -> None:
    with refused("ROLE_UNKNOWN"):
        access.grant_role(user=cast.engineer, role="emperor", scope=cast.desk.scope, **BY)


def test_the_same_grant_twice_is_one(cast: Cast) -> None:
    access.grant_role(user=cast.trader, role="trader", scope=cast.desk.scope, **BY)

    assert RoleGrant.objects.filter(user=cast.trader).count() == 1


def test_a_role_taken_away_is_gone_at_the_next_request(cast: Cast) -> None:
    assert access.may(cast.trader, Permission.HOLD, cast.desk.scope)

    access.revoke_role(grant=RoleGrant.objects.get(user=cast.trader), **BY)

    assert not access.may(fresh(cast.trader), Permission.HOLD, cast.desk.scope)
    assert selectors.visible_scope_ids(fresh(cast.trader)) == set()
    assert Record.objects.filter(act="role.revoked", object_kind="access.rolegrant").count() == 1


def test_of_two_roles_the_other_one_keeps_what_both_give(cast: Cast) -> None:
    access.revoke_role(grant=RoleGrant.objects.get(user=cast.both, role__name="trader"), **BY)

    assert not access.may(fresh(cast.both), Permission.VOTE_TRADER, cast.desk.scope)
    assert access.may(fresh(cast.both), Permission.VOTE_RISK, cast.desk.scope)
    assert access.may(fresh(cast.both), Permission.HOLD, cast.desk.scope)


def test_two_roles_taken_away_at_once_leave_nothing(committed_cast: Cast) -> None:
    grants = list(RoleGrant.objects.filter(user=committed_cast.both))

    outcomes = race(*[lambda grant=grant: access.revoke_role(grant=grant, **BY) for grant in grants])

    assert outcomes == [None, None]
    assert _codenames(committed_cast.both) == set()


def test_a_deactivated_person_may_nothing(cast: Cast) -> None:
    access.deactivate(user=cast.trader, **BY)

    assert not access.may(fresh(cast.trader), Permission.VIEW, cast.desk.scope)
    assert fresh(cast.trader) not in selectors.holders(Permission.VOTE_TRADER, cast.desk.scope)
    assert User.objects.filter(pk=cast.trader.pk).exists()


def test_a_weak_password_is_refused(cast: Cast) -> None:
    with refused("PASSWORD_WEAK"):
        access.make_person(username="weak", display_name="Weak", password="password1234", **BY)

    assert not User.objects.filter(username="weak").exists()


def test_a_name_is_taken_once(cast: Cast) -> None:
    with refused("USERNAME_TAKEN"):
        access.make_person(username="tess", display_name="Tess", password="correct-horse-battery", **BY)
