"""Deployments, the slices of accounts they own, and the immutable log."""

from django.db import models
from django.db.models import Q

from apps.audit.models import AppendOnlyModel, HistoryModel
from apps.bots.models import Bot
from apps.bots.states import Environment, Mode, Stage
from apps.common.models import ExactDecimalField
from apps.deployments.states import Desired, Observed
from apps.markets.models import Feed, Instrument
from apps.promotions.models import Promotion
from apps.releases.models import Release
from apps.venues.models import Account


class Deployment(HistoryModel):
    """A release of a bot on an account: what should run, and what was seen to run.

    `epoch` fences: whoever holds an older epoch can neither commit a cycle nor send an order.
    """

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="deployments")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="deployments")
    environment = models.TextField(choices=Environment.choices)
    mode = models.TextField(choices=Mode.choices)
    stage = models.TextField(choices=Stage.choices)
    capital = ExactDecimalField()
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="deployments")
    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="deployments")
    feed = models.ForeignKey(Feed, on_delete=models.PROTECT)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    limits = models.JSONField(help_text="The bundle's limits, by risk.states.LimitKind.")
    desired = models.TextField(choices=Desired.choices, default=Desired.RUNNING)
    observed = models.TextField(choices=Observed.choices, default=Observed.STARTING)
    observed_reason = models.TextField(default="", blank=True)
    epoch = models.PositiveIntegerField(default=1)

    class Meta(HistoryModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["bot", "account"],
                condition=~Q(desired="stopped"),
                name="one_deployment_per_bot_account",
            ),
            models.CheckConstraint(
                condition=(Q(environment="live") & Q(mode="live")) | (~Q(environment="live") & Q(mode="paper")),
                name="deployment_mode_fits_environment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bot} on {self.account}"


class Slice(HistoryModel):
    """The exclusive right of a bot to trade one instrument on one account."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="slices")

    class Meta(HistoryModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "instrument"], name="one_bot_per_account_instrument")]


class DeploymentEvent(AppendOnlyModel):
    """One line of a deployment's immutable log."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="events")
    sequence = models.PositiveIntegerField()
    kind = models.TextField(help_text="created, redeployed, paused, resumed, stopped, failed, recovered")
    actor = models.TextField()
    reason = models.TextField()
    epoch = models.PositiveIntegerField()
    build_id = models.CharField(max_length=64)
    detail = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["deployment", "sequence"], name="deployment_log_in_sequence")]
