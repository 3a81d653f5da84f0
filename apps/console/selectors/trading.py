"""What holds mean for many bots at once: two queries, however many bots."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from apps.access.models import Scope
from apps.bots.models import Bot
from apps.deployments.models import Deployment
from apps.risk.models import Hold
from apps.risk.states import HoldLevel, HoldState, TradingState


@dataclass(frozen=True, slots=True)
class Standing:
    """A bot's trading state and the hold that makes it so."""

    state: TradingState
    hold: Hold | None = None
    others: int = 0

    @property
    def name(self) -> str:
        """ACTIVE, REDUCING or HALTED."""
        return self.state.name


ACTIVE = Standing(TradingState.ACTIVE)


def holds_by_scope() -> dict[UUID, list[Hold]]:
    """Every hold in force, by its scope."""
    found: dict[UUID, list[Hold]] = {}
    for hold in Hold.objects.filter(state=HoldState.ACTIVE).select_related("scope").order_by("-id"):
        found.setdefault(hold.scope_id, []).append(hold)
    return found


def strictest(scopes: Iterable[UUID], holds: dict[UUID, list[Hold]]) -> Standing:
    """The strictest of all holds on `scopes`."""
    found = {hold.pk: hold for scope in scopes for hold in holds.get(scope, ())}
    if not found:
        return ACTIVE
    worst = max(found.values(), key=lambda hold: (hold.level == HoldLevel.HALTED, hold.pk))
    return Standing(TradingState[worst.level], worst, len(found) - 1)


def scopes_of(bot: Bot, deployments: Iterable[Deployment]) -> set[UUID]:
    """Every scope whose hold stops the bot: its own line, its accounts', venues' and instruments'."""
    scopes = set(bot.scope.lineage)
    for deployment in deployments:
        scopes |= set(deployment.account.scope.lineage)
        scopes |= {deployment.account.venue.scope_id, deployment.instrument.scope_id}
    return scopes


def covers(scope: Scope, bot: Bot, deployments: Iterable[Deployment]) -> bool:
    """Whether a hold on `scope` would stop the bot."""
    return scope.pk in scopes_of(bot, deployments)
