"""Shapes of strategies, bots, signers and versions."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.bots import selectors
from apps.bots.api.uploads import ARTIFACT_MIB_MAX, JSONObject
from apps.bots.models import (
    Bot,
    CodeVersion,
    ConfigBundle,
    ParameterSet,
    Signer,
    Strategy,
    TrustedBuilder,
    Verification,
)
from apps.common.api.fields import Reference, Text
from apps.common.api.serializers import Act, ReasonedAct, Shown


class StrategyShown(Shown):
    """A strategy."""

    bucket_name = serializers.CharField(source="bucket.name")

    class Meta:
        model = Strategy
        fields = ("id", "name", "bucket", "bucket_name", "scope", "created_at")
        read_only_fields = fields


class NewStrategy(Act):
    """A strategy to make."""

    bucket = Reference(help_text="Id or name of the risk bucket.")
    name = Text(max_length=100, help_text="Unique in the firm; else STRATEGY_NAME_TAKEN.")


class BotShown(Shown):
    """A bot with its owners and declared blast radius."""

    strategy_name = serializers.CharField(source="strategy.name")
    owner_name = serializers.CharField(source="owner.display_name")
    fallback_owner_name = serializers.CharField(source="fallback_owner.display_name")
    lacks_an_owner = serializers.SerializerMethodField(
        help_text="Whether an owner has left: it starts nothing before it is handed over."
    )
    symbols = serializers.ListField(child=serializers.CharField(), help_text="The only instruments it may trade.")
    accounts = serializers.ListField(child=serializers.CharField(), help_text="The only accounts it may use.")

    class Meta:
        model = Bot
        fields = (
            "id", "name", "strategy", "strategy_name", "owner", "owner_name", "fallback_owner",
            "fallback_owner_name", "lacks_an_owner", "symbols", "accounts", "worker_pool", "stage", "scope",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_lacks_an_owner(self, bot: Bot) -> bool:
        """Whether one of its owners is not active any more."""
        return bool(bot.absent_owners)


class NewBot(Act):
    """A bot to make."""

    strategy = Reference(help_text="Id or name of the strategy.")
    name = serializers.RegexField(r"^[a-z0-9][a-z0-9-]{1,58}$", help_text="Unique; lower case, digits, hyphens.")
    owner = Reference(help_text="Id or sign-in name of a person.")
    fallback_owner = Reference(help_text="Id or sign-in name of another person; else OWNERS_INVALID.")
    symbols = serializers.ListField(
        child=Text(max_length=40), allow_empty=False, max_length=100, help_text="Instrument symbols."
    )
    accounts = serializers.ListField(
        child=Text(max_length=60), allow_empty=False, max_length=20, help_text="Account names."
    )


class HandOver(ReasonedAct):
    """Other owners for a bot, or for all the bots of somebody who leaves."""

    owner = Reference(help_text="Id or sign-in name of an active person who may see the bot; else OWNER_CANNOT_SEE.")
    fallback_owner = Reference(help_text="Id or sign-in name of another one; the same twice is OWNERS_INVALID.")


KEY_FIELDS = (
    "id", "desk", "name", "key_id", "public_key", "replaces", "revoked_at", "revoked_reason", "is_trusted",
    "created_at",
)  # fmt: skip


class SignerShown(Shown):
    """A key whose signatures over builds a desk trusts."""

    is_trusted = serializers.BooleanField(help_text="Whether it is trusted now.")

    class Meta:
        model = Signer
        fields = KEY_FIELDS
        read_only_fields = fields


class BuilderShown(Shown):
    """A CI that a desk trusts to attest builds of a repository."""

    is_trusted = serializers.BooleanField(help_text="Whether it is trusted now.")
    refs = serializers.ListField(child=serializers.CharField(), help_text="Refs it may build from.")

    class Meta:
        model = TrustedBuilder
        fields = (*KEY_FIELDS, "builder_id", "source_repository", "refs")
        read_only_fields = fields


class NewSigner(ReasonedAct):
    """A key to trust."""

    desk = Reference(help_text="Id or name of the desk.")
    name = Text(max_length=100)
    public_key = serializers.RegexField(
        r"^[A-Za-z0-9+/=]{40,60}$", help_text="Ed25519 public key: raw 32 bytes in base64."
    )


class NewBuilder(NewSigner):
    """A CI's key to trust, and for what."""

    builder_id = Text(max_length=300, help_text="URI, as the provenance names it in runDetails.builder.id.")
    source_repository = Text(max_length=300, help_text="URI, as the provenance names it after `git+`.")
    refs = serializers.ListField(
        child=Text(max_length=210),
        allow_empty=False,
        max_length=20,
        help_text="Refs it may build from: refs/heads/main, or refs/tags/* for all below.",
    )


