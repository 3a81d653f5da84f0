"""Promotions: the wish to run a release at a stage, and what became of it."""

from django.db import models
from django.db.models import Q

from apps.access.models import Consent, User
from apps.audit.models import AppendOnlyModel, HistoryModel
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet
from apps.bots.states import Environment, Stage
from apps.common.models import Claimable, ExactDecimalField
from apps.promotions.states import PromotionState
from apps.releases.models import Release
from apps.venues.models import Account


class Policy(AppendOnlyModel):
    """Which gates and which approval slots a stage needs; the newest version is in force."""

    stage = models.TextField(choices=Stage.choices)
    environment = models.TextField(choices=Environment.choices)
    version = models.PositiveIntegerField()
    gates = models.JSONField(help_text="Values of releases.states.GateKind.")
    slots = models.JSONField(help_text="Permissions, one person each.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stage", "environment", "version"], name="policy_version_once")]


class Promotion(HistoryModel, Claimable):
    """Moves a release of a bot to a stage in an environment with capital and limits."""

    history_excluded = ("due_at", "lease_owner", "lease_until", "attempts")

    number = models.PositiveIntegerField(unique=True)
    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="promotions")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="promotions")
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    stage = models.TextField(choices=Stage.choices)
    environment = models.TextField(choices=Environment.choices)
    capital = ExactDecimalField(help_text="In the account's currency.")
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT)
    digest = models.CharField(max_length=64, default="", blank=True)
    bound = models.JSONField(default=dict, help_text="Exactly what the digest covers.")
    consent = models.OneToOneField(Consent, null=True, on_delete=models.PROTECT)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="promotions_requested")
    reason = models.TextField()
    state = models.TextField(choices=PromotionState.choices, default=PromotionState.GATING)
    outcome = models.TextField(default="", blank=True, help_text="Why it was refused, denied or void.")
    expires_at = models.DateTimeField()

    class Meta(HistoryModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["bot", "account"],
                condition=Q(state__in=["gating", "voting", "approved"]),
                name="one_open_promotion_per_bot_account",
            )
        ]

    def __str__(self) -> str:
        return f"P-{self.number}"


class Declaration(AppendOnlyModel):
    """A declaration of a bot as it was applied: its text, and what came of it; the newest says what should be."""

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="declarations")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the canonical content.")
    text = models.TextField(help_text="As it was sent.")
    content = models.JSONField(help_text="As it was read.")
    plan_digest = models.CharField(max_length=64)
    lines = models.JSONField(help_text="The plan that was applied.")
    raises = models.JSONField(help_text="Ids of the limit raises that it asked for.")
    heads = models.JSONField(help_text="Numbers of the newest versions and release when it was applied.")
    config_bundle = models.ForeignKey(ConfigBundle, null=True, on_delete=models.PROTECT, related_name="+")
    parameter_set = models.ForeignKey(ParameterSet, null=True, on_delete=models.PROTECT, related_name="+")
    code_version = models.ForeignKey(CodeVersion, null=True, on_delete=models.PROTECT, related_name="+")
    release = models.ForeignKey(Release, null=True, on_delete=models.PROTECT, related_name="+")
    applied_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bot", "number"], name="declaration_numbered_per_bot")]

    def __str__(self) -> str:
        return f"declaration {self.number} of {self.bot}"
