"""Gates as people see them: figures beside thresholds, who may let one through, and what they are measured against."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from apps.access import selectors as access
from apps.access import services as permissions
from apps.access.models import User
from apps.access.selectors import Seat
from apps.access.states import Permission
from apps.releases import selectors as releases
from apps.releases.models import Gate, GateDefinition, GateWaiver
from apps.releases.states import WAIVABLE_STATES, GateKind

HISTORY_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure; `bound` is its threshold in words, empty where there is none."""

    name: str
    value: Any
    bound: str = ""

    @property
    def is_digest(self) -> bool:
        """Whether it identifies rather than measures."""
        return self.name.endswith("hash")


@dataclass(frozen=True, slots=True)
class WaiverView:
    """A waiver that waits for a second person."""

    waiver: GateWaiver
    seats: list[Seat]
    may_vote: bool


@dataclass(frozen=True, slots=True)
class GateView:
    """A gate with its figures beside their thresholds, the baseline's equity, and what the person may do about it."""

    gate: Gate
    figures: list[Figure]
    equity: Any = None
    baseline: Any = None
    waits: WaiverView | None = None
    granted: GateWaiver | None = None
    may_waive: bool = False
    may_accept: bool = False


def views(gates: Iterable[Gate], user: User, before: Mapping[str, Gate] | None = None) -> list[GateView]:
    """Each gate for `user`; `before` are the gates of the release that it is compared with, by kind."""
    found, old = list(gates), before or {}
    waits = _by_gate(releases.waiting_waivers().filter(gate__in=found))
    if not found:
        return []
    release = found[0].release
    holds = [one for one in Permission if permissions.may(user, one, release.bot.scope)]
    is_builder = user in releases.builders(release)
    return [_view(gate, user, old.get(gate.kind), waits.get(gate.pk), holds, is_builder) for gate in found]


def _by_gate(waivers: Iterable[GateWaiver]) -> dict[UUID, GateWaiver]:
    return {waiver.gate_id: waiver for waiver in waivers}


def _view(
    gate: Gate,
    user: User,
    before: Gate | None,
    waiver: GateWaiver | None,
    holds: list[Permission],
    is_builder: bool,
) -> GateView:
    equity = gate.backtest.equity if gate.backtest else None
    may_ask = Permission.BUILD in holds or Permission.VOTE_RISK in holds
    is_waivable = gate.state in WAIVABLE_STATES and releases.may_be_waived(gate.kind) and waiver is None
    has_run = gate.kind == GateKind.BACKTEST and gate.backtest is not None
    may_accept = Permission.VOTE_TRADER in holds or Permission.VOTE_RISK in holds
    return GateView(
        gate=gate,
        figures=figures(gate),
        equity=equity,
        baseline=before.backtest.equity if before and before.backtest and equity else None,
        waits=_waits(user, waiver) if waiver else None,
        granted=releases.granted_waiver(gate) if gate.state == "waived" else None,
        may_waive=is_waivable and may_ask,
        may_accept=has_run and may_accept and not is_builder,
    )


def _waits(user: User, waiver: GateWaiver) -> WaiverView:
    seats = access.seats_of(waiver.consent)
    return WaiverView(waiver, seats, any(user in seat.candidates for seat in seats))


def figures(gate: Gate) -> list[Figure]:
    """The gate's figures with the threshold of each, those with a threshold first."""
    found = [Figure(name, _shown(value), _bound(name, gate.thresholds)) for name, value in gate.figures.items()]
    return sorted(found, key=lambda figure: (not figure.bound, figure.name))


def _shown(value: Any) -> Any:
    """A list by its length: what is in it stands in the gate's message."""
    return len(value) if isinstance(value, list) else value


def _bound(name: str, thresholds: dict[str, Any]) -> str:
    if f"{name}_max" in thresholds:
        return f"≤ {thresholds[f'{name}_max']}"
    return f"≥ {thresholds[f'{name}_min']}" if f"{name}_min" in thresholds else ""


@dataclass(frozen=True, slots=True)
class DefinitionView:
    """What a kind is measured against now, the versions before, and who may report it."""

    current: GateDefinition
    before: list[GateDefinition]
    reporters: list[tuple[str, str]]
    may_be_waived: bool


def definitions(user: User) -> list[DefinitionView]:
    """Every kind for whoever may view anything, in the order of the kinds."""
    if not access.visible_scope_ids(user):
        return []
    rows: QuerySet[GateDefinition] = GateDefinition.objects.order_by("-version")
    found: dict[str, list[GateDefinition]] = {}
    for row in rows:
        found.setdefault(row.kind, []).append(row)
    return [_definition(GateKind(kind), found[kind]) for kind in GateKind.values if kind in found]


def _definition(kind: GateKind, versions: list[GateDefinition]) -> DefinitionView:
    reporters = [(one.value, str(one.label)) for one in releases.reporters_of(kind)]
    return DefinitionView(versions[0], versions[1 : HISTORY_SHOWN + 1], reporters, releases.may_be_waived(kind))
