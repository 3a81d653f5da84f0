"""The firm, its desks and buckets, and the scopes of everything that can be granted, limited or held."""

from django.db import IntegrityError

from apps.access.models import Desk, Firm, RiskBucket, Role, Scope, User
from apps.access.roles import ROLES
from apps.access.states import ScopeKind
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common.errors import Invalid
from apps.common.ids import uuid7


def make_scope(*, kind: str, name: str, parent: Scope | None) -> Scope:
    """A node under `parent`; the caller is inside `acting`."""
    pk = uuid7()
    path = f"{parent.path if parent else ''}{pk.hex}."
    return Scope.objects.create(id=pk, kind=kind, name=name, parent=parent, path=path)


def make_firm(*, name: str, base_currency: str, actor: User | str, reason: str) -> Firm:
    """The one firm of this installation, with the standard roles; the database refuses a second."""
    with acting(actor, reason):
        scope = make_scope(kind=ScopeKind.FIRM, name=name, parent=None)
        firm = Firm.objects.create(name=name, base_currency=base_currency, scope=scope)
        for role, permissions in ROLES.items():
            Role.objects.get_or_create(name=role, defaults={"permissions": sorted(permissions)})
        audit.record("firm.made", firm, scope_id=scope.pk)
    return firm


def make_desk(*, name: str, actor: User | str, reason: str) -> Desk:
    """A desk of the firm. Raises Invalid DESK_NAME_TAKEN."""
    try:
        with acting(actor, reason):
            firm = Firm.objects.select_related("scope").get()
            scope = make_scope(kind=ScopeKind.DESK, name=name, parent=firm.scope)
            desk = Desk.objects.create(name=name, scope=scope)
            audit.record("desk.made", desk, scope_id=scope.pk)
    except IntegrityError as error:
        raise Invalid("DESK_NAME_TAKEN", f"a desk named {name} exists") from error
    return desk


def make_bucket(*, desk: Desk, name: str, actor: User | str, reason: str) -> RiskBucket:
    """A risk bucket of a desk. Raises Invalid BUCKET_NAME_TAKEN."""
    try:
        with acting(actor, reason):
            scope = make_scope(kind=ScopeKind.BUCKET, name=name, parent=desk.scope)
            bucket = RiskBucket.objects.create(desk=desk, name=name, scope=scope)
            audit.record("bucket.made", bucket, scope_id=scope.pk)
    except IntegrityError as error:
        raise Invalid("BUCKET_NAME_TAKEN", f"a risk bucket named {name} exists") from error
    return bucket


def lock_firm() -> Firm:
    """Lock the firm's row until the transaction ends: serialises firm-wide numbering of rare things."""
    return Firm.objects.select_for_update(of=("self",)).get()
