"""Shapes of tokens and of trust in workloads; nothing secret but a new token, once."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.access.models import Token, WorkloadTrust
from apps.access.states import WORKLOAD_CLAIMS, Permission
from apps.common.addresses import NETWORKS_MAX
from apps.common.api.fields import Reference, Text
from apps.common.api.serializers import Act, Shown


class TokenShown(Shown):
    """A token without its secret."""

    username = serializers.CharField(source="user.username")
    scope_name = serializers.CharField(source="scope.name", allow_null=True, default=None)

    class Meta:
        model = Token
        fields = (
            "id", "user", "username", "name", "prefix", "permissions", "scope", "scope_name", "networks", "trust",
            "replaces", "expires_at", "revoked_at", "last_used_at", "last_used_address", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class TokenWithSecret(TokenShown):
    """A new token with its secret."""

    secret = serializers.CharField(help_text="The bearer token; shown this once and not kept.")

    class Meta:
        model = Token
        fields = (*TokenShown.Meta.fields, "secret")
        read_only_fields = fields


class Narrowed(Act):
    """What a machine's access is narrowed to."""

    user = Reference(help_text="Id or sign-in name of a service account; a person is refused.")
    name = Text(max_length=100)
    permissions = serializers.ListField(
        child=serializers.ChoiceField(Permission.choices),
        allow_empty=False,
        max_length=len(Permission),
        help_text="Narrows the account's grants.",
    )
    scope = serializers.UUIDField(
        required=False, default=None, allow_null=True, help_text="Id of a scope: only there and below."
    )
    networks = serializers.ListField(
        child=Text(max_length=60),
        required=False,
        default=list,
        max_length=NETWORKS_MAX,
        help_text="CIDR networks or addresses that calls may come from; empty: anywhere.",
    )


class NewToken(Narrowed):
    """A token to make for a service account."""

    expires_in_h = serializers.IntegerField(min_value=1, max_value=8760, help_text="Hours until it expires.")


class TokenRotation(Act):
    """A token to replace."""

    overlap_h = serializers.IntegerField(
        required=False, default=24, min_value=0, max_value=168, help_text="Hours for which both count."
    )


class TrustShown(Shown):
    """A trusted workload."""

    username = serializers.CharField(source="user.username")
    scope_name = serializers.CharField(source="scope.name", allow_null=True, default=None)

    class Meta:
        model = WorkloadTrust
        fields = (
            "id", "user", "username", "name", "issuer", "audience", "subject", "claims", "permissions", "scope",
            "scope_name", "networks", "life_s", "jwks", "revoked_at", "last_used_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


CLAIMS = {
    "type": "object",
    "propertyNames": {"enum": list(WORKLOAD_CLAIMS)},
    "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 500},
    "examples": [{"repository_id": "73124", "environment": "live"}],
}
KEYS = {
    "type": ["object", "null"],
    "properties": {"keys": {"type": "array", "items": {"type": "object", "additionalProperties": True}}},
    "required": ["keys"],
}


@extend_schema_field(CLAIMS)
class Claims(serializers.DictField):
    """Claims by name, as text."""

    child = Text(max_length=500)


@extend_schema_field(KEYS)
class PublicKeys(serializers.JSONField):
    """A key set (RFC 7517)."""


class NewTrust(Narrowed):
    """A workload to trust; issuer, audience and subject are compared exactly."""

    issuer = Text(max_length=500, help_text="The `iss`: an https:// address, below which its keys are found.")
    audience = Text(max_length=500, help_text="The one `aud`.")
    subject = Text(max_length=500, help_text="The `sub`, e.g. `repo:desk/bot:environment:live`; no patterns.")
    claims = Claims(required=False, default=dict, help_text="Claims that must be equal too.")
    life_s = serializers.IntegerField(
        required=False, default=900, min_value=60, max_value=900, help_text="Seconds that an exchanged token lives."
    )
    jwks = PublicKeys(
        required=False, default=None, allow_null=True, help_text="Public keys, where the issuer cannot be asked."
    )
