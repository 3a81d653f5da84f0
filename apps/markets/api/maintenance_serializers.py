"""Shapes of announced maintenance, and of what would make it less."""

from rest_framework import serializers

from apps.common.api.fields import Reference, Text
from apps.common.api.serializers import ReasonedAct, Shown
from apps.markets.api.serializers import AskedShown
from apps.markets.models import MaintenanceRequest, MaintenanceWindow


class MaintenanceShown(Shown):
    """A time at which a venue, or one instrument there, does not trade; on the wall clock."""

    venue = serializers.CharField(source="scope.name", help_text="Name of the venue.")
    symbol = serializers.CharField(
        source="instrument.symbol", default=None, allow_null=True, help_text="Null: the whole venue."
    )
    set_by = serializers.CharField(help_text="`user:<id>`, `service:<id>` or `job:<name>`.")
    set_at = serializers.DateTimeField()
    reason = serializers.CharField()

    class Meta:
        model = MaintenanceWindow
        fields = (
            "id", "venue", "scope", "instrument", "symbol", "starts_at", "ends_at", "source", "cancelled_at", "set_by",
            "set_at", "reason", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class MaintenanceAsked(ReasonedAct):
    """A window to announce."""

    venue = Reference(help_text="Name of the venue, or the id of its scope.")
    instrument = Reference(
        required=False, allow_null=True, default=None, help_text="Id or symbol; left out: the whole venue."
    )
    starts_at = serializers.DateTimeField(help_text="Wall time with its zone; it may be past.")
    ends_at = serializers.DateTimeField(help_text="Wall time with its zone; 7 days after the start at the latest.")
    # A serializer is a field too, and a field has a `source` of its own.
    source = Text(  # type: ignore[assignment]
        max_length=500, help_text="Where it was announced: a reference or an address."
    )


class MaintenanceTimes(ReasonedAct):
    """New times of a window; what is left out stays."""

    starts_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    ends_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class LessMaintenanceAsked(MaintenanceTimes):
    """Other times of a window, or without any its cancellation."""

    window = serializers.UUIDField(help_text="Id of the window.")


class MaintenanceRequestShown(AskedShown):
    """Less maintenance that was put to a vote; nothing changes before a second person agreed. Vote with its digest."""

    venue = serializers.CharField(source="window.scope.name", help_text="Name of the venue.")

    class Meta:
        model = MaintenanceRequest
        fields = (
            "id", "window", "venue", "starts_at", "ends_at", "asked_by", "reason", "consent", "digest", "vote_state",
            "vote_until", "applied_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields
