"""What people type; services check what must hold."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from quarterdeck.bars import INTERVAL_MS

from apps.access.models import User
from apps.access.states import Permission
from apps.bots.states import Environment, Stage
from apps.common import located
from apps.common.api.parsers import UPLOAD_BYTES_MAX
from apps.common.clocks import to_ms
from apps.execution.exits.services import Terms
from apps.execution.states import Purpose, SettleOutcome
from apps.markets.services import MARK_FILE_BYTES_MAX
from apps.markets.states import MarketState, MarkKind
from apps.releases.states import GateKind, Reporter
from apps.risk.states import CancelChoice, HoldLevel, LimitKind

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


class WaiverForm(ReasonForm):
    """For how long a gate that did not pass shall be let through."""

    hours = forms.IntegerField(min_value=1, max_value=168)


class GateDefinitionForm(ReasonForm):
    """The next version of what a kind of gate is measured against."""

    kind = forms.ChoiceField(choices=GateKind.choices)
    thresholds = forms.JSONField()
    valid_for_h = forms.IntegerField(min_value=1, label="Hours a pass is good for")
    reporter = forms.ChoiceField(choices=Reporter.choices)


class DeclarationForm(forms.Form):
    """A declaration, typed or as a file; the file counts where there is one."""

    text = forms.CharField(required=False, strip=False, max_length=located.BYTES_MAX, label="Declaration")
    file = forms.FileField(required=False, label="File")

    def clean(self) -> dict[str, Any]:
        """The text with the line ends of its file. Raises located.Unreadable for a file that is no text."""
        values = super().clean() or {}
        file = values.get("file")
        if file is not None:
            values["text"] = located.decoded(file.read(located.BYTES_MAX + 1))
        values["text"] = values.get("text", "").replace("\r\n", "\n")
        return values


class ApplyForm(DeclarationForm, ReasonForm):
    """A declaration as it was planned."""

    digest = forms.RegexField(r"^[0-9a-f]{64}$", label="Digest of the plan")


class HoldForm(ReasonForm):
    """A hold of a level on a scope."""

    scope = forms.UUIDField()
    level = forms.ChoiceField(choices=HoldLevel.choices)
    cancels = forms.ChoiceField(choices=CancelChoice.choices, required=False)


class ReleaseHoldForm(ReasonForm):
    """Release a hold, to ACTIVE or to REDUCING."""

    to_level = forms.ChoiceField(choices=[("ACTIVE", "ACTIVE"), ("REDUCING", "REDUCING")])


class CloseForm(ReasonForm):
    """A person's exit: all of a position, or a part."""

    deployment = forms.UUIDField()
    quantity = forms.DecimalField(required=False, min_value=0, max_digits=38, decimal_places=18)
    limit_price = forms.DecimalField(required=False, min_value=0, max_digits=38, decimal_places=18)
    extended_hours = forms.BooleanField(required=False)


class LimitForm(ReasonForm):
    """A limit of a kind on a scope; a raise may begin later and end by itself, both UTC."""

    scope = forms.UUIDField()
    kind = forms.ChoiceField(choices=LimitKind.choices)
    value = forms.DecimalField(min_value=0, max_digits=38, decimal_places=18, label="New value")
    effective_from = forms.DateTimeField(required=False, label="From")
    expires_at = forms.DateTimeField(required=False, label="Until")


class SignerForm(ReasonForm):
    """A key to trust to sign a desk's builds."""

    desk = forms.UUIDField()
    name = forms.CharField(max_length=100, label="Name")
    public_key = forms.CharField(max_length=60, label="Public key")


class BuilderForm(SignerForm):
    """A CI's key to trust, and for what; refs one a line."""

    builder_id = forms.CharField(max_length=300, label="Builder")
    source_repository = forms.CharField(max_length=300, label="Repository")
    refs = forms.CharField(max_length=5_000, label="Refs")

    def clean_refs(self) -> list[str]:
        """The refs."""
        return str(self.cleaned_data["refs"]).split()


class RotationForm(ReasonForm):
    """A new key in the place of another one, which is trusted until a moment (UTC) or until it is revoked."""

    name = forms.CharField(max_length=100, label="Name")
    public_key = forms.CharField(max_length=60, label="Public key")
    old_until = forms.DateTimeField(required=False, label="Old key until")


class RevocationForm(ReasonForm):
    """A key that is not trusted any more, now or from a moment on (UTC)."""

    at = forms.DateTimeField(required=False, label="From")


class FxRateForm(ReasonForm):
    """How many `quote` one `base` is worth, between two moments (UTC); it starts now when nothing else is said."""

    base = forms.CharField(max_length=12, label="One unit of")
    quote = forms.CharField(max_length=12, label="Is worth, in")
    rate = forms.CharField(max_length=40, label="Rate")
    valid_from = forms.DateTimeField(required=False, label="From")
    valid_until = forms.DateTimeField(label="Until")
    source = forms.CharField(max_length=200, label="Source")


