"""Runs that compare both books, and the breaks they found."""

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.audit.models import HistoryModel
from apps.common.models import Claimable
from apps.reconciliation.states import BreakKind, BreakState, RunState, Severity
from apps.venues.models import Account


class ReconciliationRun(HistoryModel, Claimable):
    """One comparison of our record of an account with the venue's."""

    history_excluded = ("due_at", "lease_owner", "lease_until", "attempts")

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="reconciliation_runs")
    trigger = models.TextField(help_text="`schedule` or `person`.")
    state = models.TextField(choices=RunState.choices, default=RunState.DUE)
    orders_compared = models.PositiveIntegerField(default=0)
    fills_compared = models.PositiveIntegerField(default=0)
    positions_compared = models.PositiveIntegerField(default=0)
    breaks_found = models.PositiveIntegerField(default=0)
    duration_ms = models.PositiveIntegerField(null=True)
    finished_at = models.DateTimeField(null=True)
    message = models.TextField(default="", blank=True)

    class Meta(HistoryModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account"], condition=Q(state="due"), name="one_due_run_per_account")
        ]


class Break(HistoryModel):
    """A disagreement between the two books, both sides kept."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="breaks")
    first_run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="breaks")
    last_run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="+")
    kind = models.TextField(choices=BreakKind.choices)
    severity = models.TextField(choices=Severity.choices)
    key = models.TextField(help_text="What it is about: a trade id, an order id, a symbol, a currency.")
    ours = models.JSONField(null=True)
    theirs = models.JSONField(null=True)
    owner = models.ForeignKey(User, null=True, on_delete=models.PROTECT)
    state = models.TextField(choices=BreakState.choices, default=BreakState.OPEN)
    resolution = models.TextField(default="", blank=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta(HistoryModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "key"],
                condition=Q(state=BreakState.OPEN),
                name="one_open_break_per_key",
            )
        ]
