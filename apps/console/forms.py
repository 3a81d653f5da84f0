"""What people type; services check what must hold."""

from typing import Any

from django import forms

from apps.bots.states import Environment, Stage
from apps.risk.states import HoldLevel, LimitKind

REASON_MAX = 2_000


class ReasonForm(forms.Form):
    """Every act has a reason."""

    reason = forms.CharField(max_length=REASON_MAX, label="Reason")


class VoteForm(ReasonForm):
    """A vote on exactly what was shown: the digest comes back with it."""

    digest = forms.CharField(max_length=64)
    verdict = forms.ChoiceField(choices=[("approve", "Approve"), ("deny", "Deny")])

    @property
    def approves(self) -> bool:
        """Whether the vote is a yes."""
        return bool(self.cleaned_data["verdict"] == "approve")


class PromotionForm(ReasonForm):
    """A release to a stage of an environment, with capital."""

    account = forms.UUIDField()
    stage = forms.ChoiceField(choices=Stage.choices)
    environment = forms.ChoiceField(choices=Environment.choices)
    capital = forms.DecimalField(min_value=0, max_digits=38, decimal_places=18)


class HoldForm(ReasonForm):
    """A hold of a level on a scope."""

    scope = forms.UUIDField()
    level = forms.ChoiceField(choices=HoldLevel.choices)


class ReleaseHoldForm(ReasonForm):
    """Release a hold, to ACTIVE or to REDUCING."""

    to_level = forms.ChoiceField(choices=[("ACTIVE", "ACTIVE"), ("REDUCING", "REDUCING")])


class CloseForm(ReasonForm):
    """A person's exit: all of a position, or a part."""

    deployment = forms.UUIDField()
    quantity = forms.DecimalField(required=False, min_value=0, max_digits=38, decimal_places=18)
    limit_price = forms.DecimalField(required=False, min_value=0, max_digits=38, decimal_places=18)


class LimitForm(ReasonForm):
    """A limit of a kind on a scope."""

    scope = forms.UUIDField()
    kind = forms.ChoiceField(choices=LimitKind.choices)
    value = forms.DecimalField(min_value=0, max_digits=38, decimal_places=18)


class RunForm(ReasonForm):
    """Which account to reconcile."""

    account = forms.UUIDField()


class AuditFilter(forms.Form):
    """What of the record is wanted."""

    act = forms.CharField(required=False, max_length=100)
    actor = forms.CharField(required=False, max_length=100)
    kind = forms.CharField(required=False, max_length=100)
    object_id = forms.UUIDField(required=False)
    since = forms.DateTimeField(required=False)
    until = forms.DateTimeField(required=False)
    text = forms.CharField(required=False, max_length=100)

    def given(self) -> dict[str, Any]:
        """The filters that were filled in and are well-formed."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
