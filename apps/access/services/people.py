"""People, service accounts and the roles they hold."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from guardian.shortcuts import assign_perm, remove_perm

from apps.access import selectors
from apps.access.models import Role, RoleGrant, Scope, ScopePermission, User
from apps.access.states import Permission, UserKind
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common import nudges
from apps.common.errors import Forbidden, Invalid, NotFound, Refused


def require(user: User, permission: str, scope: Scope) -> None:
    """Nothing when `user` may; else Forbidden PERMISSION_DENIED that names what is missing."""
    if not selectors.may(user, permission, scope):
        label = Permission(permission).label
        raise Forbidden("PERMISSION_DENIED", f"your roles on {scope} do not let you {label}", permission=permission)


def person_at_terminal(username: str) -> User:
    """The person for whom a management command acts; NotFound PERSON_UNKNOWN when there is none who is active."""
    person = User.objects.filter(username=username, kind=UserKind.PERSON, is_active=True).first()
    if person is None:
        raise NotFound("PERSON_UNKNOWN", f"there is no active person with the sign-in name {username!r}")
    return person


def require_at_terminal(*, username: str, permission: str, scope: Scope, reason: str) -> User:
    """The person for whom a management command acts, when their roles allow it and they say why.

    Raises Invalid REASON_MISSING, NotFound PERSON_UNKNOWN, Forbidden PERMISSION_DENIED.
    """
    if not reason.strip():
        raise Invalid("REASON_MISSING", "say why: the reason is kept in the audit", field="reason")
    person = person_at_terminal(username)
    require(person, permission, scope)
    return person


def make_person(
    *, username: str, display_name: str, password: str, email: str = "", actor: User | str, reason: str
) -> User:
    """A person who can sign in. Raises Invalid PASSWORD_WEAK or USERNAME_TAKEN."""
    try:
        validate_password(password)
    except ValidationError as error:
        raise Invalid("PASSWORD_WEAK", " ".join(error.messages)) from error
    user = User(username=username, display_name=display_name, email=email, kind=UserKind.PERSON)
    user.set_password(password)
    return _save_new(user, actor, reason)


def make_service_account(*, username: str, display_name: str, actor: User | str, reason: str) -> User:
    """A machine's account: it has tokens, no password, and can never vote."""
    user = User(username=username, display_name=display_name, kind=UserKind.SERVICE)
    user.set_unusable_password()
    return _save_new(user, actor, reason)


def _save_new(user: User, actor: User | str, reason: str) -> User:
    try:
        with acting(actor, reason):
            user.save(force_insert=True)
            audit.record("user.made", user, after={"kind": user.kind})
    except IntegrityError as error:
        raise Invalid("USERNAME_TAKEN", f"{user.username} is taken; choose another name") from error
    return user


def grant_role(*, user: User, role: str, scope: Scope, actor: User | str, reason: str) -> RoleGrant:
    """Give `user` the role on `scope` and below.

    Raises Refused OWN_ROLE_GRANT when somebody grants to themselves, Invalid ROLE_UNKNOWN.
    """
    if isinstance(actor, User) and actor.pk == user.pk:
        raise Refused("OWN_ROLE_GRANT", "nobody grants a role to themselves: ask another administrator")
    found = Role.objects.filter(name=role).first()
    if found is None:
        raise Invalid("ROLE_UNKNOWN", f"there is no role named {role}")
    with acting(actor, reason):
        _lock(user)
        grant, _ = RoleGrant.objects.get_or_create(user=user, role=found, scope=scope)
        _sync_permissions(user, scope)
        audit.record("role.granted", grant, scope_id=scope.pk, after={"user": str(user.pk), "role": role})
    return grant


def revoke_role(*, grant: RoleGrant, actor: User | str, reason: str) -> None:
    """Take a role away at once."""
    with acting(actor, reason):
        _lock(grant.user)
        audit.record(
            "role.revoked",
            grant,
            scope_id=grant.scope_id,
            before={"user": str(grant.user_id), "role": grant.role.name},
        )
        grant.delete()
        _sync_permissions(grant.user, grant.scope)


def deactivate(*, user: User, actor: User | str, reason: str) -> None:
    """End a user's access: they are never deleted, so that the audit keeps its meaning.

    Nothing that they own keeps it from ending; the bots that want another owner are looked for at once.
    """
    with acting(actor, reason):
        User.objects.filter(pk=user.pk).update(is_active=False)
        user.is_active = False
        audit.record("user.deactivated", user)
        nudges.wake("bots.watch_owners")


def _lock(user: User) -> None:
    """One change of a user's roles at a time: of two, each would leave what the other's role still says."""
    User.objects.select_for_update().get(pk=user.pk)


def _sync_permissions(user: User, scope: Scope) -> None:
    """Make the object permissions on `scope` what the user's roles there say."""
    wanted: set[str] = set()
    for held in RoleGrant.objects.filter(user=user, scope=scope).select_related("role"):
        wanted |= set(held.role.permissions)
    rows = ScopePermission.objects.filter(user=user, content_object=scope)
    present = set(rows.values_list("permission__codename", flat=True))
    for codename in sorted(wanted - present):
        assign_perm(codename, user, scope)
    for codename in sorted(present - wanted):
        remove_perm(codename, user, scope)
    user.__dict__.pop("_grants", None)
    user.__dict__.pop("_visible", None)
