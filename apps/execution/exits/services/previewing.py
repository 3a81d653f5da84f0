"""What an exit plan would do if it were started now; nothing is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from quarterdeck.decimals import EXACT

from apps.access import selectors as access
from apps.access.models import Scope
from apps.common.clocks import wall_now
from apps.common.errors import Refused
from apps.deployments.models import Deployment
from apps.deployments.states import Desired
from apps.execution.exits import rules
from apps.execution.exits.models import ExitPlan
from apps.execution.exits.services import legs as positions
from apps.execution.exits.services import looks
from apps.execution.exits.services.plans import Terms, plans_over
from apps.execution.exits.states import ACTIVE_PLANS
from apps.execution.models import Order, Position
from apps.markets import selectors as markets

BASE_STEP = Decimal(1).scaleb(-18)


@dataclass(frozen=True, slots=True)
class PreviewedLeg:
    """One position of the plan; units signed, prices in the instrument's quote currency.

    `venue_position` is None when the venue did not say; then everything is reckoned from `our_position` and is
    unconfirmed. `slices`, `price_bound` and `notional_base` are None where nothing can be known now.
    """

    deployment: Deployment
    hedge_group: int
    our_position: Decimal
    venue_position: Decimal | None
    side: str
    quantity: Decimal
    slices: int | None
    reference_price: Decimal | None
    reference_source: str
    price_bound: Decimal | None
    notional_base: Decimal | None
    protective: list[Order]
    cancels: list[Order]
    may_reopen: bool
    waits_for: str
    plan_id: UUID | None

    @property
    def is_confirmed(self) -> bool:
        """Whether the venue said what it holds."""
        return self.venue_position is not None


@dataclass(frozen=True, slots=True)
class Preview:
    """The legs of a plan for `scope`; `active_plan` stands in its way."""

    scope: Scope
    terms: Terms
    legs: list[PreviewedLeg]
    active_plan: UUID | None

    @property
    def is_confirmed(self) -> bool:
        """Whether every venue said what it holds."""
        return all(leg.is_confirmed for leg in self.legs)

    @property
    def notional_base(self) -> Decimal | None:
        """What all legs are worth in base currency; None when one of them is not known."""
        parts = [leg.notional_base for leg in self.legs]
        return None if None in parts else sum((part for part in parts if part is not None), Decimal(0))


def preview(*, scope: Scope, terms: Terms | None = None, hedge_groups: Sequence[Sequence[UUID]] = ()) -> Preview:
    """What a plan with these terms would find and do now. Asks the venues, so not inside a transaction.

    A venue that does not answer leaves its legs unconfirmed. Raises Invalid EXIT_PLAN_TERMS, HEDGE_GROUP_*.
    """
    terms = terms or Terms()
    terms.check()
    deployments = positions.positions_below(scope)
    groups = positions.hedge_groups(deployments, hedge_groups)
    taken = plans_over(deployments)
    seen = looks.look_at(deployments)
    active = ExitPlan.objects.filter(scope=scope, state__in=ACTIVE_PLANS).first()
    return Preview(
        scope=scope,
        terms=terms,
        legs=[_leg(row, groups[row.pk], seen[row.pk], terms, taken.get(row.pk)) for row in deployments],
        active_plan=active.pk if active else None,
    )


def _leg(deployment: Deployment, group: int, look: looks.Look, terms: Terms, plan_id: UUID | None) -> PreviewedLeg:
    quote = looks.quote_of(deployment, terms.step_s)
    ours = _our_position(deployment)
    held = ours if look.held is None else look.held
    facts = looks.facts_of(deployment, look, quote)
    # Everything that is cancelled first is gone by the time of the first slice.
    cancels = {order.id for order in rules.in_the_way(facts, keep_protective=terms.keep_protective)}
    cleared = looks.facts_of(deployment, _without(look, cancels, held), quote)
    decision = rules.decide(cleared, keep_protective=terms.keep_protective)
    bound = looks.price_bound(deployment, quote, held, terms.collar_bps)
    return PreviewedLeg(
        deployment=deployment,
        hedge_group=group,
        our_position=ours,
        venue_position=look.held,
        side=rules.exit_side(held) if held else "",
        quantity=abs(held),
        slices=rules.slices(held, rules.cap(cleared, terms.participation)) if held else 0,
        reference_price=quote.price,
        reference_source=quote.source,
        price_bound=bound,
        notional_base=_notional(deployment, abs(held), quote.price),
        protective=[order for order in look.orders if order.purpose == "PROTECTIVE"],
        cancels=[order for order in look.orders if order.pk in cancels],
        may_reopen=deployment.desired == Desired.RUNNING and not looks.hold_on_openings(deployment),
        waits_for="the venue does not say what it holds" if look.held is None else _waits_for(decision),
        plan_id=plan_id,
    )


def _without(look: looks.Look, cancelled: set[UUID], held: Decimal) -> looks.Look:
    return looks.Look([order for order in look.orders if order.pk not in cancelled], held, look.looked_at)


def _waits_for(decision: rules.Decision) -> str:
    return decision.reason if decision.act in (rules.Act.WAIT, rules.Act.BLOCK) else ""


def _our_position(deployment: Deployment) -> Decimal:
    found = Position.objects.filter(
        bot=deployment.bot_id, account=deployment.account_id, instrument=deployment.instrument_id
    ).first()
    return found.quantity if found else Decimal(0)


def _notional(deployment: Deployment, units: Decimal, price: Decimal | None) -> Decimal | None:
    """In the firm's base currency at the reference price; None without a price or a current rate."""
    if not units:
        return Decimal(0)
    instrument = deployment.instrument
    try:
        rate = markets.convert_rate(instrument.quote_currency, access.firm().base_currency, wall_now())
    except Refused:
        return None
    if price is None:
        return None
    value = EXACT.multiply(EXACT.multiply(units, price), instrument.multiplier)
    return EXACT.multiply(value, rate).quantize(BASE_STEP, context=EXACT)
