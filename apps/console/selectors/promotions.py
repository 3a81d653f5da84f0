"""What a voter must see before voting: what changes, on what evidence, and who may decide."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, QuerySet

from apps.access import selectors as access
from apps.access.models import User
from apps.access.selectors import Seat
from apps.console.selectors import bots, gates
from apps.console.selectors.gates import GateView
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.execution.models import Order, Position
from apps.execution.states import WORKING
from apps.markets.models import Feed
from apps.promotions import selectors as promotions
from apps.promotions.models import Promotion
from apps.promotions.selectors import ReleaseDiff
from apps.promotions.states import PromotionState
from apps.releases.models import Release
from apps.releases.services import is_open
from apps.releases.states import GateState

ENDED = {
    PromotionState.DENIED,
    PromotionState.REFUSED,
    PromotionState.EXPIRED,
    PromotionState.WITHDRAWN,
    PromotionState.VOID,
}
SHUT = (GateState.FAILED, GateState.ERROR, GateState.EXPIRED)
WAITS = {
    PromotionState.GATING: "Gates are running",
    PromotionState.VOTING: "Waiting for votes",
    PromotionState.APPROVED: "Approved, being applied",
}


def visible(user: User) -> QuerySet[Promotion]:
    """Promotions within reach, newest first."""
    rows = Promotion.objects.select_related(
        "bot__scope",
        "bot__owner",
        "bot__fallback_owner",
        "bot__strategy__bucket__desk",
        "account__venue",
        "release__code_version__signer",
        "release__code_version__pushed_by",
        "release__config_bundle__pushed_by",
        "release__parameter_set__pushed_by",
        "release__made_by",
        "requested_by",
        "policy",
        "consent__scope",
    )
    return access.within(rows, user, "bot__scope").order_by("-number")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way: where it stands, with its real time."""

    name: str
    look: str  # done, now, failed, todo
    at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Somebody who may not vote, and why."""

    person: str
    why: str


@dataclass(slots=True)
class Dossier:
    """Everything on the promotion page."""

    promotion: Promotion
    diff: ReleaseDiff
    runs_now: Deployment | None
    gates: list[GateView]
    seats: list[Seat]
    votes: list[Any]
    excluded: list[Exclusion]
    exposure: "Exposure"
    steps: list[Step] = field(default_factory=list)

    @property
    def widened(self) -> int:
        """How many limits widen or appear."""
        return sum(change.widens for change in self.diff.limits)

    @property
    def config_changes(self) -> int:
        """How many leaves of the configuration differ."""
        return sum(change.kind != "same" for change in self.diff.config)

    @property
    def parameter_changes(self) -> int:
        """How many parameters differ."""
        return sum(change.kind != "same" for change in self.diff.parameters)

    @property
    def waits_for(self) -> str:
        """What the promotion waits for, in words."""
        state = PromotionState(self.promotion.state)
        return WAITS.get(state, "")

    @property
    def mode(self) -> str:
        """Whether money would be real."""
        return self.promotion.account.mode


@dataclass(frozen=True, slots=True)
class Exposure:
    """What would be at stake if it were applied now; None where it cannot be known."""

    symbol: str
    unit: str
    quote: str
    position: Decimal
    position_max: Decimal
    price: Decimal | None
    capital: Decimal
    open_orders: dict[str, int]

    @property
    def value(self) -> Decimal | None:
        """What is held now, in quote currency."""
        return None if self.price is None else self.position * self.price

    @property
    def value_max(self) -> Decimal | None:
        """The most that could be held, in quote currency."""
        return None if self.price is None else self.position_max * self.price


def dossier(promotion: Promotion, user: User) -> Dossier:
    """Everything that the page of `promotion` shows to `user`."""
    runs_now = _runs_now(promotion)
    diff = promotions.diff(promotion)
    found = Dossier(
        promotion=promotion,
        diff=diff,
        runs_now=runs_now,
        gates=_gates(promotion, diff.before, user),
        seats=access.seats_of(promotion.consent) if promotion.consent else [],
        votes=_votes(promotion),
        excluded=list(exclusions(promotion)),
        exposure=_exposure(promotion, runs_now),
    )
    found.steps = list(steps(found))
    return found


def _runs_now(promotion: Promotion) -> Deployment | None:
    running = Deployment.objects.exclude(desired=Desired.STOPPED).exclude(promotion=promotion)
    return (
        running.filter(bot=promotion.bot, account=promotion.account)
        .select_related("release__code_version", "release__config_bundle", "release__parameter_set")
        .first()
    )


def _gates(promotion: Promotion, baseline: Release | None, user: User) -> list[GateView]:
    before = {gate.kind: gate for gate in baseline.gates.select_related("backtest")} if baseline else {}
    return gates.views(promotions.evidence(promotion), user, before)


def _votes(promotion: Promotion) -> list[Any]:
    return list(promotion.consent.votes.select_related("voter").order_by("id")) if promotion.consent else []


def exclusions(promotion: Promotion) -> Iterator[Exclusion]:
    """Who may not vote, each with every reason."""
    release = promotion.release
    reasons: dict[User, list[str]] = {}
    for person, why in (
        (promotion.requested_by, "asked for it"),
        (release.made_by, "made the release"),
        (release.code_version.pushed_by, "author of the build"),
        (release.config_bundle.pushed_by, "last editor of the configuration"),
        (release.parameter_set.pushed_by, "last editor of the parameters"),
    ):
        reasons.setdefault(person, []).append(why)
    barred = set(promotion.consent.excluded) if promotion.consent else {str(promotion.requested_by_id)}
    for person, whys in reasons.items():
        if str(person.pk) in barred or person.is_service:
            yield Exclusion(person.display_name, ", ".join(whys))


def _exposure(promotion: Promotion, runs_now: Deployment | None) -> Exposure:
    content = promotion.release.config_bundle.content
    feed = Feed.objects.filter(name=content.get("feed")).select_related("instrument", "dataset").first()
    held = Position.objects.filter(bot=promotion.bot, account=promotion.account)
    counted = Order.objects.filter(bot=promotion.bot, account=promotion.account, state__in=WORKING)
    return Exposure(
        symbol=feed.instrument.symbol if feed else ", ".join(content.get("symbols", [])),
        unit=feed.instrument.base_currency if feed else "",
        quote=feed.instrument.quote_currency if feed else "",
        position=sum((row.quantity for row in held), Decimal(0)),
        position_max=Decimal(content["limits"]["position"]),
        price=bots.last_price(feed) if feed else None,
        capital=promotion.capital,
        open_orders=dict(counted.values_list("purpose").annotate(n=Count("pk")).order_by("purpose")),
    )


def steps(found: Dossier) -> Iterator[Step]:
    """Requested, gates, votes, apply, observe: each with its real time."""
    promotion = found.promotion
    yield Step("Requested", "done", promotion.created_at, f"by {promotion.requested_by}")
    yield _gate_step(found)
    yield _vote_step(found)
    applied = promotion.deployments.order_by("id").first()
    has_ended = promotion.state in ENDED
    if applied:
        yield Step("Apply", "done", applied.created_at, f"epoch {applied.epoch}")
        yield Step("Observe", "now" if applied.observed != "stopped" else "done", None, applied.observed)
        return
    refused = promotion.state == PromotionState.REFUSED and bool(found.votes)
    now = promotion.state == PromotionState.APPROVED
    yield Step(
        "Apply",
        "failed" if refused else "now" if now else "todo",
        None,
        "" if has_ended else "re-checks the venue",
    )
    yield Step("Observe", "todo")


def _gate_step(found: Dossier) -> Step:
    wanted = len(found.promotion.policy.gates)
    times = [view.gate.decided_at for view in found.gates if view.gate.decided_at]
    if found.promotion.consent is not None:  # the vote has begun, so every gate was open then, whatever became of it
        return Step("Gates", "done", max(times, default=None), f"{wanted} of {wanted}")
    opened = sum(is_open(view.gate) for view in found.gates)
    note = f"{opened} of {wanted}"
    if any(view.gate.state in SHUT for view in found.gates):
        return Step("Gates", "failed", None, f"{note} passed")
    if opened < wanted:
        return Step("Gates", "failed" if found.promotion.state in ENDED else "now", None, note)
    return Step("Gates", "done", max(times, default=None), note)


def _vote_step(found: Dossier) -> Step:
    state = found.promotion.state
    filled = [seat for seat in found.seats if seat.filled_by]
    last = max((vote.created_at for vote in found.votes), default=None)
    note = f"{len(filled)} of {len(found.promotion.policy.slots)} slots"
    if state in (PromotionState.APPROVED, PromotionState.APPLIED):
        return Step("Votes", "done", last, note)
    if state == PromotionState.VOTING:
        return Step("Votes", "now", last, note)
    if state in ENDED and found.promotion.consent is not None:
        return Step("Votes", "failed", last, f"{note} · {state}")
    return Step("Votes", "todo", None, note)