class MarketStateForm(ReasonForm):
    """How an instrument trades, and between which prices."""

    instrument = forms.UUIDField()
    state = forms.ChoiceField(choices=MarketState.choices)
    limit_up = forms.DecimalField(required=False, max_digits=38, decimal_places=18, label="No buy above")
    limit_down = forms.DecimalField(required=False, max_digits=38, decimal_places=18, label="No sell below")
    source = forms.CharField(max_length=200, label="Source")


class MaintenanceTimesForm(ReasonForm):
    """Other times of an announced window, UTC; what is left out stays."""

    starts_at = forms.DateTimeField(required=False, label="From")
    ends_at = forms.DateTimeField(required=False, label="Until")


class MaintenanceForm(ReasonForm):
    """When a venue, or one instrument there, does not trade, UTC."""

    venue = forms.UUIDField()
    instrument = forms.UUIDField(required=False)
    starts_at = forms.DateTimeField(label="From")
    ends_at = forms.DateTimeField(label="Until")
    source = forms.CharField(max_length=500, label="Source")


class MarkForm(ReasonForm):
    """The official price of a trading day."""

    instrument = forms.UUIDField()
    trading_day = forms.DateField(label="Trading day")
    price = forms.CharField(max_length=40, label="Price")
    kind = forms.ChoiceField(choices=MarkKind.choices)
    source = forms.CharField(max_length=200, label="Source")


class MarkFileForm(ReasonForm):
    """A CSV file of official marks, refused unread when it is larger than any file of marks may be."""

    file = forms.FileField(label="File")

    def clean_file(self) -> UploadedFile:
        """The file, of at most MARK_FILE_BYTES_MAX."""
        found: UploadedFile = self.cleaned_data["file"]
        if (found.size or 0) > MARK_FILE_BYTES_MAX:
            raise forms.ValidationError(f"at most {MARK_FILE_BYTES_MAX} bytes: split it")
        return found


class DrillForm(ReasonForm):
    """A drill of the kill switch on a scope, now or at a moment (UTC)."""

    scope = forms.UUIDField()
    due_at = forms.DateTimeField(required=False, label="When")


class ExitTermsForm(forms.Form):
    """Where to get out and how; what is left out is as the house does it."""

    scope = forms.UUIDField()
    collar_bps = forms.DecimalField(required=False, max_digits=38, decimal_places=18, label="Price collar")
    participation_percent = forms.DecimalField(
        required=False, max_digits=38, decimal_places=16, label="Share of volume"
    )
    step_s = forms.IntegerField(required=False, label="Seconds between slices")
    keep_protective = forms.ChoiceField(required=False, choices=[("yes", "Keep them"), ("no", "Cancel them first")])

    @property
    def terms(self) -> Terms:
        """The terms of a plan; raises nothing: the service bounds them."""
        asked, usual = self.cleaned_data, Terms()
        share = asked["participation_percent"]
        return Terms(
            collar_bps=usual.collar_bps if asked["collar_bps"] is None else asked["collar_bps"],
            participation=usual.participation if share is None else share / 100,
            step_s=usual.step_s if asked["step_s"] is None else asked["step_s"],
            keep_protective=asked["keep_protective"] != "no",
        )


class ExitForm(ExitTermsForm, ReasonForm):
    """A plan to start."""


class ReplaceForm(ReasonForm):
    """New terms of an order; what is left empty stays."""

    quantity = forms.DecimalField(required=False, min_value=0, max_digits=38, decimal_places=18, label="Quantity")
    limit_price = forms.DecimalField(required=False, min_value=0, max_digits=38, decimal_places=18, label="Limit price")
    stop_price = forms.DecimalField(required=False, min_value=0, max_digits=38, decimal_places=18, label="Stop price")


class SettleForm(ReasonForm):
    """What the venue's desk said about an order in doubt."""

    outcome = forms.ChoiceField(choices=SettleOutcome.choices, label="What they said")
    venue_order_id = forms.CharField(required=False, max_length=200, label="Venue’s order id")


class CancelAllForm(ReasonForm):
    """Every working order of some purposes below a scope."""

    scope = forms.UUIDField()
    purposes = forms.MultipleChoiceField(choices=Purpose.choices, label="Which orders")


class HandOverForm(ReasonForm):
    """Who owns and who backs a bot from now on."""

    owner = forms.ModelChoiceField(User.objects.all(), label="Owner")
    fallback_owner = forms.ModelChoiceField(User.objects.all(), label="Fallback owner")


class RunForm(ReasonForm):
    """Which account to reconcile."""

    account = forms.UUIDField()


