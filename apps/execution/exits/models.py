"""Exit plans and their legs."""

from django.db import models
from django.db.models import Q

from apps.access.models import Scope, User
from apps.audit.models import HistoryModel
from apps.common.models import Claimable, ExactDecimalField, OperationalModel
from apps.deployments.models import Deployment
from apps.execution.exits.states import LegState, PlanSource, PlanState
from apps.markets.models import Instrument
from apps.venues.models import Account


class ExitPlan(HistoryModel, Claimable):
    """The order to take every position below a scope to zero; due while it runs or waits."""

    history_excluded = ("due_at", "lease_owner", "lease_until", "attempts")

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="exit_plans")
    state = models.TextField(choices=PlanState.choices, default=PlanState.RUNNING)
    source = models.TextField(choices=PlanSource.choices, default=PlanSource.PERSON)
    requested_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="exit_plans")
    reason = models.TextField()
    collar_bps = ExactDecimalField(help_text="How far a price may be from the reference, basis points.")
    participation = ExactDecimalField(help_text="Share of the volume expected in a step that a slice may take.")
    step_s = models.PositiveIntegerField(help_text="Wall seconds between the slices of a leg.")
    keep_protective = models.BooleanField(
        default=True, help_text="Protective orders guard until the venue says flat; else they go first."
    )
    closes_at = models.DateTimeField(null=True, help_text="Market time of the close that an end-of-day plan is for.")
    message = models.TextField(default="", blank=True, help_text="What it waits for, or why it ended.")
    ended_at = models.DateTimeField(null=True)

    class Meta(HistoryModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["scope"],
                condition=Q(state__in=[PlanState.RUNNING, PlanState.WAITING]),
                name="one_active_exit_plan_per_scope",
            ),
            models.CheckConstraint(
                condition=Q(source=PlanSource.PERSON, requested_by__isnull=False, closes_at__isnull=True)
                | Q(source=PlanSource.END_OF_DAY, requested_by__isnull=True, closes_at__isnull=False),
                name="exit_plan_has_an_authority",
            ),
            models.CheckConstraint(
                condition=Q(collar_bps__gt=0, participation__gt=0, participation__lte=1, step_s__gt=0),
                name="exit_plan_terms",
            ),
        ]


class ExitLeg(OperationalModel):
    """One position of a plan.

    Operational: each order's events are its history, and who asked for which legs is in the record of acts.
    """

    rebuilt_from = "the record of the plan's start, its orders (ids follow from plan, leg and slice) and the venue"

    plan = models.ForeignKey(ExitPlan, on_delete=models.PROTECT, related_name="legs")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    hedge_group = models.PositiveIntegerField(help_text="Legs of one group advance together.")
    state = models.TextField(choices=LegState.choices, default=LegState.CLEARING)
    target = ExactDecimalField(default=0, help_text="Units to close: the most that the venue has confirmed so far.")
    held = ExactDecimalField(null=True, help_text="Signed units at the venue's last answer.")
    slices = models.PositiveIntegerField(default=0, help_text="Orders placed so far.")
    last_order_id = models.UUIDField(null=True, help_text="Client order id of the newest slice.")
    message = models.TextField(default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "account", "instrument"], name="one_leg_per_position_of_a_plan"),
            models.UniqueConstraint(
                fields=["account", "instrument"],
                condition=Q(state__in=[LegState.CLEARING, LegState.EXITING, LegState.SWEEPING]),
                name="one_active_exit_leg_per_position",
            ),
        ]
