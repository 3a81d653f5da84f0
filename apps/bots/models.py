"""Bots and the three independently versioned things that make a release."""

from django.db import models

from apps.access.models import Desk, RiskBucket, Scope, User
from apps.audit.models import AppendOnlyModel, HistoryModel
from apps.bots.states import Moment, Stage, Verdict
from apps.common.clocks import wall_now


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


class TrustedKey(HistoryModel):
    """An Ed25519 key that a desk trusts for one purpose until `revoked_at`; a revoked key stays revoked."""

    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="%(class)ss")
    name = models.TextField()
    key_id = models.CharField(max_length=16)
    public_key = models.TextField(help_text="Raw 32 bytes, base64.")
    replaces = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="successors", help_text="The key before."
    )
    revoked_at = models.DateTimeField(null=True, blank=True, help_text="From then on it is not trusted.")
    revoked_reason = models.TextField(default="", blank=True)

    class Meta(HistoryModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return f"{self.name} ({self.key_id})"

    @property
    def is_trusted(self) -> bool:
        """Whether it is trusted at this moment."""
        return self.revoked_at is None or self.revoked_at > wall_now()


class Signer(TrustedKey):
    """An Ed25519 key whose signatures over builds a desk trusts."""

    key_id = models.CharField(max_length=16, unique=True)


class TrustedBuilder(TrustedKey):
    """A CI that a desk trusts to say what it built from which commit of one repository."""

    builder_id = models.TextField(help_text="URI, as runDetails.builder.id names it.")
    source_repository = models.TextField(help_text="URI without scheme prefix `git+` and without the ref.")
    refs = models.JSONField(help_text="Refs it may build from: whole ones, or `refs/tags/*` for all below.")

    class Meta(TrustedKey.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["desk", "key_id", "builder_id", "source_repository"], name="builder_trusted_once"
            )
        ]


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
    sbom_sha256 = models.CharField(max_length=64, default="", help_text="Of its canonical JSON; empty: there is none.")
    provenance = models.JSONField(
        null=True, help_text="DSSE envelope of its CI, a claim: `selectors.ci_provenance` judges it."
    )
    builder = models.ForeignKey(
        TrustedBuilder, null=True, on_delete=models.PROTECT, help_text="Whose provenance it is; null: a laptop's push."
    )
    signer = models.ForeignKey(Signer, on_delete=models.PROTECT)
    signature = models.TextField()
    pushed_by = models.ForeignKey(User, on_delete=models.PROTECT)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bot", "artifact_sha256"], name="code_same_bytes_one_version"),
            models.UniqueConstraint(fields=["bot", "number"], name="code_numbered_per_bot"),
            models.UniqueConstraint(fields=["bot", "version"], name="code_version_names_one_artifact"),
        ]


class Verification(AppendOnlyModel):
    """What came of looking at a code version again: key, signature, provenance, stored bytes."""

    code_version = models.ForeignKey(CodeVersion, on_delete=models.PROTECT, related_name="verifications")
    moment = models.TextField(choices=Moment.choices)
    verdict = models.TextField(choices=Verdict.choices)
    code = models.TextField(default="", blank=True, help_text="Why it was refused.")
    message = models.TextField(default="", blank=True)
    facts = models.JSONField(help_text="What was checked.")

    class Meta:
        indexes = [models.Index(fields=["code_version", "-id"], name="verification_by_code")]


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
