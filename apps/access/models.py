"""The firm and its tree, people, roles, consent, tokens and idempotency."""

from typing import ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from guardian.models import UserObjectPermissionBase

from apps.access.states import ConsentState, Permission, ScopeKind, UserKind
from apps.audit.models import AppendOnlyModel, HistoryModel
from apps.common.models import OperationalModel


class UserManager(BaseUserManager["User"]):
    """Finds users by their sign-in name."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """The user with that sign-in name."""
        return self.get(username=username)


class User(AbstractBaseUser, HistoryModel):
    """A person or a service account; deactivated, never deleted."""

    history_excluded = ("password", "last_login")
    acting_token: "Token | None" = None  # set for a request that a token authenticates; narrows the grants

    username = models.CharField(max_length=150, unique=True)
    email = models.EmailField(blank=True, default="")
    display_name = models.TextField()
    kind = models.TextField(choices=UserKind.choices, default=UserKind.PERSON)
    is_active = models.BooleanField(default=True)

    objects = UserManager()
    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["display_name"]

    class Meta(HistoryModel.Meta):
        ordering = ("display_name",)

    def __str__(self) -> str:
        return self.display_name

    @property
    def is_service(self) -> bool:
        """Whether this is a machine."""
        return self.kind == UserKind.SERVICE

    @property
    def is_staff(self) -> bool:
        """Nobody is: superuser rights decide nothing in trading."""
        return False

    is_superuser = is_staff

    @property
    def initials(self) -> str:
        """Two letters for the avatar."""
        return "".join(word[0] for word in self.display_name.split()[:2]).upper()


class Scope(HistoryModel):
    """A node of the one tree that grants, limits, holds and audit point at.

    `path` is the ids from the firm down to this node, hex, each followed by a dot.
    """

    kind = models.TextField(choices=ScopeKind.choices)
    name = models.TextField()
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    path = models.TextField(unique=True)

    class Meta(HistoryModel.Meta):
        permissions = [(p.value, p.label) for p in Permission if p != Permission.VIEW]
        indexes = [models.Index(fields=["path"], name="scope_path_prefix", opclasses=["text_pattern_ops"])]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=Q(kind=ScopeKind.FIRM), name="one_firm_per_installation"
            ),
            models.CheckConstraint(
                condition=Q(parent__isnull=False) | Q(kind=ScopeKind.FIRM), name="only_the_firm_has_no_parent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def lineage(self) -> list[UUID]:
        """Ids from the firm down to this node, itself included."""
        return [UUID(hex=part) for part in self.path.split(".") if part]


class Firm(HistoryModel):
    """The one firm of this installation."""

    name = models.TextField()
    base_currency = models.CharField(max_length=12)
    scope = models.OneToOneField(Scope, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return self.name


class Desk(HistoryModel):
    """A desk; desks are isolated from each other."""

    name = models.TextField(unique=True)
    scope = models.OneToOneField(Scope, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return self.name


class RiskBucket(HistoryModel):
    """A risk bucket of a desk; it owns strategies, bots and accounts."""

    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="buckets")
    name = models.TextField(unique=True)
    scope = models.OneToOneField(Scope, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return self.name


class Role(HistoryModel):
    """A named set of permissions, as data."""

    name = models.TextField(unique=True)
    permissions = models.JSONField(default=list, help_text="Values of access.states.Permission.")

    def __str__(self) -> str:
        return self.name


class RoleGrant(HistoryModel):
    """A role given to a user on a scope; object permissions follow from it."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="role_grants")
    role = models.ForeignKey(Role, on_delete=models.PROTECT)
    scope = models.ForeignKey(Scope, on_delete=models.PROTECT)

    class Meta(HistoryModel.Meta):
        constraints = [models.UniqueConstraint(fields=["user", "role", "scope"], name="role_granted_once_per_scope")]


class ScopePermission(UserObjectPermissionBase, HistoryModel):
    """One permission of a user on a scope, by direct key (django-guardian)."""

    content_object = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="grants")

    class Meta(HistoryModel.Meta, UserObjectPermissionBase.Meta):
        abstract = False
        unique_together = [("user", "permission", "content_object")]


