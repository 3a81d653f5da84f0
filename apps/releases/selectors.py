"""What is in force: definitions of gates, and accepted baselines."""

from django.db.models import QuerySet

from apps.access.models import User
from apps.access.states import ConsentState
from apps.bots.models import Bot
from apps.common.clocks import wall_now
from apps.common.errors import Refused
from apps.markets.models import Dataset
from apps.releases.kinds import KINDS
from apps.releases.models import Baseline, Gate, GateDefinition, GateWaiver, Release
from apps.releases.states import GateKind, Reporter


def definition_in_force(kind: str) -> GateDefinition:
    """The newest version of a kind; without one nothing is judged (GATE_DEFINITION_MISSING)."""
    found = newest_definition(kind)
    if found is None:
        raise Refused("GATE_DEFINITION_MISSING", f"nothing says what {kind} is measured against: set its definition")
    return found


def newest_definition(kind: str) -> GateDefinition | None:
    """The newest version of a kind, if any."""
    return GateDefinition.objects.filter(kind=kind).order_by("-version").first()


def definitions() -> list[GateDefinition]:
    """The version in force of every kind, by kind."""
    return list(GateDefinition.objects.order_by("kind", "-version").distinct("kind"))


def may_be_waived(kind: str) -> bool:
    """Whether two people may let a gate of this kind through."""
    return KINDS[GateKind(kind)].may_be_waived


def reporters_of(kind: str) -> tuple[Reporter, ...]:
    """Who a definition of this kind may name as its reporter."""
    return KINDS[GateKind(kind)].reporters


def baseline_for(bot: Bot, dataset: Dataset) -> Baseline | None:
    """The baseline that counts for runs of the bot on the dataset."""
    return _baselines(bot).filter(dataset=dataset).first()


def newest_baseline(bot: Bot) -> Baseline | None:
    """The baseline of the bot that was accepted last, on whatever dataset."""
    return _baselines(bot).first()


def _baselines(bot: Bot) -> QuerySet[Baseline]:
    return Baseline.objects.filter(bot=bot).select_related("backtest", "dataset").order_by("-pk")


def builders(release: Release) -> list[User]:
    """Whoever made any part of the release: they neither waive its gates nor accept its baseline."""
    makers = {
        release.made_by,
        release.code_version.pushed_by,
        release.config_bundle.pushed_by,
        release.parameter_set.pushed_by,
    }
    return sorted(makers, key=lambda user: user.pk)


def waiting_waivers() -> QuerySet[GateWaiver]:
    """Waivers that wait for a vote, oldest first."""
    rows = GateWaiver.objects.filter(consent__state=ConsentState.OPEN, consent__expires_at__gt=wall_now())
    return rows.select_related("consent__requested_by", "consent__scope", "gate", "definition").order_by("pk")


def granted_waiver(gate: Gate) -> GateWaiver | None:
    """The waiver on which a gate stands open."""
    rows = gate.waivers.filter(consent__state=ConsentState.GRANTED).select_related("consent__requested_by")
    return rows.order_by("-pk").first()