class BacktestForm(ReasonForm):
    """A backtest to run; what is left empty is as in the gates' frozen backtest."""

    code_version = forms.UUIDField(label="Code")
    parameter_set = forms.UUIDField(label="Parameters")
    dataset = forms.CharField(max_length=150, label="Dataset")
    seed = forms.IntegerField(min_value=0, max_value=2**63 - 1, label="Seed")
    starting_cash = forms.DecimalField(max_digits=38, decimal_places=18, label="Starting cash")
    half_spread_bps = forms.DecimalField(required=False, max_digits=38, decimal_places=18, label="Half spread")
    slippage_bps = forms.DecimalField(required=False, max_digits=38, decimal_places=18, label="Slippage")
    maker_fee_bps = forms.DecimalField(required=False, max_digits=38, decimal_places=18, label="Maker fee")
    taker_fee_bps = forms.DecimalField(required=False, max_digits=38, decimal_places=18, label="Taker fee")
    latency_ms = forms.IntegerField(required=False, min_value=0, label="Latency")
    participation_cap = forms.DecimalField(required=False, max_digits=38, decimal_places=18, label="Share of volume")
    queue_share = forms.DecimalField(required=False, max_digits=38, decimal_places=18, label="Queue ahead")
    allow_short = forms.BooleanField(required=False, label="Short sales")

    SIMULATION = (
        "half_spread_bps", "slippage_bps", "maker_fee_bps", "taker_fee_bps", "latency_ms", "participation_cap",
        "queue_share", "allow_short",
    )  # fmt: skip

    @property
    def simulation(self) -> dict[str, Any]:
        """What of the costs was filled in."""
        return {name: self.cleaned_data[name] for name in self.SIMULATION if self.cleaned_data[name] not in (None, "")}


class WindowForm(forms.Form):
    """The days of a chart, UTC, both included; what is left out bounds nothing."""

    since = forms.DateField(required=False)
    until = forms.DateField(required=False)

    @property
    def bounds_ms(self) -> tuple[int | None, int | None]:
        """After the first moment and up to the second one, in milliseconds; a day that is none bounds nothing."""
        self.is_valid()
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        return _midnight_ms(since), _midnight_ms(until and until + timedelta(days=1))


def _midnight_ms(day: date | None) -> int | None:
    return to_ms(datetime.combine(day, time(), UTC)) if day else None


class DatasetForm(ReasonForm):
    """A CSV file of bars to freeze, refused unread when it is larger than any upload may be."""

    name = forms.CharField(max_length=100, label="Name")
    instrument = forms.CharField(max_length=150, label="Instrument")
    interval = forms.ChoiceField(choices=[(name, name) for name in INTERVAL_MS], label="Interval")
    source = forms.CharField(max_length=500, label="Source")
    file = forms.FileField(label="File")

    def clean_file(self) -> UploadedFile:
        """The file, of at most UPLOAD_BYTES_MAX."""
        found: UploadedFile = self.cleaned_data["file"]
        if (found.size or 0) > UPLOAD_BYTES_MAX:
            raise forms.ValidationError(f"at most {UPLOAD_BYTES_MAX} bytes: split it")
        return found


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


class MachineForm(ReasonForm):
    """What a machine's access is, and what narrows it."""

    user = forms.UUIDField(label="Service account")
    name = forms.CharField(max_length=100, label="Name")
    permissions = forms.MultipleChoiceField(choices=Permission.choices, label="Permissions")
    scope = forms.UUIDField(required=False, label="Only below")
    networks = forms.CharField(required=False, max_length=3_000, label="Only from")

    def values(self) -> dict[str, Any]:
        """The values as services take them."""
        return self.cleaned_data | {"networks": self.cleaned_data["networks"].replace(",", " ").split()}


class TokenForm(MachineForm):
    """A token to make."""

    expires_in_d = forms.IntegerField(min_value=1, max_value=365, label="Days")


class RotateForm(ReasonForm):
    """A token to replace, and for how many hours both count."""

    overlap_h = forms.IntegerField(min_value=0, max_value=168, label="Hours for which both count")


class TrustForm(MachineForm):
    """A workload to trust; the claims that are left out may be anything."""

    CLAIMS = ("repository_id", "environment", "ref", "job_workflow_ref")

    issuer = forms.CharField(max_length=500, label="Issuer")
    audience = forms.CharField(max_length=500, label="Audience")
    subject = forms.CharField(max_length=500, label="Subject")
    repository_id = forms.CharField(required=False, max_length=500)
    environment = forms.CharField(required=False, max_length=500)
    ref = forms.CharField(required=False, max_length=500)
    job_workflow_ref = forms.CharField(required=False, max_length=500)
    life_s = forms.IntegerField(min_value=60, max_value=900, label="Seconds that a token lives")
    jwks = forms.JSONField(required=False, label="Pinned keys")

    def values(self) -> dict[str, Any]:
        """The values as services take them."""
        found = super().values()
        claims = {name: text for name in self.CLAIMS if (text := found.pop(name))}
        return found | {"claims": claims, "jwks": found["jwks"] or None}
