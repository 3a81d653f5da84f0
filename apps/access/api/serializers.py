"""Shapes of people, desks and consents."""

from rest_framework import serializers

from apps.access.models import Consent, Desk, Firm, RiskBucket, RoleGrant, User, Vote
from apps.access.states import UserKind
from apps.common.api.fields import Reference, Text
from apps.common.api.serializers import Act, ReasonedAct, Shown


class FirmShown(Shown):
    """The firm."""

    class Meta:
        model = Firm
        fields = ("id", "name", "base_currency", "scope", "created_at")
        read_only_fields = fields


class DeskShown(Shown):
    """A desk."""

    class Meta:
        model = Desk
        fields = ("id", "name", "scope", "created_at")
        read_only_fields = fields


class NewDesk(Act):
    """A desk to make."""

    name = Text(max_length=100, help_text="Unique in the firm.")


class BucketShown(Shown):
    """A risk bucket."""

    desk_name = serializers.CharField(source="desk.name")

    class Meta:
        model = RiskBucket
        fields = ("id", "name", "desk", "desk_name", "scope", "created_at")
        read_only_fields = fields


class NewBucket(Act):
    """A risk bucket to make."""

    desk = Reference(help_text="Id or name of the desk.")
    name = Text(max_length=100, help_text="Unique in the firm.")


class UserShown(Shown):
    """A person or service account, without anything secret."""

    class Meta:
        model = User
        fields = ("id", "username", "display_name", "kind", "is_active", "created_at")
        read_only_fields = fields


class NewUser(Act):
    """A person or a service account to make."""

    username = serializers.RegexField(r"^[a-z0-9._-]{3,60}$", help_text="Sign-in name; unique.")
    display_name = Text(max_length=150)
    kind = serializers.ChoiceField(UserKind.choices)
    password = Text(
        required=False,
        default="",
        allow_blank=True,
        max_length=200,
        help_text="Of a person; at least 12 characters.",
    )
    email = serializers.EmailField(required=False, default="", allow_blank=True)


class GrantShown(Shown):
    """A role that a user holds on a scope."""

    role = serializers.CharField(source="role.name")
    scope_kind = serializers.CharField(source="scope.kind")
    scope_name = serializers.CharField(source="scope.name")

    class Meta:
        model = RoleGrant
        fields = ("id", "user", "role", "scope", "scope_kind", "scope_name", "created_at")
        read_only_fields = fields


class NewGrant(ReasonedAct):
    """A role to give; it holds on the scope and everything below it."""

    role = Text(max_length=60, help_text="Name of a role, e.g. `trader`; else ROLE_UNKNOWN.")
    scope = serializers.UUIDField(help_text="Id of a scope; firm, desks, buckets, bots show theirs.")


class VoteShown(Shown):
    """One person's vote."""

    class Meta:
        model = Vote
        fields = ("id", "voter", "approve", "reason", "digest", "created_at")
        read_only_fields = fields


class ConsentShown(Shown):
    """A request that several people must grant, with the votes so far."""

    votes = VoteShown(many=True)
    slots = serializers.ListField(child=serializers.CharField(), help_text="Permissions, one person each.")

    class Meta:
        model = Consent
        fields = (
            "id", "act", "object_kind", "object_id", "scope", "digest", "slots", "requested_by", "reason",
            "expires_at", "state", "votes", "created_at",
        )  # fmt: skip
        read_only_fields = fields