class Consent(HistoryModel):
    """A request that several people must grant: bound to a digest, with slots and an expiry."""

    act = models.TextField(help_text="What is asked for, e.g. `promotion.apply`, `hold.release`.")
    object_kind = models.TextField()
    object_id = models.UUIDField()
    scope = models.ForeignKey(Scope, on_delete=models.PROTECT)
    digest = models.CharField(max_length=64, help_text="SHA-256 over exactly what the voters see.")
    slots = models.JSONField(help_text="List of permissions, one person each.")
    excluded = models.JSONField(default=list, help_text="User ids that may not vote.")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="consents_requested")
    reason = models.TextField()
    expires_at = models.DateTimeField()
    state = models.TextField(choices=ConsentState.choices, default=ConsentState.OPEN)

    class Meta(HistoryModel.Meta):
        indexes = [models.Index(fields=["object_kind", "object_id"], name="consent_by_object")]
        constraints = [
            models.UniqueConstraint(
                fields=["act", "object_kind", "object_id"],
                condition=Q(state=ConsentState.OPEN),
                name="one_open_consent_per_act",
            )
        ]


class Vote(AppendOnlyModel):
    """One person's yes or no to a consent, with a reason."""

    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="votes")
    voter = models.ForeignKey(User, on_delete=models.PROTECT)
    approve = models.BooleanField()
    reason = models.TextField()
    digest = models.CharField(max_length=64, help_text="The digest the voter saw.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["consent", "voter"], name="one_vote_per_person")]


class WorkloadTrust(HistoryModel):
    """A workload of an issuer (a CI job, say) that may exchange its OIDC token for a short one of a service account."""

    history_excluded = ("last_used_at", "refused_at")

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="trusts")
    name = models.TextField()
    issuer = models.TextField(help_text="Exactly the `iss` of its tokens; keys are asked for below it.")
    audience = models.TextField(help_text="Exactly the one `aud` of its tokens.")
    subject = models.TextField(help_text="Exactly the `sub` of its tokens; never a pattern.")
    claims = models.JSONField(default=dict, help_text="Claims that must be equal: name of WORKLOAD_CLAIMS -> value.")
    permissions = models.JSONField(default=list, help_text="Narrows the account's grants; never widens them.")
    scope = models.ForeignKey(
        Scope, null=True, blank=True, on_delete=models.PROTECT, help_text="Only there and below; null: no narrowing."
    )
    networks = models.JSONField(default=list, help_text="CIDR networks to call from; empty: anywhere.")
    life_s = models.PositiveIntegerField(help_text="Seconds that a token lives.")
    jwks = models.JSONField(null=True, blank=True, help_text="Pinned public keys; null: the issuer is asked.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True, help_text="When a refused address was last recorded.")

    class Meta(HistoryModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "audience", "subject"],
                condition=Q(revoked_at__isnull=True),
                name="one_trust_per_workload",
            ),
            models.CheckConstraint(condition=Q(life_s__range=(60, 900)), name="exchanged_tokens_live_15_minutes"),
        ]

    def __str__(self) -> str:
        return self.name


class Token(HistoryModel):
    """A service account's bearer token; only its SHA-256 is kept."""

    history_excluded = ("digest", "last_used_at", "last_used_address", "refused_at")

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="tokens")
    name = models.TextField()
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    permissions = models.JSONField(default=list, help_text="Narrows the account's grants; never widens them.")
    scope = models.ForeignKey(
        Scope, null=True, blank=True, on_delete=models.PROTECT, help_text="Only there and below; null: no narrowing."
    )
    networks = models.JSONField(default=list, help_text="CIDR networks to call from; empty: anywhere.")
    trust = models.ForeignKey(
        WorkloadTrust,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tokens",
        help_text="By which an OIDC token was exchanged for it; null: a person made it.",
    )
    replaces = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by", help_text="Rotated out."
    )
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_address = models.TextField(default="", blank=True)
    refused_at = models.DateTimeField(null=True, blank=True, help_text="When a refused address was last recorded.")


class SpentAssertion(OperationalModel):
    """A subject token that was exchanged: its `jti` counts once."""

    rebuilt_from = "nothing: it expires when its token can no longer be exchanged"

    issuer = models.TextField()
    jti_digest = models.CharField(max_length=64, help_text="SHA-256 of the `jti`.")
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "jti_digest"], name="one_exchange_per_jti")]


class IssuerKeys(OperationalModel):
    """The public keys that an issuer published when it was last asked."""

    rebuilt_from = "the issuer: it is asked again"

    issuer = models.TextField(unique=True)
    jwks = models.JSONField(null=True)
    fetched_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True, help_text="When somebody last set out to ask.")


class ExchangeRate(OperationalModel):
    """How many exchanges one caller or issuer has asked for in its current minute."""

    rebuilt_from = "nothing: it counts one minute"

    key = models.TextField(unique=True)
    minute = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField()


class IdempotencyRecord(OperationalModel):
    """The stored answer to an unsafe call under its Idempotency-Key."""

    rebuilt_from = "nothing: it expires, except that order keys are kept with their orders"

    caller = models.ForeignKey(User, on_delete=models.PROTECT)
    key = models.CharField(max_length=128)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="one_answer_per_key")]
