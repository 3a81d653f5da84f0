"""Shapes of what was said to a venue about an order, and of what a person learned there."""

from rest_framework import serializers

from apps.common.api.fields import Text
from apps.common.api.serializers import ReasonedAct, Shown
from apps.execution.models import OrderSettlement
from apps.execution.states import SettleOutcome
from apps.venues.models import VenueMessage


class VenueMessageShown(Shown):
    """One call to the venue about an order: what was said and what it answered, secrets taken out."""

    class Meta:
        model = VenueMessage
        fields = ("id", "call", "trade_id", "request", "answer", "error", "sent_at", "took_ms", "created_at")
        read_only_fields = fields


class SettlementShown(Shown):
    """What the venue's desk said of an order in doubt; vote with the digest where one is asked for."""

    digest = serializers.CharField(source="consent.digest", default=None, allow_null=True)
    state = serializers.CharField(
        source="consent.state", default=None, allow_null=True, help_text="Of the vote; null: it needs none."
    )

    class Meta:
        model = OrderSettlement
        fields = ("id", "order", "outcome", "venue_order_id", "consent", "digest", "state", "applied_at", "created_at")
        read_only_fields = fields


class SettlementAsked(ReasonedAct):
    """What the venue's desk said of an order that needs a person."""

    outcome = serializers.ChoiceField(
        SettleOutcome.choices,
        help_text="`accepted` holds at once; the others free what the order reserves and need a second person.",
    )
    venue_order_id = Text(
        required=False, default="", allow_blank=True, max_length=200, help_text="The venue's id; of `accepted`."
    )