class Rotation(ReasonedAct):
    """A key to trust in the place of another one."""

    name = Text(max_length=100)
    public_key = serializers.RegexField(
        r"^[A-Za-z0-9+/=]{40,60}$", help_text="Ed25519 public key: raw 32 bytes in base64."
    )
    old_until = serializers.DateTimeField(
        required=False,
        default=None,
        allow_null=True,
        help_text="When the old key stops being trusted; else you revoke it.",
    )


class Revocation(ReasonedAct):
    """A key to stop trusting."""

    at = serializers.DateTimeField(
        required=False, default=None, allow_null=True, help_text="From when on; by default now. Only ever sooner."
    )


class VerificationShown(Shown):
    """What came of looking at a code version."""

    class Meta:
        model = Verification
        fields = ("id", "code_version", "moment", "verdict", "code", "message", "facts", "created_at")
        read_only_fields = fields


class CodeVersionShown(Shown):
    """A verified artifact of a bot."""

    key_id = serializers.CharField(source="signer.key_id")
    ci_provenance = serializers.SerializerMethodField(
        help_text="What a trusted CI attests of it, judged now; null for a laptop's push, which stops at paper."
    )

    class Meta:
        model = CodeVersion
        fields = (
            "id", "bot", "number", "version", "git_sha", "artifact_sha256", "artifact_bytes", "lockfile_sha256",
            "manifest", "parameter_schema", "sbom", "sbom_sha256", "provenance", "ci_provenance", "signer", "key_id",
            "builder", "signature", "pushed_by", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field({"type": ["object", "null"], "additionalProperties": {"type": "string"}})
    def get_ci_provenance(self, code: CodeVersion) -> dict[str, str] | None:
        """What it rests on, in place of the claim."""
        return selectors.ci_provenance(code, code.builder)


class NewCodeVersion(Act):
    """An artifact to push: multipart form data."""

    bot = Reference(help_text="Id or name of the bot.")
    artifact = serializers.FileField(help_text=f"The wheel or zip, at most {ARTIFACT_MIB_MAX} MiB.")
    artifact_sha256 = serializers.RegexField(
        r"^[0-9a-f]{64}$", required=False, default="", help_text="Of the artifact; other bytes are ARTIFACT_DIGEST."
    )
    git_sha = serializers.RegexField(r"^[0-9a-f]{40}$", help_text="Commit the artifact was built from.")
    key_id = serializers.RegexField(r"^[0-9a-f]{16}$", help_text="Signer's key; an unknown one is SIGNER_UNKNOWN.")
    signature = serializers.RegexField(
        r"^[A-Za-z0-9+/=]{80,100}$", help_text="Base64 of the Ed25519 signature over the canonical statement."
    )
    provenance = JSONObject(
        required=False,
        default=None,
        help_text="DSSE envelope with SLSA Provenance v1, signed by a trusted builder; a wrong one is PROVENANCE_*.",
    )
    sbom = JSONObject(required=False, default=None, help_text="CycloneDX JSON 1.4 to 1.6 that fits the lockfile.")


class ConfigBundleShown(Shown):
    """Where and within what bounds a bot trades."""

    class Meta:
        model = ConfigBundle
        fields = ("id", "bot", "number", "digest", "content", "pushed_by", "created_at")
        read_only_fields = fields


class NewConfigBundle(Act):
    """A configuration to push, as JSON or YAML."""

    bot = Reference(help_text="Id or name of the bot.")
    content = serializers.DictField(help_text="The bundle; decimals as strings. A bad one is CONFIG_SCHEMA.")


class ParameterSetShown(Shown):
    """The strategy's knobs."""

    class Meta:
        model = ParameterSet
        fields = ("id", "bot", "number", "digest", "content", "pushed_by", "created_at")
        read_only_fields = fields


class NewParameterSet(Act):
    """Parameters to push, as JSON or YAML; the code's schema validates them."""

    bot = Reference(help_text="Id or name of the bot.")
    code_version = serializers.UUIDField(help_text="Id of the code version whose schema applies.")
    content = serializers.DictField(help_text="Values by name. Bad ones are PARAMETERS_SCHEMA.")
