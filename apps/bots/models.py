"""Bots and the three independently versioned things that make a release."""

from django.db import models

from apps.access.models import Desk, RiskBucket, Scope, User
from apps.audit.models import AppendOnlyModel, HistoryModel
from apps.bots.states import Stage


class Strategy(HistoryModel):
    """A trading idea; groups the bots that run it."""

    name = models.TextField(unique=True)
    bucket = models.ForeignKey(RiskBucket, on_delete=models.PROTECT, related_name="strategies")
    scope = models.OneToOneField(Scope, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return self.name


class Bot(HistoryModel):
    """A running instance of a strategy, with owners and a declared blast radius."""

    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="bots")
    name = models.SlugField(unique=True, max_length=60)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="bots_owned")
    fallback_owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="bots_backed")
    symbols = models.JSONField(help_text="Blast radius: the only instruments it may trade.")
    accounts = models.JSONField(help_text="Blast radius: names of the only accounts it may use.")
    worker_pool = models.TextField(default="cycles", help_text="Blast radius: the queue whose workers run it.")
    stage = models.TextField(choices=Stage.choices, default=Stage.TESTING)
    scope = models.OneToOneField(Scope, on_delete=models.PROTECT)

    class Meta(HistoryModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(owner=models.F("fallback_owner")), name="fallback_owner_is_another_person"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def absent_owners(self) -> list[User]:
        """Its owners who are not active any more: with one of them it starts nothing before it is handed over."""
        return [user for user in (self.owner, self.fallback_owner) if not user.is_active]


class Signer(HistoryModel):
    """An Ed25519 key whose signatures a desk trusts."""

    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="signers")
    name = models.TextField()
    key_id = models.CharField(max_length=16, unique=True)
    public_key = models.TextField(help_text="Raw 32 bytes, base64.")
    revoked_at = models.DateTimeField(null=True, blank=True)


class CodeVersion(AppendOnlyModel):
    """One verified artifact of a bot; the same bytes twice are one version."""

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="code_versions")
    number = models.PositiveIntegerField()
    version = models.TextField(help_text="Semantic version from bot.toml.")
    git_sha = models.CharField(max_length=40)
    artifact_sha256 = models.CharField(max_length=64)
    artifact_bytes = models.PositiveBigIntegerField()
    lockfile_sha256 = models.CharField(max_length=64)
    manifest = models.JSONField(help_text="bot.toml as read.")
    parameter_schema = models.JSONField()
    sbom = models.JSONField(null=True)
    provenance = models.JSONField(null=True, help_text="Who built it from what; null for a laptop's push.")
    signer = models.ForeignKey(Signer, on_delete=models.PROTECT)
    signature = models.TextField()
    pushed_by = models.ForeignKey(User, on_delete=models.PROTECT)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bot", "artifact_sha256"], name="code_same_bytes_one_version"),
            models.UniqueConstraint(fields=["bot", "number"], name="code_numbered_per_bot"),
            models.UniqueConstraint(fields=["bot", "version"], name="code_version_names_one_artifact"),
        ]


class ConfigBundle(AppendOnlyModel):
    """Where and within what bounds a bot trades, as validated data."""

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="config_bundles")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    content = models.JSONField()
    pushed_by = models.ForeignKey(User, on_delete=models.PROTECT)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bot", "digest"], name="config_same_content_one_version"),
            models.UniqueConstraint(fields=["bot", "number"], name="config_numbered_per_bot"),
        ]


class ParameterSet(AppendOnlyModel):
    """The strategy's knobs, validated by the schema that its code declares."""

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="parameter_sets")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    content = models.JSONField()
    pushed_by = models.ForeignKey(User, on_delete=models.PROTECT)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bot", "digest"], name="parameters_same_content_one_version"),
            models.UniqueConstraint(fields=["bot", "number"], name="parameters_numbered_per_bot"),
        ]
