"""Sources of signals, the messages that came, and how many came in the current minute."""

from django.db import models
from django.db.models import Q

from apps.access.models import Consent, User
from apps.audit.models import HistoryModel
from apps.common.clocks import wall_now
from apps.common.models import OperationalModel
from apps.deployments.models import Deployment
from apps.execution.models import Order
from apps.execution.signals.states import Outcome, SourceMode


class SignalSource(HistoryModel):
    """A sender whose messages become orders of one deployment; inactive until a second person consents.

    Its keys are in a file, never here. What its voters saw cannot be edited: another wish is another source.
    """

    name = models.SlugField(unique=True, max_length=60, help_text="The last part of its address.")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="signal_sources")
    acts_as = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", help_text="Service account in whose name orders are placed."
    )
    mode = models.TextField(choices=SourceMode.choices)
    envelope = models.JSONField(default=dict, help_text="Pointers to secret, timestamp and id in a body.")
    body_schema = models.JSONField(help_text="JSON Schema (2020-12) of its bodies.")
    mapping = models.JSONField(help_text="From a body to an order's fields.")
    allow_list = models.JSONField(default=list, help_text="Networks (CIDR) from which it may call.")
    messages_per_minute = models.PositiveIntegerField()
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    is_active = models.BooleanField(default=False)
    consent = models.OneToOneField(Consent, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta(HistoryModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=~Q(mode=SourceMode.BODY_SECRET) | ~Q(allow_list=[]), name="weak_source_has_an_allow_list"
            ),
            models.CheckConstraint(
                condition=Q(is_active=False) | Q(consent__isnull=False), name="active_source_was_consented_to"
            ),
            models.CheckConstraint(condition=Q(messages_per_minute__gt=0), name="source_rate_positive"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_weak(self) -> bool:
        """Whether its secret travels in the body, where whoever reads one message can write others."""
        return self.mode == SourceMode.BODY_SECRET


class Signal(OperationalModel):
    """A verified message and what became of it: the same id again gets the same answer and no second order."""

    rebuilt_from = "nothing: it expires 90 days after it came; the order and its events stay"

    source = models.ForeignKey(SignalSource, on_delete=models.PROTECT, related_name="signals")
    webhook_id = models.TextField()
    received_at = models.DateTimeField(default=wall_now)
    body_digest = models.CharField(max_length=64)
    body = models.JSONField(null=True, help_text="As it came, without the secret; null where it was no JSON.")
    outcome = models.TextField(choices=Outcome.choices)
    codes = models.JSONField(default=list)
    detail = models.JSONField(default=dict, help_text="Where a malformed body failed; never its content.")
    order = models.ForeignKey(Order, null=True, on_delete=models.PROTECT, related_name="signals")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "webhook_id"], name="signal_taken_once")]
        indexes = [models.Index(fields=["source", "received_at"], name="signal_by_age")]


class SignalRate(OperationalModel):
    """How many new messages a source sent in the current minute; a row, so that it works without Redis."""

    rebuilt_from = "starts empty every minute"

    source = models.OneToOneField(SignalSource, on_delete=models.PROTECT, related_name="rate")
    minute = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)
