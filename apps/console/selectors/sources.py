"""Sources of signals: who may send orders from outside, and who still has to agree."""

from dataclasses import dataclass

from apps.access import selectors as access
from apps.access.models import User
from apps.access.selectors import Seat
from apps.access.states import ConsentState
from apps.common.errors import Refused
from apps.execution.signals import services as signals
from apps.execution.signals.models import SignalSource

SHOWN = 100


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source with the seats of its activation, if that was asked for, and how many of its keys are valid.

    `keys_fault` says why none can be used.
    """

    row: SignalSource
    seats: list[Seat]
    may_vote: bool
    keys: int
    keys_fault: str

    @property
    def is_asked(self) -> bool:
        """Whether a second person is waited for."""
        return self.row.consent is not None and self.row.consent.state == ConsentState.OPEN


def visible(user: User) -> list[SourceView]:
    """Sources within reach, those that wait for a vote first."""
    rows = SignalSource.objects.select_related(
        "deployment__bot__scope", "deployment__account", "acts_as", "made_by", "consent__requested_by", "consent__scope"
    )
    found = access.within(rows, user, "deployment__bot__scope").order_by("name")[:SHOWN]
    shown = []
    for row in found:
        is_open = row.consent is not None and row.consent.state == ConsentState.OPEN
        seats = access.seats_of(row.consent) if is_open and row.consent else []
        shown.append(SourceView(row, seats, any(user in seat.candidates for seat in seats), *_keys(row)))
    return sorted(shown, key=lambda view: not view.is_asked)


def _keys(source: SignalSource) -> tuple[int, str]:
    """How many keys are valid, and what is wrong where none can be used."""
    try:
        return signals.count_keys(source=source), ""
    except Refused as error:
        return 0, error.message
